"""Reads the Digital Link from an uploaded photo. What is uploaded is hostile until decoded: sizes are checked first."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

import zxingcpp
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.errors import (
    DigitalLinkError,
    ImageTooLargeError,
    MultipleCodesError,
    NoCodeFoundError,
    NotADigitalLinkError,
    NotAnImageError,
)

MAX_BYTES = 15 * 1024 * 1024
MAX_PIXELS = 50_000_000
"""A photo of a present telephone at full size; decoded to grey that is 50 MB."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""What is decoded; other decoders of the image library are never reached by an upload."""

_WORKING_SIDE_PX = 2_400
"""A code that a person framed is found at this size; the full size is tried where it is not."""

_FIELD = "photo"


def read_link(photo: bytes) -> DigitalLink:
    """Return the one GS1 Digital Link in a photo; the same code may appear several times.

    Raises `NotAnImageError`, `ImageTooLargeError`, `NoCodeFoundError`, `MultipleCodesError` or `NotADigitalLinkError`.
    """
    texts = read_codes(photo)
    if not texts:
        raise NoCodeFoundError(
            "no QR code could be read in this picture",
            field=_FIELD,
            hint="take it from straight above, sharp, with light and with the white border around the code",
        )
    if len(texts) > 1:
        links = [text for text in texts if _is_link(text)]
        if len(links) != 1:
            raise MultipleCodesError(
                f"there are {len(texts)} different codes in this picture",
                field=_FIELD,
                hint="take a picture of one code only",
            )
        texts = links
    try:
        return DigitalLink.parse(texts[0])
    except DigitalLinkError as error:
        raise NotADigitalLinkError(
            f"the code holds {_shortened(texts[0])}, which is no product code: {error}",
            field=_FIELD,
            hint="is this another code on the packaging?",
        ) from error


def read_codes(photo: bytes) -> list[str]:
    """The different texts of the QR and Data Matrix codes in a photo, in their order in the picture."""
    return next((found for attempt in _attempts(_decoded(photo)) if (found := _texts(attempt))), [])


def _attempts(image: Image.Image) -> Iterator[Image.Image]:
    """The picture in the order in which it pays to look: handy, without its grain, small, in full."""
    handy = image.copy()
    handy.thumbnail((_WORKING_SIDE_PX, _WORKING_SIDE_PX))
    yield handy
    yield handy.filter(ImageFilter.GaussianBlur(1.5))
    yield handy.reduce(2)
    if handy.size != image.size:
        yield image


def _texts(image: Image.Image) -> list[str]:
    formats = zxingcpp.BarcodeFormats((zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix))
    codes = zxingcpp.read_barcodes(image, formats=formats, text_mode=zxingcpp.TextMode.Plain)
    return list(dict.fromkeys(code.text for code in codes))


def _decoded(photo: bytes) -> Image.Image:
    """The picture in grey and upright."""
    if len(photo) > MAX_BYTES:
        raise ImageTooLargeError(
            f"the file has {len(photo) / 1e6:.1f} MB, at most {MAX_BYTES / 1e6:.0f} MB are taken",
            field=_FIELD,
            hint="send a smaller picture",
        )
    try:
        with warnings.catch_warnings():
            # Our own bound on the pixels is the one that counts, and it raises.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(photo), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise ImageTooLargeError(
                    f"the picture has {image.width} by {image.height} pixels, at most {MAX_PIXELS:,} are decoded",
                    field=_FIELD,
                    hint="send a smaller picture",
                )
            return ImageOps.exif_transpose(_on_white(image))
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(
            "the picture is too large to decode", field=_FIELD, hint="send a smaller one"
        ) from error
    except UnidentifiedImageError as error:
        raise NotAnImageError(
            "this is no picture of a kind that we read" if photo else "the file is empty",
            field=_FIELD,
            hint="send a JPEG, PNG or WebP file",
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise NotAnImageError(f"the picture is broken: {error}", field=_FIELD, hint="send it again, whole") from error


def _on_white(image: Image.Image) -> Image.Image:
    """In grey; what is transparent becomes white, as it was on paper."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(with_alpha)
        white.info = image.info
        return white.convert("L")
    return image.convert("L")


def _is_link(text: str) -> bool:
    try:
        DigitalLink.parse(text)
    except DigitalLinkError:
        return False
    return True


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
