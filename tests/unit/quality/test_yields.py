"""First-pass yield, secondary rate, scrap rate, and defects by cause."""

import pytest

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.rights import BatchState
from chromatrace.services.quality.yields import pareto, period_start, total, yields
from tests.unit.quality.inspected_lots import FAIL, FINAL, FIRST, batch, inspected


@pytest.fixture
def store(tmp_path):
    return DocumentStore(tmp_path)


@pytest.fixture
def history(store):
    """Six lots in two weeks: good, graded with seconds, re-inspected, overruled, recycled, and not yet inspected."""
    lots = {
        "good": batch("A", 0, standard=100),
        "seconds": batch("B", 1, standard=80, defective=15, scrap=5),
        "again": batch("C", 2, standard=95, scrap=5),
        "overruled": batch("D", 8, state=BatchState.RELEASED, standard=100),
        "recycled": batch("E", 8, state=BatchState.RECYCLED),
        "new": batch("F", 9, state=BatchState.FIRST_PASSED),
    }
    done = [inspected(store, lots[name], FIRST) for name in ("good", "seconds", "again", "overruled", "new")]
    done += [
        inspected(store, lots["good"], FINAL),
        inspected(store, lots["seconds"], FINAL, defects=2),
        inspected(store, lots["again"], FINAL, verdict=FAIL, superseded=True, defects=4),
        inspected(store, lots["again"], FINAL, revision=2),
        inspected(
            store, lots["overruled"], FINAL, overrule="smudge", values={"optical modulation": (30, 40)}, defects=1
        ),
        inspected(store, lots["recycled"], FIRST, verdict=FAIL, defects=10),
    ]
    return lots, done


def test_yields_by_week(history):
    lots, done = history
    first, second = yields(lots.values(), done, "week")
    assert (first.start, second.start) == ("2026-01-05", "2026-01-12")
    assert (first.lots, first.decided, first.first_pass) == (3, 3, 2)
    assert (first.graded, first.standard, first.defective, first.scrap) == (300, 275, 15, 10)
    assert first.secondary_rate == pytest.approx(0.05)
    assert first.scrap_rate == pytest.approx(10 / 300)
    assert first.first_pass_yield == pytest.approx(2 / 3)
    assert (second.lots, second.decided, second.first_pass, second.recycled) == (3, 2, 0, 1)
    assert (first.sampled, first.sample_defects) == (30, 6)


def test_the_total_of_all_periods(history):
    lots, done = history
    for period in ("day", "week", "month"):
        rows = yields(lots.values(), done, period)
        assert total(rows).lots == 6
        assert total(rows).secondary_rate == pytest.approx(15 / 400)
    assert len(yields(lots.values(), done, "day")) == 5
    assert total(()).first_pass_yield is None


def test_a_period_without_graded_units_has_no_rates(store):
    lot = batch("G", 3, state=BatchState.REGISTERED)
    (row,) = yields([lot], [], "day")
    assert (row.first_pass_yield, row.secondary_rate, row.scrap_rate) == (None, None, None)


@pytest.mark.parametrize(("period", "start"), [("day", "2026-03-01"), ("week", "2026-02-23"), ("month", "2026-03-01")])
def test_the_first_day_of_a_period(period, start):
    assert period_start(1_772_404_200, period) == start  # Sunday, 2026-03-01 22:30 UTC


def test_causes_are_ordered_by_units_out_of_limits(store):
    lots = [batch(f"P-{index}", 0) for index in range(6)]
    done = [
        inspected(store, lots[0], FINAL, verdict=FAIL, defects=3, values={"cycling stability": (70, 80)}),
        inspected(store, lots[1], FINAL, verdict=FAIL, defects=5, values={"optical modulation": (30, 40)}),
        inspected(store, lots[2], FINAL, verdict=FAIL, defects=2,
                  values={"cycling stability": (70, 80), "optical modulation": (30, 40)}),
        inspected(store, lots[3], FINAL, defects=1),
        inspected(store, lots[4], FINAL, verdict=FAIL, defects=9, superseded=True),
        inspected(store, lots[5], FINAL, verdict=FAIL, defects=0, stored=False),
    ]  # fmt: skip
    causes = pareto(done)
    assert [(cause.cause, cause.inspections, cause.units) for cause in causes] == [
        ("cycling stability", 2, 5), ("optical modulation", 1, 5), ("evidence not stored here", 1, 1),
        ("other: all values within limits", 1, 1),
    ]  # fmt: skip
    assert [cause.cumulative for cause in causes] == pytest.approx([5 / 12, 10 / 12, 11 / 12, 1])
    assert sum(cause.share for cause in causes) == pytest.approx(1)


def test_without_defects_there_is_no_cause(store):
    assert pareto([inspected(store, batch("Q", 0), FINAL)]) == ()
