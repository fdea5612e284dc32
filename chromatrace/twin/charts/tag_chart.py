"""The chart of one tag: value limits, moving range, run rules, EWMA and CUSUM, with a state of constant size.

`TagChart` takes one value, `TableChart` one row of many tags. Both give the same signals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts.individuals import MOVING_RANGE_LIMIT, TagLimits
from chromatrace.twin.charts.run_rules import RULES, WESTERN_ELECTRIC, RunRules, TableRunRules
from chromatrace.twin.charts.subgroups import Array

MOVING_RANGE, EWMA, CUSUM_HIGH, CUSUM_LOW = 1 << 9, 1 << 10, 1 << 11, 1 << 12
MISSING, DEAD = 1 << 13, 1 << 14
"""States of a reading that is not monitored: no value of good quality, and a sensor that repeats one value."""
SIGNALS = (*RULES, "moving range", "EWMA", "CUSUM high", "CUSUM low", "missing", "dead")
"""Name of each bit."""
WATCHED = WESTERN_ELECTRIC | EWMA | CUSUM_HIGH | CUSUM_LOW
"""The signals that a chart reports by default."""


def signal_names(signals: int) -> list[str]:
    """Return the names of the bits in `signals`."""
    return [name for bit, name in enumerate(SIGNALS) if signals >> bit & 1]


class TagChart:
    """The chart of one tag. A missing value or a dead sensor gives no signal and leaves the state unchanged.

    EWMA: e = λ z + (1 - λ) e, limits ± L √(λ / (2 - λ) (1 - (1 - λ)^2t)) (Montgomery, section 9.2).
    CUSUM: C+ = max(0, C+ + z - k), C- = max(0, C- - z - k), limit h (section 9.1). z = (value - centre) / σ.
    """

    __slots__ = ("_decay", "_limits", "_watched", "cusum_high", "cusum_low", "equal", "ewma", "last", "rules", "z")

    def __init__(self, limits: TagLimits, watched: int = WATCHED) -> None:
        self._limits = limits
        self._watched = watched
        self._decay = 1.0
        self.rules = RunRules()
        self.ewma = self.cusum_high = self.cusum_low = 0.0
        self.z = self.last = math.nan
        """The last standardised value that was monitored, and the last value."""
        self.equal = 0
        """Number of values in a row that are equal to the last one."""

    def update(self, value: float | None) -> int:
        """Return the signals at a value, as bits of `SIGNALS`; None or NaN is a missing value."""
        if value is None or value != value:
            return MISSING
        limits = self._limits
        if value == self.last:
            self.equal += 1
            if limits.dead_after is not None and self.equal > limits.dead_after:
                return DEAD
        else:
            self.last, self.equal = value, 1
        z = (value - limits.centre) / limits.sigma
        signals = self.rules.update(z)
        step = z - self.z
        if step > MOVING_RANGE_LIMIT or step < -MOVING_RANGE_LIMIT:
            signals |= MOVING_RANGE
        self.z = z
        weight = limits.ewma_weight
        rest = 1 - weight
        self.ewma = ewma = weight * z + rest * self.ewma
        self._decay = decay = self._decay * (rest * rest)
        if abs(ewma) > limits.ewma_width * math.sqrt(weight / (2 - weight) * (1 - decay)):
            signals |= EWMA
        high = self.cusum_high + z - limits.cusum_slack
        low = self.cusum_low - z - limits.cusum_slack
        self.cusum_high = high = high if high > 0 else 0.0
        self.cusum_low = low = low if low > 0 else 0.0
        if high > limits.cusum_limit:
            signals |= CUSUM_HIGH
        if low > limits.cusum_limit:
            signals |= CUSUM_LOW
        return signals & self._watched

    @property
    def state(self) -> dict[str, float | None]:
        """The state as JSON numbers; NaN is None. `restore` continues from it with the same signals."""
        own = {name: getattr(self, name) for name in _STATE}
        rules = {f"rules.{name}": getattr(self.rules, name) for name in RunRules.__slots__}
        return {name: None if value != value else value for name, value in (own | rules).items()}

    def restore(self, state: Mapping[str, float | None]) -> None:
        """Continue from a state. Raises `InvalidInput` if a member is missing."""
        targets: list[tuple[Any, str, str]] = [(self, name, name) for name in _STATE]
        targets += [(self.rules, name, f"rules.{name}") for name in RunRules.__slots__]
        for _, _, member in targets:
            if member not in state:
                raise InvalidInput("missing member", field=f"/{member}")
        for target, name, member in targets:
            setattr(target, name, math.nan if state[member] is None else state[member])


_STATE = ("_decay", "cusum_high", "cusum_low", "equal", "ewma", "last", "z")


class TableChart:
    """The charts of many tags, updated together: one row costs a constant number of array operations."""

    def __init__(self, limits: Sequence[TagLimits], watched: int = WATCHED) -> None:
        tags = len(limits)
        self._watched = watched
        self._dead_after = np.array([np.inf if item.dead_after is None else item.dead_after for item in limits])
        names = ("centre", "sigma", "ewma_weight", "ewma_width", "cusum_slack", "cusum_limit")
        self._centre, self._sigma, self._weight, self._width, self._slack, self._limit = (
            np.array([getattr(item, name) for item in limits], dtype=float) for name in names
        )
        self._rules = TableRunRules(tags)
        self._decay = np.ones(tags)
        self.ewma, self.cusum_high, self.cusum_low = np.zeros(tags), np.zeros(tags), np.zeros(tags)
        self.z, self.last = np.full(tags, np.nan), np.full(tags, np.nan)
        self.equal = np.zeros(tags, np.int64)

    def update(self, row: Array) -> NDArray[np.int64]:
        """Return the signals of each tag at a row of values; NaN is a missing value."""
        given = ~np.isnan(row)
        self.equal = np.where(given, np.where(row == self.last, self.equal + 1, 1), self.equal)
        self.last = np.where(given, row, self.last)
        dead = given & (self.equal > self._dead_after)
        present = given & ~dead
        z = (row - self._centre) / self._sigma
        signals = self._rules.update(z, present)
        signals |= np.where(present & (np.abs(z - self.z) > MOVING_RANGE_LIMIT), MOVING_RANGE, 0)
        self.z = np.where(present, z, self.z)
        rest = 1 - self._weight
        self.ewma = np.where(present, self._weight * z + rest * self.ewma, self.ewma)
        self._decay = np.where(present, self._decay * (rest * rest), self._decay)
        width = self._width * np.sqrt(self._weight / (2 - self._weight) * (1 - self._decay))
        signals |= np.where(present & (np.abs(self.ewma) > width), EWMA, 0)
        high = np.maximum(self.cusum_high + z - self._slack, 0.0)
        low = np.maximum(self.cusum_low - z - self._slack, 0.0)
        self.cusum_high = np.where(present, high, self.cusum_high)
        self.cusum_low = np.where(present, low, self.cusum_low)
        signals |= np.where(present & (self.cusum_high > self._limit), CUSUM_HIGH, 0)
        signals |= np.where(present & (self.cusum_low > self._limit), CUSUM_LOW, 0)
        signals &= self._watched
        return signals | np.where(given, 0, MISSING) | np.where(dead, DEAD, 0)

    def evaluate(self, rows: Array) -> NDArray[np.int64]:
        """Return the signals of recorded rows, one row after the other."""
        return np.array([self.update(row) for row in rows], dtype=np.int64).reshape(rows.shape)
