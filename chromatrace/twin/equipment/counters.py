"""Maintenance counters, computed from the log since the task was done last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from chromatrace.domain.reading import ReadingValue
from chromatrace.domain.units import conversion
from chromatrace.plant.maintenance_plans import MaintenancePlan
from chromatrace.twin.equipment.series import MachineLog
from chromatrace.twin.equipment.usage import increases, periods, starts
from chromatrace.twin.plan import NS_PER_S, MachineStatus

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Counted:
    """The value of a counter, and the time in seconds that it does not know because readings are missing."""

    value: float
    missing_s: float = 0.0


def count(log: MachineLog, plan: MaintenancePlan, from_ns: int, to_ns: int) -> Counted:
    """Return the counter of a task in a period. Raises `NotFound` if the log has no readings of its tag."""
    if plan.measure == "running":
        timeline = periods(log, from_ns, to_ns)
        return Counted(
            sum(item.seconds for item in timeline if item.status is MachineStatus.RUNNING) / _HOUR_S,
            sum(item.seconds for item in timeline if item.status is MachineStatus.UNKNOWN),
        )
    if plan.measure == "runs":
        return Counted(float(starts(periods(log, from_ns, to_ns), MachineStatus.RUNNING)))
    assert plan.tag is not None
    log.require(plan.tag)
    if plan.measure == "increase":
        before = log.value_before(plan.tag, from_ns)
        last = None if before is None else before[1]
        return Counted(increases(log.values(plan.tag, from_ns, to_ns), last))
    values = log.values(plan.tag, from_ns, to_ns)
    before = log.value_before(plan.tag, from_ns)
    if before is not None and from_ns - before[0] <= plan.maximum_gap_s * NS_PER_S:
        values = chain([(from_ns, before[1])], values)
    integral, missing_s = integrate(values, plan.maximum_gap_s)
    to_unit = conversion(f"{plan.tag_unit}*h" if plan.tag_unit else "h", plan.unit)
    return Counted(to_unit(integral / _HOUR_S), missing_s)


def integrate(values: Iterable[tuple[int, ReadingValue]], maximum_gap_s: float) -> tuple[float, float]:
    """Return the integral over time by the trapezoidal rule (unit times seconds), and the seconds left out.

    A gap of more than `maximum_gap_s` between two good numbers is left out, and so is the time to and from a bad one.
    """
    total = missing_s = 0.0
    last: tuple[int, float] | None = None
    last_time: int | None = None
    for time_ns, value in values:
        span_s = 0.0 if last_time is None else (time_ns - last_time) / NS_PER_S
        number = float(value) if isinstance(value, float | int) else None
        if last is not None and number is not None and span_s <= maximum_gap_s:
            total += (last[1] + number) / 2 * span_s
        else:
            missing_s += span_s
        last = None if number is None else (time_ns, number)
        last_time = time_ns
    return total, missing_s
