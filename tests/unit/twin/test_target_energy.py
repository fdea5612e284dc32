"""The energy of the sputter targets of the shipped plant, from the readings of its simulation."""

from __future__ import annotations

import numpy as np
import pytest

from chromatrace.ingest.spool import Spool
from chromatrace.plant import example_plant
from chromatrace.plant.maintenance_plans import MAINTENANCE
from chromatrace.plant.simulation import simulate
from chromatrace.twin.equipment.maintenance import TaskState, task_statuses
from chromatrace.twin.plan import plan_of

START_NS = 1_760_000_400 * 10**9
WS_PER_KWH = 3.6e6


def test_a_run_uses_up_a_part_of_both_targets(tmp_path):
    plant = example_plant("electrochromic")
    (source,) = [source for source in plant.sources if source.id == plant.machines[0].source]
    readings = list(simulate(plant, seed=1, start_ns=START_NS))
    with Spool(tmp_path / "spool.db") as spool:
        spool.append(source.channel, readings)
        tasks = plant.section(MAINTENANCE)
        statuses = task_statuses(spool, plan_of(plant), tasks, {}, readings[-1].source_time_ns)
    for status, tag in zip(statuses, ("201.target_power", "301.target_power"), strict=True):
        series = [(reading.source_time_ns / 1e9, reading.value) for reading in readings if reading.tag == tag]
        times, watts = np.array(series).T
        assert status.counter == pytest.approx(np.trapezoid(watts, times) / WS_PER_KWH)
        assert 0.05 < status.counter < 2
        assert (status.state, status.missing_s) == (TaskState.GOOD, 0)
        assert status.due_at_ns > readings[-1].source_time_ns
        assert status.log_sizes == {source.channel: len(readings)}
