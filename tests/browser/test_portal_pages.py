"""The portal on a real chain, through Flask's client: facts, rights, offers, wallets."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from eth_hash.auto import keccak
from flask import render_template
from portal_world import GTIN, MAKER, OTHER_SHOP, PASSWORD, REGISTRAR, SHOP, STATIONS

from app import create_app
from app.facts.parties import Party
from app.facts.route import route_facts, words_of
from chromatrace.chain import commands
from chromatrace.chain.client import Call
from chromatrace.chain.devnode import DevNode
from chromatrace.domain.errors import Unavailable
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Role, Scope

BASE = "http://portal.example"
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def portal_app(world):
    limits = {"login_limit": "1000 per minute", "account_limit": "1000 per minute"}
    return create_app(world.config(BASE, **limits), world.spool)


@pytest.fixture
def client(portal_app):
    return portal_app.test_client()


def _token(page):
    return re.search(r'(?:name="csrf_token" value|data-csrf)="([^"]+)"', page.text).group(1)


def _log_in(client, account):
    form = {"name": account, "password": PASSWORD, "csrf_token": _token(client.get("/login"))}
    return client.post("/login", data=form)


def _log_in_by_wallet(client, world, actor):
    signer = world.chains[actor].signer
    token = {"X-CSRFToken": _token(client.get("/login"))} | JSON
    challenge = client.post("/login/wallet/challenge", data={"address": signer.address}, headers=token)
    message = challenge.json["message"]
    text = message.encode()
    digest = keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)
    signature = "0x" + signer.sign_digest(digest).hex()
    return client.post("/login/wallet", data={"message": message, "signature": signature}, headers=token)


def _batch(client, lot, serial=""):
    return client.get(f"/01/{GTIN}/10/{lot}{serial}", headers=JSON)


# -- facts


@pytest.mark.parametrize(
    ("lot", "status"),
    [
        ("L2410B", "recalled"),
        ("L2410C", "on-hold"),
        ("L2410D", "first-inspection-passed"),
        ("L2410E", "stopped"),
        ("L2410G", "released"),
    ],
)
def test_each_state_has_its_word(client, world, lot, status):
    answer = _batch(client, lot)
    assert answer.json["status"] == status
    page = client.get(f"/01/{GTIN}/10/{lot}").text
    assert f'id="status">{answer.json["headline"]}<' in page
    batch = world.chains[MAKER].read("BatchRegistry", "batch", world.key(lot).batch_id)
    assert (answer.json["quantity"], answer.json["standard"]) == (batch["quantity"], batch["standard"])


def test_every_step_names_its_transaction(client, world):
    steps = _batch(client, "L2410G").json["timeline"]
    rpc = world.node.rpc()
    for step in steps:
        receipt = rpc.call("eth_getTransactionReceipt", step["tx_hash"])
        assert int(receipt["blockNumber"], 16) == step["block_number"]
        assert receipt["blockHash"] == step["block_hash"]
        block = rpc.call("eth_getBlockByNumber", receipt["blockNumber"], False)
        assert int(block["timestamp"], 16) == step["block_time"]
    titles = [step["title"] for step in steps]
    assert "Registered" in titles
    assert "Readings anchored" in titles
    assert "First verdict applied" not in titles


def _route_part(page):
    found = re.search(r'<section class="route-part".*?</section>', page, re.DOTALL)
    return found.group(0) if found else None


@pytest.mark.parametrize("serial", ["", "/21/000042"])
def test_a_proven_route_is_shown_step_by_step_with_its_transaction(client, world, serial):
    route = _batch(client, "L2410H", serial).json["route"]
    assert (route["state"], route["headline"]) == ("proven-in-order", "Proven in order")
    assert [(step["step"], step["process"]) for step in route["steps"]] == list(enumerate(STATIONS, 1))
    design = world.routes["electrochromic pane"].design
    assert [step["key"] for step in route["steps"]] == [f"0x{one.key_id.hex()}" for one in design.stations]
    chain = world.chains[MAKER]
    assert chain.read("RouteVerifier", "isProven", bytes.fromhex(route["id"][2:]), world.key("L2410H").batch_id)
    receipt = world.node.rpc().call("eth_getTransactionReceipt", route["record"]["tx_hash"])
    verifier = world.manifest.address("RouteVerifier").lower()
    log = next(log for log in receipt["logs"] if log["address"] == verifier)
    assert log["data"][:66] == route["record"]["head"]
    part = _route_part(client.get(f"/01/{GTIN}/10/L2410H{serial}").text)
    assert route["record"]["tx_hash"] in part
    assert re.findall(r'class="station-step">(\d+)<', part) == [str(n) for n in range(1, len(STATIONS) + 1)]
    assert [part.index(process) for process in STATIONS] == sorted(part.index(process) for process in STATIONS)
    assert "Each of the 8 stations signed what it did, in the designed order" in part
    assert "It does not say that the work was done well" in part
    assert "genuine" not in part.lower()


@pytest.mark.parametrize(
    ("lot", "state", "headline"),
    [
        ("L2410D", "not-proven-yet", "Not proven yet"),
        ("L2410E", "breaks-off", "The route breaks off"),
        ("L2410C", "not-proven", "Not proven"),
        ("L2410F", "unknown-route", "Unknown route"),
    ],
)
def test_a_route_that_is_not_proven_is_never_said_to_be(client, lot, state, headline):
    route = _batch(client, lot).json["route"]
    assert (route["state"], route["headline"], route["record"]) == (state, headline, None)
    page = client.get(f"/01/{GTIN}/10/{lot}").text
    assert headline in _route_part(page)
    assert "proven in order" not in page.lower()
    assert "shade-" not in _route_part(page)


def test_a_batch_without_a_route_has_no_part_about_one(client):
    assert _batch(client, "L2410G").json["route"] is None
    assert _route_part(client.get(f"/01/{GTIN}/10/L2410G").text) is None


def test_what_nobody_verified_is_shown_as_recorded(portal_app, world):
    """As on a chain without the precompiles; this one refuses to record what it can check."""
    with world.index.snapshot() as snapshot:
        batch = snapshot.batch_by_key(world.key("L2410H"))
        proven = route_facts(snapshot, batch, lambda number: Party(number, "Example Glass", "", "", standing=True))
    record = replace(proven.proof, proven=None, recorded=proven.proof.proven)
    state, tone, headline, explanation = words_of(batch, proven.view, record)
    route = replace(proven, proof=record, state=state, tone=tone, headline=headline, explanation=explanation)
    with portal_app.test_request_context():
        part = render_template("parts/route.html", facts=SimpleNamespace(route=route))
    assert "Not checked by the chain" in part
    assert "does not count as a proof" in part
    assert f"0x{record.recorded.tx_hash.hex()}" in part
    assert "RouteVerifier.RouteRecordedUnverified" in part
    assert "in the designed order" not in part
    assert "proven in order" not in part.lower()
    assert route.as_dict()["state"] == "recorded-not-verified"


def test_published_documents_have_the_digests_on_the_chain(client):
    facts = _batch(client, "L2410G").json
    content = client.get(f"/documents/{GTIN}/L2410G/content").data
    assert hashlib.sha256(content).hexdigest() == facts["document"]["sha256"]
    final = next(item for item in facts["inspections"] if item["stage"] == "final")
    evidence = client.get(f"/documents/{GTIN}/L2410G/final").data
    assert hashlib.sha256(evidence).hexdigest() == final["document"]["sha256"]
    assert client.get(f"/documents/{GTIN}/L2410G/third").status_code == 404
    assert client.get(f"/documents/{GTIN}/NOPE/content").status_code == 404


def test_an_altered_document_is_called_so_and_not_shown(client):
    facts = _batch(client, "L2410F").json
    first, final = facts["inspections"]
    assert first["document"]["check"] == "matches"
    assert (final["document"]["check"], final["measurements"]) == ("altered", [])
    page = client.get(f"/01/{GTIN}/10/L2410F").text
    assert "it was changed" in page
    assert "83.2" not in page
    refused = client.get(f"/documents/{GTIN}/L2410F/final", headers=JSON)
    assert (refused.status_code, refused.json["error"]) == (500, "IntegrityError")
    assert "/" not in refused.json["message"] + refused.json.get("hint", "")


def test_a_missing_document_is_called_so(world, portal_app, client):
    content = world.index.batch_by_key(world.key("L2410E")).content_digest
    path = world.documents.folder / content.hex()[:2] / content.hex()[2:]
    kept = path.read_bytes()
    path.unlink()
    try:
        facts = _batch(client, "L2410E", "/21/000001").json
        assert facts["document"]["check"] == "missing"
        assert facts["product"] is None
        assert facts["unit"]["membership"] == "unchecked"
        assert "not published here" in client.get(f"/01/{GTIN}/10/L2410E").text
    finally:
        world.documents.put(kept)


def test_the_window_is_covered_by_an_anchor_and_rebuilt(client, world):
    first = _batch(client, "L2410G").json["inspections"][0]
    window = first["readings"]
    assert (window["coverage"], window["rebuilt_from_readings"]) == ("anchored", True)
    assert window["readings"] == 1_520
    channel = world.chains[MAKER].read("ProcessLedger", "channelIdOf", world.organisations["maker"], "line-1")
    assert window["root"] == "0x" + world.chains[MAKER].read("ProcessLedger", "channel", channel)["root"].hex()


class _Broken:
    """A spool whose file cannot be read."""

    def size(self, channel):
        raise Unavailable("no such table")


class _Altered:
    """A spool in which somebody changed one reading."""

    def __init__(self, spool):
        self._spool = spool

    def size(self, channel):
        return self._spool.size(channel)

    def entries(self, channel, start, stop):
        for reading in self._spool.entries(channel, start, stop):
            yield replace(reading, value=9.9) if reading.sequence == 77 else reading


def test_a_page_does_without_readings_that_cannot_be_read(world):
    client = create_app(world.config(BASE), _Broken()).test_client()
    window = _batch(client, "L2410H").json["inspections"][0]["readings"]
    assert (window["coverage"], window["rebuilt_from_readings"]) == ("anchored", None)
    assert "plot-line" not in client.get(f"/01/{GTIN}/10/L2410H").text


def test_altered_readings_are_called_so_and_not_drawn(world):
    client = create_app(world.config(BASE), _Altered(world.spool)).test_client()
    assert _batch(client, "L2410H").json["inspections"][0]["readings"]["rebuilt_from_readings"] is False
    page = client.get(f"/01/{GTIN}/10/L2410H").text
    assert "do not give that fingerprint" in page
    assert "does not match what the chain holds" in page
    assert "plot-line" not in page


def test_units_are_checked_under_the_serial_root(client):
    assert _batch(client, "L2410G", "/21/000200").json["unit"]["membership"] == "member"
    for serial in ("000201", "42", "0000042"):
        answer = _batch(client, "L2410G", f"/21/{serial}")
        assert (answer.status_code, answer.json["unit"]["membership"]) == (404, "not-a-member")


def test_scans_are_counted_for_people_not_for_machines(client):
    path = f"/01/{GTIN}/10/L2410G/21/000099"
    for number in range(3):
        client.get(path, headers=JSON)
        client.get(path, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"})
        client.get(path, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"})
    assert client.get(path, headers=JSON).json["scans"]["count"] == 3
    assert re.search(r"4(&nbsp;|\s)scans", client.get(path).text)


def test_links_are_resolved(client):
    page = f"/01/{GTIN}/10/L2410G"
    answer = client.get(f"{page}?linkType=all")
    assert answer.mimetype == "application/linkset+json"
    assert answer.json["linkset"][0]["anchor"] == BASE + page
    certified = client.get(f"{page}?linkType=gs1:certificationInfo")
    assert (certified.status_code, certified.location) == (307, f"{BASE}{page}#inspections")
    assert 'rel="linkset"' in client.get(page).headers["Link"]
    assert client.get(f"{page}?linkType=gs1:nothing").status_code == 400


def test_health_with_everything_running(client, world):
    world.sync()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")


# -- rights


def test_what_an_operator_sees_follows_from_grants(client, world):
    assert _log_in(client, world.shop_account).status_code == 303
    page = client.get("/partners/").text
    assert "Example Windows" in page
    assert "Lot L2410G" in page
    batch = world.key("L2410G").batch_id.hex()
    assert client.get(f"/partners/offers/{batch}").status_code == 200
    assert client.get(f"/partners/labels/{batch}").status_code == 403
    assert client.get(f"/partners/offers/{'00' * 32}").status_code == 404
    assert client.get("/partners/offers/nonsense").status_code == 404


def test_a_stranger_to_the_grants_sees_nothing(client, world):
    world.submit(
        MAKER,
        commands.offer_custody(world.key("L2410H").batch_id, world.organisations["other"], int(time.time()) + 86_400),
    )
    world.sync()
    assert _log_in_by_wallet(client, world, OTHER_SHOP).status_code == 200
    page = client.get("/partners/").text
    assert "Example Facades" in page
    assert "1 offer is not shown" in page
    assert "L2410" not in page
    for lot in ("L2410G", "L2410H"):
        assert client.get(f"/partners/offers/{world.key(lot).batch_id.hex()}").status_code == 404


def test_a_revoked_grant_hides_the_offer_at_the_next_request(client, world):
    _log_in(client, world.shop_account)
    path = f"/partners/offers/{world.key('L2410G').batch_id.hex()}"
    assert client.get(path).status_code == 200
    shop, line = world.organisations["shop"], [Gtin(GTIN)]
    world.submit(MAKER, commands.grant_read_scopes(shop, line, Scope(0)))
    try:
        assert client.get(path).status_code == 404
    finally:
        world.submit(MAKER, commands.grant_read_scopes(shop, line, Scope.PRODUCT | Scope.LOGISTICS | Scope.QUALITY))
        world.sync()
    assert client.get(path).status_code == 200


def test_the_console_is_for_its_roles(client, world):
    assert _log_in(client, world.maker_account).status_code == 303
    page = client.get("/console/").text
    assert "Channels and their anchors" in page
    assert "1,600" in page
    assert "No organisation has a panel yet" in client.get("/console/consensus").text
    world.submit(REGISTRAR, commands.appoint_operator(world.shop_address, 3, Role.FRANCHISEE))
    try:
        other = client.application.test_client()
        _log_in(other, world.shop_account)
        assert other.get("/console/").status_code == 403
        assert other.get("/console/consensus").status_code == 403
        assert "Operations" not in other.get("/partners/").text
    finally:
        world.submit(REGISTRAR, commands.appoint_operator(world.shop_address, 3, Role.FRANCHISEE | Role.ADMIN))


def test_labels_are_for_the_producer(client, world):
    _log_in(client, world.maker_account)
    batch = world.key("L2410G").batch_id.hex()
    assert "000001-000200" in client.get(f"/partners/labels/{batch}").text
    sheet = client.get(f"/partners/labels/{batch}.pdf?first=5&count=3")
    assert sheet.mimetype == "application/pdf"
    assert sheet.data.startswith(b"%PDF")
    assert client.get(f"/partners/labels/{batch}.pdf?first=199&count=3").status_code == 400
    assert client.get(f"/partners/labels/{batch}.pdf?count=100000").status_code == 400


def test_a_dismissed_operator_loses_every_session(world, portal_app):
    phone, desk = portal_app.test_client(), portal_app.test_client()
    for device in (phone, desk):
        assert _log_in(device, world.shop_account).status_code == 303
    world.submit(REGISTRAR, commands.dismiss_operator(world.shop_address))
    try:
        assert phone.get("/partners/", headers=JSON).json["error"] == "RightsEnded"
    finally:
        world.submit(REGISTRAR, commands.appoint_operator(world.shop_address, 3, Role.FRANCHISEE | Role.ADMIN))
    for device in (phone, desk):
        assert device.get("/partners/", headers=JSON).json["error"] == "LoginNeeded"
    assert _log_in(phone, world.shop_account).status_code == 303


def test_a_suspended_organisation_is_named_to_its_operator(world, portal_app):
    desk = portal_app.test_client()
    assert _log_in(desk, world.shop_account).status_code == 303
    world.submit(REGISTRAR, commands.suspend_organisation(3))
    try:
        page = desk.get("/partners/")
        form = _log_in(portal_app.test_client(), world.shop_account)
        by_wallet = _log_in_by_wallet(portal_app.test_client(), world, SHOP)
    finally:
        world.submit(REGISTRAR, Call("Consortium", "reinstateOrganisation", (3,)))
    assert (page.status_code, form.status_code, by_wallet.status_code) == (401, 401, 401)
    said = re.search(r'<p class="lead">(.*?)</p>', page.text).group(1)
    assert said.startswith("The consortium does not authorise this operator: ")
    assert said.endswith(f"{world.index.organisation(3).name} is suspended.")
    for answer in (page.text, form.text, by_wallet.json["message"]):
        assert " is suspended" in answer
        assert "organisation 3" not in answer


def test_an_operator_without_rights_cannot_log_in_by_wallet(client, world):
    answer = _log_in_by_wallet(client, world, REGISTRAR)
    assert (answer.status_code, answer.json["error"]) == (401, "RightsEnded")
    assert client.get("/partners/", headers=JSON).json["error"] == "LoginNeeded"


def test_when_the_chain_goes_away_nobody_has_rights(world, tmp_path):
    """A session begun while the chain answered is worth nothing while it does not, and something when it is back."""
    config = world.config(BASE, login_limit="100 per minute", account_limit="100 per minute")
    app = create_app(config, world.spool)
    client = app.test_client()
    _log_in(client, world.shop_account)
    away = create_app(replace(config, rpc_url="http://127.0.0.1:9"), world.spool).test_client()
    away.set_cookie("chromatrace", client.get_cookie("chromatrace").value)
    answer = away.get("/partners/", headers=JSON)
    assert (answer.status_code, answer.json["error"]) == (503, "RightsUnknown")
    assert client.get("/partners/").status_code == 200


def test_another_chain_of_the_same_number_is_not_believed(world):
    with DevNode("anvil") as stranger:
        config = replace(world.config(BASE), rpc_url=stranger.url, outbox_path=world.folder / "elsewhere.db")
        client = create_app(config, world.spool).test_client()
        answer = _log_in(client, world.shop_account)
        assert answer.status_code == 503
        assert "not the consortium" in answer.text
        assert client.get("/healthz").json["status"] == "chain-unavailable"
        assert client.get("/partners/").status_code == 303


# -- answering offers


def test_refusing_by_password_is_pending_and_then_done(client, world):
    key = world.key("L2410F")
    batch = key.batch_id.hex()
    _log_in(client, world.shop_account)
    page = client.get(f"/partners/offers/{batch}")
    form = {"csrf_token": _token(page), "password": PASSWORD, "reason": ""}
    refused = client.post(f"/partners/offers/{batch}/refuse", data=form)
    assert refused.status_code == 400
    assert "3 to 200 characters" in refused.text
    form["reason"] = "Two panes arrived cracked."
    assert client.post(f"/partners/offers/{batch}/refuse", data=form).status_code == 303
    state = client.get(f"/partners/offers/{batch}", headers=JSON).json
    assert (state["offer"], state["action"]["state"]) == ("open", "pending")
    assert state["action"]["tx_hash"] in client.get(f"/partners/offers/{batch}").text
    again = client.post(f"/partners/offers/{batch}/refuse", data=form)
    assert again.status_code in (303, 409)
    world.sync()
    state = client.get(f"/partners/offers/{batch}", headers=JSON).json
    assert (state["offer"], state["action"]["state"]) == ("refused", "done")
    assert "Two panes arrived cracked." in client.get(f"/partners/offers/{batch}").text
    late = client.post(f"/partners/offers/{batch}/accept", data=form)
    assert late.status_code == 409


def test_accepting_by_wallet(client, world):
    batch = world.key("L2410G").batch_id.hex()
    assert _log_in_by_wallet(client, world, SHOP).status_code == 200
    page = client.get(f"/partners/offers/{batch}")
    assert "password" not in page.text.replace("Log out", "")
    token = {"X-CSRFToken": _token(page)} | JSON
    call = client.post(f"/partners/offers/{batch}/call", data={"kind": "accept"}, headers=token).json
    assert call["to"] == world.manifest.address("CustodyLedger")
    foreign = world.index.batch_by_key(world.key("L2410A")).registered.tx_hash.hex()
    watched = client.post(
        f"/partners/offers/{batch}/watch", data={"kind": "accept", "tx_hash": f"0x{foreign}"}, headers=token
    )
    assert (watched.status_code, watched.json["field"]) == (400, "tx_hash")
    rpc = world.node.rpc()
    sent = rpc.call("eth_sendTransaction", {"from": call["from"], "to": call["to"], "data": call["data"]})
    data = {"kind": "accept", "tx_hash": sent}
    assert client.post(f"/partners/offers/{batch}/watch", data=data, headers=token).status_code == 200
    assert client.get(f"/partners/offers/{batch}", headers=JSON).json["action"]["state"] == "pending"
    deadline = time.monotonic() + 20
    state = None
    while state != "done" and time.monotonic() < deadline:
        world.sync()
        state = client.get(f"/partners/offers/{batch}", headers=JSON).json["action"]["state"]
    assert state == "done"
    assert _batch(client, "L2410G").json["custodian"]["name"] == "Example Windows"


def test_a_wallet_session_cannot_use_a_password(client, world):
    batch = world.key("L2410A").batch_id.hex()
    _log_in_by_wallet(client, world, SHOP)
    token = {"X-CSRFToken": _token(client.get("/partners/"))} | JSON
    answer = client.post(f"/partners/offers/{batch}/accept", data={"password": PASSWORD}, headers=token)
    assert answer.status_code in (400, 409)
