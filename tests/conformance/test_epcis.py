"""Test the EPCIS parser: it accepts GS1's examples, and nothing that GS1's JSON schema rejects."""

from __future__ import annotations

import copy
import json
import random

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis.document import document_of, event_digest, read_document

EXAMPLES = (
    "Example_9.6.2-ObjectEvent",
    "Example_9.6.3-AggregationEvent",
    "Example_9.6.4-TransformationEvent",
    "PersistentDisposition-example",
    "SensorDataExample1",
)


@pytest.fixture(params=EXAMPLES)
def example(request, epcis_folder):
    return (epcis_folder / "examples" / f"{request.param}.jsonld").read_bytes()


def test_examples_are_accepted(example):
    assert read_document(example) == json.loads(example)


def test_all_examples_are_tested(epcis_folder):
    assert {path.stem for path in (epcis_folder / "examples").iterdir()} == set(EXAMPLES)


def full_document():
    """Return a document with all kinds of events and nearly all members."""
    uri, time = "https://id.example.org/414/9521234500001", "2026-03-31T14:05:00.123Z"
    quantities = [{"epcClass": "urn:epc:class:lgtin:9521234.054321.L1", "quantity": 1.5, "uom": "KGM"}]
    common = {
        "eventTime": time,
        "recordTime": time,
        "eventTimeZoneOffset": "-14:00",
        "eventID": "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "certificationInfo": [uri],
        "errorDeclaration": {"declarationTime": time, "reason": "incorrect_data", "correctiveEventIDs": [uri]},
        "bizStep": "https://example.org/steps/dyeing",
        "disposition": "active",
        "readPoint": {"id": uri},
        "bizLocation": {"id": uri, "example:room": 3},
        "bizTransactionList": [{"type": "po", "bizTransaction": uri}, {"bizTransaction": uri}],
        "sourceList": [{"type": "location", "source": uri}],
        "destinationList": [{"type": "owning_party", "destination": uri}],
        "sensorElementList": [
            {
                "sensorMetadata": {"time": time, "startTime": time, "endTime": time, "deviceID": uri, "example:x": 1},
                "sensorReport": [
                    {
                        "type": "Temperature",
                        "value": 1,
                        "uom": "CEL",
                        "exception": "ALARM_CONDITION",
                        "component": "x",
                        "time": time,
                        "stringValue": "",
                        "booleanValue": True,
                        "hexBinaryValue": "0aF",
                        "uriValue": uri,
                        "sDev": 0.5,
                    }
                ],
                "example:y": None,
            }
        ],
        "example:deep": {"anything": [1, {"goes": None}]},
    }
    lists = {"epcList": ["urn:epc:id:sgtin:9521234.054321.42"], "quantityList": quantities}
    children = {"parentID": uri, "childEPCs": lists["epcList"], "childQuantityList": quantities}
    transformed = {
        "inputEPCList": lists["epcList"],
        "inputQuantityList": quantities,
        "outputEPCList": lists["epcList"],
        "outputQuantityList": quantities,
        "transformationID": uri,
    }
    persistent = {"persistentDisposition": {"set": ["recalled"], "unset": ["active"]}}
    ilmd = {"ilmd": {"cbvmda:lotNumber": "L1"}}
    document = document_of(
        [
            {"type": "ObjectEvent", "action": "ADD", **lists, **persistent, **ilmd, **common},
            {"type": "AggregationEvent", "action": "ADD", **children, **common},
            {"type": "AssociationEvent", "action": "OBSERVE", **children, **common},
            {"type": "TransactionEvent", "action": "DELETE", "parentID": uri, **lists, **common},
            {"type": "TransformationEvent", **transformed, **persistent, **ilmd, **common},
        ],
        time,
    )
    document["@context"].append({"example": "https://example.org/ns/"})
    document |= {"id": uri, "sender": "a", "receiver": "b", "instanceIdentifier": "c", "example:note": 1}
    attributes = [{"id": "https://example.org/a", "attribute": "x"}]
    element = {"id": uri, "attributes": attributes, "children": [uri]}
    master = {"vocabularyList": [{"type": "urn:epcglobal:epcis:vtype:ReadPoint", "vocabularyElementList": [element]}]}
    return document | {"epcisHeader": {"epcisMasterData": master}}


def test_full_document_is_accepted(epcis_schema):
    document = full_document()
    epcis_schema.validate(document)
    assert read_document(json.dumps(document).encode()) == document


def parse_error(document):
    with pytest.raises(InvalidInput) as error:
        read_document(document if isinstance(document, bytes) else json.dumps(document).encode())
    return error.value


EVENT = "/epcisBody/eventList/0"
REMOVED = "(removed)"


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/type", "EPCISQueryDocument"),
        ("/schemaVersion", "1.2"),
        ("/schemaVersion", REMOVED),
        ("/creationDate", "yesterday"),
        ("/creationDate", "2026-02-30T00:00:00Z"),
        ("/@context", "https://example.org/other"),
        ("/@context", REMOVED),
        ("/note", "bare"),
        ("/epcisBody/eventList", {}),
        ("/epcisBody/note", "x"),
        (EVENT, "event"),
        (f"{EVENT}/type", "DyeingEvent"),
        (f"{EVENT}/type", "https://example.org/DyeingEvent"),
        (f"{EVENT}/type", REMOVED),
        (f"{EVENT}/eventTimeZoneOffset", REMOVED),
        (f"{EVENT}/eventTimeZoneOffset", "+2:00"),
        (f"{EVENT}/eventTimeZoneOffset", "+15:00"),
        (f"{EVENT}/eventTime", "2026-03-31T14:05:00"),
        (f"{EVENT}/eventTime", REMOVED),
        (f"{EVENT}/action", "CHANGE"),
        (f"{EVENT}/action", REMOVED),
        (f"{EVENT}/bizStep", "dyeing"),
        (f"{EVENT}/bizStep", "urn:epcglobal:cbv:bizstep:receiving"),
        (f"{EVENT}/disposition", "https://ns.gs1.org/cbv/Disp-active"),
        (f"{EVENT}/quantityList/0/uom", "kg"),
        (f"{EVENT}/quantityList/0/uom", "KGMS"),
        (f"{EVENT}/quantityList/0/quantity", "1"),
        (f"{EVENT}/quantityList/0/quantity", True),
        (f"{EVENT}/quantityList/0/epcClass", REMOVED),
        (f"{EVENT}/quantityList/0/example:x", 1),
        (f"{EVENT}/epcList/0", "not a uri"),
        (f"{EVENT}/epcList/0", "42"),
        (f"{EVENT}/myField", "bare"),
        (f"{EVENT}/other:myField", "undeclared"),
        (f"{EVENT}/example:deep/other:x", 1),
        (f"{EVENT}/persistentDisposition", {}),
        (f"{EVENT}/persistentDisposition/set", []),
        (f"{EVENT}/readPoint", "https://example.org"),
        (f"{EVENT}/readPoint/id", REMOVED),
        (f"{EVENT}/sourceList/0/type", "thief"),
        (f"{EVENT}/sourceList/0/type", REMOVED),
        (f"{EVENT}/bizTransactionList/0/type", "bill"),
        (f"{EVENT}/errorDeclaration/declarationTime", REMOVED),
        (f"{EVENT}/errorDeclaration/reason", "whim"),
        (f"{EVENT}/sensorElementList/0/sensorReport", []),
        (f"{EVENT}/sensorElementList/0/sensorReport/0/uom", "°C"),
        (f"{EVENT}/sensorElementList/0/sensorReport/0/type", "Heat"),
        (f"{EVENT}/sensorElementList/0/sensorReport/0/value", "1"),
        (f"{EVENT}/sensorElementList/0/sensorReport/0/note", "x"),
        (f"{EVENT}/ilmd/lot", "bare"),
        (f"{EVENT}/eventID", "event 1"),
        (f"{EVENT}/example:deep", "\ud800"),
        ("/epcisBody/eventList/4/transformationID", "t1"),
        ("/epcisBody/eventList/2/parentID", REMOVED),
        ("/epcisBody/eventList/3/bizTransactionList", REMOVED),
        ("/epcisHeader/epcisMasterData/vocabularyList/0/type", "ReadPoint"),
    ],
    ids=str,
)
def test_invalid_member_is_named_by_a_json_pointer(pointer, value):
    document = full_document()
    *path, last = pointer.split("/")[1:]
    parent = document
    for name in path:
        parent = parent[int(name) if isinstance(parent, list) else name]
    if value is REMOVED:
        del parent[last]
    else:
        parent[int(last) if isinstance(parent, list) else last] = value
    assert parse_error(document).field == pointer


def test_hint_names_the_unit_code():
    document = full_document()
    document["epcisBody"]["eventList"][0]["quantityList"][0]["uom"] = "kg"
    assert parse_error(document).hint == "write 'KGM' for 'kg'"


def event_without(kind, *names, **changes):
    event = next(event for event in full_document()["epcisBody"]["eventList"] if event["type"] == kind)
    event = {name: value for name, value in event.items() if name not in names} | changes
    return full_document() | {"epcisBody": {"eventList": [event]}}


@pytest.mark.parametrize(
    "document",
    [
        event_without("ObjectEvent", "epcList", "quantityList", "sensorElementList"),
        event_without("ObjectEvent", "epcList", quantityList=[], sensorElementList=[]),
        event_without("AggregationEvent", "childEPCs", "childQuantityList"),
        event_without("TransactionEvent", "epcList", "quantityList", action="ADD"),
        event_without("TransformationEvent", "inputEPCList", "inputQuantityList", "transformationID"),
    ],
)
def test_event_without_subject_is_rejected(document):
    assert parse_error(document).field == EVENT


def test_ilmd_needs_action_add():
    assert parse_error(event_without("ObjectEvent", action="OBSERVE")).field == f"{EVENT}/ilmd"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff{}",
        b'{"type": "EPCISDocument", "type": "EPCISDocument"}',
        b'{"type": NaN}',
        b"[" * 100_000,
        json.dumps(full_document()).encode().replace(b"1.5", b"1e999"),
        json.dumps(full_document()).encode().replace(b"1.5", b"1" * 5000),
        b" " * (9 * 1024 * 1024),
    ],
    ids=range(11),
)
def test_invalid_json_is_rejected(data):
    parse_error(data)


def test_nesting_and_number_of_events_are_limited():
    deep = 1
    for _ in range(40):
        deep = [deep]
    assert parse_error(event_without("ObjectEvent", **{"example:deep": deep})).message.startswith("nested deeper")
    event = {"type": "ObjectEvent"}
    assert (
        "the maximum is 10,000" in parse_error(full_document() | {"epcisBody": {"eventList": [event] * 10_001}}).message
    )


JUNK = [
    None,
    True,
    0,
    -1.5,
    "",
    "a b",
    "active",
    "KGM",
    "x:y",
    "https://a/b",
    "2026-03-31T14:05:00Z",
    [],
    {},
    [1],
    {"a": 1},
]


def paths(value, parent=()):
    for name, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield (*parent, name)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*parent, name))


def test_parser_is_at_least_as_strict_as_the_schema(epcis_schema):
    """Every accepted one of 800 mutations of a full document is valid by the schema."""
    rng, accepted = random.Random(2), 0
    all_paths = list(paths(full_document()))
    for _ in range(800):
        document = full_document()
        if rng.random() < 0.9:
            document["epcisBody"]["eventList"] = [rng.choice(document["epcisBody"]["eventList"])]
            all_paths = list(paths(document))
        *path, last = rng.choice(all_paths)
        parent = document
        try:
            for name in path:
                parent = parent[name]
            match rng.randrange(4):
                case 0:
                    del parent[last]
                case 1 if isinstance(parent, dict):
                    parent[rng.choice(["bare", "example:x", "uom", "type", "id", "ilmd"])] = rng.choice(JUNK)
                case 2 if isinstance(parent, list):
                    parent.append(copy.deepcopy(parent[last]))
                case _:
                    parent[last] = rng.choice(JUNK)
        except (KeyError, IndexError):
            all_paths = list(paths(full_document()))
            continue
        all_paths = list(paths(full_document()))
        try:
            read_document(json.dumps(document).encode())
        except InvalidInput:
            continue
        accepted += 1
        problem = next(epcis_schema.iter_errors(document), None)
        assert problem is None, (path, last, problem.message[:300])
    assert accepted > 60


def test_event_digest_does_not_depend_on_formatting(example):
    event = json.loads(example)["epcisBody"]["eventList"][0]
    assert event_digest(dict(reversed(event.items()))) == event_digest(event)
    assert event_digest(event | {"example:x": 1}) != event_digest(event)
