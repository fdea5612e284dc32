"""A round from its request to its outcome, and everything that does not count."""

import pytest
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
from refusals import Refused, refusal
from undoing import undo

from chromatrace.domain.rights import Role
from chromatrace.quality.log_odds import margin


@pytest.fixture
def panel(world):
    return Panel(world)


def test_the_workcells_own_node_sits_first_and_the_rest_are_drawn(panel):
    drawn = panel.draw(panel.open(first=4))
    assert drawn[0] == 4
    assert len(set(drawn)) == 3
    assert set(drawn) <= {1, 2, 3, 4, 5}


def test_three_answers_decide(panel, world):
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: FAIL, 2: PASS})
    panel.reveal(lane, [2, 0])
    assert panel.state(lane)["phase"] == SEATED
    numbers = [seat[0] for seat in panel.seats(lane)]
    tx = world.consensus.reveal([(lane, [panel.answer(lane, 1)])], {"from": world.stranger})
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


def test_a_round_without_consensus_asks_for_one_more_at_a_time(panel):
    panel.set_rule(maximum=5, threshold=30_000)
    lane = panel.play([PASS, FAIL, PASS, FAIL, FAIL])
    after = panel.state(lane)
    assert (after["phase"], after["state"], after["seatCount"]) == (DECIDED, FAIL, 5)


def test_with_a_first_wave_of_the_maximum_all_answer_under_seal(panel):
    panel.set_rule(maximum=5, firstWave=5, threshold=30_000)
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS, 3: PASS})
    assert refusal(panel.contract.reveal, [(lane, [panel.answer(lane, 0)])], sender=panel.world.stranger) == Refused(
        "NotAllCommitted", lane=lane, missing=1
    )
    panel.commit(lane, {4: FAIL})
    panel.reveal(lane, [0, 1, 2, 3, 4])
    assert panel.state(lane)["phase"] == DECIDED
    assert panel.inspector(panel.seats(lane)[4][0])["capability"] == 900, "dissent counts, though four had decided"


def test_only_the_drawn_inspector_counts(panel):
    lane = panel.opened()
    seated = {seat[0] for seat in panel.seats(lane)}
    outsider = key_of(next(number for number in range(1, 6) if number not in seated))
    for wrong in (outsider, key_of(panel.seats(lane)[1][0])):
        forged = panel.commitment(lane, 0, by=wrong)
        assert refusal(panel.contract.commit, [(lane, [forged])], sender=panel.world.stranger) == Refused(
            "NotDrawnInspector", lane=lane, seat=0, signer=wrong.address
        )


def test_a_garbled_signature_is_nobodys(panel):
    lane = panel.opened()
    garbled = (*panel.commitment(lane, 0)[:2], b"\0" * 32, b"\xff" * 32)
    assert refusal(panel.contract.commit, [(lane, [garbled])], sender=panel.world.stranger) == Refused(
        "NotDrawnInspector", lane=lane, seat=0, signer="0x" + "0" * 40
    )


def test_nobody_answers_twice(panel):
    lane = panel.opened()
    panel.commit(lane, {0: PASS})
    again = panel.commitment(lane, 0, FAIL)
    assert refusal(panel.contract.commit, [(lane, [again])], sender=panel.world.stranger) == Refused(
        "AlreadyAnswered", lane=lane, seat=0
    )
    panel.commitment(lane, 0, PASS)
    panel.commit(lane, {1: PASS, 2: PASS})
    panel.reveal(lane, [0])
    assert refusal(panel.contract.reveal, [(lane, [panel.answer(lane, 0)])], sender=panel.world.stranger) == Refused(
        "AlreadyAnswered", lane=lane, seat=0
    )


def test_a_copied_commitment_cannot_be_opened(panel):
    """Who copies another's sealed answer has bound itself to an answer of that other's account."""
    lane = panel.opened()
    copied = panel.commitment(lane, 0, FAIL)[1]
    thief = key_of(panel.seats(lane)[1][0])
    panel.commit(lane, {0: FAIL})
    world = panel.world
    world.send(
        panel.contract.commit, [(lane, [panel.signed(panel.round_id(lane), 1, copied, thief)])], sender=world.stranger
    )
    panel.commit(lane, {2: PASS})
    panel.reveal(lane, [0])
    stolen = (1, *panel.answer(lane, 0)[1:])
    assert refusal(panel.contract.reveal, [(lane, [stolen])], sender=world.stranger) == Refused(
        "AnswerMismatch", lane=lane, seat=1
    )


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_result_changed_in_transit_does_not_open(panel, place):
    """State, defects, evidence or salt: whoever carries the answer can change none of them."""
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    changed = list(panel.answer(lane, 0))
    changed[place] = {1: FAIL, 2: 7}.get(place, keccak(b"other"))
    assert refusal(panel.contract.reveal, [(lane, [tuple(changed)])], sender=panel.world.stranger) == Refused(
        "AnswerMismatch", lane=lane, seat=0
    )


def test_a_commitment_changed_in_transit_is_not_the_inspectors(panel):
    lane = panel.opened()
    honest = panel.commitment(lane, 0, PASS)
    changed = (*honest[:1], keccak(b"other"), *honest[2:])
    assert refusal(panel.contract.commit, [(lane, [changed])], sender=panel.world.stranger).name == "NotDrawnInspector"


def test_a_commitment_of_an_earlier_round_does_not_count(panel):
    lane = panel.opened(first=1)
    old = panel.commitment(lane, 0)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(lane, [0, 1, 2])
    panel.opened(first=1)
    assert refusal(panel.contract.commit, [(lane, [old])], sender=panel.world.stranger).name == "NotDrawnInspector"


def test_an_unknown_state_is_refused(panel):
    lane = panel.opened()
    panel.commit(lane, {0: 2, 1: PASS, 2: PASS})
    assert refusal(panel.contract.reveal, [(lane, [panel.answer(lane, 0)])], sender=panel.world.stranger) == Refused(
        "UnknownState", state=2
    )


def test_a_dismissed_inspector_does_not_count(panel, world):
    lane = panel.opened()
    account = key_of(panel.seats(lane)[1][0]).address
    world.appoint(account, world.plant, Role.PRODUCER)
    commitment = panel.commitment(lane, 1)
    assert refusal(panel.contract.commit, [(lane, [commitment])], sender=world.stranger) == Refused(
        "InspectorNotAuthorised", lane=lane, account=account
    )


def test_an_inspector_sits_in_one_round_at_a_time(panel, world):
    first = panel.opened(first=1)
    seated = [seat[0] for seat in panel.seats(first)]
    request = (1, keccak(b"another"), 1, 0, seated[1], 1)
    assert refusal(world.consensus.open, [request], sender=world.producer) == Refused(
        "InspectorUnavailable", inspector=seated[1]
    )
    second = panel.open(subject=keccak(b"another"), first=0, lane=1)
    world.rpc.call("evm_mine")
    assert refusal(world.consensus.draw, [second], sender=world.stranger) == Refused(
        "NotEnoughInspectors", lane=second, available=2, required=3
    )
    panel.commit(first, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(first, [0, 1, 2])
    assert len(panel.draw(second)) == 3


def test_one_round_at_a_time_at_a_desk(panel, world):
    lane = panel.open()
    request = (0, SUBJECT, 1, 0, 2, 1)
    assert refusal(world.consensus.open, [request], sender=world.producer) == Refused(
        "RoundInProgress", lane=lane, phase=REQUESTED
    )


def test_the_incapable_are_not_drawn_but_may_sit_at_their_own_workcell(panel, world):
    panel.set_rule(minimumCapability=950)
    for subject in (b"a", b"b"):
        lane = panel.opened(subject=keccak(subject), first=1)
        panel.commit(lane, {0: FAIL, 1: PASS, 2: PASS})
        panel.reveal(lane, [0, 1, 2])
    assert panel.inspector(1)["capability"] == 800
    assert world.read(world.consensus.eligible, world.plant) == 0b111100
    assert 1 not in panel.draw(panel.open(subject=keccak(b"c"), first=2))
    panel.set_rule(minimumCapability=0)
    assert world.read(world.consensus.eligible, world.plant) >> 1 & 1 == 1


def test_nothing_is_drawn_before_the_block_that_draws(world, panel):
    from brownie import QualityConsensus

    later = world.registrar.deploy(QualityConsensus, world.inspections, 2)
    world.consortium.grantRole(keccak(b"CONSENSUS"), later, {"from": world.registrar})
    world.consensus, kept = later, world.consensus
    try:
        other = Panel(world)
        lane = other.open()
        due = other.state(lane)["drawBlock"]
        assert refusal(later.draw, [lane], sender=world.stranger) == Refused("DrawTooEarly", lane=lane, drawBlock=due)
        for _ in range(2):
            world.rpc.call("evm_mine")
        assert len(other.draw(lane)) == 3
    finally:
        world.consensus = kept


def test_a_draw_whose_block_is_forgotten_takes_the_next(panel, world):
    lane = panel.open()
    world.rpc.call("anvil_mine", hex(300))
    panel._send("draw", [lane])
    assert panel.state(lane)["phase"] == REQUESTED
    assert len(panel.draw(lane)) == 3


def test_every_inspector_is_drawn_about_equally_often(panel, world):
    """Sixty draws of two of four: none below 5 or above 55 of 60. The blocks' hashes draw, so that every run is another
    one: beyond 6.5 standard deviations of 30 no run in a billion comes by chance."""
    drawn = dict.fromkeys(range(2, 6), 0)
    for number in range(60):
        snapshot = world.rpc.call("evm_snapshot")
        for other in panel.draw(panel.open(subject=keccak(number)))[1:]:
            drawn[other] += 1
        undo(world.rpc, snapshot)
    assert sum(drawn.values()) == 120
    assert 5 <= min(drawn.values()) <= max(drawn.values()) <= 55, drawn


def test_a_retired_inspector_keeps_its_seat_and_gets_no_other(panel, world):
    lane = panel.opened(first=1)
    number = panel.seats(lane)[1][0]
    world.consensus.retire(number, {"from": world.administrator})
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(lane, [0, 1, 2])
    assert panel.state(lane)["phase"] == DECIDED
    assert world.read(world.consensus.eligible, world.plant) >> number & 1 == 0
    panel.enrol(number, capability=9_999)
    assert panel.inspector(number)["capability"] == 1_100, "what it learned stays"


def test_phases_are_held_to(panel, world):
    unknown = 99
    for function, args in (("draw", [[unknown]]), ("close", [unknown])):
        assert refusal(getattr(world.consensus, function), *args, sender=world.stranger) == Refused(
            "WrongPhase", lane=unknown, phase=0
        )
    lane = panel.opened()
    assert refusal(world.consensus.draw, [lane], sender=world.stranger) == Refused(
        "WrongPhase", lane=lane, phase=SEATED
    )
    beyond = (3, *panel.commitment(lane, 2)[1:])
    assert refusal(world.consensus.commit, [(lane, [beyond])], sender=world.stranger) == Refused(
        "UnknownSeat", lane=lane, seat=3
    )
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    early = panel.answer(lane, 0)
    assert refusal(world.consensus.reveal, [(lane, [(3, *early[1:])])], sender=world.stranger).name == "UnknownSeat"
    panel.overdue(lane)
    assert refusal(world.consensus.reveal, [(lane, [early])], sender=world.stranger).name == "DeadlinePassed"
    assert refusal(world.consensus.deliver, SUBJECT, 0, sender=world.stranger) == Refused(
        "NoPendingVerdict", batch=SUBJECT, stage=0
    )


def test_who_may_open(panel, world):
    request = [(0, SUBJECT, 1, 0, 0, 1)]
    assert refusal(world.consensus.open, request, sender=world.gateway).name == "MissingRole"
    assert refusal(world.consensus.open, request, sender=world.competitor) == Refused("NoRule", panel=world.rival)
    world.appoint(key_of(1).address, world.plant, Role.INSPECTOR)
    with pytest.raises(AssertionError, match="accepts"):
        refusal(world.consensus.open, request, sender=key_of(1).address)


def test_more_than_half_of_a_round_colluding_decides_it_and_the_evidence_remains(panel, world):
    """This is not prevented. What remains: who answered what, on what evidence, the honest dissent among it."""
    panel.set_rule(weighing=CONFIDENCE, threshold=2_000)
    lane = panel.opened()
    panel.commit(lane, {0: PASS, 1: FAIL, 2: FAIL})
    tx = world.consensus.reveal([(lane, [panel.answer(lane, seat) for seat in range(3)])], {"from": world.stranger})
    after = panel.state(lane)
    assert (after["phase"], after["state"]) == (DECIDED, FAIL)
    assert [seat[1:] for seat in after["seats"]] == [(REVEALED, PASS), (REVEALED, FAIL), (REVEALED, FAIL)]
    told = [(each["seat"], each["state"], bytes(each["evidence"])) for each in tx.events["AnswerRevealed"]]
    assert told == [(seat, state, keccak(b"evidence of %d" % seat)) for seat, state in enumerate([PASS, FAIL, FAIL])]
    assert {number for number, _, _ in after["seats"]} <= {1, 2, 3, 4, 5}
    # What can be done about it: the colluders sit no more, and the same thing is inspected again.
    for number, _, state in after["seats"]:
        if state == FAIL:
            world.send(world.consensus.retire, number, sender=world.administrator)
    again = panel.play([PASS, PASS, PASS], first=0)
    assert panel.state(again)["state"] == PASS


def by_log_odds(panel, **changes):
    """Errors of 5 %: a lead of 2.9444."""
    panel.set_rule(weighing=LOG_ODDS, threshold=margin(0.05), minimum=1, maximum=5, firstWave=1, **changes)


def test_by_log_odds_one_reliable_inspector_decides_and_nobody_learns_of_it(world):
    panel = Panel(world, capabilities={1: 9_600})
    by_log_odds(panel)
    lane = panel.play([FAIL], first=1)
    after = panel.state(lane)
    assert (after["phase"], after["state"], after["seatCount"], after["recorder"]) == (DECIDED, FAIL, 1, 1)
    found = panel.inspector(1)
    assert (found["capability"], found["inspections"], found["wins"]) == (9_600, 0, 0)


def test_by_log_odds_a_dissenter_counts_against_the_group(world):
    """0.94 alone would be short of the lead, and 0.70 against it takes 0.85 more."""
    panel = Panel(world, capabilities={1: 9_400, **dict.fromkeys(range(2, 6), 7_000)})
    by_log_odds(panel)
    lane = panel.play([FAIL, PASS, FAIL, FAIL], first=1)
    after = panel.state(lane)
    assert (after["state"], after["seatCount"]) == (FAIL, 4)
    assert {panel.inspector(number)["inspections"] for number, _, _ in after["seats"]} == {1}


def test_by_log_odds_it_ends_at_the_maximum(panel):
    """Beginners weigh nothing."""
    by_log_odds(panel)
    lane = panel.play([PASS, FAIL, FAIL, PASS, FAIL])
    assert (panel.state(lane)["state"], panel.state(lane)["seatCount"]) == (FAIL, 5)
