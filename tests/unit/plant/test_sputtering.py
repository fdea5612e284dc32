"""Test the sputtering model: physics, limits, drift, faults and determinism."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import numpy as np
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.plant import example_plant
from chromatrace.plant.errors import FaultError
from chromatrace.plant.faults import Fault, parse_fault
from chromatrace.plant.models import build_model
from chromatrace.plant.models.chamber_parameters import read_chamber
from chromatrace.plant.models.sputtering import ARC_VOLTAGE_V, ChamberRun, deposition_rate
from chromatrace.plant.simulation import Simulation, simulate
from chromatrace.plant.sources import UNCERTAIN_RANGE_EXCEEDED
from chromatrace.storage.toml import TomlTable

START_NS = 1_700_000_000 * 10**9


@pytest.fixture(scope="module")
def plant():
    return example_plant("electrochromic")


@pytest.fixture(scope="module")
def chamber(plant):
    return read_chamber("201", TomlTable(plant.model.parameters["chambers"]["201"]))


def series(plant, *, seed=1, faults=(), runs=1):
    """Return the values of one simulated run, by tag."""
    values = defaultdict(list)
    for reading in simulate(plant, seed=seed, start_ns=START_NS, runs=runs, faults=faults):
        values[reading.tag].append(reading.value)
    return {tag: np.array(values[tag]) for tag in values}


@pytest.fixture(scope="module")
def undisturbed(plant):
    return series(plant)


def depositing(run, station="201"):
    return run[f"{station}.deposition_rate"] > 0.5


def test_rate_rises_as_total_and_oxygen_pressure_fall(chamber):
    def rate(**changed):
        defaults = {"power_w": 300.0, "pressure_pa": 1.0, "target_oxide": 0.5, "erosion": 0.0}
        return deposition_rate(chamber, **(defaults | changed))

    assert rate(pressure_pa=0.5) > rate() > rate(pressure_pa=3.0)
    assert rate(target_oxide=0.2) > rate() > rate(target_oxide=0.9)
    assert rate(power_w=500.0) > rate() > rate(erosion=0.1)


def settled(chamber, oxygen_sccm, run):
    recipe = dataclasses.replace(chamber.recipe, oxygen_sccm=oxygen_sccm, thickness_nm=1e9)
    run.chamber = dataclasses.replace(chamber, recipe=recipe)
    for _ in range(300):
        run.advance(1.0)
    return run.voltage_v, run.rate_nm_min


def test_voltage_and_rate_have_hysteresis_by_oxygen_flow(chamber):
    run = ChamberRun(chamber, np.random.default_rng(0))
    run.phase, run.pressure_pa, run.argon_sccm, run.target_oxide, run.collector_oxide = "deposit", 0.7, 35.0, 0.05, 0.05
    upwards = {flow: settled(chamber, flow, run) for flow in range(4, 21, 2)}
    downwards = {flow: settled(chamber, flow, run) for flow in range(18, 3, -2)}
    differences = {flow: abs(upwards[flow][0] - downwards[flow][0]) for flow in downwards}
    assert max(differences.values()) > 20
    assert differences[4] < 5
    assert differences[18] < 5
    # More oxygen in the chamber: less rate.
    assert upwards[4][1] > 1.5 * upwards[20][1]


def test_run_stays_within_the_process_limits(plant, undisturbed):
    for station, lowest, highest in (("201", 300, 450), ("301", 150, 250)):
        growing = depositing(undisturbed, station)
        for tag in (tag for tag in plant.tags if tag.station == station and tag.name in undisturbed):
            during = undisturbed[tag.name][growing]
            if tag.limit_high is not None:
                assert during.max() <= tag.limit_high, tag.name
            if tag.limit_low is not None and not tag.name.endswith("film_thickness"):
                assert during.min() >= tag.limit_low, tag.name
        assert lowest <= undisturbed[f"{station}.film_thickness"][growing].max() <= highest


def test_thickness_integrates_the_rate(plant, undisturbed):
    for station in ("201", "301"):
        growing = depositing(undisturbed, station)
        integral = np.cumsum(undisturbed[f"{station}.deposition_rate"][growing]) * plant.sample_period_s / 60
        thickness = undisturbed[f"{station}.film_thickness"][growing]
        assert np.abs(integral - thickness).max() < 3.0


def test_substrate_follows_with_its_time_constant(chamber):
    run = ChamberRun(chamber, np.random.default_rng(0))
    begin = run.temperature_c
    for _ in range(round(chamber.thermal.time_constant_s)):
        run.advance(1.0)
    reached = (run.temperature_c - begin) / (chamber.recipe.temperature_c - begin)
    assert reached == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_pump_down_reaches_the_base_pressure(undisturbed):
    pressure = undisturbed["201.working_pressure"]
    assert pressure[0] == 10  # upper limit of the gauge
    assert pressure[1:].min() < 1e-2
    assert undisturbed["201.base_pressure"][depositing(undisturbed)].max() <= 1e-3


def test_value_outside_the_range_is_uncertain(plant):
    first = next(Simulation(plant, seed=1, start_ns=START_NS).steps())
    position = [tag.name for tag in plant.tags].index("201.working_pressure")
    assert first.qualities[position] == UNCERTAIN_RANGE_EXCEEDED
    assert first.source_time_ns == START_NS + 10 * 10**9


def test_target_erosion(plant):
    model = build_model(plant, 1)
    rates = []
    while model.runs_completed < 4:
        values = model.advance(10)
        if values["201.deposition_rate"] > 1:
            rates.append(values["201.deposition_rate"])
    assert np.mean(rates[-50:]) < 0.998 * np.mean(rates[:50])


def test_readings_are_deterministic_for_a_seed(plant):
    def first(seed):
        readings = simulate(plant, seed=seed, start_ns=START_NS)
        return [next(readings) for _ in range(2000)]

    assert first(7) == first(7)
    assert first(7) != first(8)


def test_power_is_voltage_times_current(undisturbed):
    growing = depositing(undisturbed)
    product = undisturbed["201.target_voltage"][growing] * undisturbed["201.target_current"][growing]
    assert np.abs(product - undisturbed["201.target_power"][growing]).max() < 12


def fault(text):
    return (parse_fault(text),)


def test_leak_raises_the_base_pressure(plant):
    leaking = series(plant, faults=fault("leak@201:0+4000"))
    assert leaking["201.base_pressure"][depositing(leaking)].min() > 0.01


def test_fault_in_one_chamber_does_not_change_the_other(plant, undisturbed):
    leaking = series(plant, faults=fault("leak@201:0+4000"))
    of_other = "301.target_voltage"
    both = min(len(leaking[of_other]), len(undisturbed[of_other])) // 2
    assert np.abs(leaking[of_other][:both] - undisturbed[of_other][:both]).max() < 15


def test_stuck_oxygen_flow_reduces_oxidation(plant, undisturbed):
    stuck = series(plant, faults=fault("flow_stuck@201:0+9000"))
    assert stuck["201.oxygen_flow"].max() < 1
    assert stuck["201.deposition_rate"].max() > 2 * undisturbed["201.deposition_rate"].max()


def test_arcs_collapse_the_voltage(plant):
    arcing = series(plant, faults=fault("arc@201:500+2500"))
    share = (np.abs(arcing["201.target_voltage"][depositing(arcing)] - ARC_VOLTAGE_V) < 10).mean()
    assert 0.1 < share < 0.5


def test_cooling_loss_heats_water_and_substrate(plant, undisturbed):
    hot = series(plant, faults=fault("cooling_loss@201:500+4000"))
    assert hot["201.cooling_water_temperature"].max() > 60
    assert hot["201.substrate_temperature"].max() > undisturbed["201.substrate_temperature"].max() + 50


def test_fouling_warms_the_water_linearly(plant, undisturbed):
    tag = "301.cooling_water_temperature"
    fouled = series(plant, faults=fault("fouling@301:600+7200x2"))[tag]
    change = fouled - undisturbed[tag][: len(fouled)] if len(fouled) <= len(undisturbed[tag]) else fouled - 18
    seconds = plant.sample_period_s * np.arange(1, len(fouled) + 1)
    assert np.abs(change[seconds < 600]).max() < 0.6
    later = seconds > 1200
    slope = np.polyfit(seconds[later] / 3600, change[later], 1)[0]
    assert slope == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize(
    ("text", "field"),
    [("leak", "fault"), ("flood@201:0+1", "kind"), ("leak@201:1.2.3+1", "fault"), ("leak@201:-1+1", "fault")],
)
def test_invalid_fault_is_rejected(text, field):
    with pytest.raises(FaultError) as error:
        parse_fault(text)
    assert error.value.field == field


def test_fault_at_an_unknown_machine_is_rejected(plant):
    with pytest.raises(FaultError) as error:
        Simulation(plant, seed=1, start_ns=START_NS, faults=[Fault("leak", "404", 0, 1)])
    assert error.value.field == "station"
    with pytest.raises(FaultError):
        Simulation(example_plant("desktop-computer"), seed=1, start_ns=START_NS, faults=fault("arc@1:0+1"))


@pytest.mark.parametrize(
    ("changed", "field"), [({"start_ns": 1}, "start_ns"), ({"sample_period_s": 0.0}, "sample_period_s")]
)
def test_invalid_simulation_settings_are_named(plant, changed, field):
    with pytest.raises(InvalidInput) as error:
        Simulation(plant, **({"seed": 1, "start_ns": START_NS} | changed))
    assert error.value.field == field


@pytest.mark.parametrize("name", ["desktop-computer", "engineer-to-order"])
def test_other_plants_run_on_the_same_code(name):
    plant = example_plant(name)
    run = series(plant)
    for tag in plant.tags:
        assert abs(run[tag.name].mean() - tag.nominal) < 0.1 * tag.nominal
        assert run[tag.name].std() > 0
