"""How capabilities follow the winner groups."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from chromatrace.quality.errors import InvalidRule
from chromatrace.quality.learning import START, STEP, Standing, enrolled, learned, stalled
from chromatrace.quality.rules import UNIT


def test_a_winner_gains_a_hundredth_and_the_counters_start_again_at_ten() -> None:
    standing = enrolled()
    for inspections in range(1, 10):
        standing = learned(standing, won=True)
        assert standing == Standing(START + inspections * STEP, inspections, inspections)
    assert learned(standing, won=True) == Standing(START + 10 * STEP, 0, 0)


def test_a_dissenter_loses_only_what_its_history_does_not_bear_out() -> None:
    assert learned(Standing(5_000, 1, 1), won=False) == Standing(5_000, 2, 1)  # history 0.5, as capable as it says
    assert learned(Standing(5_101, 1, 1), won=False) == Standing(5_001, 2, 1)
    assert learned(Standing(5_100, 1, 1), won=False) == Standing(5_100, 2, 1)  # 0.01 below is not more than 0.01


def test_a_winner_at_its_history_stays() -> None:
    assert learned(Standing(UNIT - STEP, 0, 0), won=True).capability == UNIT - STEP
    assert learned(Standing(UNIT - STEP - 1, 0, 0), won=True).capability == UNIT - 1


def test_it_is_the_protocol_in_exact_fractions() -> None:
    """Section 4 word by word, in fractions, beside our integers."""
    chance = random.Random(4)
    for _ in range(20):
        standing, capability, inspections, wins = enrolled(chance.randint(0, UNIT)), None, 0, 0
        capability = Fraction(standing.capability, UNIT)
        for _ in range(200):
            won = chance.random() < 0.6
            standing = learned(standing, won)
            inspections, wins = inspections + 1, wins + won
            error = Fraction(wins, inspections) - capability
            if won and error > Fraction(1, 100):
                capability += Fraction(1, 100)
            if not won and error < -Fraction(1, 100):
                capability -= Fraction(1, 100)
            capability = min(max(capability, Fraction(0)), Fraction(1))
            if inspections == 10:
                inspections = wins = 0
            assert (Fraction(standing.capability, UNIT), *standing[1:]) == (capability, inspections, wins)


def test_stalling_costs_more_than_dissent_and_ends_at_zero() -> None:
    standing = enrolled()
    assert stalled(standing).capability < learned(standing, won=False).capability
    assert stalled(Standing(100, 9, 3)) == Standing(0, 0, 0)


@pytest.mark.parametrize("wrong", [-1, UNIT + 1, 0.5, True])
def test_a_capability_out_of_range_is_not_enrolled(wrong: int) -> None:
    with pytest.raises(InvalidRule) as refusal:
        enrolled(wrong)
    assert refusal.value.field == "/capability"
