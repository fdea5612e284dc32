"""A round always ends, whoever stalls."""

import pytest
from panel import COMMITTED, DECIDED, DRAWN, FAIL, LAPSED, PASS, REQUESTED, STALLED, Panel, key_of
from refusals import Refused, refusal

from chromatrace.domain.rights import Role


@pytest.fixture
def panel(world):
    return Panel(world)


def test_who_does_not_commit_is_replaced_and_penalised(panel, world):
    lane = panel.opened(first=1)
    panel.commit(lane, {0: PASS, 1: PASS})
    assert refusal(world.consensus.close, lane, sender=world.stranger) == Refused(
        "NotOverdue", lane=lane, deadline=panel.state(lane)["deadline"]
    )
    staller = panel.seats(lane)[2][0]
    panel.overdue(lane)
    late = panel.commitment(lane, 2)
    assert refusal(world.consensus.commit, [(lane, [late])], sender=world.stranger).name == "DeadlinePassed"
    panel.close(lane)
    after = panel.inspector(staller)
    assert (after["capability"], after["stalls"], after["inspections"], after["wins"]) == (500, 1, 1, 0)
    numbers = panel.draw(lane)
    assert [seat[1] for seat in panel.seats(lane)] == [COMMITTED, COMMITTED, STALLED, DRAWN]
    assert numbers[3] not in numbers[:3]
    panel.commit(lane, {3: PASS})
    panel.reveal(lane, [0, 1, 3])
    assert panel.state(lane)["phase"] == DECIDED


def test_who_does_not_reveal_loses_its_answer_and_is_penalised(panel):
    panel.set_rule(maximum=5)
    lane = panel.opened(first=1)
    panel.commit(lane, {0: PASS, 1: PASS, 2: FAIL})
    panel.reveal(lane, [0, 1])
    staller = panel.seats(lane)[2][0]
    panel.overdue(lane)
    panel.close(lane)
    assert panel.inspector(staller)["capability"] == 500
    assert panel.state(lane)["phase"] == REQUESTED, "two answers are below the minimum: no free win"
    panel.draw(lane)
    panel.commit(lane, {3: PASS})
    panel.reveal(lane, [3])
    assert panel.state(lane)["phase"] == DECIDED


def test_a_round_that_nobody_can_fill_lapses_without_a_winner(panel):
    lane = panel.opened(first=1)
    panel.overdue(lane)
    panel.close(lane)
    assert panel.state(lane)["phase"] == REQUESTED
    panel.overdue(lane)
    panel.close(lane)
    assert panel.state(lane)["phase"] == LAPSED
    assert [panel.inspector(seat[0])["capability"] for seat in panel.seats(lane)] == [500] * 3
    assert panel.world.read(panel.contract.eligible, panel.world.plant) == 0b111110, "all are free again"
    before = panel.round_id(lane)
    assert panel.round_id(panel.opened(first=1)) != before


def test_a_request_that_is_never_drawn_lapses_and_frees_its_first(panel, world):
    lane = panel.open(first=2)
    panel.overdue(lane)
    assert refusal(world.consensus.draw, [lane], sender=world.stranger).name == "DeadlinePassed"
    panel.close(lane)
    assert panel.state(lane)["phase"] == LAPSED
    assert world.read(world.consensus.eligible, world.plant) == 0b111110


def test_seats_are_bounded(panel, world):
    """Twenty-one seats, whoever stalls: then the round lapses."""
    for number in range(6, 26):
        world.appoint(key_of(number).address, world.plant, Role.INSPECTOR)
        panel.enrol(number)
    lane = panel.open()
    waves = 0
    while panel.state(lane)["phase"] == REQUESTED:
        panel.draw(lane)
        panel.overdue(lane)
        panel.close(lane)
        waves += 1
    assert (panel.state(lane)["phase"], panel.state(lane)["seatCount"], waves) == (LAPSED, 21, 7)
