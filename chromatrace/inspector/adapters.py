"""Sources of an inspector's answers: a program, files, a simulated agent, or people at the portal.

An adapter takes a `Question` and returns a `Finding`, or None if there is no answer yet; it is then called again.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.plant.records import Plant
from chromatrace.quality.inspection_tasks import InspectionTask, InspectionTasks, TaskSubject
from chromatrace.storage import strict_json
from chromatrace.storage.files import deliver

PROGRAM_TIMEOUT_S = 3600
LATE_S = 30
"""Seconds after the question's deadline for which a program may run: its answer may still be in time."""
ANSWER_SCHEMA = "chromatrace.inspection-answer/1"


@dataclass(frozen=True, slots=True)
class Question:
    """A seat's question.

    subject   id of a batch or workpiece
    states    possible answers
    deadline  last Unix second at which an answer is in time; the rest of the commit phase is for sending it
    passing   index of the state that means that the product passed
    """

    round: bytes
    subject: bytes
    step: int
    stage: str
    sample_size: int
    states: tuple[str, ...]
    deadline: int
    passing: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that programs and files receive."""
        return {
            "round": f"0x{self.round.hex()}",
            "subject": f"0x{self.subject.hex()}",
            "step": self.step,
            "stage": self.stage,
            "sample_size": self.sample_size,
            "states": list(self.states),
            "deadline": self.deadline,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer: name of the state, number of units out of limits, SHA-256 of the evidence document."""

    state: str
    defects: int
    evidence: bytes

    @classmethod
    def from_json(cls, value: object, states: tuple[str, ...]) -> Finding:
        """Read `{"state": …, "defects": …, "evidence": "0x…"}`; raises `InvalidInput` naming the member."""
        parts = strict_json.members(value, "", ("state", "evidence"), optional=("defects",))
        if parts["state"] not in states:
            raise InvalidInput(f"{parts['state']!r} is not one of {', '.join(states)}", field="/state")
        defects = strict_json.whole(parts.get("defects", 0), "/defects", maximum=2**32 - 1)
        return cls(parts["state"], defects, strict_json.digest(parts["evidence"], "/evidence"))


Adapter = Callable[[Question], Finding | None]


def program_adapter(command: str) -> Adapter:
    """Run `command` for each question, with the question on its standard input; it writes the finding as JSON."""

    def ask(question: Question) -> Finding:
        try:
            done = subprocess.run(  # noqa: S602 - the operator's own command line
                command,
                shell=True,
                input=orjson.dumps(question.as_json()),
                stdout=subprocess.PIPE,
                timeout=min(PROGRAM_TIMEOUT_S, max(0.0, question.deadline - time.time()) + LATE_S),
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"the instrument's program failed: {error}", field="program") from error
        return _parsed(done.stdout, "program", question)

    return ask


def folder_adapter(path: Path) -> Adapter:
    """Write `<round>.question.json` into a folder and read `<round>.json` once it exists."""
    path.mkdir(parents=True, exist_ok=True)

    def ask(question: Question) -> Finding | None:
        name = question.round.hex()
        question_path, answer_path = path / f"{name}.question.json", path / f"{name}.json"
        if not question_path.exists():
            deliver(question_path, [orjson.dumps(question.as_json(), option=orjson.OPT_INDENT_2)])
        return _parsed(answer_path.read_bytes(), str(answer_path), question) if answer_path.exists() else None

    return ask


def agent_adapter(accuracy: float, truth: Path | None, *, seed: int) -> Adapter:
    """Simulate an inspector that is right with probability `accuracy`, reproducibly for the same seed.

    truth  JSON file of `{subject: finding}`; a missing subject has no answer yet. None: the first state is right.
    """
    if not 0 <= accuracy <= 1:
        raise InvalidInput(f"accuracy is {accuracy}; it must be between 0 and 1", field="agent")

    def ask(question: Question) -> Finding | None:
        subject = f"0x{question.subject.hex()}"
        findings: dict[str, Any] = {subject: {"state": question.states[0], "evidence": f"0x{bytes(32).hex()}"}}
        if truth is not None:
            findings = _read_truth(truth) if truth.exists() else {}
        if subject not in findings:
            return None
        right = Finding.from_json(findings[subject], question.states)
        chance = random.Random(hashlib.sha256(question.round + seed.to_bytes(8, "big")).digest())  # noqa: S311
        if chance.random() < accuracy:
            return right
        others = [state for state in question.states if state != right.state]
        return Finding(chance.choice(others), 0, right.evidence)

    return ask


def console_adapter(
    tasks: InspectionTasks, inspector: str, organisation: int, evidence: DocumentStore, plant: Plant | None
) -> Adapter:
    """Add each question to the portal's inspection tasks and return the answer of a person there.

    plant  its check sheet of the question's stage is filled in; None: the person chooses the state
    The answer is stored in `evidence`.
    """

    def ask(question: Question) -> Finding | None:
        content = question.as_json()
        about = TaskSubject(
            content["subject"],
            question.step,
            question.stage,
            question.sample_size,
            question.states,
            question.passing,
        )
        sheet = None if plant is None else plant.check_sheet(question.stage).tolerances()
        if sheet is not None and set(sheet.states) != set(question.states):
            raise InvalidInput(
                f"the check sheet has the states {', '.join(sheet.states)}, the panel {', '.join(question.states)}",
                field="sheet",
                hint="give the panel the states of the sheet: `chromatrace inspection set-rule --state …`",
            )
        answer = tasks.add(InspectionTask(question.round, inspector, organisation, question.deadline, about, sheet))
        if answer is None:
            return None
        document = {"schema": ANSWER_SCHEMA, "inspector": inspector, "answer": asdict(answer)} | content
        return Finding(answer.state, answer.defects, evidence.put(strict_json.canonical(document)))

    return ask


def _read_truth(path: Path) -> dict[str, Any]:
    try:
        return strict_json.parse_any_object(path.read_bytes(), any_number=True)
    except InvalidInput as error:
        raise InvalidInput(
            f"{path}: {error.message}", field="truth", hint="expected a JSON object of findings by subject"
        ) from error


def _parsed(data: bytes, source: str, question: Question) -> Finding:
    try:
        return Finding.from_json(strict_json.parse_any_object(data, any_number=True), question.states)
    except InvalidInput as error:
        raise InvalidInput(f"{source}: {error.message}", field=error.field, hint=error.hint) from error
