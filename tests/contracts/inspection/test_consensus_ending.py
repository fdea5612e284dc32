"""A round always ends, whoever stalls."""

import pytest
from panel import COMMITTED, DECIDED, DRAWN, FAIL, LAPSED, PASS, REQUESTED, STALLED, Panel, key_of
from refusals import Refused, refusal

from chromatrace.domain.rights import Role


@pytest.fixture
def panel(world):
    return Panel(world)


def test_who_does_not_commit_is_replaced_and_penalised(panel, world):
    desk = panel.opened(first=1)
    panel.commit(desk, {0: PASS, 1: PASS})
    assert refusal(world.consensus.close, desk, sender=world.stranger) == Refused(
        "NotOverdue", desk=desk, deadline=panel.state(desk)["deadline"]
    )
    staller = panel.seats(desk)[2][0]
    panel.overdue(desk)
    late = panel.commitment(desk, 2)
    assert refusal(world.consensus.commit, [(desk, [late])], sender=world.stranger).name == "DeadlinePassed"
    panel.close(desk)
    after = panel.inspector(staller)
    assert (after["capability"], after["stalls"], after["inspections"], after["wins"]) == (500, 1, 1, 0)
    numbers = panel.draw(desk)
    assert [seat[1] for seat in panel.seats(desk)] == [COMMITTED, COMMITTED, STALLED, DRAWN]
    assert numbers[3] not in numbers[:3]
    panel.commit(desk, {3: PASS})
    panel.reveal(desk, [0, 1, 3])
    assert panel.state(desk)["phase"] == DECIDED


def test_who_does_not_reveal_loses_its_answer_and_is_penalised(panel):
    panel.set_rule(maximum=5)
    desk = panel.opened(first=1)
    panel.commit(desk, {0: PASS, 1: PASS, 2: FAIL})
    panel.reveal(desk, [0, 1])
    staller = panel.seats(desk)[2][0]
    panel.overdue(desk)
    panel.close(desk)
    assert panel.inspector(staller)["capability"] == 500
    assert panel.state(desk)["phase"] == REQUESTED, "two answers are below the minimum: no free win"
    panel.draw(desk)
    panel.commit(desk, {3: PASS})
    panel.reveal(desk, [3])
    assert panel.state(desk)["phase"] == DECIDED


def test_a_round_that_nobody_can_fill_lapses_without_a_winner(panel):
    desk = panel.opened(first=1)
    panel.overdue(desk)
    panel.close(desk)
    assert panel.state(desk)["phase"] == REQUESTED
    panel.overdue(desk)
    panel.close(desk)
    assert panel.state(desk)["phase"] == LAPSED
    assert [panel.inspector(seat[0])["capability"] for seat in panel.seats(desk)] == [500] * 3
    assert panel.world.read(panel.contract.eligible, panel.world.plant) == 0b111110, "all are free again"
    before = panel.round_id(desk)
    assert panel.round_id(panel.opened(first=1)) != before


def test_a_request_that_is_never_drawn_lapses_and_frees_its_first(panel, world):
    desk = panel.open(first=2)
    panel.overdue(desk)
    assert refusal(world.consensus.draw, [desk], sender=world.stranger).name == "DeadlinePassed"
    panel.close(desk)
    assert panel.state(desk)["phase"] == LAPSED
    assert world.read(world.consensus.eligible, world.plant) == 0b111110


def test_seats_are_bounded(panel, world):
    """Twenty-one seats, whoever stalls: then the round lapses."""
    for number in range(6, 26):
        world.appoint(key_of(number).address, world.plant, Role.INSPECTOR)
        panel.enrol(number)
    desk = panel.open()
    waves = 0
    while panel.state(desk)["phase"] == REQUESTED:
        panel.draw(desk)
        panel.overdue(desk)
        panel.close(desk)
        waves += 1
    assert (panel.state(desk)["phase"], panel.state(desk)["seatCount"], waves) == (LAPSED, 21, 7)
