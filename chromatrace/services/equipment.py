"""Use, maintenance and calibration of a plant's equipment, from the logs of a workspace."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.plant.maintenance_plans import MAINTENANCE, MaintenancePlan
from chromatrace.services.records import plant_of
from chromatrace.services.workspace import Workspace
from chromatrace.twin.equipment.done import Done, MaintenanceLog
from chromatrace.twin.equipment.maintenance import (
    CalibrationStatus,
    TaskStatus,
    calibrations,
    task_counter,
    task_statuses,
)
from chromatrace.twin.equipment.series import MachineLog
from chromatrace.twin.equipment.usage import Usage, usage_of
from chromatrace.twin.plan import NS_PER_S, plan_of

USAGE_COLUMNS = (
    *("machine", "from", "to", "running_s", "idle_s", "stopped_s", "fault_s", "unknown_s", "utilisation", "runs"),
    *("faults", "between_failures_s", "to_repair_s", "units", "rejected"),
)
DOWNTIME_COLUMNS = ("machine", "from", "to", "status", "reason", "seconds", "stops")
TASK_COLUMNS = (
    *("id", "name", "machine", "state", "counter", "limit", "unit", "missing_s", "rate_per_day", "due_at"),
    *("last_done_at", "last_done_by", "problem"),
)


def usage(workspace: Workspace, from_ns: int, to_ns: int, machines: Sequence[str] = ()) -> list[Usage]:
    """Return the use of machines (default: all) in a period. Raises `NotFound` for an unknown machine."""
    if to_ns <= from_ns:
        raise InvalidInput("the end is not after the start", field="to")
    plan = plan_of(plant_of(workspace.settings.plant))
    selected = [plan.machine(machine) for machine in machines] or list(plan.machines)
    return [usage_of(MachineLog(workspace.spool, plan, machine), from_ns, to_ns) for machine in selected]


def maintenance(workspace: Workspace, now_ns: int | None = None) -> list[TaskStatus]:
    """Return the status of every maintenance task of the plant."""
    plant = plant_of(workspace.settings.plant)
    with _log(workspace) as log:
        done = log.last()
    now_ns = time.time_ns() if now_ns is None else now_ns
    tasks = plant.section(MAINTENANCE)
    return task_statuses(workspace.spool, plan_of(plant), tasks, done, now_ns)


def mark_done(workspace: Workspace, task: str, by: str, note: str = "", at_ns: int | None = None) -> Done:
    """Record that a task was done; its counter starts again. Raises `NotFound` for an unknown task."""
    plant = plant_of(workspace.settings.plant)
    at_ns = time.time_ns() if at_ns is None else at_ns
    if at_ns > time.time_ns():
        raise InvalidInput("the time is in the future", field="at")
    tasks = plant.section(MAINTENANCE)
    plan = _task(tasks, task)
    with _log(workspace) as log:
        last = log.last().get(task)
        try:
            counter = task_counter(workspace.spool, plan_of(plant), plan, last, at_ns)
        except NotFound:  # the task can be done before the first reading
            counter = None
        done = Done(task, at_ns, by, note, counter)
        log.add(done)
    return done


def done_tasks(workspace: Workspace) -> list[Done]:
    """Return all tasks that were done, oldest first."""
    with _log(workspace) as log:
        return log.all()


def instrument_calibrations(workspace: Workspace) -> list[CalibrationStatus]:
    """Return the calibration of every instrument of the plant, by due date."""
    return calibrations(plant_of(workspace.settings.plant), datetime.now(UTC))


def usage_facts(usage: Usage) -> dict[str, Any]:
    """Return the use of a machine as JSON."""
    facts = {name: getattr(usage, name) for name in USAGE_COLUMNS if hasattr(usage, name)}
    downtime = [
        {"status": item.status.value, "reason": item.reason, "seconds": item.seconds, "stops": item.stops}
        for item in usage.downtime
    ]
    times = {"from": utc_text(usage.from_ns), "to": utc_text(usage.to_ns)}
    return {"machine": usage.machine} | times | facts | {"downtime": downtime, "log_sizes": usage.log_sizes}


def task_facts(status: TaskStatus) -> dict[str, Any]:
    """Return the status of a task as JSON."""
    last = status.last_done
    facts = {name: getattr(status, name) for name in TASK_COLUMNS if hasattr(status, name)}
    return facts | {
        "state": status.state.value,
        "due_at": None if status.due_at_ns is None else utc_text(status.due_at_ns),
        "last_done_at": None if last is None else utc_text(last.done_ns),
        "last_done_by": None if last is None else last.done_by,
        "log_sizes": status.log_sizes,
    }


def to_csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def utc_text(time_ns: int) -> str:
    """Return Unix nanoseconds as RFC 3339 text in UTC, to the second."""
    return f"{datetime.fromtimestamp(time_ns // NS_PER_S, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _task(tasks: Sequence[MaintenancePlan], task: str) -> MaintenancePlan:
    for plan in tasks:
        if plan.id == task:
            return plan
    known = ", ".join(plan.id for plan in tasks) or "none"
    raise NotFound(f"the plant has no maintenance task {task!r:.80}", field="task", hint=f"known: {known}")


def _log(workspace: Workspace) -> MaintenanceLog:
    _ = workspace.data
    return MaintenanceLog(workspace.settings.operations_url, plant_of(workspace.settings.plant).name)
