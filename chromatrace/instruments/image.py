"""Read size and pixel size of SEM images in TIFF and PNG.

The pixel size is in tag 34118 (Zeiss), 34680 and 34682 (FEI, Thermo Fisher), in the description of ImageJ and OME
files, in text of PNG files, or in the resolution if that is finer than print.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from typing import Any

from PIL import Image, UnidentifiedImageError

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.results import Content, Figure

MAX_PIXELS = 100_000_000
_FINEST_PRINT_M = 1e-5
"""Metres per pixel at 2,540 dpi. Coarser resolutions are defaults for printing, not measurements."""

_ZEISS, _FEI = 34118, (34680, 34682)
_DESCRIPTION, _X_RESOLUTION, _RESOLUTION_UNIT = 270, 282, 296
_METRES = {
    **dict.fromkeys(("m", "metre", "meter"), 1.0),
    "mm": 1e-3,
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "\\u00b5m"), 1e-6),
    "nm": 1e-9,
    "pm": 1e-12,
    "Å": 1e-10,
}
_NUMBER = r"(?P<value>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)"
_UNIT = r"(?P<unit>[A-Za-zµμÅ\\][A-Za-z0-9]*)"
_PATTERNS = {
    "Zeiss": re.compile(rf"^(?:Image )?Pixel Size\s*=\s*{_NUMBER}\s*{_UNIT}", re.MULTILINE),
    "FEI": re.compile(rf"^PixelWidth\s*=\s*{_NUMBER}\s*$", re.MULTILINE),
    "OME": re.compile(rf'PhysicalSizeX="{_NUMBER}"(?:[^>]*PhysicalSizeXUnit="(?P<unit>[^"]*)")?'),
    "text": re.compile(rf"pixel[ _]?size[^0-9=:]*[=:]\s*{_NUMBER}\s*{_UNIT}", re.IGNORECASE),
}


def read_image(data: bytes) -> Content:
    """Return size and pixel size of an image. Raises `ResultFileError` if it is damaged or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=("PNG", "TIFF"))
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ResultFileError(f"{width} × {height} pixels; at most {MAX_PIXELS:,}", field="size")
            image.load()
            if image.format == "PNG" and b"IEND" not in data:
                raise ResultFileError("the image is cut off: its last chunk is missing", field="image")
            pixel_m, source = _pixel_size(image)
    except UnidentifiedImageError as error:
        raise ResultFileError("not a readable TIFF or PNG image", field="image") from error
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ResultFileError(f"the image is damaged or cut off: {error}", field="image") from error
    figures = [Figure("width", float(width), "pixels"), Figure("height", float(height), "pixels")]
    facts: dict[str, Any] = {"size": [width, height], "mode": image.mode, "pixel_size_nm": None}
    if pixel_m is not None:
        facts |= {"pixel_size_nm": pixel_m * 1e9, "pixel_size_source": source}
        figures += [
            Figure("pixel size", pixel_m * 1e9, "nm", f"from {source}"),
            Figure("width of the field", width * pixel_m * 1e6, "µm"),
        ]
    return Content("image", str(image.format), tuple(figures), facts)


def _pixel_size(image: Image.Image) -> tuple[float | None, str]:
    """Return metres per pixel and their source, or None."""
    tags: Any = getattr(image, "tag_v2", {})
    description = _text(tags.get(_DESCRIPTION, ""))
    texts = [("Zeiss", "tag 34118", _text(tags.get(_ZEISS, "")))]
    texts += [("FEI", f"tag {number}", _text(tags.get(number, ""))) for number in _FEI]
    texts += [("OME", "the OME description", description)]
    info = [f"{key}={value}" for key, value in image.info.items() if isinstance(value, str)]
    texts += [("text", "the description", text) for text in (description, *info)]
    for name, source, text in texts:
        if match := _PATTERNS[name].search(text):
            unit = match.groupdict().get("unit") or {"FEI": "m"}.get(name, "µm")
            return _size(float(match["value"]), _METRES.get(unit), source), source
    return _from_resolution(image, tags, description)


def _from_resolution(image: Image.Image, tags: Any, description: str) -> tuple[float | None, str]:
    resolution = float(tags.get(_X_RESOLUTION, 0) or 0)
    if not math.isfinite(resolution) or resolution <= 0:
        resolution = 0.0
    if resolution and description.startswith("ImageJ="):
        unit = re.search(r"^unit=(\S+)", description, re.MULTILINE)
        if unit and unit[1] in _METRES:
            return _size(1 / resolution, _METRES[unit[1]], "the ImageJ description"), "the ImageJ description"
    per_metre = resolution * {2: 1 / 0.0254, 3: 100.0}.get(tags.get(_RESOLUTION_UNIT, 2), 0.0)
    if image.format == "PNG" and "dpi" in image.info:
        per_metre = float(image.info["dpi"][0]) / 0.0254
    if per_metre > 1 / _FINEST_PRINT_M:
        return 1 / per_metre, "the resolution"
    return None, ""


def _size(value: float, metres: float | None, source: str) -> float:
    if metres is None or not math.isfinite(value) or value <= 0:
        raise ResultFileError(f"{source} states the pixel size {value:g} without a known unit", field="pixel size")
    return value * metres


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "\n".join(map(_text, value))
    if isinstance(value, bytes):
        return value.decode("cp1252", errors="replace")
    try:
        return str(value).encode("latin-1").decode()  # Pillow decodes the UTF-8 text of OME files as Latin-1
    except UnicodeError:
        return str(value)
