"""Decode a picture and read its codes, within limits of pixels, memory and processor time.

`chromatrace.identity.scan` runs this module as a process of its own for each picture: the picture on standard input,
the texts or the error as JSON on standard output. The process ends with its memory, and a fault of a decoder ends only
this process.
"""

from __future__ import annotations

import io
import json
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import zxingcpp
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from chromatrace.identity.errors import ImageTooLargeError, NotAnImageError, ScanError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""Supported formats; an upload cannot reach other decoders of the image library."""

MAX_JPEG_PIXELS = 64_000_000
"""A full-size photo of a phone. The JPEG decoder reduces it while decoding, and keeps at most a quarter of it."""

MAX_PIXELS = 9_000_000
"""Pixels of a progressive JPEG or of another format, which are decoded as a whole."""

MAX_SCANS = 24
"""Passes of a progressive JPEG; encoders write about ten. Each pass decodes the whole picture again."""

CPU_S = 0.45
"""Processor time from the start of the process, in seconds, at which an attempt must be expected to end."""

MAX_CPU_S = 1.5
"""Processor time after which the process is ended, in seconds."""

MAX_MEMORY_BYTES = 1024**3
"""Address space of the process, libraries included."""

_WORKING_SIDE_PX = 2_400
"""Size for the first attempts; a code that fills much of the photo is found at this size."""

_FIELD = "photo"

_NAMES = (
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"<?xml", "SVG"),
)
_HEIF_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)


def read_codes(photo: bytes, cpu_s: float = CPU_S) -> list[str]:
    """Return the distinct texts of the QR and Data Matrix codes in a photo, in order of position.

    Starts no attempt that is expected to end after `cpu_s` seconds of processor time. Raises `ScanError`.
    """
    _check_name(photo)
    image = _decoded(photo, reduced=True)
    seconds_per_pixel: float | None = None
    for pixels, attempt in _attempts(photo, image):
        started = time.process_time()
        if seconds_per_pixel is not None and started + seconds_per_pixel * pixels > cpu_s:
            break
        if texts := _texts(attempt()):
            return texts
        seconds_per_pixel = seconds_per_pixel or (time.process_time() - started) / pixels
    return []


def _attempts(photo: bytes, image: Image.Image) -> Iterator[tuple[int, Callable[[], Image.Image]]]:
    """Yield versions of the picture and their pixels: scaled, blurred, half size, full size."""
    scaled = image.copy()
    scaled.thumbnail((_WORKING_SIDE_PX, _WORKING_SIDE_PX), reducing_gap=1.5)
    pixels = scaled.width * scaled.height
    yield pixels, lambda: scaled
    yield pixels, lambda: scaled.filter(ImageFilter.GaussianBlur(1.5))
    yield pixels, lambda: scaled.reduce(2)
    with _opened(photo) as whole:
        if scaled.size not in (whole.size, whole.size[::-1]):
            yield whole.width * whole.height, lambda: _decoded(photo, reduced=False)


def _texts(image: Image.Image) -> list[str]:
    formats = zxingcpp.BarcodeFormats((zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix))
    # `try_rotate` doubles the time. The detectors of these two formats find codes at any angle without it.
    codes = zxingcpp.read_barcodes(image, formats=formats, text_mode=zxingcpp.TextMode.Plain, try_rotate=False)
    return list(dict.fromkeys(code.text for code in codes))


def _check_name(photo: bytes) -> None:
    """Raise `NotAnImageError` for a known format that is not supported."""
    name = next((name for magic, name in _NAMES if photo.startswith(magic)), None)
    if photo[4:8] == b"ftyp":
        name = _HEIF_BRANDS.get(photo[8:12], "video")
    if name is not None:
        raise NotAnImageError(
            f"the file is {name}, which is not supported",
            field=_FIELD,
            hint="send a JPEG, PNG or WebP file; an iPhone saves JPEG with the camera format Most Compatible",
        )


def _opened(photo: bytes) -> Image.Image:
    """Open a picture and check its size before anything is decoded."""
    try:
        with warnings.catch_warnings():
            # The limits are checked below and raise.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(photo), formats=FORMATS)
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
    baseline = image.format in ("JPEG", "MPO") and "progressive" not in image.info
    maximum = MAX_JPEG_PIXELS if baseline else MAX_PIXELS
    kind = "JPEG" if baseline else "progressive JPEG" if image.format in ("JPEG", "MPO") else image.format
    if image.width * image.height > maximum:
        raise ImageTooLargeError(
            f"the picture has {image.width} by {image.height} pixels; the maximum of a {kind} is {maximum:,} pixels",
            field=_FIELD,
            hint="send a smaller picture",
        )
    # In compressed data 0xFF is followed by 0x00, so these bytes are always a marker, in the file or its thumbnail.
    if not baseline and photo.count(b"\xff\xda") > MAX_SCANS and image.format in ("JPEG", "MPO"):
        raise ImageTooLargeError(
            f"the picture has more than {MAX_SCANS} passes", field=_FIELD, hint="save it as a baseline JPEG"
        )
    return image


def _decoded(photo: bytes, *, reduced: bool) -> Image.Image:
    """Decode the picture to grey and rotate it upright. `reduced` permits a size of at least the working size."""
    try:
        image = _opened(photo)
        if reduced:
            scale = _WORKING_SIDE_PX / max(image.size)
            image.draft("L", (int(image.width * scale), int(image.height * scale)))
        return ImageOps.exif_transpose(_on_white(image))
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


def main() -> None:
    """Read the codes of the picture on standard input. Print a JSON object: `texts`, or `error` and its arguments."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, MAX_CPU_S)  # SIGPROF ends the process
    try:
        result: dict[str, object] = {"texts": read_codes(sys.stdin.buffer.read())}
    except ScanError as error:
        result = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
