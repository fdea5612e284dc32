"""Printable A4 label sheets for a range of serials: a vector PDF with a QR code and its text on each label.

Labels have no gaps: crop marks in the margins guide a guillotine, and small crosses guide scissors. Fonts are
embedded. The output is deterministic.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import reportlab
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import getFont, registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import FILL_EVEN_ODD, Canvas

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.identity.digital_link import uri_for_unit
from chromatrace.identity.qr import QUIET_ZONE, ErrorCorrection, QrCode, encode_run

MAX_LABELS = 10_000
"""Maximum number of labels in a file; split a longer range with `SerialRange.slice`."""

MIN_MODULE_MM = 0.33
"""Minimum module size for reliable printing: four dots of an office printer at 300 dpi."""

PAGE_WIDTH_MM, PAGE_HEIGHT_MM = 210.0, 297.0
MARGIN_MM = 9.0
"""Margin on each side, for the printer and the crop marks."""

_PT_MM = 25.4 / 72
_REGULAR, _BOLD = "Vera", "VeraBd"
_BLACK, _GREY, _MARK = 0.0, 0.42, 0.55
_MIN_TEXT_PT = 3.5
_CROSS_MM = 1.2

Progress = Callable[[int, int], None]
"""Called after each page with the number of finished labels and the total."""


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """Layout of an A4 page. Raises `InvalidInput` naming the member that does not fit.

    columns, rows                    labels on a page
    label_width_mm, label_height_mm  size of a label
    code_mm                          side of the QR code without its quiet zone
    text_pt                          font size; a value that is too long for its label is printed smaller
    """

    columns: int = 4
    rows: int = 6
    label_width_mm: float = 47.0
    label_height_mm: float = 45.0
    code_mm: float = 26.0
    text_pt: float = 6.5

    def __post_init__(self) -> None:
        for name, maximum in (("columns", 20), ("rows", 30)):
            number = getattr(self, name)
            if type(number) is not int or not 1 <= number <= maximum:
                raise InvalidInput(f"expected a whole number from 1 to {maximum}, got {number!r}", field=name)
        for name in ("label_width_mm", "label_height_mm", "code_mm", "text_pt"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"expected a length greater than 0, got {getattr(self, name)!r}", field=name)
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
        """Line spacing."""
        return 1.35 * self.text_pt * _PT_MM

    @property
    def text_mm(self) -> float:
        """Height of the three lines of text."""
        return 3 * self.line_mm

    def left_mm(self, column: int) -> float:
        """Return the distance of a column of labels from the left of the page."""
        return (PAGE_WIDTH_MM - self.columns * self.label_width_mm) / 2 + column * self.label_width_mm

    def top_mm(self, row: int) -> float:
        """Return the distance of the upper edge of a row of labels from the bottom of the page."""
        return (PAGE_HEIGHT_MM + self.rows * self.label_height_mm) / 2 - row * self.label_height_mm

    @staticmethod
    def _require_room(field: str, used_mm: float, free_mm: float) -> None:
        if used_mm > free_mm:
            raise InvalidInput(
                f"the layout needs {used_mm:.1f} mm, but {free_mm:.1f} mm are available",
                field=field,
                hint="reduce the size or the number of labels",
            )


def label_sheet(
    base_url: str,
    key: BatchKey,
    serials: SerialRange,
    *,
    title: str = "",
    notice: str = "",
    font: Path | None = None,
    layout: SheetLayout | None = None,
    level: ErrorCorrection = ErrorCorrection.M,
    progress: Progress | None = None,
) -> bytes:
    """Return the PDF of labels for `serials` of the batch `key`, with codes below `base_url`.

    title   product name in the footer of each page; not printed on labels
    notice  warning in the footer of each page, in bold
    font    TrueType font of `title`; a subset of it is embedded. Default: a font for Western European languages

    Raises `InvalidInput` if there are too many serials, the modules are too small, or the font does not have a
    character of the title; `DigitalLinkError` if `base_url` is not a web address.
    """
    layout = layout or SheetLayout()
    if serials.count > MAX_LABELS:
        raise InvalidInput(
            f"{serials.count:,} labels do not fit into one file; the maximum is {MAX_LABELS:,}",
            field="count",
            hint="split the range into several files",
        )
    title_font = _register_fonts(font)
    _require_glyphs(title, title_font)
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(PAGE_WIDTH_MM * mm, PAGE_HEIGHT_MM * mm), invariant=1, pageCompression=1)
    canvas.setTitle(f"Labels {key}, serials {serials}")
    canvas.setCreator("ChromaTrace")
    pages = -(-serials.count // layout.labels_on_page)
    codes = encode_run((uri_for_unit(base_url, key, serial) for serial in serials), level)
    done = 0
    for number, batch in enumerate(_pages(serials, layout.labels_on_page), start=1):
        _draw_marks(canvas, layout)
        for index, serial in enumerate(batch):
            row, column = divmod(index, layout.columns)
            _draw_label(canvas, layout, layout.left_mm(column), layout.top_mm(row), next(codes), key, serial)
        run = f"serials {batch[0]} to {batch[-1]}"
        details = " · ".join(part for part in (str(key), run, f"page {number} of {pages}") if part)
        _draw_foot(canvas, layout, ((notice, _BOLD), (title, title_font.fontName), (details, _REGULAR)))
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


def _register_fonts(title_font: Path | None) -> TTFont:
    """Register the fonts of a sheet and return the one of its title."""
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (_REGULAR, _BOLD):
        registerFont(TTFont(name, folder / f"{name}.ttf"))
    if title_font is None:
        return getFont(_REGULAR)
    try:
        registerFont(font := TTFont(f"title {title_font}", title_font))
    except (OSError, TTFError) as error:
        raise InvalidInput(
            f"{title_font} cannot be used as a font: {error}",
            field="font",
            hint="give a TrueType file (.ttf); fonts with PostScript outlines (.otf) are not supported",
        ) from error
    return font


def _require_glyphs(title: str, font: TTFont) -> None:
    """Raise `InvalidInput` naming the characters of `title` that the font cannot print."""
    missing = [character for character in dict.fromkeys(title) if ord(character) not in font.face.charToGlyph]
    if missing:
        names = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in missing[:10])
        raise InvalidInput(
            f"the font of the label sheet does not have {names}" + (", …" if len(missing) > 10 else ""),
            field="title",
            hint="set label_font to a TrueType font that has them, or use another title",
        )


def _draw_label(
    canvas: Canvas, layout: SheetLayout, left_mm: float, top_mm: float, code: QrCode, key: BatchKey, serial: Serial
) -> None:
    """Draw the code above three lines of text that are aligned with its left edge, centred on the label."""
    module_mm = layout.code_mm / code.size
    quiet_mm = QUIET_ZONE * module_mm
    if module_mm < MIN_MODULE_MM:
        raise InvalidInput(
            f"modules of {module_mm:.2f} mm are too small to print; the minimum is {MIN_MODULE_MM} mm",
            field="code_mm",
            hint=f"make the code at least {MIN_MODULE_MM * code.size:.0f} mm wide or shorten the base URL",
        )
    # Neither the text nor the edges of the label may be in the quiet zone.
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
    # With one module as the unit and y downwards, the corners of the outline are integers.
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
    value_pt = max(_MIN_TEXT_PT, min(size_pt, size_pt * (room_pt - indent) / width))
    canvas.setFillGray(_GREY)
    canvas.setFont(_REGULAR, size_pt)
    canvas.drawString(x, y, name)
    canvas.setFillGray(_BLACK)
    canvas.setFont(font, value_pt)
    canvas.drawString(x + indent, y, value)


def _draw_marks(canvas: Canvas, layout: SheetLayout) -> None:
    """Draw crop marks in the margins at every cut, and crosses where cuts meet."""
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


def _draw_foot(canvas: Canvas, layout: SheetLayout, parts: Sequence[tuple[str, str]]) -> None:
    """Draw texts, each in its font, on one line at the bottom of the page."""
    texts = [(text + " " * 3, font) for text, font in parts if text]
    room_pt = layout.columns * layout.label_width_mm * mm
    size_pt = min(6.0, 6.0 * room_pt / sum(stringWidth(text, font, 6) for text, font in texts))
    x = layout.left_mm(0) * mm
    for text, font in texts:
        canvas.setFillGray(_BLACK if font == _BOLD else _GREY)
        canvas.setFont(font, size_pt)
        canvas.drawString(x, 4.5 * mm, text)
        x += stringWidth(text, font, size_pt)
