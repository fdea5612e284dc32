"""Rounds whose outcome is the verdict of a stage."""

import pytest
from dev_chain import revert
from environment import CONSENSUS, FOREVER, advance_to, event
from eth_abi import encode
from eth_account import Account as Keys
from eth_utils import keccak
from panel import DECIDED, FAIL, PASS, Panel, key_of
from reverts import Revert, revert_of

from chromatrace.crypto.sealed_answer import SealedAnswer
from chromatrace.domain.rights import BatchState, Role, Stage, Verdict

SWITCH_OFF_S = 7 * 86_400
"""Time for which a stage still requires consensus after it was switched off."""


@pytest.fixture
def panel(env):
    panel = Panel(env)
    panel.set_rule(decidesFirst=True)
    return panel


@pytest.mark.parametrize(
    ("answers", "verdict", "state"),
    [
        ([PASS, FAIL, PASS], Verdict.PASS, BatchState.FIRST_PASSED),
        ([PASS, FAIL, FAIL], Verdict.FAIL, BatchState.STOPPED),
    ],
)
def test_the_outcome_is_the_verdict(panel, env, answers, verdict, state):
    batch = env.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, dict(enumerate(answers)))
    tx = env.consensus.reveal([(lane, [panel.answer(lane, seat) for seat in range(3)])], {"from": env.stranger})
    assert (env.batch(batch).state, env.batch(batch).first_verdict) == (state, verdict)
    recorded = event(tx, "InspectionRecorded")
    recorder = max(seat for seat, answer in enumerate(answers) if answer == answers[2])
    assert recorded["inspector"] == key_of(panel.seats(lane)[recorder][0]).address
    assert recorded["evidence"] == keccak(b"evidence of %d" % recorder)
    assert (recorded["verdict"], recorded["revision"], recorded["sampleSize"]) == (verdict, 1, 3)
    assert recorded["instrument"] == keccak(b"gauge")


def test_a_round_of_a_single_step_does_not_decide_a_verdict(panel, env):
    batch = env.register()
    panel.play([PASS, PASS, PASS], subject=batch, step=7)
    assert env.batch(batch).state == BatchState.REGISTERED


def test_rejects_a_signed_inspection_if_consensus_decides_the_stage(panel, env):
    batch = env.register()
    inspection = env.inspection(batch)
    call = (env.inspections.record, tuple(inspection.values()), env.sign(inspection))
    assert revert_of(*call, sender=env.stranger) == Revert("VerdictByConsensusOnly", batch=batch, stage=0)
    assert env.inspections.requiresConsensus(env.plant, Stage.FIRST)
    assert not env.inspections.requiresConsensus(env.plant, Stage.FINAL)


def test_a_stage_stays_required_for_seven_days_after_it_is_switched_off(panel, env):
    """Switching off and on around a lone verdict has no effect."""
    batch = env.register()
    panel.play([FAIL, FAIL, FAIL], subject=batch, step=0, sample=3)
    panel.set_rule(decidesFirst=False)
    off = env.now
    inspection = env.inspection(batch, by=env.plant_inspector)
    call = (env.inspections.record, tuple(inspection.values()), env.sign(inspection))
    for passed in (0, SWITCH_OFF_S):
        advance_to(off + passed)
        assert env.inspections.requiresConsensus(env.plant, Stage.FIRST)
        assert revert_of(*call, sender=env.stranger) == Revert("VerdictByConsensusOnly", batch=batch, stage=0)
    advance_to(off + SWITCH_OFF_S + 1)
    assert not env.inspections.requiresConsensus(env.plant, Stage.FIRST)
    # A Fail by consensus stays in force. Other batches can be inspected by one inspector again.
    assert revert_of(*call, sender=env.stranger) == Revert("VerdictByConsensusOnly", batch=batch, stage=0)
    env.inspect(env.register("L2"), by=env.plant_inspector)
    assert env.batch(batch).state is BatchState.STOPPED


def test_the_setting_is_announced_only_if_it_changes(panel, env):
    def announced(**changes):
        panel.rule |= changes
        tx = panel.contract.setRule(tuple(panel.rule.values()), ["pass", "fail"], {"from": env.administrator})
        return "ConsensusRequired" in tx.events

    assert [announced(), announced(decidesFirst=False), announced(), announced(decidesFinal=True)] == [
        False,
        True,
        False,
        True,
    ]


def test_a_fail_is_superseded_only_by_a_larger_round(panel, env):
    """Rounds cannot be repeated until one passes."""
    batch = env.register()
    panel.play([FAIL, FAIL, FAIL], subject=batch, step=0, sample=3)
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    tx = env.consensus.reveal([(lane, [panel.answer(lane, seat) for seat in range(3)])], {"from": env.stranger})
    reason = keccak(text="RoundNotLarger(bytes32,uint8,uint8,uint8)")[:4] + encode(
        ["bytes32", "uint8", "uint8", "uint8"], [batch, Stage.FIRST, 3, 3]
    )
    assert bytes(event(tx, "VerdictRejected")["reason"]) == reason
    assert env.batch(batch).state is BatchState.STOPPED
    assert revert_of(panel.contract.deliver, batch, Stage.FIRST, sender=env.stranger) == Revert(
        "RoundNotLarger", batch=batch, stage=Stage.FIRST, answers=3, failedAnswers=3
    )
    panel.set_rule(minimum=5, maximum=5, firstWave=5, threshold=30_000)
    panel.play([PASS] * 5, subject=batch, step=0, sample=3)
    assert env.batch(batch).state is BatchState.FIRST_PASSED


def test_an_authority_decides_a_stage_that_requires_consensus(panel, env):
    batch = env.register()
    panel.play([FAIL, FAIL, FAIL], subject=batch, step=0, sample=3)
    official = Keys.from_key(keccak(b"official inspector"))
    env.operators["official_inspector"] = official
    env.consortium.changeOrganisation(env.authority, 127, FOREVER, {"from": env.registrar})
    env.appoint(official.address, env.authority, Role.INSPECTOR)
    env.inspect(batch, by=official)
    assert env.batch(batch).state is BatchState.FIRST_PASSED
    # The Fail is no longer in force, so a round of the same size counts again.
    panel.play([FAIL, FAIL, FAIL], subject=batch, step=0, sample=3)
    assert env.batch(batch).state is BatchState.STOPPED


def test_more_defects_than_the_sample_cannot_be_revealed(panel, env):
    """An impossible answer cannot make the verdict undeliverable: its seat stalls and is replaced."""
    batch = env.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: FAIL, 1: FAIL})
    signer = key_of(panel.seats(lane)[2][0])
    answer = SealedAnswer(FAIL, 4, keccak(b"e"), keccak(b"s"))
    panel.sealed[lane, 2] = answer
    bad = panel.signed(panel.round_id(lane), 2, answer.digest(panel.round_id(lane), signer.address), signer)
    env.consensus.commit([(lane, [bad])], {"from": env.stranger})
    panel.reveal(lane, [0, 1])
    assert revert_of(panel.contract.reveal, [(lane, [panel.answer(lane, 2)])], sender=env.stranger) == Revert(
        "TooManyDefects", defects=4, sampleSize=3
    )
    panel.overdue(lane)
    panel.close(lane)
    (count,) = (len(panel.draw(lane)),)
    panel.commit(lane, {count - 1: FAIL})
    panel.reveal(lane, [count - 1])
    assert env.batch(batch).state is BatchState.STOPPED


def test_a_dismissal_does_not_suppress_a_verdict(panel, env):
    batch = env.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: FAIL, 1: FAIL, 2: FAIL})
    panel.reveal(lane, [0, 1])
    recorder = key_of(panel.seats(lane)[2][0]).address
    env.consortium.dismissOperator(recorder, {"from": env.administrator})
    env.inspections.setPolicy(Stage.FIRST, 1, True, {"from": env.registrar})
    panel.reveal(lane, [2])
    assert env.batch(batch).state is BatchState.STOPPED


def test_rejects_a_request_whose_verdict_the_ledger_would_reject(panel, env):
    batch = env.register(quantity=250)
    sender = {"sender": env.producer}

    def request(subject, sample):
        return [(0, subject, 0, Stage.FIRST, 1, sample)]

    assert revert_of(panel.contract.open, request(batch, 2), **sender) == Revert(
        "SampleTooSmall", sampleSize=2, required=3
    )
    assert revert_of(panel.contract.open, request(batch, 251), **sender) == Revert(
        "SampleTooLarge", sampleSize=251, quantity=250
    )
    unknown = keccak(b"no batch")
    assert revert_of(panel.contract.open, request(unknown, 3), **sender) == Revert("WrongState", batch=unknown, state=0)
    panel.set_rule(decidesFinal=True)
    early = [(0, batch, 0, Stage.FINAL, 1, 3)]
    assert revert_of(panel.contract.open, early, **sender) == Revert("WrongState", batch=batch, state=1)


def test_rejects_a_batch_of_another_organisation(panel, env):
    foreign = env.register("R1", sender=env.competitor)
    request = [(0, foreign, 0, Stage.FIRST, 1, 3)]
    assert revert_of(panel.contract.open, request, sender=env.producer) == Revert(
        "BatchOfAnotherOrganisation", subject=foreign, producer=env.rival, panel=env.plant
    )


def test_only_external_inspectors_sit_if_the_policy_requires_independence(panel, env):
    panel.set_rule(decidesFinal=True, decidesFirst=False)
    advance_to(env.now + SWITCH_OFF_S + 1)
    batch = env.batch_in_state(BatchState.ASSEMBLED)
    own = [(0, batch, 0, Stage.FINAL, 1, 3)]
    assert revert_of(panel.contract.open, own, sender=env.producer) == Revert("InspectorNotExternal", inspector=1)
    for number in range(6, 10):
        env.appoint(key_of(number).address, env.lab, Role.INSPECTOR)
        panel.enrol(number)
    lane = panel.play([PASS, PASS, PASS], subject=batch, step=0, stage=Stage.FINAL, first=0, sample=3)
    assert all(seat[0] >= 6 for seat in panel.seats(lane))
    assert env.batch(batch).final_verdict == Verdict.PASS


@pytest.fixture
def rejected(panel, env):
    """Return a batch whose Pass was rejected, because the ledger did not know the consensus contract at that time."""
    batch = env.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    env.consortium.revokeRole(CONSENSUS, env.consensus, {"from": env.registrar})
    tx = env.consensus.reveal([(lane, [panel.answer(lane, seat) for seat in range(3)])], {"from": env.stranger})
    assert "VerdictRejected" in tx.events
    assert panel.state(lane)["phase"] == DECIDED
    return batch


def test_a_rejected_verdict_can_be_delivered_later(panel, env, rejected):
    assert env.batch(rejected).first_verdict == Verdict.NONE
    assert revert_of(panel.contract.deliver, rejected, Stage.FIRST, sender=env.stranger) == Revert(
        "AccessControlUnauthorizedAccount", account=env.consensus, neededRole=CONSENSUS
    )
    env.consortium.grantRole(CONSENSUS, env.consensus, {"from": env.registrar})
    env.consensus.deliver(rejected, Stage.FIRST, {"from": env.stranger})
    assert env.batch(rejected).first_verdict == Verdict.PASS
    assert revert_of(panel.contract.deliver, rejected, Stage.FIRST, sender=env.stranger).name == "NoPendingVerdict"


def test_a_pending_verdict_does_not_supersede_a_later_one(panel, env, rejected):
    """Otherwise a delayed Pass could supersede a later Fail."""
    env.consortium.grantRole(CONSENSUS, env.consensus, {"from": env.registrar})
    panel.play([FAIL, FAIL, FAIL], subject=rejected, step=0, sample=3, lane=7)
    revert = revert_of(panel.contract.deliver, rejected, Stage.FIRST, sender=env.stranger)
    assert revert == Revert("NoPendingVerdict", batch=rejected, stage=Stage.FIRST)
    assert env.batch(rejected).first_verdict == Verdict.FAIL


def test_rejects_an_inspector_that_joined_the_producer_after_its_enrolment(panel, env):
    panel.set_rule(decidesFinal=True, decidesFirst=False)
    advance_to(env.now + SWITCH_OFF_S + 1)
    batch = env.batch_in_state(BatchState.ASSEMBLED)
    for number in range(6, 9):
        env.appoint(key_of(number).address, env.lab, Role.INSPECTOR)
        panel.enrol(number)
    lane = panel.opened(subject=batch, step=0, stage=Stage.FINAL, first=0, sample=3)
    moved = panel.seats(lane)[0][0]
    env.consortium.dismissOperator(key_of(moved).address, {"from": env.registrar})
    env.appoint(key_of(moved).address, env.plant, Role.INSPECTOR)
    commitments = [(lane, [panel.commitment(lane, seat, PASS) for seat in range(3)])]
    assert revert_of(panel.contract.commit, commitments, sender=env.stranger) == Revert(
        "InspectorNotExternal", inspector=moved
    )
    panel.commit(lane, {1: PASS, 2: PASS})


def test_insufficient_gas_cannot_drop_a_verdict(panel, env):
    batch = env.register()
    lane = panel.opened(subject=batch, step=0, sample=3)
    panel.commit(lane, {0: FAIL, 1: FAIL, 2: FAIL})
    call = {
        "from": str(env.stranger),
        "to": panel.contract.address,
        "data": panel.contract.reveal.encode_input([(lane, [panel.answer(lane, seat) for seat in range(3)])]),
    }
    for gas in range(100_000, 700_000, 25_000):
        answer = env.rpc.batch_outcomes([("eth_call", [call | {"gas": hex(gas)}, "latest"])])[0]
        snapshot = env.rpc.call("evm_snapshot")
        if not isinstance(answer, Exception):
            env.rpc.call("eth_sendTransaction", call | {"gas": hex(gas)})
            env.rpc.call("evm_mine")
            assert env.batch(batch).first_verdict == Verdict.FAIL, f"dropped with {gas} gas"
        revert(env.rpc, snapshot)
    assert not isinstance(answer, Exception)


def test_recording_without_a_signature_requires_the_consensus_role(env):
    verdict = (env.register(), 0, 1, 3, 0, env.lab_inspector.address, keccak(b"i"), keccak(b"e"), 3)
    assert (
        revert_of(env.inspections.recordConsensus, verdict, sender=env.registrar).name
        == "AccessControlUnauthorizedAccount"
    )
    assert (
        revert_of(env.inspections.requireConsensus, env.plant, True, True, sender=env.registrar).name
        == "AccessControlUnauthorizedAccount"
    )
