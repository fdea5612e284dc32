"""Maintenance counters, limits and forecasts, and calibrations that expire."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from twin_readings import START_NS, reading

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.ingest.spool import Spool
from chromatrace.plant import PlantError
from chromatrace.plant.configuration import parse_plant
from chromatrace.plant.maintenance_plans import MAINTENANCE, MaintenancePlan
from chromatrace.twin.equipment.counters import integrate
from chromatrace.twin.equipment.done import Done, MaintenanceLog
from chromatrace.twin.equipment.maintenance import TaskState, calibrations, task_statuses
from chromatrace.twin.plan import NS_PER_S, plan_of

DAY_S = 86_400
PLANT = """
schema = "chromatrace.plant/1"
name = "line"
title = "Line"
[[stations]]
id = "1"
name = "Coating"
[[products]]
gtin = "09521234543213"
name = "Pane"
route = ["1"]
[[tags]]
name = "power"
station = "1"
unit = "W"
[[tags]]
name = "state"
station = "1"
[[tags]]
name = "cycles"
station = "1"
[[machines]]
id = "sputter-1"
name = "Chamber"
station = "1"
tags = ["power", "cycles"]
state_tag = "state"
states = { running = [1], idle = [2] }
"""
TARGET = """
[[maintenance]]
id = "target"
name = "Tungsten target"
machine = "sputter-1"
measure = "integral"
tag = "power"
unit = "kWh"
limit = 10
"""


class Line:
    """A line with a log and tasks."""

    def __init__(self, spool, tasks):
        self.spool, self.plant = spool, parse_plant(PLANT + tasks)

    def append(self, *readings):
        self.spool.append_fields("line", readings)

    def status(self, at_s=0, done=None):
        tasks = self.plant.section(MAINTENANCE)
        now_ns = START_NS + at_s * NS_PER_S
        return {item.id: item for item in task_statuses(self.spool, plan_of(self.plant), tasks, done or {}, now_ns)}


@pytest.fixture
def line(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        yield lambda tasks: Line(spool, tasks)


def test_the_energy_of_a_target_is_the_integral_of_its_power(line):
    made = line(TARGET)
    # A ramp from 0 to 600 W in 1 h, then 600 W for 1 h: 0.3 + 0.6 kWh.
    made.append(*(reading("power", second, second / 6, unit="W") for second in range(0, 3601, 60)))
    made.append(*(reading("power", second, 600.0, unit="W") for second in range(3660, 7201, 60)))
    target = made.status()["target"]
    assert target.counter == pytest.approx(0.9)
    assert (target.state, target.unit, target.missing_s) == (TaskState.GOOD, "kWh", 0)
    assert target.rate_per_day == pytest.approx(0.9 * 12)
    due_s = (target.due_at_ns - START_NS) / NS_PER_S
    assert due_s == pytest.approx(7200 + (10 - 0.9) / (0.9 * 12) * DAY_S)
    assert target.log_sizes == {"line": 121}


@pytest.mark.parametrize(("limit", "state"), [(10.0, "good"), (0.95, "near"), (0.9, "due"), (0.5, "due")])
def test_a_counter_becomes_near_and_due(line, limit, state):
    made = line(TARGET.replace("limit = 10", f"limit = {limit}\nmaximum_gap_s = 3600"))
    made.append(*(reading("power", hour * 3600, 900.0) for hour in range(2)))
    assert made.status()["target"].state == state


def test_a_task_that_was_done_counts_from_then_on(line):
    made = line(TARGET)
    made.append(*(reading("power", second, 600.0) for second in range(0, 7201, 60)))
    done = Done("target", START_NS + 5400 * NS_PER_S, "A. Example", "", 0.9)
    assert made.status(done={"target": done})["target"].counter == pytest.approx(0.3)


def test_gaps_and_bad_readings_are_not_counted_but_reported():
    values = [(0, 10.0), (10 * NS_PER_S, 20.0), (20 * NS_PER_S, None), (30 * NS_PER_S, 20.0), (900 * NS_PER_S, 20.0)]
    assert integrate(values, 600) == (150.0, 890.0)
    assert integrate([(0, "off"), (NS_PER_S, 1.0), (3 * NS_PER_S, 3)], 600) == (4.0, 1.0)


def test_running_hours_runs_and_increases(line):
    made = line(
        "".join(
            f'\n[[maintenance]]\nid = "{measure}"\nname = "x"\nmachine = "sputter-1"\nmeasure = "{measure}"\n'
            f"limit = 5\n{extra}\n"
            for measure, extra in (("running", ""), ("runs", ""), ("increase", 'tag = "cycles"'))
        )
    )
    made.append(*(reading("state", hour * 3600, 1 if hour % 2 else 2) for hour in range(9)))
    made.append(reading("cycles", 0, 100), reading("cycles", 3600, 104))
    found = made.status()
    assert {name: (item.counter, item.state.value) for name, item in found.items()} == {
        "running": (4, "good"),
        "runs": (4, "good"),
        "increase": (4, "good"),
    }
    assert (found["running"].unit, found["running"].missing_s) == ("h", 0)


def test_a_task_without_readings_is_unknown_and_says_why(line):
    target = line(TARGET).status()["target"]
    assert (target.state, target.counter, target.problem) == (TaskState.UNKNOWN, None, "no readings of sputter-1")


@pytest.mark.parametrize(("days", "state"), [(-30, "good"), (-13, "near"), (0, "near"), (1, "due")])
def test_a_date_becomes_near_and_due(line, days, state):
    day = datetime.date(2025, 10, 9) - datetime.timedelta(days=days)
    gauge = line(f'[[maintenance]]\nid = "gauge"\nname = "Gauge"\ndue = {day}\n').status()["gauge"]
    assert (gauge.state, gauge.counter) == (state, None)


def test_calibrations_are_listed_by_due_date():
    plant = parse_plant(
        PLANT
        + "".join(
            f'\n[[instruments]]\nid = "{name}"\nname = "{name}"\nkind = "photometer"\nstation = "1"\n'
            f"quantities = {{}}\n{due}\n"
            for name, due in (
                ("a", ""),
                ("b", "calibration_due = 2026-12-01"),
                ("c", "calibration_due = 2026-11-30"),
            )
        )
    )
    found = calibrations(plant, datetime.datetime(2026, 12, 1, 23, tzinfo=datetime.UTC))
    assert [(item.id, item.valid, item.days_left) for item in found] == [
        ("c", False, -1),
        ("b", True, 0),
        ("a", True, None),
    ]


def test_what_was_done_is_stored_for_each_plant(tmp_path):
    url = f"sqlite:///{tmp_path / 'operations.db'}"
    first, second = Done("target", 10, "A. Example", "lot 7", 9.5), Done("target", 20, "B. Example", "", None)
    with MaintenanceLog(url, "line") as log:
        log.add(first)
        log.add(second)
        with pytest.raises(Conflict):
            log.add(replace(first, done_ns=15))
        with pytest.raises(InvalidInput):
            log.add(replace(first, done_ns=30, done_by=" "))
    with MaintenanceLog(url, "line") as log, MaintenanceLog(url, "other") as other:
        assert (log.all(), log.last()) == ([first, second], {"target": second})
        assert other.all() == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("limit = 10", "limit = 0"), "maintenance[0].limit"),
        (('unit = "kWh"', 'unit = "Pa"'), "maintenance[0].unit"),
        (('tag = "power"', 'tag = "powers"'), "maintenance[0].tag"),
        (('machine = "sputter-1"', 'machine = "sputter-2"'), "maintenance[0].machine"),
        (("limit = 10", "limit = 10\nwarn_at = 1.5"), "maintenance[0].warn_at"),
        (("limit = 10", 'limit = 10\ndue = "soon"'), "maintenance[0].due"),
        (('measure = "integral"', 'measure = "weight"'), "maintenance[0].measure"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_in_the_plant_file_names_its_key(change, key):
    with pytest.raises(PlantError) as raised:
        parse_plant(PLANT + TARGET.replace(*change))
    assert key in [mistake.key for mistake in raised.value.mistakes]


def test_the_default_of_a_task_is_a_date():
    with pytest.raises(PlantError, match="give a date"):
        parse_plant(f'{PLANT}\n[[maintenance]]\nid = "x"\nname = "x"\n')
    assert MaintenancePlan("x", "x").measure == "date"
