"""Proposals are confirmed by people with the role, carried out once and recorded on the chain."""

from __future__ import annotations

import threading
import time

import pytest
from machines import OpcUaPress
from workshop import ALICE, AUTOMATIC, BOB, COMPETITOR, GATEWAY, PLANT, Workshop, dev

from chromatrace.chain import reads
from chromatrace.chain.dev_node import DevNode
from chromatrace.domain.errors import ChromaTraceError, Unavailable
from chromatrace.services.proposals import confirm_proposal
from chromatrace.twin.errors import ProposalStateError
from chromatrace.twin.store.models import ProposalRow


@pytest.fixture(scope="module")
def deployed(deploy, tmp_path_factory):
    """Return a chain with the plant's organisation, its people and its department."""
    folder = tmp_path_factory.mktemp("chain")
    with DevNode() as node:
        manifest = deploy(node, folder)
        Workshop(node, manifest, folder).appoint()
        yield node, manifest


@pytest.fixture(scope="module")
def press():
    """Return an OPC UA server."""
    with OpcUaPress().serving() as press:
        yield press


@pytest.fixture
def workshop(deployed, tmp_path):
    """Return a workshop without readings."""
    return Workshop(*deployed, tmp_path)


def on_hold(workshop, key):
    """Return whether the chain has the batch on hold."""
    with workshop.chain(ALICE) as chain:
        return chain.read(reads.batch(key.batch_id)).on_hold


def confirm(workshop, account, number, submit=None, **options):
    """Confirm a proposal with the service."""
    with workshop.chain(account) as chain, workshop.store() as store:
        send = submit or (lambda call: chain.submit(call).tx)
        return confirm_proposal(store, chain, workshop.plan, chain.sender, number, time.time_ns(), send, **options)


def test_a_supervisor_holds_a_batch_and_no_other_person_can(workshop):
    key = workshop.register("HOLD-1")
    workshop.readings(("lot", 0, "HOLD-1"), ("pressure", 1, 3.5))
    (proposal,) = workshop.proposals()
    assert (proposal["action"], proposal["batch"], proposal["log_size"]) == ("hold", "HOLD-1", 2)
    assert proposal["reason"] == "film may be porous: pressure is 3.5, above its limit 3"
    number = proposal["id"]
    confirmation = ("twin", "confirm", number, workshop.plant_file)
    assert "does not have the role supervisor" in workshop.run(GATEWAY, *confirmation, status=1)["message"]
    assert "the plant belongs to organisation" in workshop.run(COMPETITOR, *confirmation, status=1)["message"]
    assert not on_hold(workshop, key)
    done = workshop.run(ALICE, *confirmation)
    assert (done["state"], done["by"]) == ("done", dev(ALICE).address)
    assert on_hold(workshop, key)
    for account in (BOB, ALICE):
        report = workshop.run(account, *confirmation, status=1)
        assert report["error"] == "ProposalStateError"
        assert f"was already confirmed by {dev(ALICE).address}" in report["message"]


def test_two_supervisors_who_confirm_at_once_send_one_hold(workshop):
    key = workshop.register("HOLD-2")
    workshop.readings(("lot", 0, "HOLD-2"), ("pressure", 1, 3.5))
    (proposal,) = workshop.proposals()
    barrier, outcomes = threading.Barrier(2), []

    def decide(account):
        barrier.wait(60)
        try:
            outcomes.append(confirm(workshop, account, proposal["id"]).state)
        except ChromaTraceError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=decide, args=(account,)) for account in (ALICE, BOB)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("done") == 1
    assert on_hold(workshop, key)
    with workshop.chain(ALICE) as chain:
        assert len(chain.outbox.data_since("BatchRegistry.hold", -1)) == 1


def test_an_interrupted_hold_is_continued_by_the_same_person_and_sent_once(workshop):
    key = workshop.register("HOLD-3")
    workshop.readings(("lot", 0, "HOLD-3"), ("pressure", 1, 3.5))
    (proposal,) = workshop.proposals()

    def interrupted(call):
        raise Unavailable("the node does not respond")

    with pytest.raises(Unavailable):
        confirm(workshop, ALICE, proposal["id"], interrupted)
    assert workshop.proposals()[0]["state"] == "executing"
    with pytest.raises(ProposalStateError, match="already confirmed by"):
        confirm(workshop, BOB, proposal["id"])
    assert confirm(workshop, ALICE, proposal["id"]).state == "done"
    assert on_hold(workshop, key)
    with workshop.chain(ALICE) as chain:
        assert len(chain.outbox.data_since("BatchRegistry.hold", -1)) == 1


def test_a_batch_that_is_not_registered_cannot_be_held_and_the_proposal_stays_open(workshop):
    workshop.readings(("lot", 0, "UNKNOWN"), ("pressure", 1, 3.5))
    (proposal,) = workshop.proposals()
    report = workshop.run(ALICE, "twin", "confirm", proposal["id"], workshop.plant_file, status=1)
    assert report["message"].endswith("does not exist")
    assert workshop.proposals()[0]["state"] == "open"


def test_a_rejected_proposal_cannot_be_confirmed(workshop):
    workshop.register("REJECT-1")
    workshop.readings(("lot", 0, "REJECT-1"), ("pressure", 1, 3.5))
    (proposal,) = workshop.proposals()
    rejected = workshop.run(BOB, "twin", "reject", proposal["id"], workshop.plant_file, "--reason", "gauge is faulty")
    assert rejected["state"] == "rejected"
    report = workshop.run(ALICE, "twin", "confirm", proposal["id"], workshop.plant_file, status=1)
    assert report["message"].endswith(f"was already rejected by {dev(BOB).address}")


def test_one_rule_has_one_pending_proposal_for_a_batch(workshop):
    workshop.register("ONE-1")
    workshop.readings(("lot", 0, "ONE-1"), ("pressure", 1, 3.5), ("pressure", 2, 1.0), ("pressure", 3, 3.5))
    assert len(workshop.proposals()) == 1


def test_a_set_point_is_written_read_back_and_recorded_once_on_the_chain(deployed, press, tmp_path):
    press.reset()
    workshop = Workshop(*deployed, tmp_path, endpoint=press.url)
    workshop.run(GATEWAY, "key", "reader", "Production")
    workshop.readings(("lot", 0, "SET-1"), ("power", 1, 600.0), ("flow", 2, 60.0))
    flow, power = workshop.proposals()
    confirmation = ("twin", "confirm", power["id"], workshop.plant_file)
    report = workshop.run(ALICE, *confirmation, "--value", 500, status=1)
    assert report["message"] == "500 is outside the limits 100 to 450 of the rule"
    assert workshop.run(ALICE, *confirmation, "--value", 350)["state"] == "confirmed"
    assert workshop.run(BOB, "twin", "confirm", flow["id"], workshop.plant_file)["result"] == {"samples": 5}
    assert press.writes == []
    (ended,) = workshop.run(GATEWAY, "twin", "act", workshop.plant_file)["actions"]
    assert (ended["state"], ended["result"]) == ("done", {"value": 350.0, "read_back": 350.0})
    assert press.writes == [("speed", 350.0)]
    assert workshop.run(GATEWAY, "twin", "act", workshop.plant_file)["actions"] == []
    recorded = {item["action"]: item["record"] for item in workshop.proposals()}
    shown = workshop.run(
        GATEWAY, "--plant", workshop.plant_file, "record", "show", "twin.action", recorded["set-point"]["key"]
    )
    document = shown["fields"]
    assert (document["state"], document["value"], document["read_back"]) == ("done", "350.0", "350.0")
    assert (document["decided_by"], document["log_size"]) == (dev(ALICE).address, 2)
    assert document["product_id"] == "09521234543213/SET-1"
    assert recorded["inspect"]["transaction"] != recorded["set-point"]["transaction"]


def test_a_record_is_appended_once_if_its_transaction_was_not_stored(deployed, press, tmp_path):
    press.reset()
    workshop = Workshop(*deployed, tmp_path, endpoint=press.url)
    workshop.run(GATEWAY, "key", "reader", "Production")
    workshop.readings(("lot", 0, "SET-2"), ("flow", 2, 60.0))
    (flow,) = workshop.proposals()
    workshop.run(BOB, "twin", "confirm", flow["id"], workshop.plant_file)
    workshop.run(GATEWAY, "twin", "act", workshop.plant_file)
    (first,) = workshop.proposals()
    with workshop.store() as store, store.begin() as session:
        session.get(ProposalRow, flow["id"]).record = None
    workshop.run(GATEWAY, "twin", "act", workshop.plant_file)
    (second,) = workshop.proposals()
    assert first["record"] == second["record"]


def test_an_automatic_rule_acts_within_its_limit_and_then_needs_a_person(deployed, press, tmp_path):
    press.reset()
    plant = PLANT + AUTOMATIC
    workshop = Workshop(*deployed, tmp_path, plant, endpoint=press.url)
    workshop.readings(("lot", 0, "AUTO-1"), ("power", 1, 600.0))
    (ended,) = workshop.run(None, "twin", "act", workshop.plant_file)["actions"]
    assert (ended["state"], ended["decided_by"]) == ("done", "rule lower-power")
    workshop.readings(("power", 2, 300.0), ("power", 3, 600.0))
    newest = workshop.proposals()[0]
    assert (newest["state"], newest["decided_by"]) == ("open", None)
    assert "a person must confirm" in newest["note"]
    assert workshop.run(None, "twin", "act", workshop.plant_file)["actions"] == []
    assert press.writes == [("speed", 400.0)]


def test_an_expired_proposal_cannot_be_confirmed(workshop):
    workshop.register("LATE-1")
    workshop.readings(("lot", 0, "LATE-1"), ("pressure", 1, 3.5))
    (proposal,) = workshop.proposals()
    late = proposal["expires_ns"] + 1
    with workshop.chain(ALICE) as chain, workshop.store() as store, pytest.raises(ProposalStateError, match="expired"):
        confirm_proposal(store, chain, workshop.plan, chain.sender, proposal["id"], late, lambda call: "")
