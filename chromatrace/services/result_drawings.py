"""Drawings of attached result files for pages: curves as SVG, images as small JPEG files."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace

import numpy as np
from PIL import Image, UnidentifiedImageError

from chromatrace.documents.results import AttachedResult
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput
from chromatrace.instruments import Curve
from chromatrace.instruments.measurement import reader_options
from chromatrace.instruments.reading import result_of
from chromatrace.services.drawing.plot import WIDTH, plot_svg

MAX_DRAWN_BYTES = 16 << 20
"""Size of the files of one drawing: a page must not take the memory of the portal."""
MAX_DRAWN_PIXELS = 25_000_000
THUMBNAIL = (1520, 1140)
"""Largest width and height of a small image, in pixels."""

_QUALITY = 85


def has_plot(result: AttachedResult) -> bool:
    """Return whether a result has curves to draw: it is not only images, and not too large."""
    sizes = [file.bytes for file in result.files if file.kind != "image"]
    return bool(sizes) and sum(sizes) <= MAX_DRAWN_BYTES


def result_plot(documents: DocumentStore, result: AttachedResult, width: int = WIDTH) -> str:
    """Return the curves of a result's files as SVG.

    Raises `InvalidInput` if there is nothing to draw, `NotFound` without the files.
    """
    if not has_plot(result):
        raise InvalidInput("the files have no curve, or are too large to draw", field="result")
    curves: list[Curve] = []
    options = reader_options(result.options)
    for file in result.files:
        if file.kind != "image":
            read = result_of(documents.get(bytes(file.sha256)), file.name, options)
            curves += [replace(curve, name=f"{file.name} {curve.name}".strip()) for curve in read.content.curves]
    return plot_svg(curves, width)


def thumbnail(data: bytes) -> bytes:
    """Return a small JPEG of a TIFF or PNG image; grey values of 16 bits are scaled. Raises `InvalidInput`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=("PNG", "TIFF"))
            if image.size[0] * image.size[1] > MAX_DRAWN_PIXELS:
                raise InvalidInput(f"{image.size[0]} × {image.size[1]} pixels are too many to draw", field="result")
            image.load()
            small = _eight_bits(image)
            small.thumbnail(THUMBNAIL)
            output = io.BytesIO()
            small.save(output, "JPEG", quality=_QUALITY)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"the image cannot be drawn: {error}", field="result") from error
    return output.getvalue()


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in ("1", "L", "RGB"):
        return image.convert("L" if image.mode == "1" else image.mode)
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(((values - low) * (255 / ((high - low) or 1))).astype(np.uint8))
    return image.convert("RGB")
