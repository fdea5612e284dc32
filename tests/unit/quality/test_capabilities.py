"""Capability of tags in the windows of lots."""

import dataclasses

import numpy as np
import pytest

from chromatrace.documents.evidence import ReadingWindow
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.reading import Reading
from chromatrace.ingest.spool import Spool
from chromatrace.plant.configuration import parse_plant
from chromatrace.services.quality.capabilities import capabilities
from chromatrace.services.quality.history import InspectedBatch
from tests.unit.quality.inspected_lots import FINAL, batch, inspected

NS = 1_767_571_200 * 10**9
PLANT = parse_plant("""
schema = "chromatrace.plant/1"
name = "hall"
title = "Hall"
stations = [{ id = "201", name = "Sputtering" }]
products = [{ gtin = "09521234543213", name = "Pane", route = ["201"] }]
tags = [
  { name = "pressure", station = "201", unit = "Pa", convert_from = "mPa", limit_low = 0.5, limit_high = 3 },
  { name = "power", station = "201", unit = "W", low = 0, high = 1000, limit_high = 400 },
  { name = "state", station = "201", low = 0, high = 9, limit_high = 5 },
  { name = "free", station = "201", low = 0, high = 9 },
]
""")  # fmt: skip


@pytest.fixture
def spool(tmp_path):
    """Return 40 rows of four tags: the pressure in mPa alternates by 100 around 1,750, the power by 10 around 300."""
    spool = Spool(tmp_path / "spool.db")
    rows = []
    for row in range(40):
        sign = 1 if row % 2 else -1
        values = {"chamber/pressure": 1750.0 + 50 * sign, "power": 300.0 + 5 * sign, "state": 1.0, "free": float(row)}
        time = NS + row * 10**9
        rows += [Reading("plc", tag, time, time, value, "") for tag, value in values.items()]
    spool.append("line", rows)
    yield spool
    spool.close()


def of_window(tmp_path, first, last, size=160):
    item = inspected(DocumentStore(tmp_path / "documents"), batch("A", 0), FINAL)
    window = ReadingWindow("line", Gln("9521234500001"), first, last, size, bytes(32), NS, NS + last * 10**9)
    evidence = dataclasses.replace(item.evidence, readings=window)
    digest = item.documents.put(evidence.to_bytes())
    return InspectedBatch(item.batch, dataclasses.replace(item.inspection, evidence=digest), item.documents)


def test_cp_and_cpk_of_tags_with_limits_in_their_unit(spool, tmp_path):
    pressure, power = capabilities(spool, PLANT, [of_window(tmp_path, 0, 159)], 10)
    sigma = 0.1 / 1.128  # mean moving range 0.1 Pa
    assert (pressure.tag, pressure.unit, pressure.readings) == ("pressure", "Pa", 40)
    assert pressure.mean == pytest.approx(1.75)
    assert pressure.sigma == pytest.approx(sigma, rel=1e-3)
    assert pressure.cp == pytest.approx(2.5 / (6 * sigma), rel=1e-3)
    assert pressure.cpk == pytest.approx(1.25 / (3 * sigma), rel=1e-3)
    assert (power.cp, power.low, power.high) == (None, None, 400)
    assert power.cpk == pytest.approx(100 / (3 * 10 / 1.128), rel=1e-3)
    assert pressure.lot == "09521234543213/A"


def test_a_short_window_and_readings_that_are_not_stored_have_no_capability(spool, tmp_path):
    assert capabilities(spool, PLANT, [of_window(tmp_path, 0, 40)], 10) == ()
    assert capabilities(spool, PLANT, [of_window(tmp_path, 0, 159, size=161)], 10) == ()


def test_the_newest_windows_count_once(spool, tmp_path):
    items = [of_window(tmp_path, 0, 119), of_window(tmp_path, 0, 119), of_window(tmp_path, 4, 159)]
    rows = capabilities(spool, PLANT, items, 10)
    assert len(rows) == 4
    assert list(np.diff([row.time_s for row in rows])) == [0, 40, 0]
    assert {row.time_s for row in capabilities(spool, PLANT, items, 1)} == {rows[-1].time_s}
