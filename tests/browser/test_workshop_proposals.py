"""A proposal of the twin at the portal: shown, decided by one person, carried out on the chain."""

from __future__ import annotations

import time

import pytest
from portal_client import log_in, log_in_by_wallet, token_of
from portal_world import GTIN, MAKER, PASSWORD, REGISTRAR, SHOP, _register
from relations import own_items
from workshop_plant import PLANT, append, following, open_spool

import app.accounts
from app import background, create_app
from app.store import PortalDatabase
from chromatrace.chain import calls, reads
from chromatrace.domain.rights import Role

BASE = "http://workshop.example"
SUPERVISOR, ENGINEER = "shift@example-glass", "engineer@example-glass"


@pytest.fixture(scope="module")
def accounts(world):
    """Create a supervisor and an engineer without that role."""
    store = PortalDatabase(f"sqlite:///{world.folder / 'portal.db'}")
    for name, role in ((SUPERVISOR, Role.SUPERVISOR | Role.GATEWAY), (ENGINEER, Role.GATEWAY)):
        account = app.accounts.create_account(store, world.folder / "keys", name, PASSWORD, demonstration=True)
        world.submit(REGISTRAR, calls.appoint_operator(account.address, world.organisations["maker"], role))
        world.node.rpc().call("anvil_setBalance", account.address, hex(10**18))
    store.close()


@pytest.fixture
def hall(world, accounts, tmp_path):
    """Yield the portal of the hall and its spool."""
    url = f"sqlite:///{tmp_path / 'twin.db'}"
    limits = {"login_limit": "1000 per minute", "account_limit": "1000 per minute"}
    settings = {"plant_organisation": world.organisations["maker"], "twin_url": url} | limits
    with open_spool(tmp_path) as spool, following(spool, url):
        yield create_app(world.config(BASE, **settings), spool, plant=PLANT), spool


def proposed(hall, world, lot):
    """Register a lot, raise an alarm while it is in the machine, and return the portal."""
    portal, spool = hall
    own_items(world.chains[REGISTRAR], world.organisations["maker"], [GTIN])
    _register(world, lot, bytes(32))
    append(spool, "lot", lot)
    append(spool, "pressure", 9.0, unit="Pa")
    client = portal.test_client()
    log_in_by_wallet(client, world.chains[MAKER].signer)
    deadline = time.monotonic() + 60
    while lot not in client.get("/workshop/proposals").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return portal, client


def decide(client, decision="confirm", **fields):
    page = client.get("/workshop/proposals/1")
    form = {"csrf_token": token_of(page), "password": PASSWORD, "confirmed": "yes"} | fields
    form = {name: value for name, value in form.items() if value is not None}
    return client.post(f"/workshop/proposals/1/{decision}", data=form)


def on_hold(world, lot):
    return world.chains[MAKER].read(reads.batch(world.key(lot).batch_id)).on_hold


def test_a_supervisor_holds_the_batch_once(hall, world):
    portal, wallet = proposed(hall, world, "W1")
    assert "wallet session" in wallet.get("/workshop/proposals/1").text
    client, engineer = portal.test_client(), portal.test_client()
    log_in(client, SUPERVISOR)
    log_in(engineer, ENGINEER)
    assert "Hold the batch" in client.get("/workshop/proposals/1").text
    for sender, changes, status in (
        (client, {"password": "wrong"}, 401),
        (client, {"confirmed": None}, 400),
        (engineer, {}, 403),
    ):
        answer = decide(sender, **changes)
        assert answer.status_code == status, changes
        assert 'role="alert"' in answer.text
        assert not on_hold(world, "W1")
    assert decide(client).status_code == 303
    background._send(portal.extensions["portal"])
    assert on_hold(world, "W1")
    assert "done" in client.get("/workshop/proposals?all=1").text
    again = decide_again(client)
    assert again.status_code == 409
    assert "already confirmed" in again.text


def decide_again(client):
    """Submit the form of a page that was opened before the decision."""
    form = {"csrf_token": token_of(client.get("/partners/password")), "password": PASSWORD, "confirmed": "yes"}
    return client.post("/workshop/proposals/1/confirm", data=form)


def test_a_rejected_proposal_has_no_effect(hall, world):
    portal, _ = proposed(hall, world, "W2")
    client = portal.test_client()
    log_in(client, SUPERVISOR)
    assert decide(client, "reject", reason="").status_code == 400
    assert decide(client, "reject", reason="The gauge is faulty.").status_code == 303
    page = client.get("/workshop/proposals/1").text
    assert "The gauge is faulty." in page
    assert "rejected" in page
    assert not on_hold(world, "W2")
    assert decide_again(client).status_code == 409


def test_other_organisations_see_no_proposals(hall, world):
    portal, _ = hall
    client = portal.test_client()
    log_in_by_wallet(client, world.chains[SHOP].signer)
    assert client.get("/workshop/proposals").status_code == 403
    assert client.get("/workshop/proposals/1").status_code == 403
