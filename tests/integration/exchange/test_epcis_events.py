"""Test queries over events of a real chain and captured events."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import urllib.request

import pytest
from jsonschema import Draft7Validator, FormatChecker
from querying import query
from waitress import create_server

from app import PortalSettings, create_app
from app.api.epcis import views
from app.rights import ActingOperator
from chromatrace.domain.rights import Role


def portal(works, base_url):
    settings = works.workspace.settings
    return create_app(
        PortalSettings(
            data_folder=settings.data,
            rpc_url=settings.rpc_url,
            manifest_path=works.manifest_path,
            base_url=base_url,
            api_limit="100000 per minute",
        )
    )


@pytest.fixture(scope="module")
def app(works):
    return portal(works, works.workspace.settings.code_url)


@pytest.fixture
def served(works):
    """Serve a portal at its base URL; yield the app and the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        served_app = portal(works, url)
        server = create_server(served_app, sockets=[listener], threads=2)
        threading.Thread(target=_answer, args=(server,), daemon=True).start()
        yield served_app, url
        server.close()


def _answer(server):
    with contextlib.suppress(OSError):  # waitress is stopped by closing its socket
        server.run()


@pytest.fixture
def ask(works, app, vectors_dir):
    query(works.workspace.index).head()
    schema = json.loads((vectors_dir / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    client = app.test_client()

    def answer(path="/epcis/v2/events", **query):
        events, pages = [], 0
        while path:
            response = client.get(path, query_string=query)
            assert response.status_code == 200, response.text
            validator.validate(response.json)
            events += response.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
            link = response.headers.get("Link")
            path, query, pages = (link[1:].partition(">")[0] if link else None), None, pages + 1
        answer.pages = pages
        return events

    return answer


@pytest.fixture
def exported(works):
    """Return the events of `chromatrace epcis export`, which other tests validate by GS1's schema."""
    from chromatrace.epcis.mapping import events_of
    from chromatrace.services.epcis_export import IndexDirectory

    workspace = works.workspace
    with workspace.index.snapshot() as snapshot:
        directory = IndexDirectory(snapshot, workspace.documents, workspace.chain_id, workspace.settings.code_url)
        return events_of(snapshot.events(limit=10_000), directory)


def lot_of(works, name):
    return f"{works.workspace.settings.code_url}/01/09521234543213/10/{works.keys[name].lot}"


def test_query_returns_the_exported_chain_events(works, ask, exported):
    assert len(exported) > 20
    assert ask() == exported
    assert ask(perPage="7") == exported
    assert ask.pages == -(-len(exported) // 7)


def test_superseded_verdict_is_marked_on_any_page(works, ask, exported):
    assert sum("errorDeclaration" in event for event in exported) == 1
    assert ask(perPage="1") == exported


def test_query_by_step_type_and_time(works, ask, exported):
    events = ask(EQ_bizStep="inspecting,shipping")
    assert events == [event for event in exported if event["bizStep"] in ("inspecting", "shipping")]
    assert ask(eventType="TransformationEvent") == [
        event for event in exported if event["type"] == "TransformationEvent"
    ]
    times = sorted(event["eventTime"] for event in exported)
    middle = times[len(times) // 2]
    assert ask(GE_eventTime=middle) == [event for event in exported if event["eventTime"] >= middle]
    assert ask(LT_eventTime=middle) == [event for event in exported if event["eventTime"] < middle]
    assert ask(GE_recordTime=middle) == [event for event in exported if event["recordTime"] >= middle]
    assert ask(LT_recordTime=middle) == [event for event in exported if event["recordTime"] < middle]
    for name, member in (("EQ_disposition", "disposition"), ("EQ_action", "action")):
        for value in {event[member] for event in exported if member in event}:
            assert ask(**{name: value}) == [event for event in exported if event.get(member) == value]


def test_query_by_epc(works, ask, exported):
    lot = lot_of(works, "fresh")
    expected = [event for event in exported if lot in json.dumps(event)]
    # Its registration, and that of the batch that it went into.
    assert [event["type"] for event in expected] == ["ObjectEvent", "TransformationEvent"]
    assert ask(MATCH_anyEPC=lot) == ask(MATCH_anyEPCClass=lot) == ask(f"/epcis/v2/epcs/{lot}/events") == expected
    urn = f"urn:epc:class:lgtin:9521234.054321.{works.keys['fresh'].lot}"
    assert ask(MATCH_anyEPC=urn) == expected
    of_product = [event for event in exported if "/01/09521234543213/" in json.dumps(event)]
    for pattern in (
        "urn:epc:idpat:sgtin:9521234.054321.*",
        "urn:epc:idpat:sgtin:9521234.*.*",
        lot.partition("/10/")[0],
    ):
        assert [event for event in ask(MATCH_anyEPC=pattern) if event in of_product] == of_product
    assert ask(MATCH_anyEPC=f"{lot}X") == ask(MATCH_anyEPC=f"{lot}/21/000001") == ask(MATCH_anyEPC="urn:x:y") == []


def without_claim(event):
    """Return a captured event without the members that the server adds."""
    return {
        name: value for name, value in event.items() if name != "recordTime" and not name.startswith("chromatrace:")
    }


def is_claim(event):
    return "chromatrace:capturer" in event


def test_captured_events_follow_the_chain_events(works, app, ask, exported, monkeypatch):
    monkeypatch.setattr(views, "current_operator", lambda: ActingOperator("0x" + "ab" * 20, None, 1, Role.LOGISTICS))
    monkeypatch.setattr(views, "readable_lines", lambda: lambda *_: False)
    times = [event["recordTime"] for event in exported]
    captured = [
        {
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "eventID": f"urn:uuid:f81d4fae-7dec-11d0-a765-{number:012d}",
            "eventTime": times[len(times) * number // 3],
            "eventTimeZoneOffset": "+00:00",
            "bizStep": "storing",
            "epcList": [lot_of(works, "fresh")],
        }
        for number in range(3)
    ]
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-22T10:00:00Z",
        "epcisBody": {"eventList": captured},
    }
    response = app.test_client().post("/epcis/v2/capture?visibility=public", json=document)
    assert response.status_code == 202, response.text
    events = ask(perPage="3")
    assert events[: len(exported)] == exported
    assert list(map(without_claim, events[len(exported) :])) == captured
    by_lot = ask(MATCH_anyEPC=lot_of(works, "fresh"), EQ_bizStep="storing")
    assert list(map(without_claim, by_lot)) == captured
    assert {event["chromatrace:capturerRelation"] for event in by_lot} == {"producer"}


@pytest.fixture
def follow(app, vectors_dir):
    """Return a function that follows a code's link, and gives the redirect target and the events there."""
    schema = json.loads((vectors_dir / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    client = app.test_client()

    def answer(path, link_type="gs1:epcis"):
        redirect = client.get(f"{path}?17=271231&linkType={link_type}")
        assert redirect.status_code == 307, redirect.text
        assert redirect.location.startswith(app.extensions["portal"].config.base_url + "/epcis/v2/events?")
        response = client.get(redirect.location.removeprefix(app.extensions["portal"].config.base_url))
        assert (response.status_code, response.headers["GS1-EPCIS-Version"]) == (200, "2.0.0")
        validator.validate(response.json)
        assert response.json["type"] == "EPCISQueryDocument"
        return redirect.location, response.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]

    return answer


@pytest.mark.parametrize("link_type", ["gs1:epcis", "https://gs1.org/voc/epcis"])
def test_code_links_to_its_events(works, app, follow, exported, link_type):
    """Follow `?linkType=gs1:epcis` of a lot and of the GTIN; the linkset has the same links."""
    query(works.workspace.index).head()
    lot = lot_of(works, "fresh")
    path = lot.removeprefix(works.workspace.settings.code_url)
    expected = [event for event in exported if lot in json.dumps(event)]
    assert len(expected) == 2
    location, events = follow(path, link_type)
    assert events[: len(expected)] == expected
    links = app.test_client().get(f"{path}?linkType=all").json["linkset"][0]
    assert links["https://gs1.org/voc/epcis"] == [
        {"href": location, "title": "EPCIS 2.0 events", "type": "application/json"}
    ]
    line_path = path.partition("/10/")[0]
    line = app.test_client().get(line_path, headers={"Accept": "application/linkset+json"})
    assert line.mimetype == "application/linkset+json"
    location, events = follow(line_path, link_type)
    assert line.json["linkset"][0]["https://gs1.org/voc/epcis"][0]["href"] == location
    assert [event for event in expected if event not in events] == []
    assert 'rel="linkset"' in app.test_client().get(line_path).headers["Link"]


def test_unregistered_items_have_no_link_to_events(works, app):
    query(works.workspace.index).head()
    client = app.test_client()
    for path in ("/01/09521234543213/10/NOPE", "/01/09521234543220"):
        for link_type in ("gs1:epcis", "all"):
            answer = client.get(f"{path}?linkType={link_type}")
            assert (answer.status_code, "Location" in answer.headers) == (404, False)
        assert "Link" not in client.get(path).headers
    unit = client.get("/01/09521234543213/10/NOPE/21/7?linkType=gs1:nonsense", headers={"Accept": "application/json"})
    assert (unit.status_code, unit.json["field"]) == (400, "linkType")


def fetched(url, **headers):
    """Follow redirects; return the final URL and its JSON."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=180) as answer:
        return answer.url, json.load(answer)


def test_client_follows_the_code_of_a_unit_to_its_events(works, served, monkeypatch):
    """Over HTTP: chain events of the lot and captured events of the unit, but none of another unit."""
    app, base = served
    query(works.workspace.index).head()
    lot = f"{base}/01/09521234543213/10/{works.keys['fresh'].lot}"
    monkeypatch.setattr(views, "current_operator", lambda: ActingOperator("0x" + "ab" * 20, None, 1, Role.LOGISTICS))
    monkeypatch.setattr(views, "readable_lines", lambda: lambda *_: False)
    scanned = [
        {
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "eventID": f"urn:uuid:0d1f4fae-7dec-11d0-a765-{number:012d}",
            "eventTime": "2026-11-22T10:00:00Z",
            "eventTimeZoneOffset": "+00:00",
            "bizStep": "retail_selling",
            "epcList": [f"{lot}/21/{number:06d}"],
        }
        for number in (7, 8)
    ]
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-22T10:00:00Z",
        "epcisBody": {"eventList": scanned},
    }
    assert app.test_client().post("/epcis/v2/capture?visibility=public", json=document).status_code == 202
    unit = f"{lot}/21/000007"
    at, linkset = fetched(unit, Accept="application/linkset+json")
    assert at == linkset["linkset"][0]["anchor"] == unit
    (link,) = linkset["linkset"][0]["https://gs1.org/voc/epcis"]
    at, answer = fetched(link["href"], Accept=link["type"])
    events = answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    redirected_to, again = fetched(f"{unit}?linkType=gs1:epcis")
    assert (redirected_to, again["epcisBody"]) == (at, answer["epcisBody"])
    claimed = [event for event in events if is_claim(event) and event["bizStep"] == "retail_selling"]
    assert list(map(without_claim, claimed)) == scanned[:1]
    assert {event["type"] for event in events} == {"ObjectEvent", "TransformationEvent"}
    assert all(f"/10/{works.keys['fresh'].lot}" in json.dumps(event) for event in events)
