"""Check a captured document: its events are claims of the capturer, not of the chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis.check import check_document, check_envelope, check_event, declared_prefixes
from chromatrace.epcis.document import NAMESPACE, PREFIX, event_digest
from chromatrace.epcis.identifiers import Identifier, check_product_link, event_epcs, identifiers_of
from chromatrace.epcis.mapping import is_chain_event_id
from chromatrace.epcis.query import microseconds
from chromatrace.epcis.shape import MEMBER_NAMES
from chromatrace.epcis.vocabulary import Standard
from chromatrace.storage.strict_json import escape

ROLLBACK, PROCEED = "rollback", "proceed"

EARLIEST_EVENT_TIME = "2000-01-01T00:00:00Z"
"""Earlier times are rejected: they come from unset clocks."""
MAX_CLOCK_LEAD_S = 3600
"""An event may be this much later than the server's clock."""

_STANDARDS = {
    "bizStep": Standard.BIZ_STEP,
    "disposition": Standard.DISPOSITION,
    "set": Standard.DISPOSITION,
    "unset": Standard.DISPOSITION,
    "reason": Standard.ERROR_REASON,
}
_TYPES = {
    "bizTransactionList": Standard.BIZ_TRANSACTION,
    "sourceList": Standard.SOURCE_DESTINATION,
    "destinationList": Standard.SOURCE_DESTINATION,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A valid captured event.

    pointer      JSON pointer of the event in its document
    digest       equal for equal events, see `normalised`
    event_time   Unix microseconds
    """

    pointer: str
    event: Mapping[str, Any]
    digest: bytes
    identifiers: tuple[Identifier, ...]
    event_time: int

    @property
    def event_id(self) -> str | None:
        """The eventID; UUIDs in lower case."""
        text: str | None = self.event.get("eventID")
        return text.lower() if text is not None and text[:9].lower() == "urn:uuid:" else text

    @property
    def is_error_declaration(self) -> bool:
        """Whether it declares an earlier event with the same id erroneous."""
        return "errorDeclaration" in self.event

    def term(self, name: str, standard: Standard) -> str | None:
        """Return a term of the vocabulary by its bare name, or None without it."""
        return standard.short_name(self.event[name]) if name in self.event else None


def check_claims(document: Any, behaviour: str, now: int) -> tuple[list[Claim], list[dict[str, str]]]:
    """Return the valid events, and the errors of the others.

    behaviour  `rollback` accepts all events or none; `proceed` accepts the valid ones
    now        Unix seconds
    Raises `InvalidInput` with a JSON pointer if the document, or with `rollback` any event, is invalid.
    """
    if behaviour == ROLLBACK:
        check_document(document)
    else:
        check_envelope(document)
    prefixes = declared_prefixes(document["@context"])
    _check_context(document["@context"], "/@context")
    claims, errors = [], []
    for index, event in enumerate(document["epcisBody"]["eventList"]):
        pointer = f"/epcisBody/eventList/{index}"
        try:
            if behaviour == PROCEED:
                check_event(event, pointer, prefixes)
            claims.append(_claim(event, pointer, now))
        except InvalidInput as error:
            if behaviour == ROLLBACK:
                raise
            errors.append(error.as_dict())
    return claims, errors


def _claim(event: Mapping[str, Any], pointer: str, now: int) -> Claim:
    _check_namespace(event, pointer)
    if is_chain_event_id(event.get("eventID", "")):
        raise InvalidInput(
            "this eventID is reserved for events of the chain",
            field=f"{pointer}/eventID",
            hint="generate a UUID of version 4 or 7; an event of the chain cannot be corrected by a captured event",
        )
    event_time = _check_time(event["eventTime"], f"{pointer}/eventTime", now)
    if "errorDeclaration" in event:
        time = event["errorDeclaration"]["declarationTime"]
        _check_time(time, f"{pointer}/errorDeclaration/declarationTime", now)
    _check_product_links(event, pointer)
    digest = event_digest(normalised(event))
    return Claim(pointer, event, digest, tuple(identifiers_of(event)), event_time)


def _check_product_links(event: Mapping[str, Any], pointer: str) -> None:
    try:
        for epc in event_epcs(event):
            check_product_link(epc)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=pointer, hint=error.hint) from error


def _check_time(time: str, pointer: str, now: int) -> int:
    value = microseconds(time)
    if value < microseconds(EARLIEST_EVENT_TIME):
        raise InvalidInput(
            f"the time is {time}; the earliest accepted time is {EARLIEST_EVENT_TIME}",
            field=pointer,
            hint="check the clock of the device",
        )
    if value > (now + MAX_CLOCK_LEAD_S) * 1_000_000:
        raise InvalidInput(
            f"the time {time} is in the future", field=pointer, hint="check the clock and the time zone of the device"
        )
    return value


def normalised(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event as it is compared with others: bare names of CBV terms, times in UTC, without recordTime."""
    result: dict[str, Any] = {}
    for name, value in event.items():
        if name == "recordTime":
            continue
        if name in ("eventTime", "declarationTime"):
            result[name] = microseconds(value)
        elif name in _TYPES:
            result[name] = [_with_short_type(item, _TYPES[name]) for item in value]
        elif name in _STANDARDS:
            short_name = _STANDARDS[name].short_name
            result[name] = [short_name(term) for term in value] if isinstance(value, list) else short_name(value)
        elif name in ("persistentDisposition", "errorDeclaration"):
            result[name] = normalised(value)
        else:
            result[name] = value
    return result


def _with_short_type(item: Mapping[str, Any], standard: Standard) -> dict[str, Any]:
    return {**item, "type": standard.short_name(item["type"])} if "type" in item else dict(item)


def _check_namespace(value: Any, at: str) -> None:
    """Reject members, terms and contexts in the namespace of this project, which only the server writes."""
    if isinstance(value, str):
        if _is_reserved(value):
            raise _reserved(at)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_namespace(inner, f"{at}/{index}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            pointer = f"{at}/{escape(name)}"
            if _is_reserved(name):
                raise _reserved(pointer)
            if name == "@context":
                _check_context(inner, pointer)
            else:
                _check_namespace(inner, pointer)


def _check_context(value: Any, at: str) -> None:
    """Reject a context that declares the prefix, leads into the namespace, or redefines a term of EPCIS.

    A query response has one context for all its events, so a new meaning would apply to events of others.
    """
    for index, part in enumerate(value if isinstance(value, list) else [value]):
        for name in part if isinstance(part, dict) else ():
            if name.startswith("@") or name in MEMBER_NAMES:
                raise InvalidInput(
                    f"a context must not define {name!r}, a term of EPCIS or JSON-LD",
                    field=f"{at}/{index}/{escape(name)}" if isinstance(value, list) else f"{at}/{escape(name)}",
                    hint="declare a prefix of your own organisation",
                )
    for pointer, text in _strings(value, at):
        if text.casefold() == PREFIX or _is_reserved(text) or _leads_to_namespace(text):
            raise _reserved(pointer)


def _strings(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Yield all strings in a value, names of members included, with JSON pointers."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{at}/{index}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"{at}/{escape(name)}", name
            yield from _strings(inner, f"{at}/{escape(name)}")


def _is_reserved(text: str) -> bool:
    folded = text.casefold()
    return folded.startswith((f"{PREFIX}:", NAMESPACE, NAMESPACE.replace("https:", "http:"), NAMESPACE.rstrip("/#")))


def _leads_to_namespace(text: str) -> bool:
    """Return whether a name that stands for this URI can be continued to one in the namespace."""
    return ":" in text and NAMESPACE.startswith(text.casefold().replace("http:", "https:", 1))


def _reserved(pointer: str) -> InvalidInput:
    return InvalidInput(
        f"the namespace {PREFIX} is reserved for the server",
        field=pointer,
        hint="declare a prefix of your own organisation in @context",
    )
