"""Answers of inspectors, and the sets of their capabilities."""

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.studies.shopfloor.agents import Kind, log_odds, pass_probability, quality_drawer, sharpness, staffing
from chromatrace.studies.shopfloor.inputs import CLUSTERS, capability_set, capability_sets

ratios = st.floats(0.001, 0.999)


def passing(quality, capability):
    return pass_probability(log_odds(quality), sharpness(capability))


@given(ratios)
def test_a_capability_of_one_half_passes_with_the_actual_ratio(quality):
    assert passing(quality, 0.5) == pytest.approx(quality)


@given(ratios, st.floats(0.51, 1.0))
def test_a_more_capable_inspector_is_sharper(quality, capability):
    assert abs(passing(quality, capability) - 0.5) >= abs(quality - 0.5) - 1e-12


@given(ratios, st.floats(0.0, 0.49))
def test_a_less_capable_inspector_is_flatter(quality, capability):
    assert abs(passing(quality, capability) - 0.5) <= abs(quality - 0.5) + 1e-12


@given(ratios, st.floats(0.0, 1.0))
def test_good_and_defective_steps_are_symmetric(quality, capability):
    assert passing(quality, capability) == pytest.approx(1 - passing(1 - quality, capability))


def test_answers_at_the_extreme_capabilities_and_qualities():
    assert passing(0.9, 0.0) == 0.5
    assert passing(0.51, 1.0) == 1.0
    assert passing(0.49, 1.0) == 0.0
    assert passing(1.0, 0.5) == 1.0
    assert passing(0.0, 0.5) == 0.0
    assert passing(0.5, 1.0) == 0.5


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
def test_the_defect_rate_is_met(rate):
    draw = quality_drawer(rate, Random(1).random)
    drawn = [draw() for _ in range(20_000)]
    assert sum(odds < 0 for odds in drawn) / len(drawn) == pytest.approx(rate, abs=0.01)


def test_quality_is_uniform_at_a_rate_of_one_half():
    draw = quality_drawer(0.5, Random(2).random)
    tenths = Counter(int(10 / (1 + math.exp(-draw()))) for _ in range(50_000))
    assert all(count == pytest.approx(5000, abs=350) for count in tenths.values())
    assert len(tenths) == 10


def test_alternating_staff_is_nine_people_and_eight_agents():
    kinds = Counter(staffing(17, (Kind.HUMAN, Kind.AI)))
    assert (kinds[Kind.HUMAN], kinds[Kind.AI]) == (9, 8)


def test_a_seed_repeats_the_twenty_different_sets():
    sets = capability_sets(17, 1)
    assert [inputs.number for inputs in sets] == list(range(1, 21))
    assert len({inputs.capabilities for inputs in sets}) == 20
    assert sets == capability_sets(17, 1)
    assert sets != capability_sets(17, 2)
    assert all(0 <= value <= 1 for inputs in sets for value in inputs.capabilities)


def test_the_sets_have_the_capabilities_of_their_names():
    sets = {inputs.name: inputs.capabilities for inputs in capability_sets(17, 1)}
    assert min(sets["all good"]) >= 0.8
    assert max(sets["all poor"]) <= 0.2
    assert min(sets["mixed"]) < 0.3 < 0.7 < max(sets["mixed"])
    for name, places in zip(CLUSTERS, ((0, 1, 2), (7, 8, 9), (14, 15, 16)), strict=True):
        assert tuple(cell for cell, value in enumerate(sets[name]) if value <= 0.2) == places


def test_sets_exist_for_any_number_of_workcells():
    assert len(capability_set(CLUSTERS[2], 5, 1).capabilities) == 5
