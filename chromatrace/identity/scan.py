"""Read the Digital Link from an uploaded photo. Uploads are untrusted: sizes are checked before decoding."""

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
"""A full-size photo of a current phone; decoded to grey it takes 50 MB."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""Supported formats; an upload cannot reach other decoders of the image library."""

_WORKING_SIDE_PX = 2_400
"""Size for the first attempts; a code that fills much of the photo is found at this size."""

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
            hint="take a sharp, well-lit photo from directly above that includes the white border of the code",
        )
    if len(texts) > 1:
        links = [text for text in texts if _is_link(text)]
        if len(links) != 1:
            raise MultipleCodesError(
                f"this picture has {len(texts)} different codes",
                field=_FIELD,
                hint="take a photo of one code only",
            )
        texts = links
    try:
        return DigitalLink.parse(texts[0])
    except DigitalLinkError as error:
        raise NotADigitalLinkError(
            f"the code contains {_shortened(texts[0])}, which is not a product code: {error}",
            field=_FIELD,
            hint="scan the product code instead of another code on the packaging",
        ) from error


def read_codes(photo: bytes) -> list[str]:
    """Return the distinct texts of the QR and Data Matrix codes in a photo, in order of position."""
    return next((texts for attempt in _attempts(_decoded(photo)) if (texts := _texts(attempt))), [])


def _attempts(image: Image.Image) -> Iterator[Image.Image]:
    """Yield versions of the picture, fastest and most promising first: scaled, blurred, half size, full size."""
    scaled = image.copy()
    scaled.thumbnail((_WORKING_SIDE_PX, _WORKING_SIDE_PX))
    yield scaled
    yield scaled.filter(ImageFilter.GaussianBlur(1.5))
    yield scaled.reduce(2)
    if scaled.size != image.size:
        yield image


def _texts(image: Image.Image) -> list[str]:
    formats = zxingcpp.BarcodeFormats((zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix))
    codes = zxingcpp.read_barcodes(image, formats=formats, text_mode=zxingcpp.TextMode.Plain)
    return list(dict.fromkeys(code.text for code in codes))


def _decoded(photo: bytes) -> Image.Image:
    """Decode the picture to grey and rotate it upright."""
    if len(photo) > MAX_BYTES:
        raise ImageTooLargeError(
            f"the file has {len(photo) / 1e6:.1f} MB; the maximum is {MAX_BYTES / 1e6:.0f} MB",
            field=_FIELD,
            hint="send a smaller picture",
        )
    try:
        with warnings.catch_warnings():
            # MAX_PIXELS is checked below and raises.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(photo), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise ImageTooLargeError(
                    f"the picture has {image.width} by {image.height} pixels; the maximum is {MAX_PIXELS:,} pixels",
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
            "the file is not a supported picture" if photo else "the file is empty",
            field=_FIELD,
            hint="send a JPEG, PNG or WebP file",
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise NotAnImageError(
            f"the picture is corrupt: {error}", field=_FIELD, hint="send the complete file again"
        ) from error


def _on_white(image: Image.Image) -> Image.Image:
    """Convert to grey on a white background."""
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
