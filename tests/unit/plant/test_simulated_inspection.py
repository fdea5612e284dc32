"""Test that simulated inspections depend on the readings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.plant import example_plant
from chromatrace.plant.errors import MissingHistoryError
from chromatrace.plant.faults import parse_fault
from chromatrace.plant.films import films
from chromatrace.plant.inspection import inspect
from chromatrace.plant.simulation import simulate
from chromatrace.quality.optical_consistency import TOLERANCE, deviation

START_NS = 1_700_000_000 * 10**9
SERIALS = ("000001", "000101", "000201")
ORDER = ["optical modulation", "coloration efficiency", "cycling stability", "switching time", "optical memory"]


@pytest.fixture(scope="module")
def plant():
    return example_plant("electrochromic")


def simulated(plant, *faults, runs=1):
    parsed = [parse_fault(fault) for fault in faults]
    return list(simulate(plant, seed=3, start_ns=START_NS, runs=runs, faults=parsed))


@pytest.fixture(scope="module")
def good(plant):
    return simulated(plant)


def test_good_run_passes_both_inspections(plant, good):
    for stage in ("first", "final"):
        result = inspect(plant, stage, good, SERIALS)
        assert result.verdict == "pass"
        assert result.defects == 0
        assert [unit.serial for unit in result.units] == list(SERIALS)
        assert all(measurement.passed for measurement in result.measurements)


def test_final_inspection_measures_in_the_designed_order(plant, good):
    assert [m.quantity for m in inspect(plant, "final", good, SERIALS).measurements] == ORDER


@pytest.mark.parametrize(
    ("fault", "stage", "failing"),
    [
        ("flow_stuck@201:0+9000", "first", "W5+ share"),
        ("cooling_loss@201:400+4000x4", "first", "crystalline share"),
        ("leak@201:0+4000", "final", "coloration efficiency"),
        ("arc@301:500+3000", "final", "cycling stability"),
    ],
)
def test_fault_in_the_readings_fails_the_inspection(plant, fault, stage, failing):
    result = inspect(plant, stage, simulated(plant, fault), SERIALS)
    assert result.verdict == "fail"
    assert result.defects == len(SERIALS)
    assert failing in [m.quantity for m in result.measurements if not m.passed]
    if stage == "final":
        # The inspection ends at the first failure.
        assert result.measurements[-1].quantity == failing
        assert [m.quantity for m in result.measurements] == ORDER[: ORDER.index(failing) + 1]


def test_film_that_does_not_colour_is_a_defect(plant):
    assert inspect(plant, "final", simulated(plant, "flow_stuck@201:0+9000"), SERIALS).verdict == "fail"


@pytest.mark.parametrize("quantity", ["charge density", "coloration efficiency", "coloured transmittance"])
def test_inconsistent_values_are_a_measurement_error(plant, good, quantity):
    result = inspect(plant, "final", good, SERIALS, disturb={quantity: 0.7})
    assert result.verdict == "measurement error"
    assert result.defects == 0
    assert all(unit.deviation > TOLERANCE for unit in result.units)
    assert all(unit.deviation < TOLERANCE for unit in inspect(plant, "final", good, SERIALS).units)


def test_consistency_of_the_published_example():
    assert deviation(40, 23.9e-3, 0.9542) < 0.005  # 9:1 at 40 cm²/C needs about 23.9 mC/cm²
    assert deviation(40, 20e-3, 0.9542) == pytest.approx(1 - 0.8 / 0.9542)


def test_measurements_are_deterministic_for_a_seed(plant, good):
    assert inspect(plant, "final", good, SERIALS, seed=5) == inspect(plant, "final", good, SERIALS, seed=5)
    assert inspect(plant, "final", good, SERIALS, seed=5) != inspect(plant, "final", good, SERIALS, seed=6)


def test_films_do_not_depend_on_the_order_of_readings(plant):
    readings = simulated(plant, runs=2)
    in_order = films("201", readings)
    assert [film.finished for film in in_order] == [True, True]
    assert in_order == films("201", reversed(readings))
    assert in_order[0].ended_ns < in_order[1].started_ns
    for film in in_order:
        assert 370 < film.thickness_nm < 390
        assert film.oxygen_pa == pytest.approx(0.27, abs=0.02)


def test_unfinished_film_is_not_inspected(plant, good):
    end = films("201", good)[0].ended_ns
    partial = [reading for reading in good if reading.source_time_ns <= end]
    assert [film.finished for film in films("201", partial)] == [False]
    with pytest.raises(MissingHistoryError, match="no finished film of station 201"):
        inspect(plant, "first", partial, SERIALS)


def test_film_is_finished_although_later_readings_have_no_good_pressure(good):
    end = films("201", good)[0].ended_ns
    vented = [
        replace(reading, quality=0x80000000)
        if reading.tag == "201.working_pressure" and reading.source_time_ns > end
        else reading
        for reading in good
    ]
    assert films("201", vented) == films("201", good)


def test_invalid_inspection_is_rejected(plant, good):
    with pytest.raises(NotFound):
        inspect(plant, "second", good, SERIALS)
    with pytest.raises(InvalidInput) as error:
        inspect(plant, "first", good, [])
    assert error.value.field == "serials"
    with pytest.raises(MissingHistoryError):
        inspect(plant, "first", [], SERIALS)
    with pytest.raises(NotFound, match="no device model"):
        inspect(example_plant("desktop-computer"), "final", good, SERIALS)
