"""Apply a model row by row: statistics, dead sensors, run rule and alarms, with a state of constant size.

A tag is excluded from a row if its value is missing or of bad quality, or if its sensor is dead: more equal values in a
row than in the training and limit data. The other tags are monitored on: excluded values are replaced by their expected
values. When a sensor turns out to be dead, the rows of its constant run are evaluated again without it. A row with
fewer than half of the tags is not monitored; it neither extends nor ends a run of rows above a limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import msgspec
import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.strict_json import Digest, JsonObject, Positive, Whole
from chromatrace.twin.charts.model import Form, Mask, Model
from chromatrace.twin.charts.subgroups import Array

DEFAULT_RUN_LENGTH = 6
MAX_NAMED = 5
"""Tags that an alarm names."""


@dataclass(slots=True)
class Alarm:
    """An alarm of one statistic. Rows count from 0.

    first_row      first of the rows above the limit
    raised_row     row at which the run reached the run length
    last_row       last row above the limit so far
    contributions  share of each tag in the statistic at `raised_row`, largest first
    """

    statistic: str
    first_row: int
    raised_row: int
    last_row: int
    contributions: dict[str, float]

    @property
    def main_tags(self) -> list[str]:
        """The tags that contribute most."""
        return list(self.contributions)[:MAX_NAMED]


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of one row: both statistics (NaN if the row is not monitored), and what changed."""

    row: int
    statistics: tuple[float, float]
    above: tuple[bool, bool]
    excluded: tuple[str, ...]
    raised: tuple[Alarm, ...] = ()
    ended: tuple[Alarm, ...] = ()


@dataclass(slots=True)
class _Row:
    """A row that may be evaluated again: its number, values, excluded tags, and whether it is above each limit."""

    number: int
    values: Array
    excluded: Mask
    above: list[bool] | None = None


@dataclass(slots=True)
class _Run:
    """The current run of rows above one limit, and its alarm."""

    length: int = 0
    first_row: int = 0
    alarm: Alarm | None = field(default=None)


class RecentRow(JsonObject, frozen=True):
    """A row of a `MonitorState`: standardised values, excluded tags, whether it is above each limit."""

    number: Whole
    values: list[float]
    excluded: list[bool]
    above: list[bool] | None


class RunState(JsonObject, frozen=True):
    """A run of rows above one limit in a `MonitorState`."""

    length: Whole
    first_row: Whole
    alarm: Alarm | None


class MonitorState(JsonObject, frozen=True):
    """The state of a `Monitor`: as many rows as the run length and the lags need, and the constant run of each tag."""

    model: Digest
    run_length: Positive
    rows: Whole
    last: list[float | None]
    equal: list[Whole]
    recent: list[RecentRow]
    runs: Annotated[list[RunState], msgspec.Meta(min_length=2, max_length=2)]


def _run(state: RunState) -> _Run:
    alarm = state.alarm
    if alarm is not None:  # canonical JSON sorts members by name
        shares = dict(sorted(alarm.contributions.items(), key=lambda item: -item[1]))
        alarm = replace(alarm, contributions=shares)
    return _Run(state.length, state.first_row, alarm)


class Monitor:
    """The state of a model that is applied to consecutive rows.

    run_length  consecutive rows above a limit that raise an alarm; a single row is above one with probability
                `model.false_alarms`
    """

    def __init__(self, model: Model, run_length: int = DEFAULT_RUN_LENGTH) -> None:
        if run_length < 1:
            raise InvalidInput(f"run length is {run_length}; it must be at least 1", field="run_length")
        self.model = model
        self.run_length = run_length
        self._form = Form(model)
        self._dead_after = np.array(model.dead_after)
        self.rows = 0
        """Rows so far."""
        self.reset()

    def reset(self) -> None:
        """Forget earlier rows, for example after an interruption. The row number continues."""
        tags = len(self.model.tags)
        self._last, self._equal = np.full(tags, np.nan), np.zeros(tags, np.int64)
        self._dead = np.zeros(tags, np.bool_)
        self._recent: deque[_Row] = deque(maxlen=self.run_length + self.model.lags - 1)
        self._runs = (_Run(), _Run())

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms that are active."""
        return tuple(run.alarm for run in self._runs if run.alarm is not None)

    @property
    def state(self) -> MonitorState:
        """A copy of the state, for JSON. `restore` continues from it with the same results."""
        return MonitorState(
            self.model.digest,
            self.run_length,
            self.rows,
            [None if np.isnan(value) else float(value) for value in self._last],
            self._equal.tolist(),
            [RecentRow(r.number, r.values.tolist(), r.excluded.tolist(), r.above) for r in self._recent],
            [
                RunState(run.length, run.first_row, None if run.alarm is None else replace(run.alarm))
                for run in self._runs
            ],
        )

    def restore(self, state: MonitorState) -> None:
        """Continue from a state. Raises `InvalidInput` if it belongs to another model or run length."""
        if state.model != self.model.digest:
            raise InvalidInput("the state belongs to another model", field="model")
        if state.run_length != self.run_length:
            raise InvalidInput(
                f"the state belongs to the run length {state.run_length}, not {self.run_length}", field="run_length"
            )
        self.reset()
        self.rows = state.rows
        self._last = np.array([np.nan if value is None else value for value in state.last])
        self._equal = np.array(state.equal, np.int64)
        self._dead = self._equal > self._dead_after
        for row in state.recent:
            above = None if row.above is None else list(row.above)
            self._recent.append(_Row(row.number, np.array(row.values), np.array(row.excluded, np.bool_), above))
        self._runs = (_run(state.runs[0]), _run(state.runs[1]))

    def update(self, row: Sequence[float] | Array) -> RowResult:
        """Take the next row, in the order of `model.tags`; NaN is a missing value or one of bad quality."""
        values = np.asarray(row, dtype=float)
        if values.shape != self._last.shape:
            raise InvalidInput(f"expected {len(self._last)} values, got shape {values.shape}", field="row")
        missing = ~np.isfinite(values)
        newly_dead = self._find_dead(values, missing)
        excluded = missing | self._dead
        current = _Row(self.rows, self._form.standardised(np.where(missing, self._form.mean, values)), excluded)
        self._recent.append(current)
        self.rows += 1
        if newly_dead is not None:
            self._evaluate_again(newly_dead)
        statistics = self._evaluate(len(self._recent) - 1)
        raised: list[Alarm] = []
        ended: list[Alarm] = []
        if current.above is not None:
            for index, run in enumerate(self._runs):
                self._count(run, index, current.above[index], raised, ended)
        names = tuple(self.model.tags[index] for index in np.flatnonzero(excluded)) if excluded.any() else ()
        above = (False, False) if current.above is None else (current.above[0], current.above[1])
        return RowResult(current.number, statistics, above, names, tuple(raised), tuple(ended))

    def _find_dead(self, values: Array, missing: Mask) -> Mask | None:
        """Update the constant runs; return the sensors that are dead from this row on, None if there is none."""
        self._equal = np.where(missing, self._equal, np.where(values == self._last, self._equal + 1, 1))
        self._last = np.where(missing, self._last, values)
        dead = self._equal > self._dead_after
        newly_dead = dead & ~self._dead
        self._dead = dead
        return newly_dead if newly_dead.any() else None

    def _evaluate(self, index: int) -> tuple[float, float]:
        """Compute the statistics of a recent row and whether they are above the limits."""
        lags, row = self.model.lags, self._recent[index]
        row.above = None
        if index < lags - 1 or row.excluded.sum() * 2 > len(row.excluded):
            return float("nan"), float("nan")
        x, excluded = self._lagged(index)
        statistics = self._form.evaluate(self._form.filled(x, excluded)[None])[0]
        row.above = (statistics > self._form.limits).tolist()
        return float(statistics[0]), float(statistics[1])

    def _lagged(self, index: int) -> tuple[Array, Mask]:
        rows = [self._recent[index - lag] for lag in range(self.model.lags)]
        return np.concatenate([row.values for row in rows]), np.concatenate([row.excluded for row in rows])

    def _evaluate_again(self, newly_dead: Mask) -> None:
        """Exclude sensors from the recent rows of their constant run, and count the runs above the limits again."""
        for back, row in enumerate(reversed(self._recent)):
            row.excluded = row.excluded | (newly_dead & (self._equal > back))
        oldest = len(self._recent) - self.run_length
        earlier = range(max(oldest, self.model.lags - 1), len(self._recent) - 1)
        for index in earlier:
            self._evaluate(index)
        counted = [row for row in (self._recent[index] for index in earlier) if row.above is not None]
        for number, run in enumerate(self._runs):
            trailing = 0
            for row in reversed(counted):
                if row.above is None or not row.above[number]:
                    break
                trailing += 1
            if trailing < min(run.length, len(counted)):
                run.length = trailing
                run.first_row = counted[-trailing].number if trailing else run.first_row

    def _count(self, run: _Run, index: int, above: bool, raised: list[Alarm], ended: list[Alarm]) -> None:
        """Extend or end the run of one statistic at the newest row."""
        row = self._recent[-1].number
        if not above:
            if run.alarm is not None:
                ended.append(run.alarm)
            run.length, run.alarm = 0, None
            return
        run.length += 1
        if run.length == 1:
            run.first_row = row
        if run.alarm is not None:
            run.alarm.last_row = row
        elif run.length >= self.run_length:
            run.alarm = Alarm(self.model.statistics[index], run.first_row, row, row, self._shares(index))
            raised.append(run.alarm)

    def _shares(self, index: int) -> dict[str, float]:
        """Return the share of each tag in a statistic of the newest row, largest first."""
        x, excluded = self._lagged(len(self._recent) - 1)
        parts = self._form.contributions(self._form.filled(x, excluded))[index]
        parts = parts / parts.sum()
        return {self.model.tags[tag]: float(parts[tag]) for tag in np.argsort(-parts, kind="stable")}
