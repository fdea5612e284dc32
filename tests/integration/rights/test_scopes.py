"""Each scope shows its part of a product line: to everyone if the producer publishes it, otherwise to grantees."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote

import pytest
from members import FOREVER, MAKER, OFFICE, PARTNER, RIVAL, address_of, client_of, gtin

from chromatrace.chain import calls
from chromatrace.documents.content import SuppliedMaterial
from chromatrace.domain.rights import ALL_SCOPES, Role, Scope, Stage

LINE, OTHER_LINE = 11, 12
SECRETS = {
    "PRODUCT": "Tinted pane T-11",
    "LOGISTICS": "Holder",
    "QUALITY": "Haze of the film",
    "DOCUMENTS": "Example Ores",
}
"""A text on the page for each scope."""


@pytest.fixture(scope="module")
def lots(members):
    keys = {}
    for line in (LINE, OTHER_LINE):
        materials = (SuppliedMaterial("Tungsten", "Example Ores", "W-1"),)
        keys[line] = members.register(MAKER, line, "S-1", "Tinted pane T-11", materials=materials)
        members.inspect(keys[line], Stage.FIRST)
    members.sync()
    return keys


@pytest.fixture(scope="module")
def app(members, lots):
    return members.portal()


@pytest.fixture
def publish(members):
    """Return a function that sets what is public of product lines (0: all lines). Everything is public afterwards."""
    chosen = []

    def publish(scopes, *lines, valid_until=FOREVER):
        numbers = [0 if line == 0 else int(gtin(line)) for line in lines]
        chosen.extend(lines)
        call = calls.Call("Consortium", "grantReadScopes", (MAKER, numbers, scopes, valid_until))
        members.submit(MAKER, call)
        members.sync()

    yield publish
    for line in dict.fromkeys(chosen):
        publish(ALL_SCOPES, line)


def grant(members, scopes, line, reader=PARTNER):
    members.submit(MAKER, calls.grant_read_scopes(reader, [gtin(line)], scopes))
    members.sync()


def shown(client, key):
    """Return the scopes that the page, the JSON and the documents of a batch show."""
    path = f"/01/{key.gtin}/10/{key.lot}"
    page, data = client.get(path), client.get(f"{path}?format=json").json
    assert page.status_code == 200
    seen = {name for name, text in SECRETS.items() if text in page.text}
    in_json = {
        "PRODUCT": data["product"] is not None and data["quantity"] == 10,
        "LOGISTICS": data["custodian"] is not None,
        "QUALITY": bool(data["inspections"]) and data["standard"] is not None,
        "DOCUMENTS": bool(data["materials"]),
    }
    assert seen == {name for name, visible in in_json.items() if visible}
    readings = [inspection["readings"] for inspection in data["inspections"]]
    assert all(readings) == ("process" in data["scopes"]) or not readings
    events = {entry["event"] for entry in data["timeline"]}
    assert ("BatchRegistered" in events) == ("PRODUCT" in seen)
    assert ("InspectionRecorded" in events) == ("QUALITY" in seen)
    kinds = epcis_kinds(client, key)
    assert ("commissioning" in kinds) == ("PRODUCT" in seen)
    assert ("inspecting" in kinds) == ("QUALITY" in seen)
    api = client.get(f"/api/v1/batches/{key.gtin}/{key.lot}").json
    assert api["scopes"] == data["scopes"]
    for name, scope in (("content", "PRODUCT"), ("first", "QUALITY")):
        status = client.get(
            f"/documents/{key.gtin}/{key.lot}/{name}", headers={"Accept": "application/json"}
        ).status_code
        readable = scope.lower() in data["scopes"] and "documents" in data["scopes"]
        assert (status == 200) == readable
        assert status in (200, 401, 403)
    return Scope(sum(Scope[name.upper()] for name in data["scopes"]))


def epcis_kinds(client, key):
    """Return the business steps of the chain's events about a batch."""
    answer = client.get(
        "/epcis/v2/events", query_string={"MATCH_anyEPC": f"https://id.gs1.org/01/{key.gtin}/10/{key.lot}"}
    )
    return {event["bizStep"] for event in answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]}


def test_everything_is_public_before_the_producer_chooses(app, lots):
    assert shown(app.test_client(), lots[LINE]) == ALL_SCOPES


def test_the_producer_chooses_what_is_public_per_line(app, lots, publish):
    publish(Scope.PRODUCT | Scope.QUALITY, LINE)
    assert shown(app.test_client(), lots[LINE]) == Scope.PRODUCT | Scope.QUALITY
    assert shown(app.test_client(), lots[OTHER_LINE]) == ALL_SCOPES
    publish(Scope.PRODUCT | Scope.QUALITY | Scope.PROCESS, LINE)
    assert shown(app.test_client(), lots[LINE]) == Scope.PRODUCT | Scope.QUALITY | Scope.PROCESS
    publish(Scope.LOGISTICS, 0)
    assert shown(app.test_client(), lots[LINE]) == Scope.PRODUCT | Scope.QUALITY | Scope.PROCESS
    assert shown(app.test_client(), lots[OTHER_LINE]) == Scope.LOGISTICS


def test_status_and_producer_are_always_public(app, lots, publish):
    publish(Scope(0), LINE)
    client = app.test_client()
    assert shown(client, lots[LINE]) == Scope(0)
    page = client.get(f"/01/{lots[LINE].gtin}/10/{lots[LINE].lot}")
    assert "In production" in page.text
    assert "Example Panes" in page.text
    assert "does not show: product, logistics, quality, process, documents" in page.text


def test_nothing_more_is_public_after_the_choice_expired(members, app, lots, publish):
    now = int(members.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    publish(ALL_SCOPES, LINE, valid_until=max(now, int(time.time())) + 3600)
    assert shown(app.test_client(), lots[LINE]) == ALL_SCOPES
    with members.index.snapshot() as snapshot:
        assert snapshot.published_scopes(MAKER, gtin(LINE), now + 10**8) == Scope(0)


@pytest.mark.parametrize("scope", list(Scope), ids=lambda scope: scope.name.lower())
def test_a_granted_scope_shows_its_part_of_its_line_only(members, app, lots, publish, scope):
    publish(Scope(0), LINE, OTHER_LINE)
    address = address_of("reader of the store")
    members.appoint(address, PARTNER, 0)
    client = client_of(app, address)
    grant(members, scope, LINE)
    try:
        assert shown(client, lots[LINE]) == scope
        assert shown(client, lots[OTHER_LINE]) == Scope(0)
        assert shown(app.test_client(), lots[LINE]) == Scope(0)
    finally:
        grant(members, Scope(0), LINE)
    assert shown(client, lots[LINE]) == Scope(0)


def test_the_producer_and_a_supervising_authority_see_everything(members, app, lots, publish):
    publish(Scope(0), LINE)
    for name, organisation, roles, expected in (
        ("worker", MAKER, 0, ALL_SCOPES),
        ("official", OFFICE, Role.SUPERVISOR, ALL_SCOPES),
        ("clerk", OFFICE, Role.ADMIN, Scope(0)),
        ("competitor", RIVAL, Role.SUPERVISOR, Scope(0)),
    ):
        address = address_of(name)
        members.appoint(address, organisation, roles)
        assert shown(client_of(app, address), lots[LINE]) == expected, name


def test_a_withheld_document_names_the_producer(members, app, lots, publish):
    publish(Scope.PRODUCT, LINE)
    path = f"/documents/{lots[LINE].gtin}/{lots[LINE].lot}/content"
    assert app.test_client().get(path).headers["Location"].startswith("/login?next=")
    address = address_of("competitor of the store")
    members.appoint(address, RIVAL, Role.ADMIN)
    answer = client_of(app, address).get(path, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["field"]) == (403, "scope")
    assert "Example Panes" in answer.json["hint"]


def test_the_workspace_does_not_list_the_choice_as_a_grant(members, app, lots, publish):
    publish(Scope.PRODUCT, LINE)
    address = address_of("worker")
    members.appoint(address, MAKER, 0)
    assert "No organisation has granted yours access" in client_of(app, address).get("/partners/").text


def test_an_input_of_a_line_that_is_not_visible_is_left_out(members, app, lots, publish):
    key = members.register(MAKER, 13, "S-2", "Window", made_of=[lots[LINE]])
    publish(Scope(0), LINE)
    visitor = app.test_client()
    path = f"/01/{key.gtin}/10/{key.lot}"
    assert str(lots[LINE].gtin) not in visitor.get(path).text
    assert visitor.get(f"{path}?format=json").json["made_of"] == []
    assert epcis_kinds(visitor, key) == set()
    publish(Scope.PRODUCT, LINE)
    assert [item["lot"] for item in visitor.get(f"{path}?format=json").json["made_of"]] == ["S-1"]
    assert epcis_kinds(visitor, key) == {"commissioning"}


def test_a_page_of_events_is_filled_with_visible_ones(members, app, lots, publish):
    """Events that are not visible neither shorten a page nor end the result."""
    publish(Scope(0), LINE)
    visitor, seen, query = app.test_client(), [], {"perPage": 1}
    for _ in range(1000):
        answer = visitor.get("/epcis/v2/events", query_string=query)
        page = answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        seen += [event["eventID"] for event in page]
        following = re.search(r"nextPageToken=([^&>]+)", answer.headers.get("Link", ""))
        if following is None:
            break
        assert len(page) == 1
        query["nextPageToken"] = unquote(following[1])
    every = visitor.get("/epcis/v2/events", query_string={"perPage": 1000}).json
    assert seen == [event["eventID"] for event in every["epcisBody"]["queryResults"]["resultsBody"]["eventList"]]
    assert f"/01/{lots[LINE].gtin}/" not in str(every)
