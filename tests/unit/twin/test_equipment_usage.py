"""Use of a machine from the log: time in each status, downtime by reason, runs and counts."""

from __future__ import annotations

import pytest
from twin_readings import SPUTTER, START_NS, reading

from chromatrace.ingest.spool import Spool
from chromatrace.twin.equipment.series import MachineLog
from chromatrace.twin.equipment.usage import Downtime, usage_of
from chromatrace.twin.plan import NS_PER_S, MachineStatus, TwinPlan


@pytest.fixture
def usage(tmp_path):
    """Return a function that stores readings and returns the use of the sputtering chamber in some seconds."""
    from dataclasses import replace

    machine = replace(SPUTTER, reason_tag="reason")
    with Spool(tmp_path / "spool.db") as spool:

        def compute(readings, from_s, to_s):
            spool.append_fields("line", readings)
            log = MachineLog(spool, TwinPlan("line", (machine,)), machine)
            return usage_of(log, START_NS + from_s * NS_PER_S, START_NS + to_s * NS_PER_S)

        yield compute


def test_the_time_in_each_status_adds_up_to_the_period(usage):
    found = usage(
        [
            *(reading("state", second, value) for second, value in ((10, 1), (40, 2), (50, 4), (70, 1), (100, 1))),
            reading("power", 120, 300.0),
        ],
        0,
        120,
    )
    assert (found.unknown_s, found.running_s, found.idle_s, found.fault_s) == (10, 80, 10, 20)
    assert (found.runs, found.faults, found.utilisation) == (2, 1, pytest.approx(80 / 110))
    assert (found.between_failures_s, found.to_repair_s) == (80, 20)
    assert found.log_sizes == {"line": 6}


def test_the_status_before_the_period_counts_and_the_period_ends_at_the_newest_reading(usage):
    found = usage([reading("state", 0, 1), reading("state", 90, 3), reading("power", 100, 1.0)], 60, 1000)
    assert (found.running_s, found.stopped_s, found.unknown_s) == (30, 10, 0)
    assert found.to_ns == START_NS + 100 * NS_PER_S
    assert found.runs == 0, "the run began before the period"


def test_downtime_has_the_reason_that_was_reported_for_the_stop(usage):
    readings = [
        *(reading("state", second, value) for second, value in ((0, 1), (10, 3), (30, 1), (40, 3), (70, 1), (80, 4))),
        *(reading("reason", second, text) for second, text in ((12, "no material"), (35, "cleaning"), (75, ""))),
        reading("state", 100, 1),
    ]
    assert usage(readings, 0, 100).downtime == (
        Downtime(MachineStatus.STOPPED, "unknown", 30, 1),
        Downtime(MachineStatus.STOPPED, "no material", 20, 1),
        Downtime(MachineStatus.FAULT, "unknown", 20, 1),
    )


def test_a_reason_that_is_reported_just_before_the_stop_counts(usage):
    readings = [reading("state", 0, 1), reading("state", 20, 2), reading("state", 30, 3), reading("state", 60, 1)]
    readings += [reading("reason", 25, "tool change"), reading("power", 61, 1.0)]
    assert usage(readings, 0, 61).downtime == (
        Downtime(MachineStatus.STOPPED, "tool change", 30, 1),
        Downtime(MachineStatus.IDLE, "tool change", 10, 1),
    )


def test_counters_count_across_a_reset(usage):
    counts = ((-5, 90), (10, 100), (20, 3), (30, 7))
    readings = [reading("count", second, value) for second, value in counts]
    readings += [reading("reject", 10, 0), reading("reject", 30, 2), reading("power", 40, 1.0)]
    found = usage(readings, 0, 40)
    assert (found.units, found.rejected) == (17, 2)


def test_a_machine_without_readings_has_no_use(usage):
    found = usage([], 0, 100)
    assert (found.utilisation, found.runs, found.downtime) == (None, 0, ())
