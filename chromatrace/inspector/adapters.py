"""Where an inspector's answer comes from: a program, a file, a simulated agent, a person at the terminal or the portal.

Each takes a `Question` and returns a `Finding`, or None where there is no answer yet; it is asked again then.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.plant.records import Plant
from chromatrace.quality.inspection_tasks import InspectionTask, InspectionTasks, TaskSubject
from chromatrace.storage import strict_json
from chromatrace.storage.files import deliver

MOST_SECONDS = 3600
ANSWER_SCHEMA = "chromatrace.inspection-answer/1"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be inspected. `subject` is a batch's id or a workpiece's; `states` are the possible answers.

    `deadline`: the last Unix second at which the chain takes an answer.
    """

    round: bytes
    subject: bytes
    step: int
    stage: str
    sample_size: int
    states: tuple[str, ...]
    deadline: int

    def as_json(self) -> dict[str, Any]:
        """What programs and files are given."""
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
    """An answer: the state's name, units out of limits, SHA-256 of the evidence document."""

    state: str
    defects: int
    evidence: bytes

    @classmethod
    def from_json(cls, value: object, states: tuple[str, ...]) -> Finding:
        """Reads `{"state": …, "defects": …, "evidence": "0x…"}`. Raises `InvalidInput` naming the field."""
        parts = strict_json.members(value, "", ("state", "evidence"), optional=("defects",))
        if parts["state"] not in states:
            raise InvalidInput(f"{parts['state']!r} is not one of {', '.join(states)}", field="/state")
        defects = strict_json.whole(parts.get("defects", 0), "/defects", maximum=2**32 - 1)
        return cls(parts["state"], defects, strict_json.digest(parts["evidence"], "/evidence"))


Adapter = Callable[[Question], Finding | None]


def program(command: str) -> Adapter:
    """Runs `command` for each question: the question as JSON on its standard input, the finding from its output."""

    def ask(question: Question) -> Finding:
        try:
            done = subprocess.run(  # noqa: S602 - the operator's own command line
                command,
                shell=True,
                input=orjson.dumps(question.as_json()),
                stdout=subprocess.PIPE,
                timeout=MOST_SECONDS,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"the instrument's program failed: {error}", field="program") from error
        return _parsed(done.stdout, "program", question)

    return ask


def folder(path: Path) -> Adapter:
    """Writes `<round>.question.json` into a folder and reads `<round>.json` when somebody has put it there."""
    path.mkdir(parents=True, exist_ok=True)

    def ask(question: Question) -> Finding | None:
        name = question.round.hex()
        asked, answered = path / f"{name}.question.json", path / f"{name}.json"
        if not asked.exists():
            deliver(asked, [orjson.dumps(question.as_json(), option=orjson.OPT_INDENT_2)])
        return _parsed(answered.read_bytes(), str(answered), question) if answered.exists() else None

    return ask


def agent(accuracy: float, truth: Path | None, seed: int) -> Adapter:
    """A simulated inspector: right with the given probability, else one of the other states, the same each time.

    `truth`: JSON file of `{subject: finding}`, waited for where it does not say; without it the first state is true.
    """
    if not 0 <= accuracy <= 1:
        raise InvalidInput(f"a probability from 0 to 1 is needed, got {accuracy}", field="agent")

    def ask(question: Question) -> Finding | None:
        subject = f"0x{question.subject.hex()}"
        facts: dict[str, Any] = {subject: {"state": question.states[0], "evidence": f"0x{bytes(32).hex()}"}}
        if truth is not None:
            facts = _truth_of(truth) if truth.exists() else {}
        if subject not in facts:
            return None
        true = Finding.from_json(facts[subject], question.states)
        chance = random.Random(hashlib.sha256(question.round + seed.to_bytes(8, "big")).digest())  # noqa: S311
        if chance.random() < accuracy:
            return true
        others = [state for state in question.states if state != true.state]
        return Finding(chance.choice(others), 0, true.evidence)

    return ask


def person() -> Adapter:
    """Asks whoever sits at the terminal."""

    def ask(question: Question) -> Finding:
        click.echo(f"\n{question.stage} inspection of 0x{question.subject.hex()}, step {question.step}", err=True)
        state = str(click.prompt("what is it", type=click.Choice(question.states), err=True))
        evidence = click.prompt("evidence document", type=click.Path(exists=True, dir_okay=False), err=True)
        return Finding(state, 0, hashlib.sha256(Path(str(evidence)).read_bytes()).digest())

    return ask


def console(
    desk: InspectionTasks, inspector: str, organisation: int, evidence: DocumentStore, plant: Plant | None
) -> Adapter:
    """Puts the question on the portal's reading desk, and takes what a person there has answered.

    `plant`: whose check sheet of the question's stage is to be filled in. The reading is the evidence document.
    """

    def ask(question: Question) -> Finding | None:
        told = question.as_json()
        about = TaskSubject(told["subject"], question.step, question.stage, question.sample_size, question.states)
        sheet = None if plant is None else plant.check_sheet(question.stage).tolerances()
        if sheet is not None and set(sheet.states) != set(question.states):
            raise InvalidInput(
                f"the check sheet reads {', '.join(sheet.states)}; the panel answers {', '.join(question.states)}",
                field="sheet",
                hint="set the panel's states to those of the sheet: chromatrace inspector rule --state …",
            )
        answer = desk.add(InspectionTask(question.round, inspector, organisation, question.deadline, about, sheet))
        if answer is None:
            return None
        document = {"schema": ANSWER_SCHEMA, "inspector": inspector, "answer": asdict(answer)} | told
        return Finding(answer.state, answer.defects, evidence.put(strict_json.canonical(document)))

    return ask


def _truth_of(path: Path) -> dict[str, Any]:
    try:
        return strict_json.parse_any_object(path.read_bytes(), any_number=True)
    except InvalidInput as refusal:
        hint = "an object of findings by subject is needed"
        raise InvalidInput(f"{path}: {refusal.message}", field="truth", hint=hint) from refusal


def _parsed(data: bytes, source: str, question: Question) -> Finding:
    try:
        return Finding.from_json(strict_json.parse_any_object(data, any_number=True), question.states)
    except InvalidInput as refusal:
        raise InvalidInput(f"{source}: {refusal.message}", field=refusal.field, hint=refusal.hint) from refusal
