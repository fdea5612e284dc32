"""A whole EPCIS document: written from events, read from bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import rfc8785

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis.check import check_document
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.storage import strict_json

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
    return strict_json.parse(data, MAX_BYTES, any_number=True)


def event_digest(event: Mapping[str, Any]) -> bytes:
    """SHA-256 of the event's canonical JSON (RFC 8785): the same event has one digest, however it was written.

    Not the event hash of the Core Business Vocabulary, which leaves members out.
    """
    try:
        return hashlib.sha256(rfc8785.dumps(dict(event))).digest()
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"a number is too large to have one meaning: {error}", field="") from error
