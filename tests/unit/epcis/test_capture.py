"""EPCIS capture and query: atomic, idempotent, unchanged events, access by grants."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time

import pytest

from app.api.epcis.capture import CaptureStore
from app.store import PortalDatabase
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.rights import Role
from chromatrace.epcis.query import microseconds

BATCH = "https://id.gs1.org/01/09521234543213/10/L1"


def event(number=0, **changes):
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventID": f"urn:uuid:f81d4fae-7dec-11d0-a765-{number:012d}",
        "eventTime": f"2026-03-31T14:{number % 60:02d}:05.25+02:00",
        "eventTimeZoneOffset": "+02:00",
        "bizStep": "receiving",
        "quantityList": [{"epcClass": BATCH, "quantity": 3.5, "uom": "KGM"}],
        "example:note": [1.0, None],
        **changes,
    }


def document(*events):
    return {
        "@context": [
            "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"example": "https://example.org/ns/"},
        ],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-22T10:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }


def post(client, value, query="", **headers):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return client.post(f"/epcis/v2/capture{query}", data=data, headers=sent)


def query_events(client, path="/epcis/v2/events", **query):
    """Return the events as they were captured, without the members that the server adds."""
    return [
        {name: value for name, value in entry.items() if name != "recordTime" and not name.startswith("chromatrace:")}
        for entry in claims(client, path, **query)
    ]


def claims(client, path="/epcis/v2/events", **query):
    answer = client.get(path, query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]


@pytest.fixture
def stored(config):
    """Return the numbers of events and captures in the database, and of documents in the folder."""
    import sqlite3

    def count():
        with sqlite3.connect(config.data_folder / "portal.db") as db:
            rows = [db.execute(f"SELECT count(*) FROM epcis_{name}").fetchone()[0] for name in ("events", "captures")]
        return (*rows, len(list(DocumentStore(config.documents).digests())))

    return count


def test_document_is_captured_and_returned(client, log_in, config):
    log_in(1)
    answer = post(client, document(event(1), event(2)))
    assert answer.status_code == 202
    assert answer.headers["GS1-EPCIS-Version"] == "2.0.0"
    job = client.get(answer.headers["Location"])
    assert job.json == answer.json
    assert (job.json["success"], job.json["running"], job.json["eventsTaken"]) == (True, False, 2)
    assert job.json["transaction"] is None
    assert query_events(client) == [event(1), event(2)]
    content = DocumentStore(config.documents).get(bytes.fromhex(job.json["documentDigest"][2:]))
    assert json.loads(content) == document(event(1), event(2))


def test_gs1_examples_are_returned_unchanged(client, log_in, vectors_dir):
    log_in(1)
    expected = []
    for path in sorted((vectors_dir / "epcis" / "examples").iterdir()):
        assert post(client, path.read_bytes()).status_code == 202
        expected += json.loads(path.read_bytes())["epcisBody"]["eventList"]
    assert len(expected) == 6
    events = query_events(client)
    by_id = {entry["eventID"]: entry for entry in events}
    assert [by_id[entry["eventID"]] for entry in expected] == expected
    assert len(events) == len(expected)
    epc = "urn:epc:id:sgtin:4012345.011111.9876"
    assert [entry["bizStep"] for entry in query_events(client, f"/epcis/v2/epcs/{epc}/events")] == ["inspecting"]


def test_repeated_event_is_stored_once(client, log_in, stored):
    log_in(1)
    assert post(client, document(event(1))).json["eventsTaken"] == 1
    again = post(client, document(dict(reversed(event(1).items())), event(2))).json
    assert (again["eventsTaken"], again["eventsKnown"]) == (1, 1)
    nameless = event(3)
    del nameless["eventID"]
    assert post(client, document(nameless, nameless)).json["eventsKnown"] == 1
    assert stored()[:2] == (3, 3)


def test_different_event_with_same_id_is_rejected_without_error_declaration(client, log_in, stored):
    log_in(1)
    post(client, document(event(1)))
    answer = post(client, document(event(2), event(1, bizStep="shipping")))
    assert (answer.status_code, answer.json["field"]) == (409, "/epcisBody/eventList/1/eventID")
    assert stored()[:2] == (1, 1)
    declared = event(1, errorDeclaration={"declarationTime": "2026-11-22T10:00:00Z", "reason": "incorrect_data"})
    assert post(client, document(declared)).status_code == 202


def test_forms_of_a_term_are_equal(client, log_in):
    log_in(1)
    forms = ("", "https://ref.gs1.org/cbv/{}-", "cbv:{}-")
    party = "https://id.gs1.org/414/9521234500001"

    def step(number, form):
        def term(kind, name):
            return form.format(kind) + name

        return event(
            number,
            bizStep=term("BizStep", "storing"),
            disposition=term("Disp", "in_progress"),
            persistentDisposition={"set": [term("Disp", "completeness_verified")]},
            bizTransactionList=[
                {"type": term("BTT", "po"), "bizTransaction": "urn:x:1"},
                {"bizTransaction": "urn:x:2"},
            ],
            sourceList=[{"type": term("SDT", "owning_party"), "source": party}],
            destinationList=[{"type": term("SDT", "location"), "destination": party}],
            errorDeclaration={
                "declarationTime": "2026-11-22T10:00:00Z",
                "reason": term("ER", "incorrect_data"),
            },
        )

    assert post(client, document(*(step(1, form) for form in forms))).json["eventsKnown"] == 2
    assert (
        post(client, document(*(step(number, form) for number, form in enumerate(forms, 2)))).json["eventsTaken"] == 3
    )
    for form in forms:
        assert len(query_events(client, EQ_bizStep=form.format("BizStep") + "storing")) == 4
        assert len(query_events(client, EQ_disposition=form.format("Disp") + "in_progress")) == 4
    wrong = {
        "bizStep": "https://ref.gs1.org/cbv/Disp-active",
        "disposition": "https://ref.gs1.org/cbv/Disp-aktiv",
        "sourceList": [{"type": "cbv:BTT-po", "source": party}],
    }
    for name, value in wrong.items():
        pointer = post(client, document(event(9, **{name: value}))).json["field"]
        assert pointer.startswith(f"/epcisBody/eventList/0/{name}")


def test_server_sets_record_time(client, log_in):
    log_in(1)
    sent = event(1, recordTime="1999-01-01T00:00:00Z")
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert post(client, document(sent)).json["eventsTaken"] == 1
    (shown,) = claims(client)
    assert before <= shown["recordTime"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert post(client, document(sent | {"recordTime": "2026-11-01T00:00:00Z"})).json["eventsKnown"] == 1
    assert post(client, document(event(1, eventTime="2026-03-31T12:01:05.250Z"))).json["eventsKnown"] == 1


NAMESPACE = "https://chromatrace.example/ns/epcis/"


EVENT = "/epcisBody/eventList/0"
RESERVED = [
    ({"chromatrace:transaction": "0x12"}, f"{EVENT}/chromatrace:transaction"),
    ({"example:note": [{"chromatrace:block": 5}]}, f"{EVENT}/example:note/0/chromatrace:block"),
    ({f"{NAMESPACE}block": 5}, f"{EVENT}/https:~1~1chromatrace.example~1ns~1epcis~1block"),
    ({"bizStep": "chromatrace:releasing"}, f"{EVENT}/bizStep"),
    ({"disposition": f"{NAMESPACE}released"}, f"{EVENT}/disposition"),
    ({"eventID": "Chromatrace:1"}, f"{EVENT}/eventID"),
    ({"@context": [{"mine": NAMESPACE}], "mine:block": 5}, f"{EVENT}/@context/0/mine"),
    ({"@context": [{"block": {"@id": f"{NAMESPACE}block"}}]}, f"{EVENT}/@context/0/block/@id"),
    ({"@context": [{"mine": "http://Chromatrace.example/ns/"}], "mine:epcis/block": 5}, f"{EVENT}/@context/0/mine"),
    ({"@context": [{"a": "https:", "mine": "a:/chromatrace.example/ns/epcis/"}]}, f"{EVENT}/@context/0/a"),
]


def test_namespace_of_the_project_is_reserved(client, log_in, stored):
    log_in(1)
    for changes, pointer in RESERVED:
        answer = post(client, document(event(1, **changes)))
        assert (answer.status_code, answer.json["field"]) == (400, pointer), changes
    for context in ({"chromatrace": "https://example.org/ns/"}, {"mine": NAMESPACE.replace("https", "http")}):
        declared = document(event(1))
        declared["@context"].append(context)
        answer = post(client, declared)
        assert (answer.status_code, answer.json["field"]) == (400, f"/@context/2/{next(iter(context))}")
    assert stored()[0] == 0


@pytest.mark.parametrize(
    "epc",
    [
        "https://id.gs1.org/01/09529990000012/10/A/",
        "https://id.gs1.org/01/09529990000012?10=A",
        "http://shop.example/x/01/9529990000012/10/A",
        "HTTPS://id.gs1.org/gtin/09529990000012/lot/A",
    ],
)
def test_invalid_link_of_a_product_is_rejected(client, log_in, stored, epc):
    """It would look like the product, but the rights and queries of the product would not apply."""
    log_in(1)
    answer = post(client, document(event(1), event(2, epcList=[epc])))
    assert (answer.status_code, answer.json["field"]) == (400, "/epcisBody/eventList/1")
    assert "not a valid GS1 Digital Link" in answer.json["message"]
    assert stored()[0] == 0


def test_implausible_time_is_rejected(client, log_in):
    log_in(1)
    for number, moment in enumerate(("1970-01-01T00:00:00Z", "1999-12-31T23:00:00-00:30", "2099-06-01T00:00:00Z")):
        _assert_rejected(client, moment, number)


def _assert_rejected(client, time, number):
    late = {"declarationTime": time, "reason": "incorrect_data"}
    for changes, member in (({"eventTime": time}, "eventTime"), ({"errorDeclaration": late}, "errorDeclaration")):
        answer = post(client, document(event(1), event(2, **changes)))
        assert answer.status_code == 400
        assert answer.json["field"].startswith(f"/epcisBody/eventList/1/{member}")
    mixed = post(client, document(event(10 + number), event(2, eventTime=time)), GS1_Capture_Error_Behaviour="proceed")
    assert (mixed.json["eventsTaken"], len(mixed.json["errors"])) == (1, 1)


def test_a_prefix_with_two_meanings_stays_with_its_event(client, log_in):
    log_in(1)
    other, external, standard = (document(event(number)) for number in (2, 3, 4))
    standard["@context"].append({"cbv": "https://ref.gs1.org/cbv/"})
    other["@context"][1] = {"example": "https://example.com/other/"}
    external["@context"].append("https://example.com/context.jsonld")
    for sent in (document(event(1)), other, external, standard):
        assert post(client, sent).status_code == 202
    answer = client.get("/epcis/v2/events").json
    declared = {name: uri for part in answer["@context"] if isinstance(part, dict) for name, uri in part.items()}
    first, second, third, fourth = answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert declared["example"] == "https://example.org/ns/"
    assert ("@context" in first, second["@context"]) == (False, [{"example": "https://example.com/other/"}])
    assert fourth["@context"] == [{"cbv": "https://ref.gs1.org/cbv/"}]
    assert third["@context"] == ["https://example.com/context.jsonld"]
    assert "https://example.com/context.jsonld" not in answer["@context"]


@pytest.mark.parametrize("name", ["bizStep", "epcClass", "@vocab", "sensorReport"])
def test_context_must_not_redefine_a_term(client, log_in, name):
    log_in(1)
    sent = document(event(1))
    sent["@context"].append({name: "https://example.com/"})
    assert post(client, sent).json["field"] == f"/@context/2/{name}"
    inner = document(event(1, **{"@context": {name: "https://example.com/"}}))
    assert post(client, inner).json["field"] == f"/epcisBody/eventList/0/@context/{name}"


SECOND = "/epcisBody/eventList/1"
QUANTITY = {"epcClass": BATCH, "quantity": 2}
BAD = event(2, quantityList=[{"epcClass": BATCH, "uom": "kg"}])


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (document(event(1), BAD), "/epcisBody/eventList/1/quantityList/0/uom"),
        (document(event(1), event(2, quantityList=[QUANTITY | {"uom": "KGMS"}])), f"{SECOND}/quantityList/0/uom"),
        (document(event(1), event(2, note="bare")), f"{SECOND}/note"),
        (document(event(1), event(2, quantityList=[QUANTITY | {"note": 1}])), f"{SECOND}/quantityList/0/note"),
        (document(event(1), event(2, **{"other:note": 1})), f"{SECOND}/other:note"),
        (document(event(1)) | {"schemaVersion": "3.0"}, "/schemaVersion"),
        (document(event(1), event(2, type="DyeingEvent")), "/epcisBody/eventList/1/type"),
        (document(event(1, eventID="urn:x:" + "1" * 700)), "/epcisBody/eventList/0/eventID"),
        (document(event(1, **{"example:big": 2**70})), None),
        (document(event(1)) | {"note": 1}, "/note"),
        (b"{", None),
        (b"\xff", None),
    ],
)
def test_invalid_document_reports_pointer_and_stores_nothing(client, log_in, stored, data, pointer):
    log_in(1)
    answer = post(client, data)
    assert (answer.status_code, answer.json.get("field", "")) == (400, pointer or "")
    assert {"error", "message"} <= set(answer.json)
    assert stored()[:2] == (0, 0)


def test_proceed_stores_valid_events_and_reports_others(client, log_in):
    log_in(1)
    post(client, document(event(3)))
    mixed = document(event(1), BAD, event(3, bizStep="shipping"))
    job = post(client, mixed, GS1_Capture_Error_Behaviour="proceed").json
    assert (job["success"], job["eventsTaken"]) == (False, 1)
    assert [error["field"].split("/", 4)[3] for error in job["errors"]] == ["1", "2"]
    assert post(client, mixed, GS1_Capture_Error_Behaviour="whatever").status_code == 400


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml", "text/plain", "multipart/form-data", ""])
def test_other_content_types_are_rejected(client, log_in, stored, content_type):
    log_in(1)
    answer = post(client, document(event(1)), Content_Type=content_type)
    assert (answer.status_code, answer.json["field"]) == (400, "Content-Type")
    assert stored()[0] == 0


def test_json_ld_is_accepted_and_other_version_rejected(client, log_in):
    log_in(1)
    assert post(client, document(event(1)), Content_Type="application/ld+json; charset=utf-8").status_code == 202
    assert post(client, document(event(2)), GS1_EPCIS_Version="1.2").json["field"] == "GS1-EPCIS-Version"
    assert post(client, document(event(2)), GS1_EPCIS_Version="2.0.0").status_code == 202


def test_oversized_document_is_rejected(client, log_in, stored):
    log_in(1)
    answer = post(client, b" " * (9 * 1024 * 1024))
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert stored() == (0, 0, 0)


def test_capture_requires_login_and_role(client, log_in, stored):
    answer = post(client, document(event(1)))
    assert (answer.status_code, answer.json["error"]) == (401, "LoginRequiredError")
    log_in(1, Role.ADMIN)
    assert (post(client, document(event(1))).status_code, stored()) == (403, (0, 0, 0))


def test_job_is_visible_to_its_organisation_only(client, log_in):
    log_in(1)
    location = post(client, document(event(1))).headers["Location"]
    log_in(2)
    assert client.get(location).status_code == 404
    log_in(None)
    assert client.get(location).status_code == 401


def test_events_are_private_unless_public(client, log_in):
    log_in(1)
    post(client, document(event(1)))
    post(client, document(event(2)), "?visibility=public")
    post(client, document(event(3, quantityList=[{"epcClass": "urn:epc:class:lgtin:9521234.054321.L1"}])))
    post(client, document(event(4, quantityList=[{"epcClass": "https://example.org/whatever"}])))
    assert query_events(client) == query_events(client, MATCH_anyEPC="") != []
    assert len(query_events(client)) == 4
    log_in(None)
    assert [entry["eventID"] for entry in query_events(client)] == [event(2)["eventID"]]
    log_in(2)
    assert [entry["eventID"] for entry in query_events(client)] == [event(2)["eventID"]]
    assert post(client, document(event(5)), "?visibility=all").json["field"] == "visibility"


def test_query_parameters(client, log_in):
    log_in(1)
    other = "https://id.gs1.org/01/09521234543213/10/L2"
    post(
        client,
        document(
            event(1),
            event(2, bizStep="shipping", quantityList=[{"epcClass": other}]),
            event(3, bizStep="https://example.org/steps/dyeing", epcList=["https://id.gs1.org/01/09521234543213/21/7"]),
        ),
    )

    def numbers(path="/epcis/v2/events", **query):
        return [int(entry["eventID"][-1]) for entry in query_events(client, path, **query)]

    assert numbers() == [1, 2, 3]
    for term in (
        "shipping",
        "cbv:BizStep-shipping",
        "https://ref.gs1.org/cbv/BizStep-shipping",
        "https://ns.gs1.org/cbv/BizStep-shipping",
        "urn:epcglobal:cbv:bizstep:shipping",
    ):
        assert numbers(EQ_bizStep=term) == [2]
    assert numbers(EQ_bizStep="shipping,receiving") == [1, 2]
    assert numbers(MATCH_anyEPC=other) == [2]
    assert numbers(MATCH_anyEPC=f"{other},{BATCH}") == [1, 2, 3]
    assert numbers(GE_eventTime="2026-03-31T12:02:05.25Z") == [2, 3]
    assert numbers(LT_eventTime="2026-03-31T12:02:05.25Z") == [1]
    assert numbers(eventType="AggregationEvent") == numbers(EQ_action="ADD") == numbers(EQ_bizStep="xyz") == []
    assert numbers(EQ_action="OBSERVE") == numbers(GE_recordTime="2026-04-01T00:00:00Z") == [1, 2, 3]
    assert numbers(LT_recordTime="2026-04-01T00:00:00Z") == []
    for invalid in (
        {"eventType": "Event"},
        {"EQ_bizStep": "a,,b"},
        {"EQ_bizStep": "a\x0fb"},
        {"MATCH_anyEPC": BATCH, "MATCH_anyEPCClass": BATCH},
        {"MATCH_anyEPC": "x" * 8_001},
    ):
        answer = client.get("/epcis/v2/events", query_string=invalid)
        assert (answer.status_code, answer.json["field"]) == (400, next(iter(invalid)))
    assert numbers("/epcis/v2/epcs/https:%2F%2Fid.gs1.org%2F01%2F09521234543213%2F10%2FL2/events") == [2]
    assert numbers(f"/epcis/v2/epcs/{other}/events") == [2]
    for query in (
        {"perPage": "0"},
        {"perPage": "x"},
        {"perPage": "0000000019999"},
        {"GE_eventTime": "now"},
        {"nextPageToken": "?"},
        {"order": "1"},
        {"EQ_readPoint": "urn:epc:id:sgln:0614141.00777.0"},
        {"MATCH_inputEPC": BATCH},
        {"EQ_action": "CHANGE"},
        {"source": "internet"},
        {"EQ_chromatrace:capturer": "Example Panes"},
        {"MATCH_anyEPC": "urn:epc:idpat:grai:0614141.*.*"},
        {"MATCH_anyEPCClass": f"{BATCH}*"},
    ):
        answer = client.get("/epcis/v2/events", query_string=query)
        assert (answer.status_code, answer.json["field"]) == (400, next(iter(query)))


def test_parameter_may_be_given_once(client):
    answer = client.get("/epcis/v2/events?EQ_bizStep=shipping&EQ_bizStep=receiving")
    assert (answer.status_code, answer.json["field"]) == (400, "EQ_bizStep")
    assert answer.json["type"] == "epcisException:QueryParameterException"


def test_unsupported_parameter_of_the_standard_differs_from_an_unknown_one(client):
    messages = {
        name: client.get("/epcis/v2/events", query_string={name: "1"}).json["message"]
        for name in ("EQ_bizLocation", "GE_quantity", "HASATTR_bizLocation", "orderBy", "sort")
    }
    assert messages.pop("sort") == "unknown parameter"
    assert set(messages.values()) == {"this server does not support the parameter"}


UNITS = {
    1: "urn:epc:id:sgtin:9521234.054321.31",
    2: "https://id.gs1.org/01/09521234543213/21/32",
    3: "https://shop.example/01/09521234543213/10/L7/21/33",
    4: "urn:epc:class:lgtin:9521234.054321.L7",
    5: "https://id.gs1.org/01/09521234543213/10/L8?17=271231",
    6: "urn:epc:id:sgtin:9521234.154321.31",
    7: "urn:epc:id:sscc:9521234.0000000017",
    8: "urn:epc:idpat:sgtin:9521234.054321.*",
}


PATTERNS = {
    "urn:epc:idpat:sgtin:9521234.054321.*": {1, 2, 3, 4, 5, 8},
    "urn:epc:idpat:lgtin:9521234.054321.*": {1, 2, 3, 4, 5, 8},
    "https://id.gs1.org/01/09521234543213": {1, 2, 3, 4, 5, 8},
    "urn:epc:idpat:sgtin:9521234.*.*": {1, 2, 3, 4, 5, 6, 8},
    "urn:epc:idpat:sgtin:9521235.*.*": set(),
    "urn:epc:idpat:sgtin:*.*.*": {1, 2, 3, 4, 5, 6, 8},
    "urn:epc:idpat:sscc:9521234.*": {7},
    "https://id.gs1.org/00/095212340000000174": {7},
    "https://id.gs1.org/01/09521234543213/10/L7": {4},
    "urn:epc:class:lgtin:9521234.054321.L8": {5},
    "urn:epc:id:sgtin:9521234.054321.32": {2},
    "urn:epc:id:sgtin:9521234.054321.33": {3},
    "https://id.gs1.org/01/09521234543213/10/L7/21/33": {3},
    "https://id.gs1.org/01/09521234543213/10/L6/21/33": set(),
    "https://id.gs1.org/01/09521234543213/10/L7/21/31": {1},
}


def test_patterns_and_classes_select_urns_and_digital_links(client, log_in):
    log_in(1)
    post(client, document(*(event(number, quantityList=[{"epcClass": epc}]) for number, epc in UNITS.items())))
    for pattern, numbers in PATTERNS.items():
        for name in ("MATCH_anyEPC", "MATCH_anyEPCClass"):
            found = {int(entry["eventID"][-1]) for entry in query_events(client, **{name: pattern})}
            assert found == numbers, pattern


def test_pages_have_no_gap_or_repetition(client, log_in):
    log_in(1)
    same_time = [event(number, eventTime="2026-03-31T14:00:00Z") for number in range(20)]
    post(client, document(*same_time, *[event(number) for number in range(20, 45)]))
    link, events = "/epcis/v2/events?perPage=7&EQ_bizStep=receiving", []
    while link:
        answer = client.get(link)
        page = answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        assert 0 < len(page) <= 7
        events += page
        link = answer.headers.get("Link", "<>").split(">")[0][1:]
    assert sorted(entry["eventID"] for entry in events) == [event(number)["eventID"] for number in range(45)]


def test_query_response_is_valid_by_gs1_schema(client, log_in, vectors_dir):
    from jsonschema import Draft7Validator, FormatChecker

    log_in(1)
    post(client, document(event(1)))
    schema = json.loads((vectors_dir / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    Draft7Validator(schema, format_checker=FormatChecker()).validate(client.get("/epcis/v2/events").json)


def test_digests_are_passed_to_recorder_until_recorded(client, log_in, config):
    """An error of the recorder leaves the digest unrecorded."""
    log_in(1)
    other = event(2, quantityList=[], epcList=["urn:epc:id:sgtin:4012345.011111.9876", f"{BATCH}/21/7"])
    jobs = [post(client, document(entry)).json for entry in (event(1), other, event(1))]
    database = PortalDatabase(config.portal_database)
    captures = CaptureStore(database, DocumentStore(config.documents), config.capture_limit)
    sent = []

    def recorder(digest, products):
        if len(sent) == 1 and not recorder.available:
            raise RuntimeError("no chain")
        sent.append((digest, products))
        return "0x" + digest.hex() if recorder.included else None

    recorder.included = True

    recorder.available = False
    with pytest.raises(RuntimeError):
        captures.record(recorder)
    recorder.available, recorder.included = True, False
    assert captures.record(recorder) == 0
    recorder.included = True
    assert captures.record(recorder) == 1
    assert captures.record(recorder) == 0
    first, second = (bytes.fromhex(job["documentDigest"][2:]) for job in jobs[:2])
    assert jobs[2]["documentDigest"] == jobs[0]["documentDigest"]
    subjects = {first: ["09521234543213/L1"], second: ["04012345111118", "09521234543213/L1"]}
    assert len(sent) == 3
    assert dict(sent) == subjects
    job = client.get(f"/epcis/v2/capture/{jobs[0]['captureID']}").json
    assert job["transaction"] == job["documentDigest"]
    database.close()


_KILLED = """
import os, sys, time
from pathlib import Path
from app.api.epcis import capture
from app.rights import ActingOperator
from app.store import PortalDatabase
from chromatrace.domain.rights import Role
from chromatrace.documents.store import DocumentStore
from chromatrace.index import Index
from chromatrace.services.epcis_claims import ClaimRights
data = Path(sys.argv[1])
product = capture._product
def dying(number, identifier):
    if number == 3:
        os.kill(os.getpid(), 9)
    return product(number, identifier)
if sys.argv[2] == "die":
    capture._product = dying
database = PortalDatabase(f"sqlite:///{data / 'portal.db'}")
captures = capture.CaptureStore(database, DocumentStore(data / "documents"), 1000)
operator = ActingOperator("0x" + "ab" * 20, None, 1, Role.LOGISTICS)
with Index(f"sqlite:///{data / 'index.db'}").snapshot() as snapshot:
    rights = ClaimRights(snapshot, 1, Role.LOGISTICS)
    job = captures.capture(sys.stdin.buffer.read(), operator, capture.CaptureOptions(), rights, int(time.time()))
print(job.id, flush=True)
os.kill(os.getpid(), 9)
"""


def test_killed_process_stores_all_events_or_none(client, log_in, config, stored):
    log_in(1)
    data = json.dumps(document(event(1), event(2), event(3))).encode()
    for mode, expected in (("die", (0, 0)), ("live", (3, 1))):
        command = [sys.executable, "-c", _KILLED, str(config.data_folder), mode]
        result = subprocess.run(command, input=data, capture_output=True, timeout=120, check=False)
        assert result.returncode == -9
        assert stored()[:2] == expected
    assert len(query_events(client)) == 3


def test_capture_does_not_modify_document(client, log_in):
    log_in(1)
    original = document(event(1))
    before = copy.deepcopy(original)
    post(client, original)
    assert original == before


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T01:00:00.123456789+01:00", 123_456),
        ("1969-12-31T23:59:59.9-00:00", -100_000),
        ("2026-03-31T14:05:00-02:30", 1_774_974_900_000_000),
    ],
)
def test_microseconds_of_rfc3339_times(time, expected):
    assert microseconds(time) == expected
