"""`QualityConsensus.close`: every round ends, even if inspectors stall."""

import pytest
from panel import COMMITTED, DECIDED, DRAWN, FAIL, LAPSED, PASS, REQUESTED, STALLED, Panel, key_of
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role


@pytest.fixture
def panel(env):
    return Panel(env)


def test_an_inspector_that_does_not_commit_is_penalised_and_replaced(panel, env):
    lane = panel.opened(first=1)
    panel.commit(lane, {0: PASS, 1: PASS})
    assert revert_of(env.consensus.close, lane, sender=env.stranger) == Revert(
        "NotOverdue", lane=lane, deadline=panel.state(lane)["deadline"]
    )
    stalled = panel.seats(lane)[2][0]
    panel.overdue(lane)
    late = panel.commitment(lane, 2)
    assert revert_of(env.consensus.commit, [(lane, [late])], sender=env.stranger).name == "DeadlinePassed"
    panel.close(lane)
    after = panel.inspector(stalled)
    assert (after["capability"], after["stalls"], after["inspections"], after["wins"]) == (500, 1, 1, 0)
    numbers = panel.draw(lane)
    assert [seat[1] for seat in panel.seats(lane)] == [COMMITTED, COMMITTED, STALLED, DRAWN]
    assert numbers[3] not in numbers[:3]
    panel.commit(lane, {3: PASS})
    panel.reveal(lane, [0, 1, 3])
    assert panel.state(lane)["phase"] == DECIDED


def test_an_inspector_that_does_not_reveal_is_penalised_and_its_answer_dropped(panel):
    panel.set_rule(maximum=5)
    lane = panel.opened(first=1)
    panel.commit(lane, {0: PASS, 1: PASS, 2: FAIL})
    panel.reveal(lane, [0, 1])
    stalled = panel.seats(lane)[2][0]
    panel.overdue(lane)
    panel.close(lane)
    assert panel.inspector(stalled)["capability"] == 500
    assert panel.state(lane)["phase"] == REQUESTED, "two answers are below the minimum"
    panel.draw(lane)
    panel.commit(lane, {3: PASS})
    panel.reveal(lane, [3])
    assert panel.state(lane)["phase"] == DECIDED


def test_a_round_that_cannot_be_filled_lapses(panel):
    lane = panel.opened(first=1)
    panel.overdue(lane)
    panel.close(lane)
    assert panel.state(lane)["phase"] == REQUESTED
    panel.overdue(lane)
    panel.close(lane)
    assert panel.state(lane)["phase"] == LAPSED
    assert [panel.inspector(seat[0])["capability"] for seat in panel.seats(lane)] == [500] * 3
    assert panel.env.read(panel.contract.eligible, panel.env.plant) == 0b111110, "all inspectors are available again"
    before = panel.round_id(lane)
    assert panel.round_id(panel.opened(first=1)) != before


def test_a_request_that_is_not_drawn_lapses_and_releases_its_first_inspector(panel, env):
    lane = panel.open(first=2)
    panel.overdue(lane)
    assert revert_of(env.consensus.draw, [lane], sender=env.stranger).name == "DeadlinePassed"
    panel.close(lane)
    assert panel.state(lane)["phase"] == LAPSED
    assert env.read(env.consensus.eligible, env.plant) == 0b111110


def test_a_round_lapses_at_21_seats(panel, env):
    for number in range(6, 26):
        env.appoint(key_of(number).address, env.plant, Role.INSPECTOR)
        panel.enrol(number)
    lane = panel.open()
    waves = 0
    while panel.state(lane)["phase"] == REQUESTED:
        panel.draw(lane)
        panel.overdue(lane)
        panel.close(lane)
        waves += 1
    assert (panel.state(lane)["phase"], panel.state(lane)["seatCount"], waves) == (LAPSED, 21, 7)
