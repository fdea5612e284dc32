"""Which members the objects of an EPCIS 2.0 document have, and what may stand in each, as GS1's JSON schema says.

A `Check` takes a value and the JSON pointer where it stands, and raises `InvalidInput` naming that pointer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis import vocabulary as words
from chromatrace.storage.strict_json import escape

Check = Callable[[Any, str], None]

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
        raise InvalidInput("text is needed", field=at)


def _matching(pattern: re.Pattern[str], what: str, hint: str | None = None) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise InvalidInput(f"{what} is needed, got {value!r:.100}", field=at, hint=hint)

    return check


_uri = _matching(_URI, "a URI", "for example https://id.gs1.org/01/09521234543213/10/L1")
_offset = _matching(_OFFSET, "an offset ±HH:MM", "such as +02:00; it says in which zone eventTime was local")
_hex = _matching(_HEX, "hexadecimal digits")
_version = _matching(re.compile(r"\d+(\.\d+)*", re.ASCII), "a version")


def _uom(value: Any, at: str) -> None:
    if not isinstance(value, str) or not _UOM.fullmatch(value):
        code = words.UNIT_CODES.get(value) if isinstance(value, str) else None
        meant = f"{value!r} is written {code!r}" if code else "such as 'KGM' for kilograms"
        raise InvalidInput(f"a unit code of UN/ECE Rec 20 is needed, got {value!r:.50}", field=at, hint=meant)


def _time(value: Any, at: str) -> None:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
        except ValueError:
            pass
        else:
            return
    raise InvalidInput(f"a time such as 2026-03-31T14:05:00Z is needed, got {value!r:.50}", field=at)


def _number(value: Any, at: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"a number is needed, got {value!r:.50}", field=at)


def _boolean(value: Any, at: str) -> None:
    if not isinstance(value, bool):
        raise InvalidInput(f"true or false is needed, got {value!r:.50}", field=at)


def _any(_value: Any, _at: str) -> None:
    return None


def _word(known: Collection[str], foreign: re.Pattern[str] = _CBV) -> Check:
    """A word of the vocabulary by its bare name, or a URI of somebody else's."""

    def check(value: Any, at: str) -> None:
        if isinstance(value, str) and value in known:
            return
        if not isinstance(value, str) or not _URI.fullmatch(value) or foreign.match(value):
            raise InvalidInput(f"a word of the vocabulary or another's URI is needed, got {value!r:.80}", field=at)

    return check


def _one_of(known: Collection[str]) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, str) or value not in known:
            raise InvalidInput(f"one of {', '.join(sorted(known))} is needed, got {value!r:.50}", field=at)

    return check


def _list(item: Check, least: int = 0, *, unique: bool = False) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            raise InvalidInput(f"a list of at least {least} is needed", field=at)
        for place, entry in enumerate(value):
            item(entry, f"{at}/{place}")
        if unique and len(set(value)) != len(value):
            raise InvalidInput("the same stands there twice", field=at)

    return check


def _object(members: Mapping[str, Check], required: Collection[str] = (), *, open_: bool = True) -> Check:
    """`open_`: extensions may stand beside the members, named by a prefix or a whole URI."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise InvalidInput("an object is needed", field=at)
        for name in required:
            if name not in value:
                raise InvalidInput("this member is missing", field=f"{at}/{escape(name)}")
        for name, inner in value.items():
            here = f"{at}/{escape(name)}"
            known = members.get(name)
            if known is not None:
                known(inner, here)
            elif not open_:
                raise InvalidInput("there is no such member here", field=here)
            elif not _URI.fullmatch(name):
                hint = "name extensions by a prefix of @context, such as example:field"
                raise InvalidInput("no member of EPCIS, and an extension needs a prefix", field=here, hint=hint)

    return check


def _one_or_list(item: Check) -> Check:
    return lambda value, at: (_list(item) if isinstance(value, list) else item)(value, at)


def _context(value: Any, at: str) -> None:
    parts = value if isinstance(value, list) else [value]
    for place, part in enumerate(parts):
        if not isinstance(part, dict):
            _uri(part, f"{at}/{place}" if isinstance(value, list) else at)
        if part in parts[:place]:
            raise InvalidInput("the same stands there twice", field=at)


def _persistent(value: Any, at: str) -> None:
    several = _list(_word(words.DISPOSITIONS), 1, unique=True)
    _object({"set": several, "unset": several}, open_=False)(value, at)
    if not value:
        raise InvalidInput("set or unset is needed", field=at)


def _named(name: str, kinds: Collection[str], *, needs_type: bool) -> Check:
    required = ("type", name) if needs_type else (name,)
    return _object({"type": _word(kinds), name: _uri}, required, open_=False)


_uris = _list(_uri)
_quantities = _list(_object({"epcClass": _uri, "quantity": _number, "uom": _uom}, ("epcClass",), open_=False))
_place = _object({"id": _uri}, ("id",))
_transactions = _named("bizTransaction", words.BIZ_TRANSACTION_TYPES, needs_type=False)
_device = dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), _uri)
_metadata = _object(_device | dict.fromkeys(("time", "startTime", "endTime"), _time))
_report = _object(
    _device
    | dict.fromkeys(("microorganism", "chemicalSubstance", "coordinateReferenceSystem", "uriValue"), _uri)
    | dict.fromkeys(("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), _number)
    | {
        "type": _word(words.MEASUREMENT_TYPES, _WEB_VOCABULARY),
        "exception": _word(words.ALERT_TYPES, _WEB_VOCABULARY),
        "component": _word(words.COMPONENTS),
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
    {"declarationTime": _time, "reason": _word(words.ERROR_REASONS), "correctiveEventIDs": _uris}, ("declarationTime",)
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
    "bizStep": _word(words.BIZ_STEPS),
    "disposition": _word(words.DISPOSITIONS),
    "readPoint": _place,
    "bizLocation": _place,
    "bizTransactionList": _list(_transactions),
    "sourceList": _list(_named("source", words.SOURCE_DESTINATION_TYPES, needs_type=True)),
    "destinationList": _list(_named("destination", words.SOURCE_DESTINATION_TYPES, needs_type=True)),
    "sensorElementList": _sensors,
}
_ACTION: dict[str, Check] = {"action": _one_of(words.ACTIONS)}
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
"""Of each type of event; what an event must not lack beyond its required members is `check`'s."""


def _attribute_value(value: Any, at: str) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | dict):
        raise InvalidInput("text, a number or an object is needed", field=at)


_attribute = _object({"id": _uri, "attribute": _attribute_value}, ("id",), open_=False)
_element = _object({"id": _uri, "attributes": _list(_attribute), "children": _uris}, ("id",), open_=False)
_vocabulary = _object({"type": _uri, "vocabularyElementList": _list(_element)}, ("type",), open_=False)
_master_data = _object({"vocabularyList": _list(_vocabulary)}, open_=False)
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
        "epcisBody": _object({"eventList": _list(_any)}, ("eventList",), open_=False),
    },
    ("@context", "type", "schemaVersion", "creationDate", "epcisBody"),
)
"""The document around its events, which are any values here."""
