"""Inspection tasks for people: an inspector's process adds a task, and a person answers it on the portal.

One SQLite file, shared by the inspectors' processes and the portal; committed tasks and answers survive SIGKILL of
either. A task is answered once, before its deadline, and one person answers at most one task per round. The salt and
key of a sealed answer stay with the inspector's process (docs/adr/0006).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.quality.check_sheet import Parameter, Size, ToleranceSheet
from chromatrace.quality.findings import check_finding
from chromatrace.storage.closing import Closing
from chromatrace.storage.private import private_folder
from chromatrace.storage.sqlite import FileErrors, open_file, transaction

FILE_NAME = "inspection-tasks.db"
"""Name of the file in the portal's data folder."""
_BUSY_S = 10.0
_COLUMNS = (
    "round, inspector, organisation, deadline, about, sheet, state, defects, measurements, answered_by, answered_at"
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    round BLOB, inspector TEXT, organisation INTEGER, deadline INTEGER, about TEXT, sheet TEXT,
    state TEXT, defects INTEGER, measurements TEXT, answered_by TEXT, answered_at INTEGER,
    PRIMARY KEY (round, inspector)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class TaskSubject:
    """The object of an inspection.

    subject  id of a batch or workpiece
    states   possible answers; `passing`: index of the one that means that the product passed
    """

    subject: str
    step: int
    stage: str
    sample_size: int
    states: tuple[str, ...]
    passing: int = 0


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """A person's answer. `measurements`: value and size of each parameter of the check sheet; empty without one.

    `answered_by` is the person's address, `answered_at` in Unix seconds.
    """

    state: str
    defects: int
    measurements: Mapping[str, Mapping[str, Any]]
    answered_by: str
    answered_at: int


@dataclass(frozen=True, slots=True)
class InspectionTask:
    """One seat of a round, to be answered by a person.

    inspector  account of the seat
    deadline   last Unix second at which an answer can still be sealed, sent and included in time
    sheet      parameters to measure; None: the person chooses the state
    """

    round: bytes
    inspector: str
    organisation: int
    deadline: int
    about: TaskSubject
    sheet: ToleranceSheet | None = None
    answer: TaskAnswer | None = None


class InspectionTasks(Closing):
    """The task file of one data folder. Any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        private_folder(path.parent)
        self._db = open_file(path, FileErrors("inspection_tasks"), _BUSY_S)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, task: InspectionTask) -> TaskAnswer | None:
        """Add a task, and return its answer if it has one. An open task gets the deadline of `task`."""
        known = self.find(task.round, task.inspector)
        if known is not None:
            if known.answer is None and known.deadline != task.deadline:  # seats were drawn again
                self._db.execute(
                    "UPDATE tasks SET deadline = ? WHERE round = ? AND inspector = ? AND state IS NULL",
                    (task.deadline, task.round, task.inspector.lower()),
                )
            return known.answer
        sheet = None if task.sheet is None else _json(asdict(task.sheet))
        self._db.execute(
            "INSERT OR IGNORE INTO tasks (round, inspector, organisation, deadline, about, sheet) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (task.round, task.inspector.lower(), task.organisation, task.deadline, _json(asdict(task.about)), sheet),
        )
        return None

    def find(self, round_: bytes, inspector: str) -> InspectionTask | None:
        """Return the task of a seat."""
        rows = self._tasks("round = ? AND inspector = ?", round_, inspector.lower())
        return rows[0] if rows else None

    def waiting(self, organisation: int, now: float | None = None) -> list[InspectionTask]:
        """Return the organisation's open tasks, the most urgent first."""
        moment = time.time() if now is None else now
        return self._tasks(
            "organisation = ? AND state IS NULL AND deadline >= ? ORDER BY deadline, round, inspector",
            organisation,
            int(moment),
        )

    def answered_by(self, person: str, maximum: int = 10) -> list[InspectionTask]:
        """Return the tasks that a person has answered, the newest first."""
        return self._tasks("answered_by = ? ORDER BY answered_at DESC LIMIT ?", person.lower(), maximum)

    def submit(
        self,
        task: InspectionTask,
        person: str,
        *,
        values: Mapping[str, float] | None = None,
        state: str | None = None,
        defects: int = 0,
    ) -> TaskAnswer:
        """Answer a task: values of the check sheet's parameters, or a state if there is no sheet.

        defects  units out of limits
        state    with a sheet, it may be given too and must be the state that the values give

        Raises `InvalidInput` naming the field; `NotFound`; `Conflict` if the task is answered or over, or if `person`
        has answered another task of this round.
        """
        now = int(time.time())
        with transaction(self._db):
            known = self.find(task.round, task.inspector)
            if known is None:
                raise NotFound("there is no such inspection task", field="round")
            if known.answer is not None:
                raise Conflict("the task is already answered", field="round", hint="an answer cannot be changed")
            if now > known.deadline:
                raise Conflict(
                    "the deadline has passed",
                    field="round",
                    hint="the answer could not reach the chain in time; the round continues without this seat",
                )
            if self._tasks("round = ? AND answered_by = ?", task.round, person.lower()):
                raise Conflict(
                    "you have already answered a task of this round",
                    field="round",
                    hint="another person must answer for this seat",
                )
            result, measurements = _evaluate(task, values or {}, state)
            check_finding(
                result == task.about.states[task.about.passing],
                defects,
                task.about.sample_size,
                measured_misfit=any(item["size"] != Size.FIT for item in measurements.values()),
            )
            self._db.execute(
                "UPDATE tasks SET state = ?, defects = ?, measurements = ?, answered_by = ?, answered_at = ? "
                "WHERE round = ? AND inspector = ?",
                (result, defects, _json(measurements), person.lower(), now, task.round, task.inspector.lower()),
            )
        return TaskAnswer(result, defects, measurements, person.lower(), now)

    def _tasks(self, condition: str, *values: object) -> list[InspectionTask]:
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM tasks WHERE {condition}",  # noqa: S608 - constants of this module
            values,
        )
        return [_task(row) for row in rows]


def _evaluate(
    task: InspectionTask, values: Mapping[str, float], state: str | None
) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the state that the values give, and value and size of each parameter."""
    sheet = task.sheet
    if sheet is None:
        if state not in task.about.states:
            raise InvalidInput(f"expected {' or '.join(task.about.states)}, got {state!r}", field="state")
        return state, {}
    sizes = sheet.evaluate(values)
    measurements = {name: {"value": values[name], "size": size.value} for name, size in sizes.items()}
    result = sheet.state(values)
    if state is not None and state != result:
        raise InvalidInput(
            f"the answer is {state!r}, but the measured values give {result!r}",
            field="state",
            hint="correct the values or the answer",
        )
    return result, measurements


def _task(row: tuple[Any, ...]) -> InspectionTask:
    round_, inspector, organisation, deadline, about, sheet, state, *answer = row
    subject = orjson.loads(about)
    subject["states"] = tuple(subject["states"])
    task_answer = None
    if state is not None:
        defects, measurements, answered_by, answered_at = answer
        task_answer = TaskAnswer(state, defects, orjson.loads(measurements), answered_by, answered_at)
    return InspectionTask(
        bytes(round_),
        inspector,
        organisation,
        deadline,
        TaskSubject(**subject),
        sheet and _sheet(orjson.loads(sheet)),
        task_answer,
    )


def _sheet(content: dict[str, Any]) -> ToleranceSheet:
    parameters = tuple(Parameter(**parameter) for parameter in content["parameters"])
    return ToleranceSheet(parameters, tuple(content["states"]))


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
