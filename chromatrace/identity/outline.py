"""The outline of a pattern of square modules, as closed polygons of horizontal and vertical edges.

A pattern drawn as its outline has no seams: renderers that smooth edges leave hairlines between rectangles that touch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Corner = tuple[int, int]
"""x to the right, y downwards, in modules."""


def polygons(modules: npt.NDArray[np.bool_]) -> list[list[Corner]]:
    """The outline of the true modules of a two-dimensional array, to be filled by the even-odd rule.

    Each polygon is a list of corners, beginning with a horizontal edge, without the first corner repeated.

    Along every horizontal grid line corners come in pairs, each an edge; along every vertical line too. So a polygon
    is walked by going to the partner in the row and to the partner in the column in turn. Where two modules touch at
    a corner only, two corners of the outline fall together and stand there twice.
    """
    padded = np.pad(modules, 1).astype(np.int8)
    upper_left, upper_right = padded[:-1, :-1], padded[:-1, 1:]
    lower_left, lower_right = padded[1:, :-1], padded[1:, 1:]
    odd = (upper_left + upper_right + lower_left + lower_right) & 1
    touching = (upper_left == lower_right) & (upper_right == lower_left) & (upper_left != upper_right)
    times = odd + 2 * touching
    ys, xs = np.nonzero(times)
    repeats = times[ys, xs]
    ys, xs = np.repeat(ys, repeats), np.repeat(xs, repeats)
    # In row-major order the corner's partner along the row is its neighbour: 0 with 1, 2 with 3, ...
    by_column = np.lexsort((ys, xs))
    partner = np.empty(len(xs), dtype=np.intp)
    partner[by_column[0::2]], partner[by_column[1::2]] = by_column[1::2], by_column[0::2]
    return _walk(xs.tolist(), ys.tolist(), partner.tolist())


def _walk(xs: list[int], ys: list[int], partner: list[int]) -> list[list[Corner]]:
    seen = bytearray(len(xs))
    found: list[list[Corner]] = []
    for start in range(len(xs)):
        if seen[start]:
            continue
        polygon: list[Corner] = []
        at = start
        while not seen[at]:
            across = at ^ 1
            seen[at] = seen[across] = 1
            polygon += ((xs[at], ys[at]), (xs[across], ys[across]))
            at = partner[across]
        found.append(polygon)
    return found


def svg_path(outline: Iterable[list[Corner]], offset: int = 0) -> str:
    """The outline as the data of one SVG path with relative edges, moved by `offset` right and down."""
    parts: list[str] = []
    for polygon in outline:
        x, y = polygon[0]
        parts.append(f"M{x + offset} {y + offset}")
        # Edges by pairs, across and down; the last one down is the way back to the start.
        for (right, _), (_, below) in zip(polygon[1:-1:2], polygon[2::2], strict=True):
            parts.append(f"h{right - x}v{below - y}")
            x, y = right, below
        parts.append(f"h{polygon[-1][0] - x}z")
    return "".join(parts)
