"""QR codes (ISO/IEC 18004) as SVG and PNG.

The package `qrcode` says what a code is: segments, tables, function patterns. What it does bit by bit and module by
module is done on arrays here: error correction, placing, choosing the mask, drawing.

The mask is the one with the lowest penalty, because the standard asks for it and other readers than the one we test
with may count on it. With zxing-cpp a fixed mask decoded as well: 60 of 60 clean prints each, 59 against 58 of 60 bad
photos.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import qrcode
from PIL import Image
from qrcode import constants, util

from chromatrace.identity.codewords import codewords, smallest_version
from chromatrace.identity.errors import QrError
from chromatrace.identity.masks import mask_patterns, penalties
from chromatrace.identity.outline import Corner, polygons, svg_path

QUIET_ZONE = 4
"""Light modules that the standard wants on every side."""

_SEGMENT = 20
"""Characters from which on a run of digits or capitals gets a segment of its own: it is shorter from about there."""


_MOST_CODEWORDS = 4_000
"""More than any version holds (3,706)."""


class ErrorCorrection(Enum):
    """How much of a code may be lost. Each step makes the code larger, its modules smaller on the same label.

    M  15 %: the default, for labels on packaging and indoors
    Q  25 %: where codes get scratched or dirty, such as a mark on the glass edge
    """

    M = constants.ERROR_CORRECT_M
    Q = constants.ERROR_CORRECT_Q


@dataclass(frozen=True, slots=True, eq=False)
class QrCode:
    """One code. `modules` is (size, size), true where dark, without the quiet zone, read-only."""

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
        """The dark area as polygons in modules, without the quiet zone; even-odd."""
        return polygons(self.modules)

    def svg(self, *, side_mm: float | None = None, quiet_zone: int = QUIET_ZONE) -> bytes:
        """An SVG document: a light square, and all dark modules as one path.

        side_mm  width and height to print at, quiet zone included; without it the code fills the space it is given
        """
        side = self.size + 2 * quiet_zone
        extent = f' width="{side_mm:g}mm" height="{side_mm:g}mm"' if side_mm is not None else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"{extent} shape-rendering="crispEdges">'
            f'<title>{escape(self.text)}</title><path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
            f'<path fill-rule="evenodd" d="{svg_path(self.outline(), quiet_zone)}"/></svg>'
        ).encode()

    def png(self, *, module_px: int = 8, quiet_zone: int = QUIET_ZONE) -> bytes:
        """A black and white PNG of `module_px` pixels for each module."""
        if not 1 <= module_px <= 100:
            raise QrError(f"1 to 100 pixels for each module, got {module_px}", field="module_px")
        light = ~np.pad(self.modules, quiet_zone)
        pixels = np.repeat(np.repeat(light, module_px, axis=0), module_px, axis=1)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
        return file.getvalue()


def encode(text: str, level: ErrorCorrection = ErrorCorrection.M) -> QrCode:
    """The smallest code for `text`, ASCII such as a URI. Raises `QrError` where none is large enough."""
    if not text or not text.isascii():
        raise QrError(f"ASCII text is needed, got {text!r}", field="text", hint="percent-encode it")
    segments = list(util.optimal_data_chunks(text.encode("ascii"), minimum=_SEGMENT))
    version = smallest_version(segments, level.value)
    if version is None:
        raise QrError(f"{len(text)} characters do not fit into a code of level {level.name}", field="text")
    frame = _frame(version, level)
    bits = np.unpackbits(codewords(segments, version, level.value)).astype(bool)
    unmasked = np.zeros(frame.data.shape, dtype=bool)
    unmasked.ravel()[frame.order[: len(bits)]] = bits
    candidates = frame.function | (frame.data & (unmasked ^ frame.masks))
    mask = int(np.argmin(penalties(candidates)))
    modules = candidates[mask].copy()
    modules.flags.writeable = False
    return QrCode(text, level, version, mask, modules)


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What all codes of one version and level share.

    function  (8, size, size): finder, timing, format and version modules under each mask; false elsewhere
    data      (size, size): true where data stands
    masks     (8, size, size): true where the mask flips
    order     flat indices of the data modules, in the order of their bits
    """

    function: npt.NDArray[np.bool_]
    data: npt.NDArray[np.bool_]
    masks: npt.NDArray[np.bool_]
    order: npt.NDArray[np.intp]


@lru_cache(maxsize=80)
def _frame(version: int, level: ErrorCorrection) -> _Frame:
    """Taken from `qrcode` itself: what a code of nothing but zeros and one of nothing but ones have in common."""
    zeros = np.array([_drawn(version, level, mask, bit=0) for mask in range(8)], dtype=bool)
    ones = np.array(_drawn(version, level, 0, bit=1), dtype=bool)
    data = zeros[0] ^ ones
    return _Frame(zeros & ~data, data, mask_patterns(len(data)), _bit_order(data))


def _drawn(version: int, level: ErrorCorrection, mask: int, *, bit: int) -> list[list[bool]]:
    code = qrcode.QRCode(version=version, error_correction=level.value, mask_pattern=mask, border=0)
    code.data_cache = [0xFF * bit] * _MOST_CODEWORDS
    code.make(fit=False)
    matrix: list[list[bool]] = code.get_matrix()
    return matrix


def _bit_order(data: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Two columns at a time from the right, upwards and downwards in turn, the timing column left out (7.7.3)."""
    size = len(data)
    order = []
    columns = [*range(size - 1, 6, -2), *range(5, 0, -2)]
    for turn, right in enumerate(columns):
        rows = range(size - 1, -1, -1) if turn % 2 == 0 else range(size)
        order += [row * size + column for row in rows for column in (right, right - 1) if data[row, column]]
    return np.array(order, dtype=np.intp)
