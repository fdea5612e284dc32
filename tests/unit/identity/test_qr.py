"""Test QR codes by decoding their PNG and SVG forms with an independent library."""

import io
import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
import qrcode
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import photo
from PIL import Image
from qrcode import util
from qrcode.image.svg import SvgPathImage

from chromatrace.domain.identifiers import SET_82, BatchKey, Serial
from chromatrace.identity.digital_link import DigitalLink, uri_for_unit
from chromatrace.identity.errors import QrError
from chromatrace.identity.outline import polygons
from chromatrace.identity.qr import QUIET_ZONE, ErrorCorrection, encode, encode_run

URI = "https://trace.example.com/01/09521234543213/10/L2410A/21/000042"
SVG = "{http://www.w3.org/2000/svg}"

set_82 = st.text(sorted(SET_82), min_size=1, max_size=20)
levels = st.sampled_from(list(ErrorCorrection))


def filled(outline, size):
    """Return the modules inside an outline by the even-odd rule, counting vertical edges to the left of each."""
    flips = np.zeros((size, size + 1), dtype=int)
    for polygon in outline:
        corners = [*polygon, polygon[0]]
        for (x1, y1), (x2, y2) in pairwise(corners):
            assert (x1 == x2) != (y1 == y2), "an edge is horizontal or vertical and has a length"
            if x1 == x2:
                flips[min(y1, y2) : max(y1, y2), x1] += 1
    return (flips.cumsum(axis=1)[:, :-1] % 2).astype(bool)


def path_polygons(data):
    """Return the polygons of an SVG path of M, h, v and z."""
    polygons = []
    for part in re.findall(r"M[^z]*z", data):
        x, y = (int(number) for number in re.match(r"M(\d+) (\d+)", part).groups())
        polygon = [(x, y)]
        for axis, length in re.findall(r"([hv])(-?\d+)", part):
            x, y = (x + int(length), y) if axis == "h" else (x, y + int(length))
            polygon.append((x, y))
        polygons.append(polygon)
    return polygons


def raster(svg, scale=6):
    """Return the path of a generated SVG as a picture."""
    root = ElementTree.fromstring(svg)
    side = int(root.get("viewBox").split()[2])
    background, path = root.findall(f"{SVG}path")
    assert background.get("d") == f"M0 0h{side}v{side}H0z"
    assert path.get("fill-rule") == "evenodd"
    dark = filled(path_polygons(path.get("d")), side)
    return Image.fromarray(np.kron(~dark, np.ones((scale, scale), dtype=bool)))


@settings(deadline=None, max_examples=60)
@given(set_82, set_82, levels)
def test_codes_decode_from_png_and_svg(decode, lot, serial, level):
    uri = uri_for_unit("https://trace.example.com/p", BatchKey.parse("09521234543213", lot), Serial(serial))
    code = encode(uri, level)
    assert decode(code.png(module_px=4)) == [uri]
    assert decode(raster(code.svg(), 4)) == [uri]
    assert DigitalLink.parse(uri).serial == Serial(serial)


@pytest.mark.parametrize("level", list(ErrorCorrection))
@pytest.mark.parametrize("angle", [0, 7, 45, 93, 180, 271])
@pytest.mark.parametrize(("blur", "noise", "tilt"), [(0, 0, 0), (2.0, 12, 0), (1.0, 35, 0.1), (1.5, 10, 0.15)])
def test_codes_decode_from_bad_photos(decode, level, angle, blur, noise, tilt):
    assert decode(photo(encode(URI, level), angle, blur, noise, tilt, seed=angle)) == [URI]


@pytest.mark.parametrize(("level", "columns"), [(ErrorCorrection.M, 4), (ErrorCorrection.Q, 6)])
def test_damaged_code_decodes(decode, level, columns):
    code = encode(URI, level)
    modules = code.modules.copy()
    modules[9:, 12 : 12 + columns] = False
    light = np.pad(~modules, QUIET_ZONE, constant_values=True)
    assert decode(Image.fromarray(np.kron(light, np.ones((6, 6), dtype=bool)))) == [URI]


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), levels)
def test_single_code_matches_the_qrcode_package(number, level):
    text = f"https://trace.example.com/01/09521234543213/10/L2410A/21/{number:06d}"
    reference = qrcode.QRCode(error_correction=level.value, border=0)
    reference.add_data(text)
    assert (encode(text, level).modules == np.array(reference.get_matrix(), dtype=bool)).all()


@pytest.mark.parametrize("level", list(ErrorCorrection))
@pytest.mark.parametrize("version", [1, 7, 27, 40])
def test_smallest_version_is_used(version, level):
    text = "x" * (util.BIT_LIMIT_TABLE[level.value][version] // 8 - 3)
    assert encode(text, level).version == version


@pytest.mark.parametrize("level", list(ErrorCorrection))
def test_run_keeps_version_and_mask(decode, level):
    uris = [f"{URI[:-6]}{number:06d}" for number in range(50)]
    codes = list(encode_run(uris, level))
    assert len({(code.version, code.mask) for code in codes}) == 1
    assert [decode(code.png(module_px=4)) for code in codes] == [[uri] for uri in uris]


def test_run_grows_for_longer_text(decode):
    texts = ["short", "x" * 300, "short again"]
    codes = list(encode_run(texts))
    assert codes[0].version < codes[1].version == codes[2].version
    assert [decode(code.png(module_px=4)) for code in codes] == [[text] for text in texts]


def test_empty_run():
    assert list(encode_run([])) == []


@given(st.integers(1, 12), st.integers(1, 12), st.randoms(use_true_random=False))
def test_outline_encloses_its_modules(height, width, random):
    modules = np.array([[random.random() < 0.5 for _ in range(width)] for _ in range(height)])
    size = max(height, width)
    expected = np.zeros((size, size), dtype=bool)
    expected[:height, :width] = modules
    assert (filled(polygons(modules), size) == expected).all()


def test_empty_outline():
    assert polygons(np.zeros((3, 3), dtype=bool)) == []


def test_svg_is_one_path_with_quiet_zone():
    code = encode(URI)
    svg = code.svg(side_mm=20)
    root = ElementTree.fromstring(svg)
    assert root.get("viewBox") == f"0 0 {code.size + 8} {code.size + 8}"
    assert (root.get("width"), root.get("height")) == ("20mm", "20mm")
    assert root.find(f"{SVG}title").text == URI
    picture = np.asarray(raster(svg, 1))
    assert picture[:QUIET_ZONE].all()
    assert picture[:, -QUIET_ZONE:].all()
    assert not picture[QUIET_ZONE, QUIET_ZONE]
    default = qrcode.make(URI, image_factory=SvgPathImage).to_string()
    assert len(svg) < len(default) / 2


def test_svg_title_is_escaped():
    svg = encode("https://e.com/?a=<b>&c").svg()
    assert ElementTree.fromstring(svg).find(f"{SVG}title").text == "https://e.com/?a=<b>&c"


def test_png_size():
    code = encode(URI)
    image = Image.open(io.BytesIO(code.png(module_px=3)))
    assert image.mode == "1"
    assert image.size == (3 * (code.size + 8),) * 2


@pytest.mark.parametrize("text", ["", "ä", "x" * 2332])
def test_text_that_cannot_be_encoded_is_rejected(text):
    with pytest.raises(QrError) as error:
        encode(text)
    assert error.value.field == "text"


@pytest.mark.parametrize("module_px", [0, 101])
def test_invalid_module_size_is_rejected(module_px):
    with pytest.raises(QrError):
        encode("x").png(module_px=module_px)


def test_modules_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        encode(URI).modules[0, 0] = False
