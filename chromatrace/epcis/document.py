"""Create EPCIS documents from events, and parse documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import rfc8785

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis.check import check_document
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.storage import strict_json

PREFIX = "chromatrace"
NAMESPACE = "https://chromatrace.example/ns/epcis/"
"""Namespace of the extension members `chromatrace:…`."""

EXTENDED_CONTEXT: list[Any] = [CONTEXT, {PREFIX: NAMESPACE}]
"""The context of every document that the project writes."""

MAX_BYTES = 8 * 1024 * 1024


def document_of(events: Iterable[Mapping[str, Any]], created_at: str) -> dict[str, Any]:
    """Return a document with `events`; `created_at` is an RFC 3339 time."""
    return {
        "@context": deepcopy(EXTENDED_CONTEXT),
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": created_at,
        "epcisBody": {"eventList": list(events)},
    }


def read_document(data: bytes) -> dict[str, Any]:
    """Parse and check a document. Raises `InvalidInput` with a JSON pointer."""
    value = read_json(data)
    check_document(value)
    assert isinstance(value, dict)
    return value


def read_json(data: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate members, no NaN. Raises `InvalidInput`."""
    return strict_json.parse(data, MAX_BYTES, any_number=True)


def event_digest(event: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of the event's canonical JSON (RFC 8785), which does not depend on formatting.

    This is not the event hash of the Core Business Vocabulary, which omits some members.
    """
    try:
        return hashlib.sha256(rfc8785.dumps(dict(event))).digest()
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"a number is outside the range of RFC 8785: {error}", field="") from error
