"""Validate EPCIS 2.0 documents in JSON-LD, at least as strictly as GS1's JSON schema.

Errors are `InvalidInput`; `field` is the JSON pointer of the invalid member. Beyond the schema, unknown event types,
undeclared prefixes and unknown unit codes of sensor reports are rejected. `shape` defines the members of each object;
this module has the rules between members.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis import vocabulary
from chromatrace.epcis.shape import DOCUMENT, EVENTS
from chromatrace.storage.strict_json import escape

MAX_EVENTS = 10_000
MAX_DEPTH = 32
_LIST = "/epcisBody/eventList"
_INVALID_CHARACTER = re.compile("[\0\ud800-\udfff]")


def check_document(value: object) -> None:
    """Raise `InvalidInput` unless `value` is a valid EPCIS document."""
    check_envelope(value)
    assert isinstance(value, dict)
    prefixes = declared_prefixes(value["@context"])
    for index, event in enumerate(value["epcisBody"]["eventList"]):
        check_event(event, f"{_LIST}/{index}", prefixes)


def check_envelope(value: object) -> None:
    """Check a document except the content of its events."""
    _check_values(value, "", 0)
    if isinstance(value, dict) and value.get("type", "EPCISDocument") != "EPCISDocument":
        raise InvalidInput(f"expected 'EPCISDocument', got {value['type']!r}", field="/type")
    DOCUMENT(value, "")
    assert isinstance(value, dict)
    if not value["schemaVersion"].startswith("2."):
        raise InvalidInput(f"expected version 2.0, got {value['schemaVersion']!r}", field="/schemaVersion")
    if vocabulary.CONTEXT not in _context_uris(value["@context"]):
        raise InvalidInput("the GS1 context is missing", field="/@context", hint=f"add {vocabulary.CONTEXT}")
    events = value["epcisBody"]["eventList"]
    if len(events) > MAX_EVENTS:
        raise InvalidInput(f"the document has {len(events):,} events; the maximum is {MAX_EVENTS:,}", field=_LIST)


def check_event(event: object, at: str, prefixes: Collection[str] | None) -> None:
    """Check the event at the pointer `at`.

    prefixes  prefixes that the document declares; None: any prefix is allowed
    """
    if not isinstance(event, dict):
        raise InvalidInput("expected an object", field=at)
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in vocabulary.EVENT_TYPES:
        known = ", ".join(sorted(vocabulary.EVENT_TYPES))
        raise InvalidInput(f"unknown event type {kind!r}", field=f"{at}/type", hint=f"allowed: {known}")
    EVENTS[kind](event, at)
    _check_subject(event, kind, at)
    if "@context" in event and prefixes is not None:
        inner = declared_prefixes(event["@context"])
        prefixes = None if inner is None else {*prefixes, *inner}
    if prefixes is not None:
        _check_prefixes(event, at, prefixes)


def declared_prefixes(context: object) -> set[str] | None:
    """Return the prefixes that a context declares, or None if it refers to an external context, which is not loaded."""
    if any(not uri.startswith("https://ref.gs1.org/standards/epcis/") for uri in _context_uris(context)):
        return None
    parts = context if isinstance(context, list) else [context]
    return {name for part in parts if isinstance(part, dict) for name in part} | vocabulary.PREFIXES


def _context_uris(context: object) -> list[str]:
    parts = context if isinstance(context, list) else [context]
    return [part for part in parts if isinstance(part, str)]


def _check_values(value: object, at: str, depth: int) -> None:
    """Reject values that JSON libraries parse but cannot store: deep nesting, infinite numbers, invalid text."""
    if depth > MAX_DEPTH:
        raise InvalidInput(f"nested deeper than {MAX_DEPTH} levels", field=at)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("expected a finite number", field=at)
    if isinstance(value, str) and _INVALID_CHARACTER.search(value):
        raise InvalidInput("contains NUL or a lone surrogate", field=at)
    for name, inner in _members(value):
        _check_values(name, at, depth)
        _check_values(inner, f"{at}/{escape(name)}", depth + 1)


def _members(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(index), inner) for index, inner in enumerate(value))


def _check_prefixes(value: object, at: str, prefixes: Collection[str]) -> None:
    for name, inner in _members(value):
        pointer = f"{at}/{escape(name)}"
        if isinstance(value, dict) and name != "@context":
            prefix, colon, _ = name.partition(":")
            if colon and prefix not in prefixes and prefix not in ("http", "https", "urn"):
                raise InvalidInput(f"undeclared prefix {prefix!r}", field=pointer, hint="declare it in @context")
        if name != "@context":
            _check_prefixes(inner, pointer, prefixes)


def _check_subject(event: Mapping[str, Any], kind: str, at: str) -> None:
    """Check that the event has a subject, by the rules of its type."""
    action = event.get("action")

    def has(name: str) -> bool:
        return bool(event.get(name))

    match kind:
        case "ObjectEvent":
            has_subject = (
                "epcList" in event or has("quantityList") or (has("sensorElementList") and "readPoint" in event)
            )
            expected = "epcList or quantityList (or sensorElementList with readPoint)"
            if "ilmd" in event and action != "ADD":
                raise InvalidInput("only allowed in an event of action ADD", field=f"{at}/ilmd")
        case "AggregationEvent" | "AssociationEvent":
            has_subject = has("childEPCs") or has("childQuantityList") or action == "DELETE"
            expected = "childEPCs or childQuantityList"
            if kind == "AggregationEvent" and action != "OBSERVE" and "parentID" not in event:
                raise InvalidInput("missing member", field=f"{at}/parentID")
        case "TransactionEvent":
            has_subject = "epcList" in event or has("quantityList") or action == "DELETE"
            expected = "epcList or quantityList"
        case _:
            inputs, outputs = (has(f"{role}EPCList") or has(f"{role}QuantityList") for role in ("input", "output"))
            has_subject = (inputs and outputs) or ("transformationID" in event and (inputs or outputs))
            expected = "inputs and outputs (or transformationID and one of them)"
    if not has_subject:
        raise InvalidInput(f"the event has no subject: expected {expected}", field=at)
