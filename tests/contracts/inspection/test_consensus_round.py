"""Rounds from request to outcome: `open`, `draw`, `commit` and `reveal`."""

import pytest
from dev_chain import revert
from environment import event
from eth_utils import keccak
from panel import (
    CONFIDENCE,
    DECIDED,
    FAIL,
    LOG_ODDS,
    PASS,
    REQUESTED,
    REVEALED,
    SEATED,
    SUBJECT,
    Panel,
    key_of,
)
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role
from chromatrace.quality.log_odds import margin


@pytest.fixture
def panel(env):
    return Panel(env)


def test_the_requested_inspector_sits_first_and_the_others_are_drawn(panel):
    drawn = panel.draw(panel.open(first=4))
    assert drawn[0] == 4
    assert len(set(drawn)) == 3
    assert set(drawn) <= {1, 2, 3, 4, 5}


def test_three_answers_decide_a_round(panel, env):
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: FAIL, 2: PASS})
    panel.reveal(lane, [2, 0])
    assert panel.state(lane)["phase"] == SEATED
    numbers = [seat[0] for seat in panel.seats(lane)]
    tx = env.consensus.reveal([(lane, [panel.answer(lane, 1)])], {"from": env.stranger})
    decided = tx.events["RoundDecided"]
    assert (decided["state"], decided["score"], decided["recorder"], decided["thresholdReached"]) == (
        PASS,
        20_000,
        2,
        True,
    )
    assert list(decided["capabilities"]) == [1_100, 900, 1_100]
    after = panel.state(lane)
    assert (after["phase"], after["state"], after["recorder"]) == (DECIDED, PASS, numbers[2])
    assert [seat[1:] for seat in after["seats"]] == [(REVEALED, PASS), (REVEALED, FAIL), (REVEALED, PASS)]
    assert panel.inspector(numbers[1])["capability"] == 900
    assert (panel.inspector(numbers[0])["inspections"], panel.inspector(numbers[0])["wins"]) == (1, 1)


def test_a_round_without_consensus_requests_one_more_seat_at_a_time(panel):
    panel.set_rule(maximum=5, threshold=30_000)
    lane = panel.play([PASS, FAIL, PASS, FAIL, FAIL])
    after = panel.state(lane)
    assert (after["phase"], after["state"], after["seatCount"]) == (DECIDED, FAIL, 5)


def test_a_first_wave_of_the_maximum_hides_all_answers_until_the_reveal(panel):
    panel.set_rule(maximum=5, firstWave=5, threshold=30_000)
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS, 3: PASS})
    assert revert_of(panel.contract.reveal, [(lane, [panel.answer(lane, 0)])], sender=panel.env.stranger) == Revert(
        "NotAllCommitted", lane=lane, missing=1
    )
    panel.commit(lane, {4: FAIL})
    panel.reveal(lane, [0, 1, 2, 3, 4])
    assert panel.state(lane)["phase"] == DECIDED
    assert panel.inspector(panel.seats(lane)[4][0])["capability"] == 900, "the fifth answer dissents"


def test_rejects_a_commitment_of_another_inspector(panel):
    lane = panel.opened()
    seated = {seat[0] for seat in panel.seats(lane)}
    not_drawn = key_of(next(number for number in range(1, 6) if number not in seated))
    for signer in (not_drawn, key_of(panel.seats(lane)[1][0])):
        forged = panel.commitment(lane, 0, by=signer)
        assert revert_of(panel.contract.commit, [(lane, [forged])], sender=panel.env.stranger) == Revert(
            "NotDrawnInspector", lane=lane, seat=0, signer=signer.address
        )


def test_rejects_a_malformed_signature(panel):
    lane = panel.opened()
    malformed = (*panel.commitment(lane, 0)[:2], b"\0" * 32, b"\xff" * 32)
    assert revert_of(panel.contract.commit, [(lane, [malformed])], sender=panel.env.stranger) == Revert(
        "NotDrawnInspector", lane=lane, seat=0, signer="0x" + "0" * 40
    )


def test_skips_a_second_commitment_or_reveal(panel):
    """The first answer counts, and others can do it first without stopping the rest of a call."""
    for number in (6, 7, 8):
        panel.env.appoint(key_of(number).address, panel.env.plant, Role.INSPECTOR)
        panel.enrol(number)
    lane, other = panel.opened(lane=0), panel.opened(lane=1, first=0, subject=keccak(b"other"))
    bulk = [(each, [panel.commitment(each, seat, PASS) for seat in range(3)]) for each in (lane, other)]
    anyone = {"from": panel.env.stranger}
    panel.contract.commit([(lane, [bulk[0][1][1]])], anyone)
    tx = panel.contract.commit(bulk, anyone)
    assert event(tx, "AnswerSkipped") == {"round": panel.round_id(lane), "seat": 1}
    sealed = dict(panel.sealed)
    tx = panel.contract.commit([(lane, [panel.commitment(lane, 0, FAIL)])], anyone)
    assert event(tx, "AnswerSkipped") == {"round": panel.round_id(lane), "seat": 0}
    panel.sealed = sealed
    panel.reveal(lane, [2])
    answers = [(each, [panel.answer(each, seat) for seat in range(3)]) for each in (lane, other)]
    tx = panel.contract.reveal(answers, anyone)
    assert event(tx, "AnswerSkipped") == {"round": panel.round_id(lane), "seat": 2}
    assert [panel.state(each)["phase"] for each in (lane, other)] == [DECIDED] * 2


def test_an_inspector_can_commit_by_a_call(panel):
    """A contract wallet has no key. Another account needs a signature."""
    lane = panel.opened()
    env, number = panel.env, panel.seats(lane)[1][0]
    account = key_of(number).address
    seat, digest, _, _ = panel.commitment(lane, 1, FAIL)
    unsigned = [(lane, [(seat, digest, bytes(32), bytes(32))])]
    assert revert_of(panel.contract.commit, unsigned, sender=env.stranger) == Revert(
        "NotDrawnInspector", lane=lane, seat=1, signer="0x" + "0" * 40
    )
    env.rpc.call("anvil_impersonateAccount", account)
    env.rpc.call("anvil_setBalance", account, hex(10**18))
    # A signed commitment counts only with a valid signature for this round, also if the inspector submits it: a
    # transaction that is mined again after a reorganisation must not commit to the answer of another round.
    stale = panel.signed(keccak(b"an earlier round"), 1, digest, key_of(number))
    assert revert_of(panel.contract.commit, [(lane, [stale])], sender=account).name == "NotDrawnInspector"
    env.send(panel.contract.commit, unsigned, sender=account)
    panel.commit(lane, {0: FAIL, 2: FAIL})
    panel.reveal(lane, [0, 1, 2])
    assert panel.state(lane)["state"] == FAIL


def test_rejects_the_reveal_of_a_copied_commitment(panel):
    """The commitment contains the account of its author, so a copy cannot be revealed from another seat."""
    lane = panel.opened()
    copied = panel.commitment(lane, 0, FAIL)[1]
    copier = key_of(panel.seats(lane)[1][0])
    panel.commit(lane, {0: FAIL})
    env = panel.env
    env.send(
        panel.contract.commit, [(lane, [panel.signed(panel.round_id(lane), 1, copied, copier)])], sender=env.stranger
    )
    panel.commit(lane, {2: PASS})
    panel.reveal(lane, [0])
    copied_answer = (1, *panel.answer(lane, 0)[1:])
    assert revert_of(panel.contract.reveal, [(lane, [copied_answer])], sender=env.stranger) == Revert(
        "AnswerMismatch", lane=lane, seat=1
    )


@pytest.mark.parametrize("field", [1, 2, 3, 4], ids=["state", "defects", "evidence", "salt"])
def test_rejects_an_answer_changed_in_transit(panel, field):
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    changed = list(panel.answer(lane, 0))
    changed[field] = {1: FAIL, 2: 7}.get(field, keccak(b"other"))
    assert revert_of(panel.contract.reveal, [(lane, [tuple(changed)])], sender=panel.env.stranger) == Revert(
        "AnswerMismatch", lane=lane, seat=0
    )


def test_rejects_a_commitment_changed_in_transit(panel):
    lane = panel.opened()
    original = panel.commitment(lane, 0, PASS)
    changed = (*original[:1], keccak(b"other"), *original[2:])
    assert revert_of(panel.contract.commit, [(lane, [changed])], sender=panel.env.stranger).name == "NotDrawnInspector"


def test_rejects_a_commitment_of_an_earlier_round(panel):
    lane = panel.opened(first=1)
    old = panel.commitment(lane, 0)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(lane, [0, 1, 2])
    panel.opened(first=1)
    assert revert_of(panel.contract.commit, [(lane, [old])], sender=panel.env.stranger).name == "NotDrawnInspector"


def test_rejects_an_unknown_state(panel):
    lane = panel.opened()
    panel.commit(lane, {0: 2, 1: PASS, 2: PASS})
    assert revert_of(panel.contract.reveal, [(lane, [panel.answer(lane, 0)])], sender=panel.env.stranger) == Revert(
        "UnknownState", state=2
    )


def test_rejects_a_commitment_of_an_operator_without_the_inspector_role(panel, env):
    lane = panel.opened()
    account = key_of(panel.seats(lane)[1][0]).address
    env.appoint(account, env.plant, Role.PRODUCER)
    commitment = panel.commitment(lane, 1)
    assert revert_of(panel.contract.commit, [(lane, [commitment])], sender=env.stranger) == Revert(
        "InspectorNotAuthorised", lane=lane, account=account
    )


def test_an_inspector_sits_in_one_round_at_a_time(panel, env):
    first = panel.opened(first=1)
    seated = [seat[0] for seat in panel.seats(first)]
    request = (1, keccak(b"another"), 1, 0, seated[1], 1)
    assert revert_of(env.consensus.open, [request], sender=env.producer) == Revert(
        "InspectorUnavailable", inspector=seated[1]
    )
    second = panel.open(subject=keccak(b"another"), first=0, lane=1)
    env.rpc.call("evm_mine")
    assert revert_of(env.consensus.draw, [second], sender=env.stranger) == Revert(
        "NotEnoughInspectors", lane=second, available=2, required=3
    )
    panel.commit(first, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(first, [0, 1, 2])
    assert len(panel.draw(second)) == 3


def test_rejects_a_second_round_in_a_lane(panel, env):
    lane = panel.open()
    request = (0, SUBJECT, 1, 0, 2, 1)
    assert revert_of(env.consensus.open, [request], sender=env.producer) == Revert(
        "RoundInProgress", lane=lane, phase=REQUESTED
    )


def test_an_inspector_below_the_minimum_capability_is_not_drawn_but_can_sit_first(panel, env):
    panel.set_rule(minimumCapability=950)
    for subject in (b"a", b"b"):
        lane = panel.opened(subject=keccak(subject), first=1)
        panel.commit(lane, {0: FAIL, 1: PASS, 2: PASS})
        panel.reveal(lane, [0, 1, 2])
    assert panel.inspector(1)["capability"] == 800
    assert env.read(env.consensus.eligible, env.plant) == 0b111100
    assert 1 not in panel.draw(panel.open(subject=keccak(b"c"), first=2))
    panel.set_rule(minimumCapability=0)
    assert env.read(env.consensus.eligible, env.plant) >> 1 & 1 == 1


def test_rejects_a_draw_before_the_draw_block(env, panel):
    from brownie import QualityConsensus

    delayed = env.registrar.deploy(QualityConsensus, env.inspections, 2)
    env.consortium.grantRole(keccak(b"CONSENSUS"), delayed, {"from": env.registrar})
    env.consensus, original = delayed, env.consensus
    try:
        other = Panel(env)
        lane = other.open()
        due = other.state(lane)["drawBlock"]
        assert revert_of(delayed.draw, [lane], sender=env.stranger) == Revert("DrawTooEarly", lane=lane, drawBlock=due)
        for _ in range(2):
            env.rpc.call("evm_mine")
        assert len(other.draw(lane)) == 3
    finally:
        env.consensus = original


def test_a_draw_is_rescheduled_if_the_block_hash_is_not_available(panel, env):
    lane = panel.open()
    env.rpc.call("anvil_mine", hex(300))
    panel._send("draw", [lane])
    assert panel.state(lane)["phase"] == REQUESTED
    assert len(panel.draw(lane)) == 3


def test_inspectors_are_drawn_with_equal_probability(panel, env):
    """Sixty draws of two of four inspectors: each is drawn 5 to 55 times.

    Block hashes differ in every run. The bounds are 6.5 standard deviations from the mean of 30: fewer than one run in
    a billion fails by chance.
    """
    drawn = dict.fromkeys(range(2, 6), 0)
    for number in range(60):
        snapshot = env.rpc.call("evm_snapshot")
        for other in panel.draw(panel.open(subject=keccak(number)))[1:]:
            drawn[other] += 1
        revert(env.rpc, snapshot)
    assert sum(drawn.values()) == 120
    assert 5 <= min(drawn.values()) <= max(drawn.values()) <= 55, drawn


def test_a_retired_inspector_keeps_its_seat_and_is_not_drawn_again(panel, env):
    lane = panel.opened(first=1)
    number = panel.seats(lane)[1][0]
    env.consensus.retire(number, {"from": env.administrator})
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(lane, [0, 1, 2])
    assert panel.state(lane)["phase"] == DECIDED
    assert env.read(env.consensus.eligible, env.plant) >> number & 1 == 0
    panel.enrol(number, capability=9_999)
    assert panel.inspector(number)["capability"] == 1_100, "the learned capability is kept"


def test_rejects_operations_in_the_wrong_phase(panel, env):
    unknown = 99
    for function, args in (("draw", [[unknown]]), ("close", [unknown])):
        assert revert_of(getattr(env.consensus, function), *args, sender=env.stranger) == Revert(
            "WrongPhase", lane=unknown, phase=0
        )
    lane = panel.opened()
    assert revert_of(env.consensus.draw, [lane], sender=env.stranger) == Revert("WrongPhase", lane=lane, phase=SEATED)
    beyond = (3, *panel.commitment(lane, 2)[1:])
    assert revert_of(env.consensus.commit, [(lane, [beyond])], sender=env.stranger) == Revert(
        "UnknownSeat", lane=lane, seat=3
    )
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    early = panel.answer(lane, 0)
    assert revert_of(env.consensus.reveal, [(lane, [(3, *early[1:])])], sender=env.stranger).name == "UnknownSeat"
    panel.overdue(lane)
    assert revert_of(env.consensus.reveal, [(lane, [early])], sender=env.stranger).name == "DeadlinePassed"
    assert revert_of(env.consensus.deliver, SUBJECT, 0, sender=env.stranger) == Revert(
        "NoPendingVerdict", batch=SUBJECT, stage=0
    )


def test_opening_requires_a_role_and_a_rule(panel, env):
    request = [(0, SUBJECT, 1, 0, 0, 1)]
    assert revert_of(env.consensus.open, request, sender=env.gateway).name == "MissingRole"
    assert revert_of(env.consensus.open, request, sender=env.competitor) == Revert("NoRule", panel=env.rival)
    env.appoint(key_of(1).address, env.plant, Role.INSPECTOR)
    with pytest.raises(AssertionError, match="did not revert"):
        revert_of(env.consensus.open, request, sender=key_of(1).address)


def test_a_colluding_majority_decides_and_leaves_evidence(panel, env):
    """The contract cannot prevent collusion. The events keep every answer and its evidence, including the dissent."""
    panel.set_rule(weighing=CONFIDENCE, threshold=2_000)
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: FAIL, 2: FAIL})
    tx = env.consensus.reveal([(lane, [panel.answer(lane, seat) for seat in range(3)])], {"from": env.stranger})
    after = panel.state(lane)
    assert (after["phase"], after["state"]) == (DECIDED, FAIL)
    assert [seat[1:] for seat in after["seats"]] == [(REVEALED, PASS), (REVEALED, FAIL), (REVEALED, FAIL)]
    revealed = [(answer["seat"], answer["state"], bytes(answer["evidence"])) for answer in tx.events["AnswerRevealed"]]
    assert revealed == [
        (seat, state, keccak(b"evidence of %d" % seat)) for seat, state in enumerate([PASS, FAIL, FAIL])
    ]
    assert {number for number, _, _ in after["seats"]} <= {1, 2, 3, 4, 5}
    # The remedy: retire the colluding inspectors and inspect the subject again.
    for number, _, state in after["seats"]:
        if state == FAIL:
            env.send(env.consensus.retire, number, sender=env.administrator)
    again = panel.play([PASS, PASS, PASS], first=0)
    assert panel.state(again)["state"] == PASS


def set_log_odds_rule(panel, **changes):
    """Set a log-odds rule with an error rate of 5 %, a lead of 2.9444."""
    panel.set_rule(weighing=LOG_ODDS, threshold=margin(0.05), minimum=1, maximum=5, firstWave=1, **changes)


def test_log_odds_one_reliable_inspector_decides_without_learning(env):
    panel = Panel(env, capabilities={1: 9_600})
    set_log_odds_rule(panel)
    lane = panel.play([FAIL], first=1)
    after = panel.state(lane)
    assert (after["phase"], after["state"], after["seatCount"], after["recorder"]) == (DECIDED, FAIL, 1, 1)
    inspector = panel.inspector(1)
    assert (inspector["capability"], inspector["inspections"], inspector["wins"]) == (9_600, 0, 0)


def test_log_odds_dissent_reduces_the_lead(env):
    """0.94 alone does not reach the lead, and the dissent of 0.70 must be offset too."""
    panel = Panel(env, capabilities={1: 9_400, **dict.fromkeys(range(2, 6), 7_000)})
    set_log_odds_rule(panel)
    lane = panel.play([FAIL, PASS, FAIL, FAIL], first=1)
    after = panel.state(lane)
    assert (after["state"], after["seatCount"]) == (FAIL, 4)
    assert {panel.inspector(number)["inspections"] for number, _, _ in after["seats"]} == {1}


def test_log_odds_ends_at_the_maximum(panel):
    """New inspectors have weight 0."""
    set_log_odds_rule(panel)
    lane = panel.play([PASS, FAIL, FAIL, PASS, FAIL])
    assert (panel.state(lane)["state"], panel.state(lane)["seatCount"]) == (FAIL, 5)
