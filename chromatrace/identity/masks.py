"""Which of its eight masks a QR code gets: the one with the lowest penalty, as ISO/IEC 18004:2015, 7.8.3 asks.

`qrcode` builds the code eight times for this, module by module; here the eight candidates are one array.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Modules = npt.NDArray[np.bool_]

RUN_POINTS, BLOCK_POINTS, FINDER_POINTS, BALANCE_POINTS = 3, 3, 40, 10
_LIKE_A_FINDER = (0b10111010000, 0b00001011101)
_FINDER_WINDOW = 11


def mask_patterns(size: int) -> Modules:
    """The eight masks (table 10 of the standard) for a code of `size` modules: (8, size, size), true where flipped."""
    row, column = np.indices((size, size))
    return np.stack(
        [
            (row + column) % 2 == 0,
            row % 2 == 0,
            column % 3 == 0,
            (row + column) % 3 == 0,
            (row // 2 + column // 3) % 2 == 0,
            (row * column) % 2 + (row * column) % 3 == 0,
            ((row * column) % 2 + (row * column) % 3) % 2 == 0,
            ((row + column) % 2 + (row * column) % 3) % 2 == 0,
        ]
    )


def penalties(candidates: Modules) -> npt.NDArray[np.int64]:
    """The penalty of each of the codes in `candidates`, (codes, size, size); table 11 of the standard."""
    count, size, _ = candidates.shape
    # Rows of every code, then columns of every code as rows.
    lines = np.concatenate([candidates, candidates.transpose(0, 2, 1)])
    equal = lines[:, :, 1:] == lines[:, :, :-1]
    points = _run_points(equal) + _finder_points(lines)
    rows_and_columns = points[:count] + points[count:]

    across, down = equal[:count], equal[count:].transpose(0, 2, 1)
    blocks = (across[:, 1:] & across[:, :-1] & down[:, :, 1:]).sum(axis=(1, 2)) * BLOCK_POINTS

    dark = candidates.sum(axis=(1, 2))
    # |dark / all - 1/2| in whole steps of 1/20, without rounding.
    balance = np.abs(20 * dark - 10 * size * size) // (size * size) * BALANCE_POINTS
    total: npt.NDArray[np.int64] = rows_and_columns + blocks + balance
    return total


def _run_points(equal: Modules) -> npt.NDArray[np.int64]:
    """Three points for five modules of one colour in line, one more for each further one."""
    five = equal[:, :, 3:] & equal[:, :, 2:-1] & equal[:, :, 1:-2] & equal[:, :, :-3]
    begins = five.sum(axis=(1, 2)) - (five[:, :, 1:] & five[:, :, :-1]).sum(axis=(1, 2))
    # A run of n >= 5 holds n - 4 windows of five and counts n - 2 points.
    points: npt.NDArray[np.int64] = five.sum(axis=(1, 2)) + (RUN_POINTS - 1) * begins
    return points


def _finder_points(lines: Modules) -> npt.NDArray[np.int64]:
    """Forty points for what looks like the middle of a finder pattern beside four light modules."""
    width = lines.shape[2] - _FINDER_WINDOW + 1
    bits = lines.astype(np.uint16)
    window = np.zeros((*lines.shape[:2], width), dtype=np.uint16)
    for place in range(_FINDER_WINDOW):
        window = (window << 1) | bits[:, :, place : place + width]
    like = (window == _LIKE_A_FINDER[0]) | (window == _LIKE_A_FINDER[1])
    points: npt.NDArray[np.int64] = like.sum(axis=(1, 2)) * FINDER_POINTS
    return points
