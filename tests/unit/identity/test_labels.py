"""Test label sheets by interpreting their PDF operators and decoding their codes."""

import base64
import re
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.serials import SerialRange
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.errors import DigitalLinkError
from chromatrace.identity.labels import MAX_LABELS, SheetLayout, label_sheet
from chromatrace.identity.qr import ErrorCorrection

BASE = "https://trace.example.com"
KEY = BatchKey.parse("09521234543213", "L2410A")
DOTS_PER_PT = 4


def page_contents(pdf):
    """Yield the uncompressed drawing operators of each page."""
    for stream in re.findall(
        rb"/Filter \[ /ASCII85Decode /FlateDecode \][^>]*>>\s*stream\r?\n(.*?)endstream", pdf, re.S
    ):
        content = zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>")))
        if b" re\nf" in content or b"f*" in content:
            yield content.decode("latin-1")


def raster(content):
    """Rasterise the even-odd paths of a page: a small interpreter of the operators that label sheets use."""
    width, height = round(210 / 25.4 * 72 * DOTS_PER_PT), round(297 / 25.4 * 72 * DOTS_PER_PT)
    flips = np.zeros((height, width + 1), dtype=np.int32)
    matrix, stack, polygon, polygons = (1, 0, 0, 1, 0, 0), [], [], []
    for line in content.splitlines():
        for numbers, operator in re.findall(r"((?:-?[\d.]+ )*)([a-zA-Z*]+)", line):
            values = [float(number) for number in numbers.split()]
            if operator == "q":
                stack.append(matrix)
            elif operator == "Q":
                matrix = stack.pop()
            elif operator == "cm":
                a, b, c, d, e, f = values
                assert (b, c) == (0, 0)
                a0, _, _, d0, e0, f0 = matrix
                matrix = (a * a0, 0, 0, d * d0, e * a0 + e0, f * d0 + f0)
            elif operator in ("m", "l"):
                if operator == "m":
                    polygon = []
                    polygons.append(polygon)
                x, y = matrix[0] * values[0] + matrix[4], matrix[3] * values[1] + matrix[5]
                polygon.append((round(x * DOTS_PER_PT), height - round(y * DOTS_PER_PT)))
            elif operator == "f*":
                for corners in polygons:
                    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
                        if x1 == x2:
                            flips[min(y1, y2) : max(y1, y2), x1] += 1
                polygons = []
            elif operator in ("S", "n", "f"):
                polygons = []
    assert not stack
    return Image.fromarray(flips.cumsum(axis=1)[:, :-1] % 2 == 0)


@pytest.mark.parametrize("level", list(ErrorCorrection))
def test_all_codes_of_a_sheet_decode(decode, level):
    serials = SerialRange(95, 30, 6)
    pages = list(page_contents(label_sheet(f"{BASE}/p", KEY, serials, level=level)))
    assert len(pages) == 2
    read = [text for page in pages for text in decode(raster(page))]
    links = [DigitalLink.parse(text) for text in read]
    assert sorted(str(link.serial) for link in links) == list(serials.texts())
    assert {link.batch_key for link in links} == {KEY}
    assert {link.base for link in links} == {f"{BASE}/p"}


def test_progress_is_reported_after_each_page():
    calls = []
    layout = SheetLayout(columns=2, rows=2)
    label_sheet(BASE, KEY, SerialRange(1, 9, 6), layout=layout, progress=lambda *counts: calls.append(counts))
    assert calls == [(4, 9), (8, 9), (9, 9)]


def test_output_is_deterministic():
    sheets = {label_sheet(BASE, KEY, SerialRange(1, 3, 6), title="Example pane") for _ in range(2)}
    assert len(sheets) == 1
    assert sheets.pop().startswith(b"%PDF-")


def test_fonts_are_embedded_and_codes_are_vectors():
    pdf = label_sheet(BASE, KEY, SerialRange(1, 3, 6))
    assert pdf.count(b"/FontFile2") == 2
    assert b"/Subtype /Image" not in pdf


def test_missing_characters_of_the_title_are_named():
    for title, missing in (
        ("Okno źle", "'ź' (U+017A)"),
        ("电致变色", "'电' (U+7535), '致' (U+81F4)"),
        ("a\u202eb", "U+202E"),
    ):
        with pytest.raises(InvalidInput) as error:
            label_sheet(BASE, KEY, SerialRange(1, 3, 6), title=title)
        assert error.value.field == "title"
        assert missing in error.value.message


def test_title_font_is_embedded_as_a_subset(tmp_path):
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    pdf = label_sheet(BASE, KEY, SerialRange(1, 3, 6), title="Okno źle, Окно, Παράθυρο", font=font)
    assert pdf.count(b"/FontFile2") == 3
    assert len(pdf) < 200_000 < font.stat().st_size
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    for path in (broken, tmp_path / "absent.ttf"):
        with pytest.raises(InvalidInput) as error:
            label_sheet(BASE, KEY, SerialRange(1, 3, 6), title="ź", font=path)
        assert error.value.field == "font"


def test_notice_is_on_each_page():
    pdf = label_sheet(BASE, KEY, SerialRange(1, 30, 6), notice="NOT RELEASED")
    pages = list(page_contents(pdf))
    assert [page.count("(NOT RELEASED   )") for page in pages] == [1, 1]


def test_other_layouts_and_long_texts(decode):
    layout = SheetLayout(columns=2, rows=3, label_width_mm=95, label_height_mm=90, code_mm=50, text_pt=10)
    key = BatchKey.parse("09521234543213", "%" * 20)
    pages = list(page_contents(label_sheet(BASE, key, SerialRange(10**19, 7, 20), title="W" * 300, layout=layout)))
    assert len(pages) == 2
    assert len(decode(raster(pages[0]))) == 6


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"columns": 0}, "columns"),
        ({"columns": 5}, "columns"),
        ({"rows": 7}, "rows"),
        ({"rows": 1.5}, "rows"),
        ({"code_mm": 46}, "code_mm"),
        ({"code_mm": 48}, "code_mm"),
        ({"code_mm": 0}, "code_mm"),
        ({"text_pt": float("nan")}, "text_pt"),
        ({"label_width_mm": -1}, "label_width_mm"),
    ],
)
def test_invalid_layout_names_the_member(parts, field):
    with pytest.raises(InvalidInput) as error:
        SheetLayout(**parts)
    assert error.value.field == field


@pytest.mark.parametrize("code_mm", [9, 36])
def test_code_too_small_or_too_large_is_rejected(code_mm):
    with pytest.raises(InvalidInput) as error:
        label_sheet(BASE, KEY, SerialRange(1, 1, 6), layout=SheetLayout(code_mm=code_mm))
    assert error.value.field == "code_mm"
    assert error.value.hint


def test_too_many_labels_are_rejected():
    with pytest.raises(InvalidInput) as error:
        label_sheet(BASE, KEY, SerialRange(0, MAX_LABELS + 1, 6))
    assert error.value.field == "count"


def test_invalid_base_is_rejected():
    with pytest.raises(DigitalLinkError):
        label_sheet("example", KEY, SerialRange(0, 1, 6))
