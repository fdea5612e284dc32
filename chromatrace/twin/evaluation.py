"""Apply a model to a recorded file, to evaluate it before it goes live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts import Alarm, Model, Monitor
from chromatrace.twin.charts.subgroups import Array
from chromatrace.twin.recorded import Recording


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The alarms of a recorded file and, for each row, the statistics (NaN: not monitored).

    excluded  rows that each tag was excluded from, because its value was missing or its sensor was dead
    """

    model: Model
    alarms: list[Alarm]
    statistics: Array
    excluded: dict[str, int]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.statistics)

    @property
    def ratios(self) -> Array:
        """The statistics in units of their limits."""
        ratios: Array = self.statistics / np.array(self.model.limits)
        return ratios

    @property
    def shares_above(self) -> dict[str, float]:
        """The share of the monitored rows above each limit."""
        return {name: _share(self.ratios[:, index] > 1) for index, name in enumerate(self.model.statistics)}

    def detection(self, fault_row: int) -> dict[str, Any]:
        """Return how well a fault that begins at `fault_row` was detected, for each statistic and for either.

        false_alarms  share of the earlier rows above the limit
        missed        share of the rows from `fault_row` that are not above it
        delay_rows    rows from the fault to the first row of the alarm, counted from the last row before the fault
        raised_after  rows from the fault to the row at which the alarm is raised
        """
        if not 0 < fault_row < self.rows:
            raise InvalidInput(f"{fault_row} is not a row from 1 to {self.rows - 1}", field="fault_row")
        above = self.ratios > 1
        figures = {}
        for name, column in zip((*self.model.statistics, "either"), (*above.T, above.any(axis=1)), strict=True):
            alarms = [alarm for alarm in self.alarms if alarm.raised_row >= fault_row]
            alarms = [alarm for alarm in alarms if name in ("either", alarm.statistic)]
            first = min(alarms, key=lambda alarm: alarm.raised_row, default=None)
            figures[name] = {
                "false_alarms": _share(column[:fault_row]),
                "missed": _share(~column[fault_row:]),
                "delay_rows": None if first is None else first.first_row - fault_row + 1,
                "raised_after": None if first is None else first.raised_row - fault_row,
            }
        return figures

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "rows": self.rows,
            "alarms": [
                {
                    "statistic": alarm.statistic,
                    "first_row": alarm.first_row,
                    "raised_row": alarm.raised_row,
                    "last_row": alarm.last_row,
                    "tags": {tag: alarm.contributions[tag] for tag in alarm.main_tags},
                }
                for alarm in self.alarms
            ],
            "share_above": self.shares_above,
            "excluded": self.excluded,
        }


def _share(flags: Any) -> float:
    return float(np.mean(flags)) if len(flags) else 0.0


def evaluate(
    model: Model, recording: Recording, run_length: int, progress: Callable[[int], None] = lambda row: None
) -> Evaluation:
    """Apply the model to each row of a file. Raises `InvalidInput` if a tag of the model is missing."""
    monitor = Monitor(model, run_length)
    alarms: list[Alarm] = []
    excluded: dict[str, int] = {}
    rows = recording.columns(model.tags)
    statistics = np.empty((len(rows), 2))
    for number, row in enumerate(rows):
        result = monitor.update(row)
        statistics[number] = result.statistics
        alarms += result.raised
        for tag in result.excluded:
            excluded[tag] = excluded.get(tag, 0) + 1
        if number % 1000 == 0:
            progress(number)
    return Evaluation(model, alarms, statistics, excluded)
