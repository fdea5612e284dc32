"""The index, built from events alone, equals the state of the contracts."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from querying import query
from test_interruptions import wait_for

from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.domain.ledger_entries import subject_id
from chromatrace.domain.rights import OrganisationKind, Role, RouteKind, SalesChannel, Scope
from chromatrace.ethereum.abi import contract
from chromatrace.index.projections.consensus import DECIDED
from chromatrace.index.views import ComponentView, OfferState, Reader, RouteProofState


@pytest.fixture(scope="module")
def busy_world(world):
    """Perform many random acts and leave an offer open."""
    world.random.seed(7)
    world.round_weight = 1
    world.act_randomly(250)
    batch = world.release()
    world.send(1, "CustodyLedger", "offer", batch, world.organisations[3], 2**64 - 1)
    return world


def test_lists_of_a_reader_equal_the_contract(busy_world, index, follower):
    """A reader lists what its organisation made or holds, and the lines that `mayRead` grants it now."""
    follower.sync()
    now = busy_world.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"]
    batches = query(index).batches(limit=1000)
    lengths = set()
    for address in busy_world.accounts:
        operator = query(index).operator(address)
        if operator is None or query(index).organisation(operator.organisation).kind is OrganisationKind.AUTHORITY:
            continue
        if not busy_world.read("Consortium", "isAuthorised", address, int(sum(Role))):
            continue
        number, product = operator.organisation, int(Scope.PRODUCT)
        lines = {(view.producer, view.gtin) for view in batches}
        granted = {
            line for line in lines if busy_world.read("Consortium", "mayRead", address, line[0], int(line[1]), product)
        }
        expected = [
            view.batch_id
            for view in batches
            if number in (view.producer, view.custodian) or (view.producer, view.gtin) in granted
        ]
        reader = Reader(number, int(now, 16))
        assert [view.batch_id for view in query(index).batches(reader=reader, limit=1000)] == expected
        assert sum(query(index).count_batches(reader=reader).values()) == len(expected)
        lengths.add(len(expected))
    assert len(lengths) > 1


def open_offer(index, batch):
    """Return the open offer of a batch, or None."""
    return next((offer for offer in query(index).offers(batch) if offer.state is OfferState.OPEN), None)


def test_batches_and_offers_equal_the_contracts(busy_world, index, follower):
    follower.sync()
    batches = query(index).batches(limit=1000)
    assert len(batches) == sum(query(index).count_batches().values()) > 20
    for view in batches:
        stored = busy_world.read("BatchRegistry", "batch", view.batch_id)
        assert stored == {
            "state": view.state,
            "holds": sum(1 << hold.kind for hold in view.holds),
            "recalled": view.recalled,
            "channels": sum(1 << channel for channel in view.channels),
            "firstVerdict": view.first_verdict,
            "finalVerdict": view.final_verdict,
            "firstRevision": view.first_revision,
            "finalRevision": view.final_revision,
            "producer": view.producer,
            "custodian": view.custodian,
            "quantity": view.quantity,
            "standard": view.standard,
            "defective": view.defective,
            "scrap": view.scrap,
            "gtin": int(view.gtin),
        }
        zero = bytes(32)
        pairs = [(input_.batch, input_.quantity) for input_ in query(index).inputs_of(view.batch_id)]
        inputs = encode(["(bytes32,uint32)[]"], [pairs])
        parts = (view.serial_root or zero) + view.content_digest + (view.route or zero) + keccak(inputs)
        assert busy_world.read("BatchRegistry", "commitmentOf", view.batch_id) == keccak(parts)[:28]
        offer = open_offer(index, view.batch_id)
        stored = busy_world.read("CustodyLedger", "offerOf", view.batch_id)
        expected = (offer.from_organisation, offer.to_organisation, offer.valid_until) if offer else (0, 0, 0)
        assert (stored["from"], stored["to"], stored["validUntil"]) == expected


def test_organisations_operators_and_grants_equal_the_contract(busy_world, index, follower):
    follower.sync()
    views = query(index).organisations()
    assert len(views) == busy_world.read("Consortium", "organisationCount")
    for view in views:
        stored = busy_world.read("Consortium", "organisation", view.id)
        assert stored == {
            "kind": view.kind,
            "active": view.active,
            "permittedRoles": view.permitted_roles,
            "validUntil": view.valid_until,
            "gln": int(view.gln),
        }
        assert query(index).organisation_of_gln(view.gln) == view
    operators = [operator for address in busy_world.accounts if (operator := query(index).operator(address))]
    assert len(operators) >= 5
    for operator in operators:
        stored = busy_world.read("Consortium", "operator", operator.address)
        assert stored.pop("appointment") >= 1
        assert stored == {
            "organisation": operator.organisation,
            "active": operator.active,
            "roles": operator.roles,
            "validUntil": operator.valid_until,
        }
        assert query(index).operator(operator.address.lower()) == operator
    licences = query(index).licences()
    assert [busy_world.read("Consortium", "licenseeOf", int(f"0{view.prefix}0")) for view in licences] == [
        view.organisation for view in licences
    ]
    accreditations = query(index).accreditations()
    assert len(licences) >= 3
    assert len(accreditations) >= 2
    for view in accreditations:
        scope = view.accreditor or 0, view.body, int(view.gtin) if view.gtin else 0
        assert busy_world.read("InspectionLedger", "accreditationOf", *scope) == {
            "stages": sum(1 << stage for stage in view.stages),
            "validUntil": view.valid_until,
        }
    grants = [grant for view in views for grant in query(index).grants_to(view.id)]
    assert grants
    for grant in grants:
        line = int(grant.gtin) if grant.gtin else 0
        stored = busy_world.read("Consortium", "grantOf", grant.owner, grant.reader, line)
        assert stored == {"scopes": grant.scopes, "validUntil": grant.valid_until}


def test_channels_and_anchors_equal_the_contract(busy_world, index, follower):
    follower.sync()
    channels = query(index).channels_of(busy_world.organisations[0])
    assert channels
    for view in channels:
        stored = busy_world.read("ProcessLedger", "channel", view.id)
        anchored_at = view.anchored.block_time if view.anchored else 0
        assert (stored["size"], stored["root"], stored["anchoredAt"]) == (
            view.size,
            view.root or bytes(32),
            anchored_at,
        )
        assert query(index).channel_by_name(view.organisation, view.name) == view == query(index).channel(view.id)
        anchors = query(index).anchors(view.id)
        assert [anchor.previous_size for anchor in anchors] == [0, *(anchor.size for anchor in anchors)][:-1]
        for anchor in anchors:
            assert query(index).anchor_covering(view.id, anchor.size - 1) == anchor
            assert query(index).anchor_covering(view.id, anchor.previous_size) == anchor
        assert query(index).anchor_covering(view.id, view.size) is None
    assert any(query(index).anchors(view.id) for view in channels)


def test_timeline_equals_the_logs_of_the_batch(busy_world, index, follower):
    follower.sync()
    batch = query(index).batches(custodian=busy_world.organisations[0])[0].batch_id
    logs = busy_world.rpc.call(
        "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "topics": [None, "0x" + batch.hex()]}
    )
    events = query(index).timeline(batch)
    assert [(event.block_number, event.log_index) for event in events] == [
        (int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in logs
    ]
    assert events[0].name == "BatchRegistered"
    assert events[0].args["batch"] == batch
    for event, log in zip(events, logs, strict=True):
        assert "0x" + event.tx_hash.hex() == log["transactionHash"]
        assert "0x" + event.block_hash.hex() == log["blockHash"]
        assert log["address"] == busy_world.manifest.address(event.contract).lower()
        block = busy_world.rpc.call("eth_getBlockByHash", log["blockHash"], False)
        assert int(block["timestamp"], 16) == event.block_time
        assert contract(event.contract).events[event.name].topic.hex() == log["topics"][0][2:]


def test_a_transaction_has_its_events_when_it_is_indexed(world, index, follower):
    follower.sync()
    data = contract("ProcessLedger").encode_call("openChannel", f"line of {world.now()} {world.random.random()}")
    fields = {"from": world.accounts[1], "to": world.manifest.address("ProcessLedger"), "data": "0x" + data.hex()}
    tx_hash = bytes.fromhex(world.rpc.call("eth_sendTransaction", fields)[2:])
    assert query(index).transaction(tx_hash) is None
    wait_for(lambda: world.rpc.call("eth_getTransactionReceipt", "0x" + tx_hash.hex()))
    follower.sync()
    transaction = query(index).transaction(tx_hash)
    assert [event.name for event in transaction.events] == ["ChannelOpened"]
    assert transaction.block_hash == transaction.events[0].block_hash


def test_every_outcome_of_an_offer(world, index, follower):
    batch = world.release()
    shop, maker = world.organisations[3], world.organisations[0]
    ledger = "CustodyLedger"
    assert world.send(1, ledger, "offer", batch, shop, world.now() + 300)
    world.rpc.call("evm_increaseTime", 400)
    assert world.send(1, ledger, "offer", batch, shop, 2**64 - 1)
    assert world.send(4, ledger, "reject", batch, "crate is\0broken")
    assert world.send(1, ledger, "offer", batch, shop, 2**64 - 1)
    assert world.send(1, ledger, "withdraw", batch)
    follower.sync()
    assert open_offer(index, batch) is None
    assert world.send(1, ledger, "offer", batch, shop, 2**64 - 1)
    follower.sync()
    assert open_offer(index, batch) in query(index).offers_to(shop)
    assert query(index).batch(batch).custodian == maker
    assert world.send(4, ledger, "accept", batch)
    follower.sync()
    offers = query(index).offers(batch)
    outcomes = [OfferState.REPLACED, OfferState.REJECTED, OfferState.WITHDRAWN, OfferState.ACCEPTED]
    assert [offer.state for offer in offers] == outcomes
    assert offers[1].reason == "crate is\N{REPLACEMENT CHARACTER}broken"
    assert query(index).operator(offers[1].closed_by).organisation == shop
    assert offers[3].closed.tx_hash == query(index).batch(batch).changed.tx_hash
    assert query(index).batch(batch).custodian == shop
    assert query(index).batches(custodian=shop)[0].channels == frozenset(SalesChannel)
    assert set(query(index).offers_to(shop, None)) >= set(offers)


def test_routes_and_proofs_equal_the_contract(world, index, follower, rebuilt_digest):
    part, product = world.register(), world.register()
    line, assembly = world.design(3), world.design(2, RouteKind.ASSEMBLY)
    assert world.prove(line, part)
    assert world.prove(assembly, product, [(line.design.route, part)])
    assert world.revoke("station 1")
    follower.sync()
    for signed in (line, assembly):
        view = query(index).route(signed.design.route)
        stored = world.read("RouteVerifier", "route", view.id)
        assert stored == {
            "owner": view.organisation,
            "kind": view.kind,
            "requiresProof": view.requires_proof,
            "steps": len(view.steps),
            "version": view.version,
        }
        assert list(world.read("RouteVerifier", "keysOf", view.id)) == [step.key for step in view.steps]
        for step in view.steps:
            stored = world.read("RouteVerifier", "stationKey", step.key)
            assert stored == {"owner": step.organisation, "revokedFrom": step.revoked_from or 0}
    assert query(index).route(line.design.route).steps[0].revoked_from is not None
    assert query(index).proof_of(product, assembly.design.route).components == (ComponentView(line.design.route, part),)
    for subject in (part, product):
        for signed in (line, assembly):
            proof = query(index).proof_of(subject, signed.design.route)
            proven = world.read("RouteVerifier", "isProven", signed.design.route, subject)
            assert (proof is not None and proof.state is RouteProofState.PROVEN) == proven
        filters = {"fromBlock": "0x0", "address": world.manifest.address("RouteVerifier")}
        logs = world.rpc.call("eth_getLogs", filters | {"topics": [None, None, "0x" + subject.hex()]})
        own = [event for event in query(index).timeline(subject) if event.contract == "RouteVerifier"]
        assert [(event.block_number, event.log_index) for event in own] == [
            (int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in logs
        ]
    assert query(index).digest() == rebuilt_digest()


def test_departments_and_records_equal_the_contract(busy_world, index, follower):
    follower.sync()
    departments = query(index).departments(busy_world.organisations[0])
    all_records = [record for number in range(5) for record in query(index).records_of(subject_id(f"P-{number}"))]
    assert {view.id for view in departments} == set(busy_world.departments)
    for view in departments:
        stored = busy_world.read("ProcessLedger", "department", view.id)
        assert (stored["organisation"], stored["count"], stored["head"]) == (view.organisation, view.count, view.head)
        records = [record for record in all_records if record.department == view.id]
        assert sorted(record.number for record in records) == list(range(view.count)) != []
        for record in records:
            assert record in query(index).record(record.record)
    assert any(record.preceding for record in all_records)


def test_panels_and_rounds_equal_the_contract(busy_world, index, follower):
    follower.sync()
    (panel,) = [view for view in query(index).panels() if view.panel == busy_world.organisations[0]]
    for inspector in panel.inspectors:
        stored = busy_world.read("QualityConsensus", "inspector", panel.panel, inspector.number)
        assert (stored["account"], stored["active"]) == (inspector.account, inspector.active)
        assert stored["capability"] == round(inspector.capability * 10_000)
    rounds = {view.id: view for view in query(index).rounds(panel.panel, limit=1000)}
    assert "decided" in {view.phase for view in rounds.values()}
    for lane in range(1, busy_world.lanes + 1):
        round_id, state, seats = busy_world.read("QualityConsensus", "round", lane_id(panel.panel, lane))
        if round_id in rounds:
            view = rounds.pop(round_id)
            assert [seat.inspector for seat in view.seats] == [seat["inspector"] for seat in seats]
            assert (view.phase == "decided") is (state["phase"] == DECIDED)
            if view.state is not None:
                recorder = view.seats[view.recorder].inspector
                assert (view.state, recorder) == (state["state"], state["recorder"])
            assert view in query(index).rounds_about(view.subject)
    assert rounds == {}
