"""Follow the control chart of a tag and raise its alarms."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.plant.chart_plans import ChartPlan
from chromatrace.twin.charts.individuals import TagLimits
from chromatrace.twin.charts.run_rules import WESTERN_ELECTRIC
from chromatrace.twin.charts.tag_chart import (
    CUSUM_HIGH,
    CUSUM_LOW,
    DEAD,
    EWMA,
    MISSING,
    MOVING_RANGE,
    TagChart,
    signal_names,
)
from chromatrace.twin.state.records import ChartState

_NELSON = 0b1111_1111
_BITS = {
    "western electric": WESTERN_ELECTRIC,
    "nelson": _NELSON,
    "moving range": MOVING_RANGE,
    "EWMA": EWMA,
    "CUSUM": CUSUM_HIGH | CUSUM_LOW,
}


@dataclass(frozen=True, slots=True)
class ChartChange:
    """The alarm of a chart at a reading. `active`: None if it does not change."""

    active: bool | None
    dead: bool
    signals: tuple[str, ...] = ()


class ChartFollower:
    """Applies the readings of a tag to its chart. `state` is the stored form, after `store`."""

    def __init__(self, plan: ChartPlan, state: ChartState) -> None:
        self.plan, self.state = plan, state
        watched = 0
        for name in plan.signals:
            watched |= _BITS[name]
        self.chart = TagChart(TagLimits(plan.centre, plan.sigma, plan.dead_after), watched)
        if state.values:
            self.chart.restore(dict(zip(self.chart.state, state.values, strict=True)))

    def store(self) -> None:
        """Bring the stored form up to date."""
        self.state.values = list(self.chart.state.values())

    def apply(self, value: float | None) -> ChartChange:
        """Apply a reading; None if it has no good value."""
        state = self.state
        signals = self.chart.update(value)
        if signals & (MISSING | DEAD):
            return ChartChange(None, bool(signals & DEAD))
        if signals:
            state.quiet = 0
            return ChartChange(True, False, tuple(signal_names(signals)))
        state.quiet += 1
        return ChartChange(False if state.quiet == self.plan.clear_after else None, False)
