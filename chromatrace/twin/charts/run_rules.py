"""Run rules of Nelson and of Western Electric on standardised values, with a state of constant size.

Sources: L. S. Nelson, The Shewhart control chart: tests for special causes, J. Quality Technology 16 (1984) 237-239;
Western Electric, Statistical Quality Control Handbook (1956), also NIST/SEMATECH e-Handbook 6.3.2. A rule that asks for
2 of 3 or 4 of 5 values signals at a value that is itself beyond the limit. A value on the centre line ends a run on one
side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chromatrace.twin.charts.subgroups import Array

RULES = {
    "beyond 3σ": "Nelson 1, Western Electric 1: one value beyond 3σ",
    "9 on one side": "Nelson 2: nine values in a row on one side of the centre line",
    "trend of 6": "Nelson 3: six values in a row increasing or decreasing",
    "14 alternating": "Nelson 4: fourteen values in a row alternating up and down",
    "2 of 3 beyond 2σ": "Nelson 5, Western Electric 2: two of three values beyond 2σ on one side",
    "4 of 5 beyond 1σ": "Nelson 6, Western Electric 3: four of five values beyond 1σ on one side",
    "15 within 1σ": "Nelson 7: fifteen values in a row within 1σ",
    "8 beyond 1σ": "Nelson 8: eight values in a row beyond 1σ on either side",
    "8 on one side": "Western Electric 4: eight values in a row on one side of the centre line",
}
"""Rules by short name. Rule i has the bit 1 << i."""

NELSON = 0b0_1111_1111
WESTERN_ELECTRIC = 0b1_0011_0001

# Number of set bits of the last five flags.
_BITS = tuple(number.bit_count() for number in range(32))
_BIT_ARRAY = np.array(_BITS)


class RunRules:
    """The state of the rules for one tag."""

    __slots__ = (
        "above1",
        "above2",
        "alternating",
        "below1",
        "below2",
        "beyond",
        "direction",
        "last",
        "on_side",
        "side",
        "trend",
        "within",
    )

    def __init__(self) -> None:
        self.last = float("nan")
        self.direction = 0
        self.trend = self.alternating = 0
        self.side = self.on_side = 0
        self.within = self.beyond = 0
        self.above1 = self.below1 = self.above2 = self.below2 = 0
        """The last five (1σ) or three (2σ) values as bits: whether they are beyond the limit."""

    def update(self, z: float) -> int:
        """Return the bits of the rules that signal at the value `z`."""
        last = self.last
        direction = 1 if z > last else -1 if z < last else 0
        if direction == 0:
            self.trend = self.alternating = 1
        elif direction == self.direction:
            self.trend += 1
            self.alternating = 2
        else:
            self.trend = 2
            self.alternating = self.alternating + 1 if self.direction else 2
        self.last, self.direction = z, direction
        side = 1 if z > 0 else -1 if z < 0 else 0
        if side and side == self.side:
            self.on_side += 1
        else:
            self.side, self.on_side = side, abs(side)
        if -1 <= z <= 1:
            self.within += 1
            self.beyond = 0
        else:
            self.beyond += 1
            self.within = 0
        self.above1 = above1 = (self.above1 << 1 | (z > 1)) & 31
        self.below1 = below1 = (self.below1 << 1 | (z < -1)) & 31
        self.above2 = above2 = (self.above2 << 1 | (z > 2)) & 7
        self.below2 = below2 = (self.below2 << 1 | (z < -2)) & 7
        signals = 0
        if z > 3 or z < -3:
            signals = 1
        if self.on_side >= 8:
            signals |= 0x102 if self.on_side >= 9 else 0x100
        if self.trend >= 6:
            signals |= 4
        if self.alternating >= 14:
            signals |= 8
        if (above2 & 1 and _BITS[above2] >= 2) or (below2 & 1 and _BITS[below2] >= 2):
            signals |= 16
        if (above1 & 1 and _BITS[above1] >= 4) or (below1 & 1 and _BITS[below1] >= 4):
            signals |= 32
        if self.within >= 15:
            signals |= 64
        if self.beyond >= 8:
            signals |= 128
        return signals


class TableRunRules:
    """The same state for many tags at once, as arrays."""

    direction: NDArray[np.int64]
    trend: NDArray[np.int64]
    alternating: NDArray[np.int64]
    side: NDArray[np.int64]
    on_side: NDArray[np.int64]
    within: NDArray[np.int64]
    beyond: NDArray[np.int64]
    above1: NDArray[np.int64]
    below1: NDArray[np.int64]
    above2: NDArray[np.int64]
    below2: NDArray[np.int64]

    def __init__(self, tags: int) -> None:
        self.last = np.full(tags, np.nan)
        for name in TableRunRules.__annotations__:
            setattr(self, name, np.zeros(tags, np.int64))

    def update(self, z: Array, present: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the signals of each tag; tags that are not `present` keep their state."""
        direction = np.where(z > self.last, 1, 0) - np.where(z < self.last, 1, 0)
        same = (direction == self.direction) & (direction != 0)
        turned = (direction == -self.direction) & (direction != 0)
        trend = np.where(same, self.trend + 1, np.where(direction == 0, 1, 2))
        alternating = np.where(turned, self.alternating + 1, np.where(direction == 0, 1, 2))
        side = np.where(z > 0, 1, 0) - np.where(z < 0, 1, 0)
        on_side = np.where((side == self.side) & (side != 0), self.on_side + 1, np.abs(side))
        inside = (z >= -1) & (z <= 1)
        new = {
            "last": z,
            "direction": direction,
            "trend": trend,
            "alternating": alternating,
            "side": side,
            "on_side": on_side,
            "within": np.where(inside, self.within + 1, 0),
            "beyond": np.where(inside, 0, self.beyond + 1),
            "above1": (self.above1 << 1 | (z > 1)) & 31,
            "below1": (self.below1 << 1 | (z < -1)) & 31,
            "above2": (self.above2 << 1 | (z > 2)) & 7,
            "below2": (self.below2 << 1 | (z < -2)) & 7,
        }
        for name, values in new.items():
            setattr(self, name, np.where(present, values, getattr(self, name)))
        signals = ((z > 3) | (z < -3)).astype(np.int64)
        signals |= np.where(self.on_side >= 9, 2, 0) | np.where(self.on_side >= 8, 256, 0)
        signals |= np.where(self.trend >= 6, 4, 0) | np.where(self.alternating >= 14, 8, 0)
        signals |= np.where(_several(self.above2, 2) | _several(self.below2, 2), 16, 0)
        signals |= np.where(_several(self.above1, 4) | _several(self.below1, 4), 32, 0)
        signals |= np.where(self.within >= 15, 64, 0) | np.where(self.beyond >= 8, 128, 0)
        return np.where(present, signals, 0)


def _several(history: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
    several: NDArray[np.bool_] = ((history & 1) == 1) & (_BIT_ARRAY[history] >= number)
    return several
