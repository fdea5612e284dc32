"""Status, batches and counters of a machine."""

import pytest
from twin_readings import SPUTTER, START_NS

from chromatrace.twin.plan import NS_PER_S, MachineStatus
from chromatrace.twin.state.machine import KEPT_BATCHES, KEPT_HOURS, MachineFollower
from chromatrace.twin.state.records import MachineState

HOUR = START_NS // NS_PER_S // 3600


@pytest.fixture
def machine():
    """Return a follower of a machine without readings."""
    return MachineFollower(SPUTTER, MachineState("sputter-1"))


def at(second):
    """Return the time of a second after the start."""
    return START_NS + round(second * NS_PER_S)


def test_the_time_in_each_status_is_split_at_full_hours(machine):
    machine.apply("state", 0, at(0), 1.0)
    machine.apply("state", 1, at(3000), 4.0)
    machine.apply("state", 2, at(4200), 1.0)
    machine.apply("state", 3, at(4300), 1.0)
    first, second = machine.state.hours[HOUR], machine.state.hours[HOUR + 1]
    assert (first.running, first.fault) == (3000 * NS_PER_S, 600 * NS_PER_S)
    assert (second.running, second.fault) == (100 * NS_PER_S, 600 * NS_PER_S)
    assert machine.state.status is MachineStatus.RUNNING
    assert machine.state.status_since_ns == at(4200)


def test_an_unnamed_state_is_unknown_and_not_planned_time(machine):
    machine.apply("state", 0, at(0), "maintenance")
    machine.apply("state", 1, at(60), 1.0)
    assert machine.state.hours[HOUR].unknown == 60 * NS_PER_S
    assert machine.state.status_text == "1"


def test_a_batch_begins_and_ends_with_the_batch_tag(machine):
    machine.apply("step", 4, at(0), "clean")
    machine.apply("batch", 5, at(1), "L-1")
    machine.apply("step", 6, at(2), "sputter")
    machine.apply("batch", 7, at(3), "L-1")
    machine.apply("batch", 9, at(9), "L-2")
    (ended,) = machine.state.earlier
    assert (ended.batch, ended.step, ended.first_index, ended.last_index) == ("L-1", "sputter", 5, 9)
    assert (ended.started_ns, ended.ended_ns) == (at(1), at(9))
    assert machine.state.batch.batch == "L-2"
    machine.apply("batch", 10, at(10), "")
    assert machine.state.batch is None


def test_counters_add_their_increase_and_survive_a_reset(machine):
    machine.apply("batch", 0, at(0), "L-1")
    for second, value in enumerate((100.0, 103.0, 2.0, 5.0)):
        machine.apply("count", second, at(second), value)
    machine.apply("reject", 5, at(5), 7.0)
    machine.apply("reject", 6, at(6), 8.0)
    hour = machine.state.hours[HOUR]
    assert (hour.units, hour.rejected) == (3 + 2 + 3, 1)
    assert (machine.state.batch.units, machine.state.batch.rejected) == (8, 1)


def test_the_state_stays_small(machine):
    for number in range(3 * KEPT_HOURS):
        machine.apply("state", number, at(3600 * number), 1.0 + number % 4)
        machine.apply("batch", number, at(3600 * number), f"L-{number}")
    assert len(machine.state.hours) <= KEPT_HOURS
    assert len(machine.state.earlier) == KEPT_BATCHES


def test_a_pause_of_years_is_counted_up_to_the_kept_hours(machine):
    machine.apply("state", 0, at(0), 1.0)
    machine.apply("state", 1, at(20 * 365 * 86400), 1.0)
    hours = machine.state.hours
    assert len(hours) <= KEPT_HOURS
    assert sum(hour.running for hour in hours.values()) <= KEPT_HOURS * 3600 * NS_PER_S
