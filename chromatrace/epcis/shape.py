"""Members and values of the objects in an EPCIS 2.0 document, as in GS1's JSON schema.

A `Check` takes a value and its JSON pointer, and raises `InvalidInput` with the pointer of the invalid member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis import vocabulary
from chromatrace.epcis.vocabulary import Standard
from chromatrace.storage.strict_json import escape

Check = Callable[[Any, str], None]

MEMBER_NAMES: set[str] = set()
"""Names of all members that this module defines."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_OFFSET = re.compile(r"[+-]((0\d|1[0-3]):[0-5]\d|14:00)", re.ASCII)
_UOM = re.compile(r"[A-Z0-9]{2,3}", re.ASCII)
_HEX = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
_CHARACTERS = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_URI = re.compile(
    rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):"
    rf"(?://(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{{2}})+(?::[0-9]{{1,5}})?(?:/{_CHARACTERS}*)*"
    rf"|/{{3}}{_CHARACTERS}+(?:/{_CHARACTERS}*)*"
    rf"|/?{_CHARACTERS}+(?:/{_CHARACTERS}*)*)"
    rf"(?:\?(?:{_CHARACTERS}|[/?])*)?(?:#(?:{_CHARACTERS}|[/?])*)?",
    re.ASCII,
)
_CBV = re.compile(r"urn:epcglobal:cbv|https?://ns\.gs1\.org/cbv/")
_WEB_VOCABULARY = re.compile(r"https?://(www\.)?gs1\.org/voc/")


def _text(value: Any, at: str) -> None:
    if not isinstance(value, str):
        raise InvalidInput("expected a string", field=at)


def _matching(pattern: re.Pattern[str], expected: str, hint: str | None = None) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise InvalidInput(f"expected {expected}, got {value!r:.100}", field=at, hint=hint)

    return check


_uri = _matching(_URI, "a URI", "for example https://id.gs1.org/01/09521234543213/10/L1")
_offset = _matching(_OFFSET, "an offset ±HH:MM", "the local time zone of eventTime, for example +02:00")
_hex = _matching(_HEX, "hexadecimal digits")
_version = _matching(re.compile(r"\d+(\.\d+)*", re.ASCII), "a version")


def _uom(value: Any, at: str) -> None:
    if not isinstance(value, str) or not _UOM.fullmatch(value):
        code = vocabulary.UNIT_CODES.get(value) if isinstance(value, str) else None
        hint = f"write {code!r} for {value!r}" if code else "for example 'KGM' for kilograms"
        raise InvalidInput(f"expected a unit code of UN/ECE Rec 20, got {value!r:.50}", field=at, hint=hint)


def _time(value: Any, at: str) -> None:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
        except ValueError:
            pass
        else:
            return
    raise InvalidInput(f"expected a time such as 2026-03-31T14:05:00Z, got {value!r:.50}", field=at)


def _number(value: Any, at: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"expected a number, got {value!r:.50}", field=at)


def _boolean(value: Any, at: str) -> None:
    if not isinstance(value, bool):
        raise InvalidInput(f"expected true or false, got {value!r:.50}", field=at)


def _any(_value: Any, _at: str) -> None:
    return None


def _term(standard: Standard) -> Check:
    """Accept a term of the vocabulary by its bare name or its URI, or a URI of another vocabulary."""

    def check(value: Any, at: str) -> None:
        if isinstance(value, str) and not _CBV.match(value) and standard.short_name(value) in standard.terms:
            return
        if isinstance(value, str) and vocabulary.CBV_WEB.match(value):
            raise InvalidInput(f"the Core Business Vocabulary has no such term: {value!r:.100}", field=at)
        _check_foreign(value, at, _CBV)

    return check


def _web_term(known: Collection[str]) -> Check:
    """Accept a term of GS1's Web Vocabulary by its bare name, or a URI of another vocabulary."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, str) or value not in known:
            _check_foreign(value, at, _WEB_VOCABULARY)

    return check


def _check_foreign(value: Any, at: str, own: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not _URI.fullmatch(value) or own.match(value):
        raise InvalidInput(f"expected a term of the vocabulary or a URI, got {value!r:.80}", field=at)


def _one_of(known: Collection[str]) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, str) or value not in known:
            raise InvalidInput(f"expected one of {', '.join(sorted(known))}, got {value!r:.50}", field=at)

    return check


def _list(item: Check, minimum: int = 0, *, unique: bool = False) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, list) or len(value) < minimum:
            raise InvalidInput(f"expected an array of at least {minimum} items", field=at)
        for index, entry in enumerate(value):
            item(entry, f"{at}/{index}")
        if unique and len(set(value)) != len(value):
            raise InvalidInput("duplicate item", field=at)

    return check


def _object(members: Mapping[str, Check], required: Collection[str] = (), *, extensible: bool = True) -> Check:
    """Accept an object with these members; `extensible` allows further members named by a prefix or a URI."""
    MEMBER_NAMES.update(members)

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise InvalidInput("expected an object", field=at)
        for name in required:
            if name not in value:
                raise InvalidInput("missing member", field=f"{at}/{escape(name)}")
        for name, inner in value.items():
            pointer = f"{at}/{escape(name)}"
            check_member = members.get(name)
            if check_member is not None:
                check_member(inner, pointer)
            elif not extensible:
                raise InvalidInput("unknown member", field=pointer)
            elif not _URI.fullmatch(name):
                hint = "extensions need a prefix that @context declares, such as example:field"
                raise InvalidInput("EPCIS 2.0 does not define this member", field=pointer, hint=hint)

    return check


def _one_or_list(item: Check) -> Check:
    return lambda value, at: (_list(item) if isinstance(value, list) else item)(value, at)


def _context(value: Any, at: str) -> None:
    parts = value if isinstance(value, list) else [value]
    for index, part in enumerate(parts):
        if not isinstance(part, dict):
            _uri(part, f"{at}/{index}" if isinstance(value, list) else at)
        if part in parts[:index]:
            raise InvalidInput("duplicate item", field=at)


def _persistent(value: Any, at: str) -> None:
    dispositions = _list(_term(Standard.DISPOSITION), 1, unique=True)
    _object({"set": dispositions, "unset": dispositions}, extensible=False)(value, at)
    if not value:
        raise InvalidInput("expected set or unset", field=at)


def _named(name: str, kinds: Standard, *, needs_type: bool) -> Check:
    required = ("type", name) if needs_type else (name,)
    return _object({"type": _term(kinds), name: _uri}, required, extensible=False)


_uris = _list(_uri)
_quantities = _list(_object({"epcClass": _uri, "quantity": _number, "uom": _uom}, ("epcClass",), extensible=False))
_location = _object({"id": _uri}, ("id",))
_transactions = _named("bizTransaction", Standard.BIZ_TRANSACTION, needs_type=False)
_device = dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), _uri)
_metadata = _object(_device | dict.fromkeys(("time", "startTime", "endTime"), _time))
_report = _object(
    _device
    | dict.fromkeys(("microorganism", "chemicalSubstance", "coordinateReferenceSystem", "uriValue"), _uri)
    | dict.fromkeys(("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), _number)
    | {
        "type": _web_term(vocabulary.MEASUREMENT_TYPES),
        "exception": _web_term(vocabulary.ALERT_TYPES),
        "component": _term(Standard.COMPONENT),
        "time": _time,
        "stringValue": _text,
        "booleanValue": _boolean,
        "hexBinaryValue": _hex,
        "uom": _uom,
    },
    ("type",),
)
_sensors = _list(_object({"sensorMetadata": _metadata, "sensorReport": _list(_report, 1)}, ("sensorReport",)))
_error = _object(
    {"declarationTime": _time, "reason": _term(Standard.ERROR_REASON), "correctiveEventIDs": _uris},
    ("declarationTime",),
)
_COMMON: dict[str, Check] = {
    "@context": _context,
    "type": _text,
    "eventTime": _time,
    "recordTime": _time,
    "eventTimeZoneOffset": _offset,
    "eventID": _uri,
    "certificationInfo": _one_or_list(_uri),
    "errorDeclaration": _error,
    "bizStep": _term(Standard.BIZ_STEP),
    "disposition": _term(Standard.DISPOSITION),
    "readPoint": _location,
    "bizLocation": _location,
    "bizTransactionList": _list(_transactions),
    "sourceList": _list(_named("source", Standard.SOURCE_DESTINATION, needs_type=True)),
    "destinationList": _list(_named("destination", Standard.SOURCE_DESTINATION, needs_type=True)),
    "sensorElementList": _sensors,
}
_ACTION: dict[str, Check] = {"action": _one_of(vocabulary.ACTIONS)}
_CHILDREN: dict[str, Check] = {"parentID": _uri, "childEPCs": _uris, "childQuantityList": _quantities}
_ILMD = _object({})


def _event(members: Mapping[str, Check], *required: str) -> Check:
    return _object({**_COMMON, **members}, ("type", "eventTime", "eventTimeZoneOffset", *required))


EVENTS: dict[str, Check] = {
    "ObjectEvent": _event(
        _ACTION
        | {
            "epcList": _list(_uri, unique=True),
            "quantityList": _quantities,
            "persistentDisposition": _persistent,
            "ilmd": _ILMD,
        },
        "action",
    ),
    "AggregationEvent": _event(_ACTION | _CHILDREN, "action"),
    "AssociationEvent": _event(_ACTION | _CHILDREN, "action", "parentID"),
    "TransactionEvent": _event(
        _ACTION
        | {
            "bizTransactionList": _list(_transactions, 1),
            "parentID": _uri,
            "epcList": _uris,
            "quantityList": _quantities,
        },
        "action",
        "bizTransactionList",
    ),
    "TransformationEvent": _event(
        {
            "inputEPCList": _list(_uri, unique=True),
            "inputQuantityList": _quantities,
            "outputEPCList": _list(_uri, unique=True),
            "outputQuantityList": _quantities,
            "transformationID": _uri,
            "persistentDisposition": _persistent,
            "ilmd": _ILMD,
        }
    ),
}
"""Checks of each event type; `check` has the rules between members."""


def _attribute_value(value: Any, at: str) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | dict):
        raise InvalidInput("expected a string, a number or an object", field=at)


_attribute = _object({"id": _uri, "attribute": _attribute_value}, ("id",), extensible=False)
_element = _object({"id": _uri, "attributes": _list(_attribute), "children": _uris}, ("id",), extensible=False)
_vocabulary = _object({"type": _uri, "vocabularyElementList": _list(_element)}, ("type",), extensible=False)
_master_data = _object({"vocabularyList": _list(_vocabulary)}, extensible=False)
DOCUMENT = _object(
    {
        "@context": _context,
        "id": _uri,
        "type": _text,
        "schemaVersion": _version,
        "creationDate": _time,
        "instanceIdentifier": _text,
        "sender": _text,
        "receiver": _text,
        "epcisHeader": _object({"epcisMasterData": _master_data}),
        "epcisBody": _object({"eventList": _list(_any)}, ("eventList",), extensible=False),
    },
    ("@context", "type", "schemaVersion", "creationDate", "epcisBody"),
)
"""Check of a document without its events."""
