"""Test reading series of the spool by time."""

import random
from itertools import pairwise

import pytest

from chromatrace.domain.reading import BAD, Reading
from chromatrace.ingest.spool import Spool
from chromatrace.services.trends import INTERVALS, MAX_POINTS, trend

START = 1_767_225_600 * 10**9


def reading(position, value, tag="power", **changed):
    return Reading("SP-201", tag, START + position, START, value, "W", **changed)


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        yield spool


def test_series_are_sorted_and_belong_to_the_channel(spool):
    spool.append("line", [reading(1, 1.0), reading(1, 1.0, tag="current")])
    spool.append("other", [reading(1, 1.0, tag="voltage")])
    assert spool.series("line") == [("SP-201", "current"), ("SP-201", "power")]
    assert spool.series("none") == []
    assert spool.latest_time("line") == START + 1
    assert spool.latest_time("none") is None


def test_extremes_equal_a_plain_computation(spool):
    chosen = random.Random(5)
    readings = []
    for position in range(3000):
        kind = chosen.random()
        if kind < 0.1:
            readings.append(reading(position, None, quality=BAD))
        elif kind < 0.2:
            readings.append(reading(position, "idle"))
        elif kind < 0.3:
            readings.append(reading(position, 1e9, quality=0x4000_0000))
        elif kind < 0.35:
            readings.append(reading(position, 2**60 + position))
        else:
            readings.append(reading(position, chosen.gauss(0, 1)))
        readings.append(reading(position, 1e12, tag="other"))
    spool.append("line", readings)
    bounds = [START - 5, START + 7, START + 7, START + 1500, START + 2999, START + 5000]
    own = [item for item in readings if item.tag == "power"]
    expected = []
    for start, stop in pairwise(bounds):
        within = [item for item in own if start <= item.source_time_ns < stop]
        good = [item.good_number for item in within if item.good_number is not None]
        expected.append((len(within), len(good), min(good, default=None), max(good, default=None)))
    assert list(spool.extremes("line", "SP-201", "power", bounds)) == expected
    assert list(spool.extremes("line", "SP-201", "none", bounds[:2])) == [(0, 0, None, None)]


def test_a_trend_of_few_readings_has_each_of_them(spool):
    spool.append("line", [reading(0, 1.0), reading(5, None, quality=BAD), reading(9, 3.0)])
    points = trend(spool, "line", "SP-201", "power", START, START + 9)
    assert (points.times_ns, points.minimum, points.maximum) == ((START, START + 5), (1.0, None), (1.0, None))
    assert (points.step_ns, points.readings, points.not_good, points.unit) == (0, 2, 1, "W")


def test_a_trend_of_many_readings_keeps_every_excursion(spool):
    values = [0.0] * (MAX_POINTS * 3)
    values[4321], values[17] = 99.0, -99.0
    spool.append("line", [reading(position, value) for position, value in enumerate(values)])
    points = trend(spool, "line", "SP-201", "power", START, START + len(values))
    assert len(points.times_ns) == len(points.maximum) == INTERVALS
    assert points.readings == len(values)
    spike = points.maximum.index(99.0)
    assert abs(points.times_ns[spike] - (START + 4321)) <= points.step_ns
    assert min(value for value in points.minimum if value is not None) == -99.0
