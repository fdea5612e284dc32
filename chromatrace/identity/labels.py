"""Printable A4 sheets of labels for a run of serials: a vector PDF, one QR code with its text on each label.

Labels abut: the marks in the margins guide a guillotine, the small crosses a pair of scissors. Fonts are embedded, so
that a sheet prints the same everywhere; the same run gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import reportlab
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import FILL_EVEN_ODD, Canvas

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.identity.digital_link import uri_for_unit
from chromatrace.identity.qr import QUIET_ZONE, ErrorCorrection, QrCode, encode_run

MAX_LABELS = 10_000
"""Labels in one file; a longer run goes into several (`SerialRange.slice`)."""

LEAST_MODULE_MM = 0.33
"""Smaller modules do not print well: four dots of an office printer at 300 dpi."""

PAGE_WIDTH_MM, PAGE_HEIGHT_MM = 210.0, 297.0
MARGIN_MM = 9.0
"""Kept free of labels on every side, for the printer's grip and the marks."""

_PT_MM = 25.4 / 72
_REGULAR, _BOLD = "Vera", "VeraBd"
_BLACK, _GREY, _MARK = 0.0, 0.42, 0.55
_LEAST_TEXT_PT = 3.5
_CROSS_MM = 1.2

Progress = Callable[[int, int], None]
"""Called with the labels done and their total, after each page."""


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """How an A4 page is divided; lengths in mm. Raises `InvalidInput` naming what does not fit.

    columns, rows                  labels on a page
    label_width_mm, label_height_mm  from cut to cut
    code_mm                        side of the QR code, without its quiet zone
    text_pt                        size of the text; a value too long for its label is set smaller
    """

    columns: int = 4
    rows: int = 6
    label_width_mm: float = 47.0
    label_height_mm: float = 45.0
    code_mm: float = 26.0
    text_pt: float = 6.5

    def __post_init__(self) -> None:
        for name, most in (("columns", 20), ("rows", 30)):
            number = getattr(self, name)
            if type(number) is not int or not 1 <= number <= most:
                raise InvalidInput(f"a whole number from 1 to {most} is needed, got {number!r}", field=name)
        for name in ("label_width_mm", "label_height_mm", "code_mm", "text_pt"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"a length above zero is needed, got {getattr(self, name)!r}", field=name)
        self._require_room("columns", self.columns * self.label_width_mm, PAGE_WIDTH_MM - 2 * MARGIN_MM)
        self._require_room("rows", self.rows * self.label_height_mm, PAGE_HEIGHT_MM - 2 * MARGIN_MM)
        self._require_room("code_mm", self.code_mm, self.label_width_mm)
        self._require_room("code_mm", self.code_mm + self.text_mm, self.label_height_mm)

    @property
    def labels_on_page(self) -> int:
        """Labels on a full page."""
        return self.columns * self.rows

    @property
    def line_mm(self) -> float:
        """From one line of text to the next."""
        return 1.35 * self.text_pt * _PT_MM

    @property
    def text_mm(self) -> float:
        """Height of the three lines of text."""
        return 3 * self.line_mm

    def left_mm(self, column: int) -> float:
        """The left edge of a column of labels, from the left of the page."""
        return (PAGE_WIDTH_MM - self.columns * self.label_width_mm) / 2 + column * self.label_width_mm

    def top_mm(self, row: int) -> float:
        """The upper edge of a row of labels, from the bottom of the page."""
        return (PAGE_HEIGHT_MM + self.rows * self.label_height_mm) / 2 - row * self.label_height_mm

    @staticmethod
    def _require_room(field: str, used_mm: float, free_mm: float) -> None:
        if used_mm > free_mm:
            raise InvalidInput(
                f"{used_mm:.1f} mm are used, {free_mm:.1f} mm are free", field=field, hint="make it smaller, or fewer"
            )


def label_sheet(
    base_url: str,
    key: BatchKey,
    serials: SerialRange,
    *,
    title: str = "",
    layout: SheetLayout | None = None,
    level: ErrorCorrection = ErrorCorrection.M,
    progress: Progress | None = None,
) -> bytes:
    """The PDF for `serials` of the batch `key`, whose codes point below `base_url`.

    title  what the goods are, for the foot of each page; not on the labels

    Raises `InvalidInput` where the run is too long or a code would be too fine for its place, `DigitalLinkError` for
    a base that is no web address.
    """
    layout = layout or SheetLayout()
    if serials.count > MAX_LABELS:
        raise InvalidInput(
            f"at most {MAX_LABELS:,} labels in one file, got {serials.count:,}",
            field="count",
            hint="write several files, each for a part of the run",
        )
    _register_fonts()
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(PAGE_WIDTH_MM * mm, PAGE_HEIGHT_MM * mm), invariant=1, pageCompression=1)
    canvas.setTitle(f"Labels {key}, serials {serials}")
    canvas.setCreator("ChromaTrace")
    pages = -(-serials.count // layout.labels_on_page)
    codes = encode_run((uri_for_unit(base_url, key, serial) for serial in serials), level)
    done = 0
    for number, batch in enumerate(_pages(serials, layout.labels_on_page), start=1):
        _draw_marks(canvas, layout)
        for place, serial in enumerate(batch):
            row, column = divmod(place, layout.columns)
            _draw_label(canvas, layout, layout.left_mm(column), layout.top_mm(row), next(codes), key, serial)
        run = f"serials {batch[0]} to {batch[-1]}"
        foot = " · ".join(part for part in (title, str(key), run, f"page {number} of {pages}") if part)
        _draw_foot(canvas, layout, foot)
        canvas.showPage()
        done += len(batch)
        if progress:
            progress(done, serials.count)
    canvas.save()
    return file.getvalue()


def _pages(serials: SerialRange, size: int) -> Iterator[list[Serial]]:
    rest = iter(serials)
    while page := list(islice(rest, size)):
        yield page


def _register_fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (_REGULAR, _BOLD):
        registerFont(TTFont(name, folder / f"{name}.ttf"))


def _draw_label(
    canvas: Canvas, layout: SheetLayout, left_mm: float, top_mm: float, code: QrCode, key: BatchKey, serial: Serial
) -> None:
    """Code above three lines of text, the whole in the middle of its label, the text flush with the code."""
    module_mm = layout.code_mm / code.size
    quiet_mm = QUIET_ZONE * module_mm
    if module_mm < LEAST_MODULE_MM:
        raise InvalidInput(
            f"modules of {module_mm:.2f} mm are too fine to print, {LEAST_MODULE_MM} mm are needed",
            field="code_mm",
            hint=f"make the code {LEAST_MODULE_MM * code.size:.0f} mm or the address shorter",
        )
    # Text keeps out of the quiet zone; so does the cut, on the other sides.
    height_mm = layout.code_mm + quiet_mm + layout.text_mm
    space_mm = (layout.label_height_mm - height_mm) / 2
    if space_mm < 0 or layout.code_mm + 2 * quiet_mm > layout.label_width_mm:
        raise InvalidInput(
            f"code, quiet zone and text do not fit: {layout.code_mm + 2 * quiet_mm:.1f} by {height_mm:.1f} mm",
            field="code_mm",
            hint="make the code smaller or the label larger",
        )
    code_left_mm = left_mm + (layout.label_width_mm - layout.code_mm) / 2
    code_top_mm = top_mm - max(space_mm, min(quiet_mm, 2 * space_mm))
    _draw_code(canvas, code, code_left_mm * mm, code_top_mm * mm, module_mm * mm)

    baseline = (code_top_mm - layout.code_mm - quiet_mm) * mm - 0.75 * layout.text_pt
    room = (left_mm + layout.label_width_mm - 2.0 - code_left_mm) * mm
    for ai, value, font in (
        ("01", key.gtin.value, _REGULAR),
        ("10", key.lot.value, _REGULAR),
        ("21", serial.value, _BOLD),
    ):
        _draw_line(canvas, code_left_mm * mm, baseline, f"({ai})", value, font, layout.text_pt, room)
        baseline -= layout.line_mm * mm


def _draw_code(canvas: Canvas, code: QrCode, left: float, top: float, module: float) -> None:
    canvas.saveState()
    # Modules become the unit, and y points down: the outline's corners stay whole numbers.
    canvas.transform(module, 0, 0, -module, left, top)
    canvas.setFillGray(_BLACK)
    path = canvas.beginPath()
    for polygon in code.outline():
        path.moveTo(*polygon[0])
        for corner in polygon[1:]:
            path.lineTo(*corner)
        path.close()
    canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_EVEN_ODD)
    canvas.restoreState()


def _draw_line(
    canvas: Canvas, x: float, y: float, name: str, value: str, font: str, size_pt: float, room_pt: float
) -> None:
    indent = stringWidth("(00) ", _REGULAR, size_pt)
    width = stringWidth(value, font, size_pt)
    value_pt = max(_LEAST_TEXT_PT, min(size_pt, size_pt * (room_pt - indent) / width))
    canvas.setFillGray(_GREY)
    canvas.setFont(_REGULAR, size_pt)
    canvas.drawString(x, y, name)
    canvas.setFillGray(_BLACK)
    canvas.setFont(font, value_pt)
    canvas.drawString(x + indent, y, value)


def _draw_marks(canvas: Canvas, layout: SheetLayout) -> None:
    """Crop marks in the margins, level with every cut, and crosses where cuts meet within the page."""
    xs = [layout.left_mm(column) for column in range(layout.columns + 1)]
    ys = [layout.top_mm(row) for row in range(layout.rows + 1)]
    canvas.setStrokeGray(_MARK)
    canvas.setLineWidth(0.25)
    for x in xs:
        _line(canvas, x, ys[0] + 2, x, ys[0] + 6)
        _line(canvas, x, ys[-1] - 2, x, ys[-1] - 6)
    for y in ys:
        _line(canvas, xs[0] - 2, y, xs[0] - 6, y)
        _line(canvas, xs[-1] + 2, y, xs[-1] + 6, y)
    for x in xs[1:-1]:
        for y in ys[1:-1]:
            _line(canvas, x - _CROSS_MM, y, x + _CROSS_MM, y)
            _line(canvas, x, y - _CROSS_MM, x, y + _CROSS_MM)


def _line(canvas: Canvas, x1_mm: float, y1_mm: float, x2_mm: float, y2_mm: float) -> None:
    canvas.line(x1_mm * mm, y1_mm * mm, x2_mm * mm, y2_mm * mm)


def _draw_foot(canvas: Canvas, layout: SheetLayout, text: str) -> None:
    canvas.setFillGray(_GREY)
    room_pt = layout.columns * layout.label_width_mm * mm
    canvas.setFont(_REGULAR, min(6.0, 6.0 * room_pt / stringWidth(text, _REGULAR, 6)))
    canvas.drawString(layout.left_mm(0) * mm, 4.5 * mm, text)
