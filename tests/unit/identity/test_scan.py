import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import photo
from PIL import Image

from chromatrace.identity import scan
from chromatrace.identity.errors import (
    ImageTooLargeError,
    MultipleCodesError,
    NoCodeFoundError,
    NotADigitalLinkError,
    NotAnImageError,
    ScanError,
)
from chromatrace.identity.qr import ErrorCorrection, encode

URI = "https://trace.example.com/01/09521234543213/10/L2410A/21/000042"
OTHER = "https://trace.example.com/01/09521234543213/10/L2410A/21/000043"


def file_of(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(text):
    return Image.open(io.BytesIO(encode(text).png()))


def beside(*texts):
    parts = [picture(text) for text in texts]
    image = Image.new("L", (sum(part.width for part in parts), max(part.height for part in parts)), 255)
    left = 0
    for part in parts:
        image.paste(part, (left, 0))
        left += part.width
    return file_of(image)


def png_of_size(width, height):
    """A valid PNG header that promises more than it holds."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_photo_of_any_kind(kind, mode):
    link = scan.read_link(file_of(picture(URI).convert(mode), kind))
    assert link.uri == URI


@pytest.mark.parametrize("angle", [0, 45, 93, 271])
@pytest.mark.parametrize(("blur", "noise", "tilt"), [(2.5, 20, 0), (1.5, 20, 0.15), (2, 40, 0.1)])
def test_a_bad_photo(angle, blur, noise, tilt):
    image = photo(encode(URI, ErrorCorrection.M), angle, blur, noise, tilt, seed=angle)
    assert scan.read_link(file_of(image, "JPEG", quality=70)).uri == URI


def test_a_small_code_in_a_large_photo_is_found_at_full_size():
    image = Image.new("L", (6000, 4500), 180)
    code = encode(URI)
    image.paste(Image.open(io.BytesIO(code.png(module_px=2))), (3100, 2210))
    assert scan.read_link(file_of(image, "JPEG")).uri == URI


def test_transparency_is_paper():
    opaque = picture(URI).convert("L")
    image = Image.new("RGBA", opaque.size, (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), mask=opaque.point(lambda grey: 255 - grey))
    assert scan.read_link(file_of(image)).uri == URI


def test_one_code_twice_is_one():
    assert scan.read_link(beside(URI, URI)).uri == URI


def test_a_link_beside_another_code_is_the_one_that_counts():
    assert scan.read_link(beside("https://example.com/manual", URI)).uri == URI


@pytest.mark.parametrize("texts", [(URI, OTHER), ("https://example.com/a", "https://example.com/b")])
def test_several_codes_are_refused(texts):
    with pytest.raises(MultipleCodesError) as refusal:
        scan.read_link(beside(*texts))
    assert (refusal.value.field, refusal.value.message) == ("photo", "there are 2 different codes in this picture")


@pytest.mark.parametrize("text", ["hello", "https://example.com/about", URI.replace("3213", "3214"), "x" * 500])
def test_a_code_that_is_no_product_code_is_named(text):
    with pytest.raises(NotADigitalLinkError) as refusal:
        scan.read_link(file_of(picture(text)))
    assert text[:70] in refusal.value.message
    assert len(refusal.value.message) < 400


def test_a_picture_without_a_code():
    with pytest.raises(NoCodeFoundError):
        scan.read_link(file_of(Image.new("RGB", (400, 300), "teal"), "JPEG"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        b"%PDF-1.4\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encode(URI).png()[:300],
        file_of(Image.new("L", (9, 9)), "TIFF"),
        file_of(Image.new("L", (9, 9)), "PDF"),
    ],
    ids=["empty", "text", "pdf", "svg", "truncated", "tiff", "image-pdf"],
)
def test_what_is_no_picture(data):
    with pytest.raises(NotAnImageError) as refusal:
        scan.read_link(data)
    assert refusal.value.field == "photo"


@pytest.mark.parametrize("side", [7_100, 14_000, 100_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side):
    with pytest.raises(ImageTooLargeError):
        scan.read_link(png_of_size(side, side))


def test_a_file_too_large_is_refused_before_it_is_opened():
    with pytest.raises(ImageTooLargeError):
        scan.read_link(encode(URI).png() + bytes(scan.MAX_BYTES))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_broken_file_ends_in_another_error(data):
    whole = data.draw(st.sampled_from([encode(URI).png(), file_of(picture(URI).convert("L"), "JPEG")]))
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:place] + data.draw(st.binary(max_size=8)) + whole[place + 4 :]
    try:
        assert scan.read_link(broken).gtin
    except ScanError as refusal:
        assert refusal.field == "photo"  # noqa: PT017 - either outcome is right, and both are asserted
