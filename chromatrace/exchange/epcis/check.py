"""Structure of an EPCIS 2.0 document in JSON-LD: strict, and never more generous than GS1's JSON schema.

Refusals are `InvalidInput` whose `field` is the JSON pointer of the offending member. Refused beyond the schema: types
of events that it does not know, prefixes that nobody declares, units of sensor reports that are no codes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.strict_json import escape
from chromatrace.exchange.epcis import vocabulary as words

Check = Callable[[Any, str], None]

MAX_EVENTS = 10_000
MAX_DEPTH = 32

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


def check_document(value: object) -> None:
    """Raises `InvalidInput` where `value` is no EPCIS document that we take."""
    check_envelope(value)
    assert isinstance(value, dict)
    prefixes = declared_prefixes(value["@context"])
    for place, event in enumerate(value["epcisBody"]["eventList"]):
        check_event(event, f"/epcisBody/eventList/{place}", prefixes)


def check_envelope(value: object) -> None:
    """All of a document but the inside of its events."""
    _check_values(value, "", 0)
    if isinstance(value, dict) and value.get("type", "EPCISDocument") != "EPCISDocument":
        raise InvalidInput(f"'EPCISDocument' is needed, got {value['type']!r}", field="/type")
    _DOCUMENT(value, "")
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
    _EVENTS[kind](event, at)
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


_LIST = "/epcisBody/eventList"


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


# ------------------------------------------------------------------ the parts


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
_ACTION: dict[str, Check] = {"action": lambda value, at: _one_of(value, at, words.ACTIONS)}
_CHILDREN: dict[str, Check] = {"parentID": _uri, "childEPCs": _uris, "childQuantityList": _quantities}
_ILMD = _object({})


def _one_of(value: Any, at: str, known: Collection[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise InvalidInput(f"one of {', '.join(sorted(known))} is needed, got {value!r:.50}", field=at)


def _event(members: Mapping[str, Check], *required: str) -> Check:
    return _object({**_COMMON, **members}, ("type", "eventTime", "eventTimeZoneOffset", *required))


_EVENTS: dict[str, Check] = {
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


def _attribute_value(value: Any, at: str) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | dict):
        raise InvalidInput("text, a number or an object is needed", field=at)


_attribute = _object({"id": _uri, "attribute": _attribute_value}, ("id",), open_=False)
_element = _object({"id": _uri, "attributes": _list(_attribute), "children": _uris}, ("id",), open_=False)
_vocabulary = _object({"type": _uri, "vocabularyElementList": _list(_element)}, ("type",), open_=False)
_master_data = _object({"vocabularyList": _list(_vocabulary)}, open_=False)
_DOCUMENT = _object(
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
