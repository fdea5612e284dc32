"""Optical consistency: efficiency · charge density = change of optical density."""

import pytest

from chromatrace.quality.optical_consistency import deviation, optical_check

EFFICIENCY, CHARGE = ("coloration efficiency", 40, "cm2/C"), ("charge density", 23.9, "mC/cm2")
CONTRAST_9 = [("bleached transmittance", 63, "%"), ("coloured transmittance", 0.07, "1")]


def test_the_published_example_is_consistent():
    check = optical_check([EFFICIENCY, CHARGE, *CONTRAST_9])
    assert check.density_change == pytest.approx(0.9542, abs=1e-4)
    assert check.deviation < 0.005
    assert check.consistent


@pytest.mark.parametrize(
    ("charge", "consistent"), [(23.9, True), (22.8, True), (25.0, True), (22.0, False), (26.0, False)]
)
def test_instrument_errors_of_five_percent_are_tolerated(charge, consistent):
    check = optical_check([EFFICIENCY, ("charge density", charge, "mC/cm2"), ("optical density change", 0.9542, "1")])
    assert check.consistent is consistent


@pytest.mark.parametrize(
    "values",
    [
        [],
        [EFFICIENCY, CHARGE],
        [EFFICIENCY, *CONTRAST_9],
        [EFFICIENCY, CHARGE, CONTRAST_9[0]],
        [EFFICIENCY, ("charge density", 24, "C"), *CONTRAST_9],
    ],
    ids=["none", "no density", "no charge", "one state", "unit"],
)
def test_a_record_without_the_values_is_not_checked(values):
    assert optical_check(values) is None


def test_the_step_that_belongs_to_the_efficiency_counts():
    bleaching = ("charge density", 17, "mC/cm2")
    assert optical_check([EFFICIENCY, bleaching, CHARGE, *CONTRAST_9]).charge == pytest.approx(0.0239)


def test_an_opaque_state_contradicts_every_efficiency():
    opaque = ("coloured transmittance", 0, "%")
    assert optical_check([EFFICIENCY, CHARGE, CONTRAST_9[0], opaque]).deviation == 1


def test_films_that_hardly_colour_are_compared_with_a_tenth():
    assert deviation(40, 0.0001, 0.007) == pytest.approx(0.03)
