"""What an EPCIS 2.0 document in JSON-LD must satisfy: strict, and never more generous than GS1's JSON schema.

Refusals are `InvalidInput` whose `field` is the JSON pointer of the offending member. Refused beyond the schema: types
of events that it does not know, prefixes that nobody declares, units of sensor reports that are no codes. `shape` says
which members an object has; the rules between members are here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis import vocabulary as words
from chromatrace.epcis.shape import DOCUMENT, EVENTS
from chromatrace.storage.strict_json import escape

MAX_EVENTS = 10_000
MAX_DEPTH = 32
_LIST = "/epcisBody/eventList"


def check_document(value: object) -> None:
    """Raises `InvalidInput` where `value` is no EPCIS document that we take."""
    check_envelope(value)
    assert isinstance(value, dict)
    prefixes = declared_prefixes(value["@context"])
    for place, event in enumerate(value["epcisBody"]["eventList"]):
        check_event(event, f"{_LIST}/{place}", prefixes)


def check_envelope(value: object) -> None:
    """All of a document but the inside of its events."""
    _check_values(value, "", 0)
    if isinstance(value, dict) and value.get("type", "EPCISDocument") != "EPCISDocument":
        raise InvalidInput(f"'EPCISDocument' is needed, got {value['type']!r}", field="/type")
    DOCUMENT(value, "")
    assert isinstance(value, dict)
    if not value["schemaVersion"].startswith("2."):
        raise InvalidInput(f"version 2.0 is needed, got {value['schemaVersion']!r}", field="/schemaVersion")
    if words.CONTEXT not in _context_uris(value["@context"]):
        raise InvalidInput("GS1's context is missing", field="/@context", hint=f"name {words.CONTEXT}")
    events = value["epcisBody"]["eventList"]
    if len(events) > MAX_EVENTS:
        raise InvalidInput(f"a document has at most {MAX_EVENTS:,} events, got {len(events):,}", field=_LIST)


def check_event(event: object, at: str, prefixes: Collection[str] | None) -> None:
    """One event at the pointer `at`. `prefixes`: those that the document declares; None: whatever it may be."""
    if not isinstance(event, dict):
        raise InvalidInput("an event is a JSON object", field=at)
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in words.EVENT_TYPES:
        known = ", ".join(sorted(words.EVENT_TYPES))
        raise InvalidInput(f"unknown type of event {kind!r}", field=f"{at}/type", hint=f"known are {known}")
    EVENTS[kind](event, at)
    _check_subject(event, kind, at)
    if "@context" in event and prefixes is not None:
        inner = declared_prefixes(event["@context"])
        prefixes = None if inner is None else {*prefixes, *inner}
    if prefixes is not None:
        _check_prefixes(event, at, prefixes)


def declared_prefixes(context: object) -> set[str] | None:
    """Prefixes that a checked context declares; None where it names somebody else's context, which we do not load."""
    if any(not uri.startswith("https://ref.gs1.org/standards/epcis/") for uri in _context_uris(context)):
        return None
    parts = context if isinstance(context, list) else [context]
    return {name for part in parts if isinstance(part, dict) for name in part} | words.PREFIXES


def _context_uris(context: object) -> list[str]:
    parts = context if isinstance(context, list) else [context]
    return [part for part in parts if isinstance(part, str)]


def _check_values(value: object, at: str, depth: int) -> None:
    """What JSON may say but nobody can store or give back: endless nesting, infinite numbers, broken text."""
    if depth > MAX_DEPTH:
        raise InvalidInput(f"nested deeper than {MAX_DEPTH}", field=at)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("a number that JSON can carry is needed", field=at)
    if isinstance(value, str) and any("\ud800" <= one <= "\udfff" or one == "\0" for one in value):
        raise InvalidInput("half a surrogate pair or NUL is no text", field=at)
    for name, inner in _members(value):
        _check_values(name, at, depth)
        _check_values(inner, f"{at}/{escape(name)}", depth + 1)


def _members(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(place), inner) for place, inner in enumerate(value))


def _check_prefixes(value: object, at: str, prefixes: Collection[str]) -> None:
    for name, inner in _members(value):
        here = f"{at}/{escape(name)}"
        if isinstance(value, dict) and here != f"{at}/@context":
            prefix, colon, _ = name.partition(":")
            if colon and prefix not in prefixes and prefix not in ("http", "https", "urn"):
                raise InvalidInput(f"nobody declares the prefix {prefix!r}", field=here, hint="declare it in @context")
        if name != "@context":
            _check_prefixes(inner, here, prefixes)


def _check_subject(event: Mapping[str, Any], kind: str, at: str) -> None:
    """What an event is about must not be empty, by the rules of each type."""
    action = event.get("action")

    def some(name: str) -> bool:
        return bool(event.get(name))

    match kind:
        case "ObjectEvent":
            fine = "epcList" in event or some("quantityList") or (some("sensorElementList") and "readPoint" in event)
            needed = "epcList or quantityList (or sensorElementList with readPoint)"
            if "ilmd" in event and action != "ADD":
                raise InvalidInput("only an event of action ADD may carry it", field=f"{at}/ilmd")
        case "AggregationEvent" | "AssociationEvent":
            fine = some("childEPCs") or some("childQuantityList") or action == "DELETE"
            needed = "childEPCs or childQuantityList"
            if kind == "AggregationEvent" and action != "OBSERVE" and "parentID" not in event:
                raise InvalidInput("this member is missing", field=f"{at}/parentID")
        case "TransactionEvent":
            fine = "epcList" in event or some("quantityList") or action == "DELETE"
            needed = "epcList or quantityList"
        case _:
            inputs, outputs = (some(f"{way}EPCList") or some(f"{way}QuantityList") for way in ("input", "output"))
            fine = (inputs and outputs) or ("transformationID" in event and (inputs or outputs))
            needed = "inputs and outputs (or transformationID and one of them)"
    if not fine:
        raise InvalidInput(f"the event is about nothing: {needed} is needed", field=at)
