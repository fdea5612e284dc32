"""Single sampling plans of MIL-STD-105E (1989), Tables I and II-A to II-C, which ISO 2859-1 style plans use.

In each table II, the acceptance and rejection numbers depend only on the sum of the positions of code letter and AQL,
because the sample sizes and the AQLs are the same geometric series. The exceptions are listed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.errors import InvalidInput

AQLS = (
    *(0.010, 0.015, 0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0),
    *(15.0, 25.0, 40.0, 65.0, 100.0, 150.0, 250.0, 400.0, 650.0, 1000.0),
)
"""Acceptable quality levels: percent nonconforming, at most 10; or nonconformities per hundred units."""
LEVELS = ("S-1", "S-2", "S-3", "S-4", "I", "II", "III")
LETTERS = "ABCDEFGHJKLMNPQRS"
"""Code letters of sample sizes. S is in the table of tightened inspection only."""

_LOT_SIZES = (2, 9, 16, 26, 51, 91, 151, 281, 501, 1201, 3201, 10_001, 35_001, 150_001, 500_001)
"""Smallest lot of each line of Table I."""
_CODES = {
    "S-1": "AAAABBBBCCCCDDD",
    "S-2": "AAABBBCCCDDDEEE",
    "S-3": "AABBCCDDEEFFGGH",
    "S-4": "AABCCDEEFGGHJJK",
    "I": "AABCCDEFGHJKLMN",
    "II": "ABCDEFGHJKLMNPQ",
    "III": "BCDEFGHJKLMNPQR",
}


class Severity(StrEnum):
    """Severity of inspection."""

    NORMAL = "normal"
    TIGHTENED = "tightened"
    REDUCED = "reduced"


@dataclass(frozen=True, slots=True)
class SinglePlan:
    """A single sampling plan: accept a lot with at most `accept` nonconforming units, reject it with `reject` or more.

    Under reduced inspection, a lot with a number between them is accepted, and normal inspection follows.
    """

    letter: str
    sample: int
    accept: int
    reject: int


_SIZES = {
    Severity.NORMAL: (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000),
    Severity.TIGHTENED: (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150),
    Severity.REDUCED: (2, 2, 2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800),
}
_UP, _DOWN = -1, 1
"""Arrows: use the plan of the next letter in this direction that has one."""
_Cell = tuple[int, int] | int
_DIAGONALS: dict[Severity, tuple[int, tuple[_Cell, ...]]] = {
    Severity.NORMAL: (
        14,
        (
            *((0, 1), _UP, _DOWN, (1, 2), (2, 3), (3, 4), (5, 6), (7, 8), (10, 11), (14, 15), (21, 22)),
            *((30, 31), (44, 45)),
        ),
    ),
    Severity.TIGHTENED: (
        15,
        (
            *((0, 1), _DOWN, _DOWN, (1, 2), (2, 3), (3, 4), (5, 6), (8, 9), (12, 13), (18, 19)),
            *((27, 28), (41, 42)),
        ),
    ),
    Severity.REDUCED: (
        14,
        (
            *((0, 1), _UP, _DOWN, (0, 2), (1, 3), (1, 4), (2, 5), (3, 6), (5, 8), (7, 10), (10, 13)),
            *((14, 17), (21, 24)),
        ),
    ),
}
"""Sum of the positions of letter and AQL of the first cell with a plan, and the cells by increasing sum."""
_LARGE = 2
"""Number of the last cells of a diagonal that only the letters A to E have."""
_REDUCED_SMALL: dict[tuple[str, float], tuple[int, int]] = {
    **dict(
        zip(
            [("A", aql) for aql in AQLS[17:]],
            [(1, 2), (2, 3), (3, 4), (5, 6), (7, 8), (10, 11), (14, 15), (21, 22), (30, 31)],
            strict=True,
        )
    ),
    **dict(
        zip(
            [("B", aql) for aql in AQLS[18:]],
            [(2, 4), (3, 5), (5, 6), (7, 8), (10, 11), (14, 15), (21, 22), (30, 31)],
            strict=True,
        )
    ),
}
"""Cells of Table II-C for samples of two units, which are not smaller than those of Table II-A."""


def code_letter(lot: int, level: str) -> str:
    """Return the code letter of a lot size and an inspection level (Table I). Raises `InvalidInput`."""
    if level not in LEVELS:
        raise InvalidInput(f"{level!r} is not one of {', '.join(LEVELS)}", field="level")
    if lot < _LOT_SIZES[0]:
        raise InvalidInput(f"the lot has {lot} units; the tables start at 2", field="lot", hint="inspect every unit")
    return _CODES[level][bisect_right(_LOT_SIZES, lot) - 1]


def single_plan(letter: str, aql: float, severity: Severity) -> SinglePlan:
    """Return the plan of a code letter and an AQL; arrows are followed. Raises `InvalidInput` for an unknown AQL."""
    if aql not in AQLS:
        raise InvalidInput(
            f"{aql:g} is not an AQL of the tables", field="aql", hint=f"AQLs: {', '.join(f'{item:g}' for item in AQLS)}"
        )
    row, column = LETTERS.index(letter), AQLS.index(aql)
    cell = _cell(row, column, severity)
    if isinstance(cell, int):
        # No arrow leads out of the table: if there is no plan in its direction, use the other one.
        step = cell if _has_plan(row, column, severity, cell) else -cell
        while isinstance(cell, int):
            row += step
            cell = _cell(row, column, severity)
    return SinglePlan(LETTERS[row], _SIZES[severity][row], *cell)


def _has_plan(row: int, column: int, severity: Severity, step: int) -> bool:
    rows = range(row + step, len(_SIZES[severity])) if step > 0 else range(row + step, -1, -1)
    return any(not isinstance(_cell(other, column, severity), int) for other in rows)


def _cell(row: int, column: int, severity: Severity) -> _Cell:
    letter = LETTERS[row]
    if severity is Severity.REDUCED and (letter, AQLS[column]) in _REDUCED_SMALL:
        return _REDUCED_SMALL[letter, AQLS[column]]
    first, cells = _DIAGONALS[severity]
    position = row + column - first
    if position < 0 or (severity is Severity.TIGHTENED and (letter, position) == ("A", 0)):
        return _DOWN
    if position >= len(cells) - (0 if letter <= "E" else _LARGE):
        return _UP
    return cells[position]
