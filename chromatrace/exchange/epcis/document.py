"""A whole EPCIS document: written from events, read from bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import rfc8785

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.strict_json import escape, refuse_depth
from chromatrace.exchange.epcis.check import check_document
from chromatrace.exchange.epcis.vocabulary import CONTEXT

NAMESPACE = "https://chromatrace.example/ns/epcis/"
"""What our own members (`chromatrace:…`) are named by."""

MAX_BYTES = 8 * 1024 * 1024


def document_of(events: Iterable[Mapping[str, Any]], created_at: str) -> dict[str, Any]:
    """The document of `events`; `created_at` an RFC 3339 time."""
    return {
        "@context": [CONTEXT, {"chromatrace": NAMESPACE}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": created_at,
        "epcisBody": {"eventList": list(events)},
    }


def read_document(data: bytes) -> dict[str, Any]:
    """The document in `data`, checked; `InvalidInput` with the JSON pointer of what is wrong."""
    value = read_json(data)
    check_document(value)
    assert isinstance(value, dict)
    return value


def read_json(data: bytes) -> Any:
    """JSON that has one reading: UTF-8, no member twice, no NaN. `InvalidInput` otherwise."""
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"a document has at most {MAX_BYTES:,} bytes, got {len(data):,}", field="")
    try:
        text = data.decode("utf-8")
        refuse_depth(data)
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8 at byte {error.start}", field="") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", field="") from error
    except (RecursionError, ValueError) as error:
        raise InvalidInput(f"not JSON that we read: {error}"[:200], field="") from error


def event_digest(event: Mapping[str, Any]) -> bytes:
    """SHA-256 of the event's canonical JSON (RFC 8785): the same event has one digest, however it was written.

    Not the event hash of the Core Business Vocabulary, which leaves members out.
    """
    try:
        return hashlib.sha256(rfc8785.dumps(dict(event))).digest()
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"a number is too large to have one meaning: {error}", field="") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidInput("this member stands there twice", field=f"…/{escape(name)}")
        found[name] = value
    return found


def _refuse(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a JSON number", field="")
