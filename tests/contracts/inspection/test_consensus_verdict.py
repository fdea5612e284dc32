"""The outcome of a round as a stage's verdict, where the plant asks for it."""

import pytest
from eth_utils import keccak
from panel import DECIDED, FAIL, PASS, Panel, key_of
from refusals import Refused, refusal
from undoing import undo
from world import batch_id, event

from chromatrace.domain.rights import BatchState, Role, Stage, Verdict


@pytest.fixture
def panel(world):
    made = Panel(world)
    made.set_rule(decidesFirst=True)
    return made


@pytest.mark.parametrize(
    ("answers", "verdict", "state"),
    [
        ([PASS, FAIL, PASS], Verdict.PASS, BatchState.FIRST_PASSED),
        ([PASS, FAIL, FAIL], Verdict.FAIL, BatchState.STOPPED),
    ],
)
def test_the_outcome_is_the_verdict(panel, world, answers, verdict, state):
    batch = world.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, dict(enumerate(answers)))
    tx = world.consensus.reveal([(lane, [panel.answer(lane, seat) for seat in range(3)])], {"from": world.stranger})
    assert (world.batch(batch).state, world.batch(batch).first_verdict) == (state, verdict)
    recorded = event(tx, "InspectionRecorded")
    recorder = max(seat for seat, answer in enumerate(answers) if answer == answers[2])
    assert recorded["inspector"] == key_of(panel.seats(lane)[recorder][0]).address
    assert recorded["evidence"] == keccak(b"evidence of %d" % recorder)
    assert (recorded["verdict"], recorded["revision"], recorded["sampleSize"]) == (verdict, 1, 3)
    assert recorded["instrument"] == keccak(b"gauge")


def test_a_round_about_one_step_is_no_verdict(panel, world):
    batch = world.register()
    panel.play([PASS, PASS, PASS], subject=batch, step=7)
    assert world.batch(batch).state == BatchState.REGISTERED


def test_nobody_alone_gives_a_verdict_that_consensus_gives(panel, world):
    batch = world.register()
    inspection = world.inspection(batch)
    call = (world.inspections.record, tuple(inspection.values()), world.sign(inspection))
    assert refusal(*call, sender=world.stranger) == Refused("VerdictByConsensusOnly", batch=batch, stage=0)
    assert world.inspections.requiresConsensus(world.plant, Stage.FIRST)
    assert not world.inspections.requiresConsensus(world.plant, Stage.FINAL)
    panel.set_rule(decidesFirst=False)
    world.inspect(batch)
    assert world.batch(batch).first_verdict == Verdict.PASS


def test_what_the_ledger_would_not_take_is_refused_before_anybody_inspects(panel, world):
    batch = world.register(quantity=250)
    asked = {"sender": world.producer}

    def request(subject, sample):
        return [(0, subject, 0, Stage.FIRST, 1, sample)]

    assert refusal(panel.contract.open, request(batch, 2), **asked) == Refused(
        "SampleTooSmall", sampleSize=2, required=3
    )
    assert refusal(panel.contract.open, request(batch, 251), **asked) == Refused(
        "SampleTooLarge", sampleSize=251, quantity=250
    )
    unknown = keccak(b"no batch")
    assert refusal(panel.contract.open, request(unknown, 3), **asked) == Refused("WrongState", batch=unknown, state=0)
    panel.set_rule(decidesFinal=True)
    early = [(0, batch, 0, Stage.FINAL, 1, 3)]
    assert refusal(panel.contract.open, early, **asked) == Refused("WrongState", batch=batch, state=1)


def test_nobody_judges_anothers_batch(panel, world):
    world.send(world.registry.register, world.registration("R1"), sender=world.competitor)
    foreign = batch_id("R1")
    request = [(0, foreign, 0, Stage.FIRST, 1, 3)]
    assert refusal(panel.contract.open, request, sender=world.producer) == Refused(
        "BatchOfAnotherOrganisation", subject=foreign, producer=world.rival, panel=world.plant
    )


def test_where_independence_is_asked_for_only_outsiders_sit(panel, world):
    panel.set_rule(decidesFinal=True, decidesFirst=False)
    batch = world.bring_to(BatchState.ASSEMBLED)
    own = [(0, batch, 0, Stage.FINAL, 1, 3)]
    assert refusal(panel.contract.open, own, sender=world.producer) == Refused("InspectorNotExternal", inspector=1)
    for number in range(6, 10):
        world.appoint(key_of(number).address, world.lab, Role.INSPECTOR)
        panel.enrol(number)
    lane = panel.play([PASS, PASS, PASS], subject=batch, step=0, stage=Stage.FINAL, first=0, sample=3)
    assert all(seat[0] >= 6 for seat in panel.seats(lane))
    assert world.batch(batch).final_verdict == Verdict.PASS


def test_a_verdict_that_the_ledger_refuses_undoes_no_decision_and_can_be_delivered_later(panel, world):
    batch = world.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    recorder = key_of(panel.seats(lane)[2][0]).address
    world.consortium.dismissOperator(recorder, {"from": world.registrar})
    tx = world.consensus.reveal([(lane, [panel.answer(lane, seat) for seat in range(3)])], {"from": world.stranger})
    assert "VerdictRejected" in tx.events
    assert panel.state(lane)["phase"] == DECIDED
    assert world.batch(batch).first_verdict == Verdict.NONE
    assert refusal(panel.contract.deliver, batch, Stage.FIRST, sender=world.stranger) == Refused(
        "OperatorInactive", operator=recorder
    )
    world.appoint(recorder, world.plant, Role.INSPECTOR)
    world.consensus.deliver(batch, Stage.FIRST, {"from": world.stranger})
    assert world.batch(batch).first_verdict == Verdict.PASS
    assert refusal(panel.contract.deliver, batch, Stage.FIRST, sender=world.stranger).name == "NoPendingVerdict"


def test_a_verdict_that_waits_does_not_supersede_a_newer_one(panel, world):
    """Nobody keeps a Pass in the pocket until an inspector has found a Fail."""
    batch = world.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    recorder = key_of(panel.seats(lane)[2][0]).address
    world.consortium.dismissOperator(recorder, {"from": world.registrar})
    panel.reveal(lane, [0, 1, 2])
    panel.set_rule(decidesFirst=False)
    world.inspect(batch, verdict=Verdict.FAIL)
    world.appoint(recorder, world.plant, Role.INSPECTOR)
    refused = refusal(panel.contract.deliver, batch, Stage.FIRST, sender=world.stranger)
    assert refused == Refused("NoPendingVerdict", batch=batch, stage=Stage.FIRST)
    assert world.batch(batch).first_verdict == Verdict.FAIL


def test_who_has_joined_the_producer_since_it_was_enrolled_is_no_outsider(panel, world):
    panel.set_rule(decidesFinal=True, decidesFirst=False)
    batch = world.bring_to(BatchState.ASSEMBLED)
    for number in range(6, 9):
        world.appoint(key_of(number).address, world.lab, Role.INSPECTOR)
        panel.enrol(number)
    lane = panel.opened(subject=batch, step=0, stage=Stage.FINAL, first=0, sample=3)
    turncoat = panel.seats(lane)[0][0]
    world.consortium.dismissOperator(key_of(turncoat).address, {"from": world.registrar})
    world.appoint(key_of(turncoat).address, world.plant, Role.INSPECTOR)
    commitments = [(lane, [panel.commitment(lane, seat, PASS) for seat in range(3)])]
    assert refusal(panel.contract.commit, commitments, sender=world.stranger) == Refused(
        "InspectorNotExternal", inspector=turncoat
    )
    panel.commit(lane, {1: PASS, 2: PASS})


def test_too_little_gas_cannot_drop_a_verdict(panel, world):
    batch = world.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: FAIL, 1: FAIL, 2: FAIL})
    call = {
        "from": str(world.stranger),
        "to": panel.contract.address,
        "data": panel.contract.reveal.encode_input([(lane, [panel.answer(lane, seat) for seat in range(3)])]),
    }
    for gas in range(100_000, 700_000, 25_000):
        answer = world.rpc.batch_outcomes([("eth_call", [call | {"gas": hex(gas)}, "latest"])])[0]
        snapshot = world.rpc.call("evm_snapshot")
        if not isinstance(answer, Exception):
            world.rpc.call("eth_sendTransaction", call | {"gas": hex(gas)})
            world.rpc.call("evm_mine")
            assert world.batch(batch).first_verdict == Verdict.FAIL, f"dropped with {gas} gas"
        undo(world.rpc, snapshot)
    assert not isinstance(answer, Exception)


def test_only_the_consensus_records_without_a_signature(world):
    verdict = (world.register(), 0, 1, 3, 0, world.lab_inspector.address, keccak(b"i"), keccak(b"e"))
    assert (
        refusal(world.inspections.recordConsensus, verdict, sender=world.registrar).name
        == "AccessControlUnauthorizedAccount"
    )
    assert (
        refusal(world.inspections.requireConsensus, world.plant, True, True, sender=world.registrar).name
        == "AccessControlUnauthorizedAccount"
    )
