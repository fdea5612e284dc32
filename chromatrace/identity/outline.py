"""The outline of a pattern of square modules, as closed polygons of horizontal and vertical edges.

Drawing the outline avoids the hairlines that anti-aliasing leaves between adjacent rectangles.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Corner = tuple[int, int]
"""x to the right, y downwards, in modules."""


def polygons(modules: npt.NDArray[np.bool_]) -> list[list[Corner]]:
    """Return the outline of the true modules of a two-dimensional array, for the even-odd rule.

    Each polygon is a list of corners that starts with a horizontal edge and does not repeat the first corner.

    On every horizontal and vertical grid line, corners come in pairs, and each pair is an edge. The walk along a
    polygon alternates between the partner in the row and the partner in the column. If two modules touch at a corner
    only, two corners of the outline coincide.
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
    # In row-major order, the partner of a corner in its row is its neighbour: 0 with 1, 2 with 3, ...
    by_column = np.lexsort((ys, xs))
    partner = np.empty(len(xs), dtype=np.intp)
    partner[by_column[0::2]], partner[by_column[1::2]] = by_column[1::2], by_column[0::2]
    return _walk(xs.tolist(), ys.tolist(), partner.tolist())


def _walk(xs: list[int], ys: list[int], partner: list[int]) -> list[list[Corner]]:
    seen = bytearray(len(xs))
    outline: list[list[Corner]] = []
    for start in range(len(xs)):
        if seen[start]:
            continue
        polygon: list[Corner] = []
        corner = start
        while not seen[corner]:
            across = corner ^ 1
            seen[corner] = seen[across] = 1
            polygon += ((xs[corner], ys[corner]), (xs[across], ys[across]))
            corner = partner[across]
        outline.append(polygon)
    return outline


def svg_path(outline: Iterable[list[Corner]], offset: int = 0) -> str:
    """Return the outline as the data of an SVG path with relative edges, moved by `offset` right and down."""
    parts: list[str] = []
    for polygon in outline:
        x, y = polygon[0]
        parts.append(f"M{x + offset} {y + offset}")
        # Pairs of horizontal and vertical edges; the last vertical edge closes the path.
        for (right, _), (_, below) in zip(polygon[1:-1:2], polygon[2::2], strict=True):
            parts.append(f"h{right - x}v{below - y}")
            x, y = right, below
        parts.append(f"h{polygon[-1][0] - x}z")
    return "".join(parts)
