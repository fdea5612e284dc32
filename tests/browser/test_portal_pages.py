"""Pages and JSON of batches and units, on a real chain."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from flask import render_template
from portal_client import BASE, JSON, batch_page
from portal_world import GTIN, MAKER, STATIONS
from querying import query

from app import create_app
from app.presenters.organisations import OrganisationSummary
from app.presenters.route import present_route, route_status
from chromatrace.chain import reads
from chromatrace.domain.errors import Unavailable
from chromatrace.merkle.entry import encode_reading


@pytest.mark.parametrize(
    ("lot", "status"),
    [
        ("L2410B", "recalled"),
        ("L2410C", "on-hold"),
        ("L2410D", "first-inspection-passed"),
        ("L2410E", "stopped"),
        ("L2410G", "released-mixed"),
    ],
)
def test_status_of_each_state(client, world, lot, status):
    answer = batch_page(client, lot)
    assert answer.json["status"] == status
    page = client.get(f"/01/{GTIN}/10/{lot}").text
    assert f'id="status">{answer.json["headline"]}<' in page
    batch = world.chains[MAKER].read(reads.batch(world.key(lot).batch_id))
    assert (answer.json["quantity"], answer.json["standard"]) == (batch.quantity, batch.standard)


def test_every_timeline_entry_names_its_transaction(client, world):
    timeline = batch_page(client, "L2410G").json["timeline"]
    rpc = world.node.rpc()
    for entry in timeline:
        receipt = rpc.call("eth_getTransactionReceipt", entry["tx_hash"])
        assert int(receipt["blockNumber"], 16) == entry["block_number"]
        assert receipt["blockHash"] == entry["block_hash"]
        block = rpc.call("eth_getBlockByNumber", receipt["blockNumber"], False)
        assert int(block["timestamp"], 16) == entry["block_time"]
    titles = [entry["title"] for entry in timeline]
    assert "Registered" in titles
    assert "Readings anchored" in titles
    assert "First verdict applied" not in titles


@pytest.mark.parametrize(
    ("lot", "shown"),
    [("L2410G", [False, False]), ("L2410E", [True]), ("L2410F", [False, True])],
    ids=["passed", "failed", "document altered"],
)
def test_inspection_details_are_open_only_if_they_need_attention(client, lot, shown):
    page = client.get(f"/01/{GTIN}/10/{lot}").text
    details = re.findall(r'<details class="more"( open)?>\s*<summary>Inspection details', page)
    assert [bool(is_open) for is_open in details] == shown


def test_link_cannot_inject_text_into_page(client):
    path = f"/01/{GTIN}/10/L2410G?code-host="
    assert "belongs to the site <strong>other.example:8080</strong>" in client.get(f"{path}other.example:8080").text
    for text in ("call 0800 now", "other.example/verify", "a" * 101, "%3Cb%3E"):
        assert "belongs to the site" not in client.get(path + text).text


def _route_part(page):
    match = re.search(r'<section class="route-part".*?</section>', page, re.DOTALL)
    return match.group(0) if match else None


@pytest.mark.parametrize("serial", ["", "/21/000042"])
def test_proven_route_lists_steps_and_transaction(client, world, serial):
    route = batch_page(client, "L2410H", serial).json["route"]
    assert (route["state"], route["headline"]) == ("proven-in-order", "Proven in order")
    assert [(step["step"], step["process"]) for step in route["steps"]] == list(enumerate(STATIONS, 1))
    design = world.routes["electrochromic pane"].design
    assert [step["key"] for step in route["steps"]] == [f"0x{station.key_id.hex()}" for station in design.stations]
    chain = world.chains[MAKER]
    assert chain.read(reads.route_is_proven(bytes.fromhex(route["id"][2:]), world.key("L2410H").batch_id))
    receipt = world.node.rpc().call("eth_getTransactionReceipt", route["record"]["tx_hash"])
    verifier = world.manifest.address("RouteVerifier").lower()
    log = next(log for log in receipt["logs"] if log["address"] == verifier)
    assert log["data"][:66] == route["record"]["head"]
    part = _route_part(client.get(f"/01/{GTIN}/10/L2410H{serial}").text)
    assert route["record"]["tx_hash"] in part
    assert re.findall(r'class="station-step">(\d+)<', part) == [str(n) for n in range(1, len(STATIONS) + 1)]
    assert [part.index(process) for process in STATIONS] == sorted(part.index(process) for process in STATIONS)
    assert "Each of the 8 stations signed its step, in the designed order" in part
    assert "It does not show that the work was done well" in part
    assert "genuine" not in part.lower()


@pytest.mark.parametrize(
    ("lot", "state", "headline"),
    [
        ("L2410D", "not-proven-yet", "Not yet proven"),
        ("L2410E", "incomplete", "Route not completed"),
        ("L2410C", "not-proven", "Not proven"),
    ],
)
def test_route_without_proof_is_never_shown_as_proven(client, lot, state, headline):
    route = batch_page(client, lot).json["route"]
    assert (route["state"], route["headline"], route["record"]) == (state, headline, None)
    page = client.get(f"/01/{GTIN}/10/{lot}").text
    assert headline in _route_part(page)
    assert "proven in order" not in page.lower()
    assert "shade-" not in _route_part(page)


def test_route_without_design_is_unknown(world):
    """Only batches of an earlier deployment have one."""
    with world.index.snapshot() as snapshot:
        state, _, headline, _ = route_status(snapshot.batch_by_key(world.key("L2410H")), None, None)
    assert (state, headline) == ("unknown-route", "Unknown route")


def test_batch_without_route_has_no_route_section(client):
    assert batch_page(client, "L2410G").json["route"] is None
    assert _route_part(client.get(f"/01/{GTIN}/10/L2410G").text) is None


def test_unverified_signature_is_shown_as_recorded(portal_app, world):
    """Simulated, because this chain verifies signatures."""
    with world.index.snapshot() as snapshot:
        batch = snapshot.batch_by_key(world.key("L2410H"))
        proven = present_route(
            snapshot, batch, lambda number: OrganisationSummary(number, "Example Glass", "", "", active=True)
        )
    record = replace(proven.proof, proven=None, recorded=proven.proof.proven)
    state, tone, headline, explanation = route_status(batch, proven.view, record)
    route = replace(proven, proof=record, state=state, tone=tone, headline=headline, explanation=explanation)
    with portal_app.test_request_context():
        part = render_template("parts/route.html", batch=SimpleNamespace(route=route))
    assert "Not verified by the chain" in part
    assert "does not prove that the stations signed" in part
    assert f"0x{record.recorded.tx_hash.hex()}" in part
    assert "RouteVerifier.<wbr>RouteRecordedUnverified" in part
    assert "in the designed order" not in part
    assert "proven in order" not in part.lower()
    assert route.as_dict()["state"] == "recorded-not-verified"


def test_published_documents_match_their_digests_on_the_chain(client):
    facts = batch_page(client, "L2410G").json
    content = client.get(f"/documents/{GTIN}/L2410G/content").data
    assert hashlib.sha256(content).hexdigest() == facts["document"]["sha256"]
    final = next(item for item in facts["inspections"] if item["stage"] == "final")
    evidence = client.get(f"/documents/{GTIN}/L2410G/final").data
    assert hashlib.sha256(evidence).hexdigest() == final["document"]["sha256"]
    assert client.get(f"/documents/{GTIN}/L2410G/third").status_code == 404
    assert client.get(f"/documents/{GTIN}/NOPE/content").status_code == 404


def test_altered_document_is_reported_and_hidden(client):
    facts = batch_page(client, "L2410F").json
    first, final = facts["inspections"]
    assert first["document"]["check"] == "matches"
    assert (final["document"]["check"], final["measurements"]) == ("altered", [])
    page = client.get(f"/01/{GTIN}/10/L2410F").text
    assert "it was changed" in page
    assert "83.2" not in page
    error = client.get(f"/documents/{GTIN}/L2410F/final", headers=JSON)
    assert (error.status_code, error.json["error"]) == (500, "IntegrityError")
    assert "/" not in error.json["message"] + error.json.get("hint", "")


def test_missing_document_is_reported(world, portal_app, client):
    content = query(world.index).batch_by_key(world.key("L2410E")).content_digest
    path = world.documents.folder / content.hex()[:2] / content.hex()[2:]
    content_bytes = path.read_bytes()
    path.unlink()
    try:
        facts = batch_page(client, "L2410E", "/21/000001").json
        assert facts["document"]["check"] == "missing"
        assert facts["product"] is None
        assert facts["unit"]["membership"] == "unchecked"
        assert "not published here" in client.get(f"/01/{GTIN}/10/L2410E").text
    finally:
        world.documents.put(content_bytes)


def test_reading_window_is_anchored_and_recomputed(client, world):
    first = batch_page(client, "L2410G").json["inspections"][0]
    window = first["readings"]
    assert (window["coverage"], window["rebuilt_from_readings"]) == ("anchored", True)
    assert window["readings"] == 1_520
    channel = world.chains[MAKER].read(reads.channel_id(world.organisations["maker"], "line-1"))
    assert window["root"] == "0x" + world.chains[MAKER].read(reads.channel(channel)).root.hex()


class _Broken:
    """A spool that cannot be read."""

    def size(self, channel):
        raise Unavailable("no such table")


class _Altered:
    """A spool with one changed reading."""

    def __init__(self, spool):
        self._spool = spool

    def size(self, channel):
        return self._spool.size(channel)

    def entries(self, channel, start, stop):
        for reading in self._spool.entries(channel, start, stop):
            yield replace(reading, value=9.9) if reading.sequence == 77 else reading

    def log_entries(self, channel, start, stop):
        return map(encode_reading, self.entries(channel, start, stop))


def test_page_omits_unreadable_readings(world):
    client = create_app(world.config(BASE), _Broken()).test_client()
    window = batch_page(client, "L2410H").json["inspections"][0]["readings"]
    assert (window["coverage"], window["rebuilt_from_readings"]) == ("anchored", None)
    assert "plot-line" not in client.get(f"/01/{GTIN}/10/L2410H").text


def test_altered_readings_are_reported_and_not_plotted(world):
    client = create_app(world.config(BASE), _Altered(world.spool)).test_client()
    assert batch_page(client, "L2410H").json["inspections"][0]["readings"]["rebuilt_from_readings"] is False
    page = client.get(f"/01/{GTIN}/10/L2410H").text
    assert "do not match that fingerprint" in page
    assert "does not match its record on the chain" in page
    assert "plot-line" not in page


def test_units_are_checked_against_serial_root(client):
    assert batch_page(client, "L2410G", "/21/000200").json["unit"]["membership"] == "member"
    for serial in ("000201", "42", "0000042"):
        answer = batch_page(client, "L2410G", f"/21/{serial}")
        assert (answer.status_code, answer.json["unit"]["membership"]) == (404, "not-a-member")


def test_scans_are_counted_for_pages_only(client):
    path = f"/01/{GTIN}/10/L2410G/21/000099"
    for number in range(3):
        client.get(path, headers=JSON)
        for browser in ("phone", "tablet"):
            client.get(path, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}, headers={"User-Agent": browser})
    assert client.get(path, headers=JSON).json["scans"]["count"] == 3
    page = client.get(path, environ_base={"REMOTE_ADDR": "192.0.2.3"}).text
    assert re.search(r"4(&nbsp;|\s)scans", page)
    assert "An internet address counts once a day" in page


def test_address_that_opens_many_codes_is_not_counted(client):
    paths = [f"/01/{GTIN}/10/L2410G/21/{serial:06}" for serial in range(120, 140)]
    for path in paths:
        client.get(path, environ_base={"REMOTE_ADDR": "198.51.100.9"})
    for path in paths[:3] + paths[-1:]:
        assert client.get(path, headers=JSON).json["scans"] == {"count": 0, "first_at": None, "last_at": None}
    page = client.get(paths[0], environ_base={"REMOTE_ADDR": "203.0.113.5"}).text
    assert "First scan" in page


def test_gs1_links(client):
    page = f"/01/{GTIN}/10/L2410G"
    answer = client.get(f"{page}?linkType=all")
    assert answer.mimetype == "application/linkset+json"
    assert answer.json["linkset"][0]["anchor"] == BASE + page
    certified = client.get(f"{page}?linkType=gs1:certificationInfo")
    assert (certified.status_code, certified.location) == (307, f"{BASE}{page}#inspections")
    assert 'rel="linkset"' in client.get(page).headers["Link"]
    assert client.get(f"{page}?linkType=gs1:nothing").status_code == 400


def test_health_is_ok(client, world):
    world.sync()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
