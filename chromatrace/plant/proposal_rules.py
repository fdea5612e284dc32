"""Section [[proposals]] of a plant file: rules that turn an alarm or a forecast into a proposed action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from chromatrace.domain.rights import Role
from chromatrace.plant.alarm_settings import Priority, read_priority
from chromatrace.plant.forecast_plans import MAX_STEP
from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

Action = Literal["hold", "inspect", "stop", "set-point"]
Cause = Literal["alarm", "forecast"]
AlarmKind = Literal["limit", "chart", "stale", "fault", "event", "flood", "silent"]
ROLES = {role.name.lower(): role for role in Role if role.name is not None}
_MACHINE_ACTIONS = ("stop", "set-point")
_WRITABLE = ("opcua", "mqtt", "modbus")
_TARGETS: Mapping[str, tuple[str, ...]] = {
    "opcua": ("node", "method", "object"),
    "modbus": ("device", "tag"),
    "mqtt": ("node", "metric"),
}
"""Keys of a target by protocol."""
_TEXTS = ("node", "object", "method", "device", "tag", "metric", "read_back")


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """What is written at a machine.

    source     id of the source with the connection
    value      value to write; a method is called without it if it is None
    low, high  limits of the value
    node       OPC UA: node id of the variable; Sparkplug: group/node or group/node/device
    method     OPC UA: node id of a method of `object`, instead of a variable
    device     Modbus: source of the tag in the register map; `tag`: its name there
    metric     Sparkplug: name of the metric in the birth
    read_back  OPC UA: node id of the variable that confirms the value; default: the variable itself
    expect     value that confirms the write; default: the written one
    confirm_s  time within which the machine must confirm
    tolerance  largest difference of the confirmed number
    """

    source: str
    protocol: str
    value: float | str | bool | None = None
    low: float | None = None
    high: float | None = None
    node: str | None = None
    object: str | None = None
    method: str | None = None
    device: str | None = None
    tag: str | None = None
    metric: str | None = None
    read_back: str | None = None
    expect: float | str | bool | None = None
    confirm_s: float = 5.0
    tolerance: float = 1e-6


@dataclass(frozen=True, slots=True)
class AutomaticLimit:
    """A rule acts without a person at most `count` times in `per_s` seconds, and only within the target's limits."""

    count: int
    per_s: float


@dataclass(frozen=True, slots=True)
class ProposalRule:
    """A rule.

    cause        "alarm": at an alarm of `kind` and at least `priority`; "forecast": if the probability of out of
                 control `step` readings ahead is at least `probability`
    machine, tag only of this machine or tag
    role         role of the person who confirms
    samples      further samples to inspect
    product      GTIN of the batches, if the batch tag has only the lot; default: the only product of the plant
    expires_s    time after which the proposal can no longer be confirmed
    """

    id: str
    cause: Cause
    action: Action
    reason: str
    role: Role
    machine: str | None = None
    tag: str | None = None
    kind: AlarmKind | None = None
    priority: Priority = Priority.LOW
    step: int = 1
    probability: float = 1.0
    samples: int = 0
    expires_s: float = 3600.0
    product: str | None = None
    write: WriteTarget | None = None
    automatic: AutomaticLimit | None = None


def _read(top: TomlTable, names: Names) -> tuple[ProposalRule, ...]:
    protocols = _protocols(top)
    options = top.value("twin", {})
    has_gln = isinstance(options, Mapping) and "gln" in options
    return top.parts(_read_rule(table, names, protocols, has_gln) for table in top.tables("proposals"))


def _protocols(top: TomlTable) -> dict[str, str]:
    sources = top.value("sources", [])
    tables = [item for item in sources if isinstance(item, Mapping)] if isinstance(sources, list) else []
    return {str(item.get("id")): str(item.get("protocol")) for item in tables}


def _read_rule(table: TomlTable, names: Names, protocols: Mapping[str, str], has_gln: bool) -> ProposalRule | None:
    cause = cast(Cause, table.choice("when", get_args(Cause)))
    action = cast(Action, table.choice("action", get_args(Action)))
    kind = table.choice("kind", get_args(AlarmKind), "limit") if "kind" in table else None
    if cause == "alarm":
        _exclude(table, cause, ("step", "probability"))
    else:
        _exclude(table, cause, ("kind", "priority"))
    probability = table.number("probability", 1.0 if cause == "alarm" else 0.8, above=0)
    if probability > 1:
        table.mistake("probability", f"{probability:g} is too large; it must be at most 1")
    samples = table.integer("samples", 1, at_least=1, at_most=100_000)
    if action != "inspect":
        _exclude(table, action, ("samples",))
    if action in _MACHINE_ACTIONS and not has_gln:
        table.mistake("action", f"{action} needs the organisation whose people may confirm it", "set gln in [twin]")
    write = _write(table, names, protocols, action) if action in _MACHINE_ACTIONS else None
    if action not in _MACHINE_ACTIONS:
        _exclude(table, action, ("write", "automatic"))
    return table.build(
        ProposalRule,
        id=table.text("id", maximum=60),
        cause=cause,
        action=action,
        reason=table.text("reason", "", maximum=300),
        role=ROLES[table.choice("role", list(ROLES), "supervisor")],
        machine=table.reference("machine", "machine", names["machines"], "") or None,
        tag=table.reference("tag", "tag", names["tags"], "") or None,
        kind=cast(AlarmKind | None, kind),
        priority=read_priority(table, "priority", Priority.LOW),
        step=table.integer("step", 1, at_least=1, at_most=MAX_STEP),
        probability=probability,
        samples=samples if action == "inspect" else 0,
        expires_s=table.number("expires_s", 3600.0, above=0),
        product=table.reference("product", "product", names["products"], "") or _only(names["products"]),
        write=write,
        automatic=table.part(_automatic(table.table("automatic"))) if "automatic" in table else None,
    )


def _only(products: frozenset[str]) -> str | None:
    return next(iter(products)) if len(products) == 1 else None


def _exclude(table: TomlTable, choice: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key in table:
            table.mistake(key, f"does not apply to {choice}")


def _automatic(table: TomlTable) -> AutomaticLimit | None:
    return table.build(AutomaticLimit, count=table.integer("count", at_least=1), per_s=table.number("per_s", above=0))


def _write(table: TomlTable, names: Names, protocols: Mapping[str, str], action: str) -> WriteTarget | None:
    part = table.table("write")
    source = part.reference("source", "source", names["sources"])
    protocol = protocols.get(source, "")
    if protocol and protocol not in _WRITABLE:
        part.mistake("source", f"{protocol} cannot write to a machine; it must be one of {', '.join(_WRITABLE)}")
    texts = {
        key: part.optional_text(key) for key in ("node", "object", "method", "device", "tag", "metric", "read_back")
    }
    for key in _missing(protocol, texts):
        part.mistake(key, f"missing; a {protocol} source needs it")
    low, high = part.optional_number("low"), part.optional_number("high")
    value = _value(part, "value")
    if action == "set-point":
        if low is None or high is None:
            part.mistake("low", "missing; a set point needs its limits low and high")
        if isinstance(value, bool) or not isinstance(value, float):
            part.mistake("value", "missing; a set point is a number")
    if low is not None and high is not None and low > high:
        part.mistake("low", f"{low:g} is above high, {high:g}")
    if isinstance(value, float) and not ((low is None or low <= value) and (high is None or value <= high)):
        part.mistake("value", f"{value:g} is outside its limits")
    return table.part(
        part.build(
            WriteTarget,
            source=source,
            protocol=protocol,
            value=value,
            low=low,
            high=high,
            expect=_value(part, "expect"),
            confirm_s=part.number("confirm_s", 5.0, above=0),
            tolerance=part.number("tolerance", 1e-6, at_least=0),
            **cast(Any, texts),
        )
    )


def _missing(protocol: str, texts: Mapping[str, str | None]) -> tuple[str, ...]:
    if protocol == "opcua":
        if texts["method"] is not None:
            return ("object",) if texts["object"] is None else ()
        return ("node",) if texts["node"] is None else ()
    return tuple(key for key in _TARGETS.get(protocol, ()) if texts[key] is None)


def _value(part: TomlTable, name: str) -> float | str | bool | None:
    value = part.value(name)
    if value is None or isinstance(value, str | bool):
        return value
    return part.number(name)


PROPOSALS: Section[tuple[ProposalRule, ...]] = Section("proposals", _read)
