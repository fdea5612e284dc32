"""The state of every maintenance task and calibration of a plant, with a forecast."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from chromatrace.domain.errors import NotFound
from chromatrace.ingest.spool import Spool
from chromatrace.plant.maintenance_plans import MaintenancePlan
from chromatrace.plant.records import Plant
from chromatrace.quality.calibration import is_calibrated
from chromatrace.twin.equipment.counters import count
from chromatrace.twin.equipment.done import Done
from chromatrace.twin.equipment.series import MachineLog
from chromatrace.twin.plan import NS_PER_S, TwinPlan

_DAY_NS = 86_400 * NS_PER_S
FORECAST_DAYS = 14
"""The forecast continues the mean rate of at most so many days before the newest reading."""
_NEAR_DAYS = 14
"""A date that is at most so many days ahead is near."""


class TaskState(StrEnum):
    """State of a task."""

    GOOD = "good"
    NEAR = "near"
    DUE = "due"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task now.

    counter, limit, unit  None and "" for a task with a date only
    missing_s             time since the task was done that the counter does not know
    due_at_ns             when it is due, by its date or the forecast; None without either
    log_sizes             readings of each channel that the counter was computed from
    problem               why the counter is unknown
    """

    id: str
    name: str
    machine: str | None
    state: TaskState
    counter: float | None
    limit: float | None
    unit: str
    missing_s: float
    rate_per_day: float | None
    due_at_ns: int | None
    last_done: Done | None
    log_sizes: dict[str, int] = field(default_factory=dict)
    problem: str | None = None


def task_statuses(
    spool: Spool,
    plan: TwinPlan,
    tasks: Sequence[MaintenancePlan],
    done: dict[str, Done],
    now_ns: int,
) -> list[TaskStatus]:
    """Return the status of every task, in the order of the plant file."""
    logs = {task.machine: MachineLog(spool, plan, plan.machine(task.machine)) for task in tasks if task.machine}
    return [_status(task, logs.get(task.machine or ""), done.get(task.id), now_ns) for task in tasks]


def task_counter(spool: Spool, plan: TwinPlan, task: MaintenancePlan, last: Done | None, now_ns: int) -> float | None:
    """Return the counter of a task; None for a task with a date only. Raises `NotFound` without readings."""
    if task.machine is None:
        return None
    log = MachineLog(spool, plan, plan.machine(task.machine))
    return count(log, task, max(last.done_ns if last else 0, log.first_time() or 0), now_ns + 1).value


def _status(task: MaintenancePlan, log: MachineLog | None, last: Done | None, now_ns: int) -> TaskStatus:
    date_ns = None if task.due is None else _end_of(task.due)
    if log is None or task.limit is None:
        return TaskStatus(
            task.id, task.name, None, _worst(_of_date(date_ns, now_ns)), None, None, "", 0.0, None, date_ns, last
        )
    start_ns = max(last.done_ns if last else 0, log.first_time() or 0)
    end_ns = log.last_time()
    if end_ns is None:
        problem = f"no readings of {task.machine}"
        return TaskStatus(
            *(task.id, task.name, task.machine, _worst(TaskState.UNKNOWN, _of_date(date_ns, now_ns)), None, task.limit),
            *(task.unit, 0.0, None, date_ns, last),
            problem=problem,
        )
    try:
        counted = count(log, task, start_ns, end_ns + 1)
        rate = _rate(log, task, start_ns, end_ns)
    except NotFound as error:
        return TaskStatus(
            *(task.id, task.name, task.machine, _worst(TaskState.UNKNOWN, _of_date(date_ns, now_ns)), None, task.limit),
            *(task.unit, 0.0, None, date_ns, last),
            problem=error.message,
        )
    by_counter = TaskState.GOOD
    if counted.value >= task.limit:
        by_counter = TaskState.DUE
    elif counted.value >= task.limit * task.warn_at:
        by_counter = TaskState.NEAR
    due_at = [date_ns] if date_ns is not None else []
    if rate:
        due_at.append(end_ns + int(max(0.0, task.limit - counted.value) / rate * _DAY_NS))
    return TaskStatus(
        *(task.id, task.name, task.machine, _worst(by_counter, _of_date(date_ns, now_ns)), counted.value, task.limit),
        *(task.unit, counted.missing_s, rate, min(due_at, default=None), last, log.log_sizes),
    )


def _rate(log: MachineLog, task: MaintenancePlan, start_ns: int, end_ns: int) -> float | None:
    """Return the mean rate per day before the newest reading; None without a span."""
    from_ns = max(start_ns, end_ns - FORECAST_DAYS * _DAY_NS)
    if end_ns <= from_ns:
        return None
    return count(log, task, from_ns, end_ns + 1).value / ((end_ns - from_ns) / _DAY_NS)


def _of_date(date_ns: int | None, now_ns: int) -> TaskState:
    if date_ns is None or now_ns < date_ns - _NEAR_DAYS * _DAY_NS:
        return TaskState.GOOD
    return TaskState.NEAR if now_ns <= date_ns else TaskState.DUE


def _worst(*states: TaskState) -> TaskState:
    order = (TaskState.GOOD, TaskState.NEAR, TaskState.UNKNOWN, TaskState.DUE)
    return max(states, key=order.index)


def _end_of(day: datetime.date) -> int:
    """Return the last nanosecond of a day (UTC)."""
    midnight = datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC)
    return int(midnight.timestamp()) * NS_PER_S + _DAY_NS - 1


@dataclass(frozen=True, slots=True)
class CalibrationStatus:
    """An instrument with its calibration. An instrument that is not valid cannot give a verdict."""

    id: str
    name: str
    due: datetime.date | None
    valid: bool
    days_left: int | None


def calibrations(plant: Plant, now: datetime.datetime) -> list[CalibrationStatus]:
    """Return the calibration of every instrument, by due date."""
    today = now.astimezone(datetime.UTC).date()
    statuses = [
        CalibrationStatus(
            instrument.id,
            instrument.name,
            instrument.calibration_due,
            is_calibrated(instrument.calibration_due, now),
            None if instrument.calibration_due is None else (instrument.calibration_due - today).days,
        )
        for instrument in plant.instruments
    ]
    return sorted(statuses, key=lambda status: (status.due is None, status.due, status.id))
