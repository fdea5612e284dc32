"""How capabilities follow the winner groups."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from chromatrace.quality.errors import RuleError
from chromatrace.quality.learning import START, STEP, InspectorRecord, enrolled, learned, stalled
from chromatrace.quality.rules import UNIT


def test_a_winner_gains_a_hundredth_and_the_counters_restart_after_ten() -> None:
    record = enrolled()
    for inspections in range(1, 10):
        record = learned(record, won=True)
        assert record == InspectorRecord(START + inspections * STEP, inspections, inspections)
    assert learned(record, won=True) == InspectorRecord(START + 10 * STEP, 0, 0)


def test_a_dissenter_loses_only_if_its_history_is_more_than_a_hundredth_below() -> None:
    # The history is 1 of 2 in all three cases.
    assert learned(InspectorRecord(5_000, 1, 1), won=False) == InspectorRecord(5_000, 2, 1)
    assert learned(InspectorRecord(5_100, 1, 1), won=False) == InspectorRecord(5_100, 2, 1)
    assert learned(InspectorRecord(5_101, 1, 1), won=False) == InspectorRecord(5_001, 2, 1)


def test_a_winner_gains_only_if_its_history_is_more_than_a_hundredth_above() -> None:
    assert learned(InspectorRecord(UNIT - STEP, 0, 0), won=True).capability == UNIT - STEP
    assert learned(InspectorRecord(UNIT - STEP - 1, 0, 0), won=True).capability == UNIT - 1


def test_learning_equals_section_4_of_the_study_in_exact_fractions() -> None:
    rng = random.Random(4)
    for _ in range(20):
        record, capability, inspections, wins = enrolled(rng.randint(0, UNIT)), None, 0, 0
        capability = Fraction(record.capability, UNIT)
        for _ in range(200):
            won = rng.random() < 0.6
            record = learned(record, won)
            inspections, wins = inspections + 1, wins + won
            error = Fraction(wins, inspections) - capability
            if won and error > Fraction(1, 100):
                capability += Fraction(1, 100)
            if not won and error < -Fraction(1, 100):
                capability -= Fraction(1, 100)
            capability = min(max(capability, Fraction(0)), Fraction(1))
            if inspections == 10:
                inspections = wins = 0
            assert (Fraction(record.capability, UNIT), *record[1:]) == (capability, inspections, wins)


def test_stalling_costs_more_than_dissent_and_stops_at_zero() -> None:
    record = enrolled()
    assert stalled(record).capability < learned(record, won=False).capability
    assert stalled(InspectorRecord(100, 9, 3)) == InspectorRecord(0, 0, 0)


@pytest.mark.parametrize("wrong", [-1, UNIT + 1, 0.5, True])
def test_a_capability_out_of_range_is_rejected(wrong: int) -> None:
    with pytest.raises(RuleError) as error:
        enrolled(wrong)
    assert error.value.field == "/capability"
