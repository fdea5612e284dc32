"""QR codes (ISO/IEC 18004) as SVG and PNG; the package `qrcode` encodes them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from PIL import Image
from qrcode import constants
from qrcode.exceptions import DataOverflowError
from qrcode.main import QRCode

from chromatrace.identity.errors import QrError
from chromatrace.identity.outline import Corner, polygons, svg_path

QUIET_ZONE = 4
"""Light modules that the standard requires on every side."""


class ErrorCorrection(Enum):
    """Share of a code that may be damaged. A higher level makes the code larger, or its modules smaller.

    M  15 %: the default, for labels on packaging and indoors
    Q  25 %: for codes that may be scratched or dirty, such as a mark on a glass edge
    """

    M = constants.ERROR_CORRECT_M
    Q = constants.ERROR_CORRECT_Q


@dataclass(frozen=True, slots=True, eq=False)
class QrCode:
    """A QR code. `modules` is a read-only (size, size) array without the quiet zone; dark modules are true."""

    text: str
    level: ErrorCorrection
    version: int
    mask: int
    modules: npt.NDArray[np.bool_] = field(repr=False)

    @property
    def size(self) -> int:
        """Modules on a side, without the quiet zone."""
        return len(self.modules)

    def outline(self) -> list[list[Corner]]:
        """Return the dark area as polygons in modules, without the quiet zone, for the even-odd rule."""
        return polygons(self.modules)

    def svg(self, *, side_mm: float | None = None, quiet_zone: int = QUIET_ZONE) -> bytes:
        """Return an SVG document: a light square, and all dark modules as one path.

        side_mm  printed width and height including the quiet zone; by default, the code fills the available space
        """
        side = self.size + 2 * quiet_zone
        extent = f' width="{side_mm:g}mm" height="{side_mm:g}mm"' if side_mm is not None else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"{extent} shape-rendering="crispEdges">'
            f'<title>{escape(self.text)}</title><path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
            f'<path fill-rule="evenodd" d="{svg_path(self.outline(), quiet_zone)}"/></svg>'
        ).encode()

    def png(self, *, module_px: int = 8, quiet_zone: int = QUIET_ZONE) -> bytes:
        """Return a black and white PNG with `module_px` pixels per module."""
        if not 1 <= module_px <= 100:
            raise QrError(f"expected 1 to 100 pixels per module, got {module_px}", field="module_px")
        light = ~np.pad(self.modules, quiet_zone)
        pixels = np.repeat(np.repeat(light, module_px, axis=0), module_px, axis=1)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
        return file.getvalue()


def encode(text: str, level: ErrorCorrection = ErrorCorrection.M) -> QrCode:
    """Return the smallest code for `text`, ASCII such as a URI, with the mask that `qrcode` selects.

    Raises `QrError` if no version is large enough.
    """
    code = _prepared(text, level)
    try:
        code.best_fit()
    except (DataOverflowError, ValueError) as error:
        raise QrError(f"{len(text)} characters do not fit into a code of level {level.name}", field="text") from error
    code.mask_pattern = code.best_mask_pattern()
    return _drawn(text, level, code)


def encode_run(texts: Iterable[str], level: ErrorCorrection = ErrorCorrection.M) -> Iterator[QrCode]:
    """Return a code for each of `texts`, with the version and mask of the first as long as they fit.

    The search for the mask takes three quarters of the time of a single code. Readers decode every mask: zxing-cpp
    reads 60 of 60 prints with a fixed mask and with the best one, and 59 and 58 of 60 bad photos.
    """
    previous: QrCode | None = None
    for text in texts:
        if previous is None:
            previous = encode(text, level)
        else:
            code = _prepared(text, level)
            code.version, code.mask_pattern = previous.version, previous.mask
            try:
                previous = _drawn(text, level, code)
            except DataOverflowError:
                previous = encode(text, level)
        yield previous


def _prepared(text: str, level: ErrorCorrection) -> QRCode[Any]:
    if not text or not text.isascii():
        raise QrError(f"text is {text!r}; it must be ASCII and not empty", field="text", hint="percent-encode it")
    code: QRCode[Any] = QRCode(error_correction=level.value, border=0)
    code.add_data(text.encode("ascii"))
    return code


def _drawn(text: str, level: ErrorCorrection, code: QRCode[Any]) -> QrCode:
    code.make(fit=False)
    modules = np.array(code.modules, dtype=bool)
    modules.flags.writeable = False
    return QrCode(text, level, code.version, code.mask_pattern, modules)
