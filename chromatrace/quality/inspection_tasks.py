"""The desk where people read for inspectors: questions that an inspector's process has put, and what a person answered.

One SQLite file that the inspectors' processes and the portal share; whatever was put or answered survives kill -9 of
either. An answer is taken once, before its deadline, and nobody reads twice for one round. Seals never come here: salt
and key stay with the process (docs/adr/0006).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.quality.check_sheet import CheckSheet, Parameter
from chromatrace.storage.closing import Closing
from chromatrace.storage.sqlite import open_file, transaction

NAME = "reading-desk.db"
"""Of the file, in the portal's data folder."""
_BUSY_S = 10.0
_COLUMNS = "round, inspector, organisation, deadline, about, sheet, state, defects, readings, answered_by, answered_at"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS questions (
    round BLOB, inspector TEXT, organisation INTEGER, deadline INTEGER, about TEXT, sheet TEXT,
    state TEXT, defects INTEGER, readings TEXT, answered_by TEXT, answered_at INTEGER,
    PRIMARY KEY (round, inspector)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class About:
    """What is to be inspected; `subject` is a batch's or a workpiece's id, `states` are the possible answers."""

    subject: str
    step: int
    stage: str
    sample_size: int
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a person answered. `readings`: value and size of each parameter, where there is a check sheet."""

    state: str
    defects: int
    readings: Mapping[str, Mapping[str, Any]]
    answered_by: str
    answered_at: int


@dataclass(frozen=True, slots=True)
class Question:
    """A seat of a round that waits for a person. `inspector`: its account; `deadline` in Unix seconds.

    `sheet`: what to measure; None where the person says the state itself.
    """

    round: bytes
    inspector: str
    organisation: int
    deadline: int
    about: About
    sheet: CheckSheet | None = None
    reading: Reading | None = None


class ReadingDesk(Closing):
    """The desk of one data folder. Any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = open_file(path, "reading_desk", _BUSY_S)
        path.chmod(0o600)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Gives the file back."""
        self._db.close()

    def put(self, question: Question) -> Reading | None:
        """Puts a question, once however often it is called; the reading where there is one."""
        found = self.find(question.round, question.inspector)
        if found is not None:
            return found.reading
        sheet = None if question.sheet is None else _text(asdict(question.sheet))
        self._db.execute(
            "INSERT OR IGNORE INTO questions (round, inspector, organisation, deadline, about, sheet) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                question.round,
                question.inspector.lower(),
                question.organisation,
                question.deadline,
                _text(asdict(question.about)),
                sheet,
            ),
        )
        return None

    def find(self, round_: bytes, inspector: str) -> Question | None:
        """The question put for this seat."""
        rows = self._questions("round = ? AND inspector = ?", round_, inspector.lower())
        return rows[0] if rows else None

    def waiting(self, organisation: int, now: float | None = None) -> list[Question]:
        """The organisation's open questions, the most urgent first."""
        moment = time.time() if now is None else now
        return self._questions(
            "organisation = ? AND state IS NULL AND deadline >= ? ORDER BY deadline, round, inspector",
            organisation,
            int(moment),
        )

    def read_by(self, person: str, most: int = 10) -> list[Question]:
        """What this person has answered, the newest first."""
        return self._questions("answered_by = ? ORDER BY answered_at DESC LIMIT ?", person.lower(), most)

    def answer(
        self,
        question: Question,
        person: str,
        *,
        values: Mapping[str, float] | None = None,
        state: str | None = None,
        defects: int = 0,
    ) -> Reading:
        """Hands in a reading: values of the check sheet's parameters, or a state where there is none.

        Raises `InvalidInput` naming the field, `Conflict` where the question is answered or over, or where `person` has
        read for this round already, `NotFound`.
        """
        chosen, readings = _judged(question, values or {}, state)
        if not 0 <= defects <= max(question.about.sample_size, 1):
            raise InvalidInput(
                f"0 to {max(question.about.sample_size, 1)} units were measured, got {defects}", field="defects"
            )
        now = int(time.time())
        with transaction(self._db):
            known = self.find(question.round, question.inspector)
            if known is None:
                raise NotFound("nobody asks for this reading", field="round")
            if known.reading is not None:
                raise Conflict("this reading has been handed in", field="round", hint="it cannot be changed")
            if now > known.deadline:
                raise Conflict("the time to answer is over", field="round", hint="the round goes on without this seat")
            if self._questions("round = ? AND answered_by = ?", question.round, person.lower()):
                raise Conflict(
                    "you have read for this round already",
                    field="round",
                    hint="somebody else has to read for this seat",
                )
            self._db.execute(
                "UPDATE questions SET state = ?, defects = ?, readings = ?, answered_by = ?, answered_at = ? "
                "WHERE round = ? AND inspector = ?",
                (chosen, defects, _text(readings), person.lower(), now, question.round, question.inspector.lower()),
            )
        return Reading(chosen, defects, readings, person.lower(), now)

    def _questions(self, where: str, *values: object) -> list[Question]:
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM questions WHERE {where}",  # noqa: S608 - only our own conditions
            values,
        )
        return [_question(row) for row in rows]


def _judged(
    question: Question, values: Mapping[str, float], state: str | None
) -> tuple[str, dict[str, dict[str, Any]]]:
    sheet = question.sheet
    if sheet is None:
        if state not in question.about.states:
            raise InvalidInput(f"one of {', '.join(question.about.states)} is needed", field="state")
        return state, {}
    sizes = sheet.read(values)
    readings = {name: {"value": values[name], "size": size.value} for name, size in sizes.items()}
    return sheet.answer(values), readings


def _question(row: tuple[Any, ...]) -> Question:
    round_, inspector, organisation, deadline, about, sheet, state, *answer = row
    told = orjson.loads(about)
    told["states"] = tuple(told["states"])
    reading = None
    if state is not None:
        defects, readings, answered_by, answered_at = answer
        reading = Reading(state, defects, orjson.loads(readings), answered_by, answered_at)
    return Question(
        bytes(round_), inspector, organisation, deadline, About(**told), sheet and _sheet(orjson.loads(sheet)), reading
    )


def _sheet(told: dict[str, Any]) -> CheckSheet:
    return CheckSheet(tuple(Parameter(**each) for each in told["parameters"]), tuple(told["states"]))


def _text(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
