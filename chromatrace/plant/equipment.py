"""Machines and instruments of a plant file."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from chromatrace.plant.names import Names
from chromatrace.storage.toml import TomlTable

STATES = ("running", "idle", "stopped", "fault")


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of a machine, for maintenance: a tag that counts hours, cycles or pieces."""

    name: str
    tag: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine.

    source         id of its source; None: any
    tags           names of its tags
    state_tag      tag of its state
    states         state by value of the state tag: running, idle, stopped or fault
    batch_tag      tag with the id of the batch in the machine
    step_tag       tag with the current step
    count_tag      tag that counts the pieces made; `reject_tag`: those of them that are not good
    reason_tag     tag with the reason of a stop
    ideal_cycle_s  shortest time of one piece
    """

    id: str
    name: str
    station: str
    source: str | None = None
    tags: tuple[str, ...] = ()
    state_tag: str | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    batch_tag: str | None = None
    step_tag: str | None = None
    count_tag: str | None = None
    reject_tag: str | None = None
    reason_tag: str | None = None
    ideal_cycle_s: float | None = None
    counters: tuple[Counter, ...] = ()


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument. `quantities` has the unit of each quantity that it measures."""

    id: str
    name: str
    kind: str
    station: str
    quantities: Mapping[str, str] = field(default_factory=dict)
    calibration_due: datetime.date | None = None


def read_machine(table: TomlTable, names: Names) -> Machine | None:
    """Read one of [[machines]]."""
    return table.build(
        Machine,
        id=table.text("id", maximum=60),
        name=table.text("name", maximum=120),
        station=table.reference("station", "station", names["stations"]),
        source=table.reference("source", "source", names["sources"], "") or None,
        tags=_tags(table, names["tags"]),
        state_tag=table.reference("state_tag", "tag", names["tags"], "") or None,
        states=_states(table),
        batch_tag=table.reference("batch_tag", "tag", names["tags"], "") or None,
        step_tag=table.reference("step_tag", "tag", names["tags"], "") or None,
        count_tag=table.reference("count_tag", "tag", names["tags"], "") or None,
        reject_tag=table.reference("reject_tag", "tag", names["tags"], "") or None,
        reason_tag=table.reference("reason_tag", "tag", names["tags"], "") or None,
        ideal_cycle_s=table.optional_number("ideal_cycle_s", above=0),
        counters=table.parts(_counter(item, names) for item in table.tables("counters")),
    )


def read_instrument(table: TomlTable, names: Names) -> Instrument | None:
    """Read one of [[instruments]]."""
    due = table.value("calibration_due")
    if due is not None and (not isinstance(due, datetime.date) or isinstance(due, datetime.datetime)):
        table.mistake("calibration_due", f"expected a date, got {due!s:.60}", "such as 2027-01-31, without quotes")
    quantities = table.table("quantities")
    return table.build(
        Instrument,
        id=table.text("id", maximum=60),
        name=table.text("name", maximum=120),
        kind=table.text("kind", maximum=60),
        station=table.reference("station", "station", names["stations"]),
        quantities={quantity: _unit(quantities, quantity) for quantity in quantities.fields()},
        calibration_due=due,
    )


def _unit(quantities: TomlTable, name: str) -> str:
    return "" if quantities.value(name) == "" else quantities.text(name, maximum=40)


def _counter(table: TomlTable, names: Names) -> Counter | None:
    return table.build(Counter, name=table.text("name", maximum=60), tag=table.reference("tag", "tag", names["tags"]))


def _tags(table: TomlTable, known: frozenset[str]) -> tuple[str, ...]:
    """Return the tags of a machine: a list, or all tags with a prefix."""
    prefix = table.value("tags", ())
    if not isinstance(prefix, str):
        return table.references("tags", "tag", known, ())
    tags = tuple(sorted(name for name in known if name.startswith(prefix)))
    if not tags:
        table.mistake("tags", f"no tag has the prefix {prefix!r}")
    return tags


def _states(table: TomlTable) -> Mapping[str, str]:
    """Return the state of each value of the state tag. A number or truth value is compared as text."""
    part = table.table("states", {})
    if len(part.fields()) and "state_tag" not in table:
        table.mistake("state_tag", "missing; the states are values of this tag")
    states: dict[str, str] = {}
    for state in STATES:
        values = part.value(state, [])
        for value in values if isinstance(values, list) else [values]:
            text = state_text(value)
            if text is None:
                part.mistake(state, f"expected texts, integers or true and false, got {value!s:.60}")
            elif states.setdefault(text, state) != state:
                part.mistake(state, f"{text!r} is also a value of {states[text]}")
    part.finish()
    return states


def state_text(value: object) -> str | None:
    """Return the text of a value of a state tag; None if the value is not a state."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, str)):
        return str(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else None
