"""Overall equipment effectiveness."""

import pytest

from chromatrace.twin.plan import NS_PER_S
from chromatrace.twin.state.effectiveness import effectiveness
from chromatrace.twin.state.records import HourCounts


def seconds(**statuses):
    """Return the counts of an hour with times in seconds."""
    return {name: value * NS_PER_S for name, value in statuses.items()}


def test_the_factors_follow_the_definitions_of_iso_22400_2():
    shift = [
        HourCounts(**seconds(running=3000, idle=200, stopped=100, fault=300), units=1200, rejected=30),
        HourCounts(**seconds(running=2400, idle=0, stopped=600, fault=0, unknown=600), units=900, rejected=12),
    ]
    figures = effectiveness(shift, ideal_cycle_s=2.0)
    assert figures.availability == pytest.approx(5400 / 6600)
    assert figures.performance == pytest.approx(2.0 * 2100 / 5400)
    assert figures.quality == pytest.approx(2058 / 2100)
    assert figures.oee == pytest.approx(2.0 * 2058 / 6600)


@pytest.mark.parametrize(
    ("hour", "cycle_s", "missing"),
    [
        (HourCounts(), 2.0, ("availability", "performance", "quality")),
        (HourCounts(**seconds(idle=60)), 2.0, ("performance", "quality")),
        (HourCounts(**seconds(running=60), units=3), None, ("performance",)),
        (HourCounts(**seconds(running=60)), 2.0, ("quality",)),
    ],
    ids=["no data", "never running", "no cycle time", "no units"],
)
def test_a_factor_without_data_is_unknown(hour, cycle_s, missing):
    figures = effectiveness([hour], cycle_s)
    assert (
        tuple(name for name in ("availability", "performance", "quality") if getattr(figures, name) is None) == missing
    )
    assert figures.oee is None
