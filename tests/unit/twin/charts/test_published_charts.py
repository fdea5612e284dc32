"""Charts of one tag against published worked examples.

Sources: NIST/SEMATECH e-Handbook of Statistical Methods, sections 6.3.2.2 (individuals) and 6.3.2.4 (EWMA);
D. C. Montgomery, Introduction to Statistical Quality Control: the piston rings (X-bar and R, capability) and the data
of the CUSUM and EWMA examples (chapter 9).
"""

import numpy as np
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts import SubgroupChart, SubgroupLimits, TagChart, TagLimits, capability
from chromatrace.twin.charts.subgroups import D2, D3
from chromatrace.twin.charts.tag_chart import CUSUM_HIGH, CUSUM_LOW, EWMA, MOVING_RANGE
from chromatrace.twin.errors import TrainingDataError

FLOW_RATE = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
EWMA_DATA = [52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5]
EWMA_DATA += [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
CHAPTER_9 = [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08]
CHAPTER_9 += [9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52]
PISTON_RINGS = np.array(
    [
        [74.030, 74.002, 74.019, 73.992, 74.008],
        [73.995, 73.992, 74.001, 74.011, 74.004],
        [73.988, 74.024, 74.021, 74.005, 74.002],
        [74.002, 73.996, 73.993, 74.015, 74.009],
        [73.992, 74.007, 74.015, 73.989, 74.014],
        [74.009, 73.994, 73.997, 73.985, 73.993],
        [73.995, 74.006, 73.994, 74.000, 74.005],
        [73.985, 74.003, 73.993, 74.015, 73.988],
        [74.008, 73.995, 74.009, 74.005, 74.004],
        [73.998, 74.000, 73.990, 74.007, 73.995],
        [73.994, 73.998, 73.994, 73.995, 73.990],
        [74.004, 74.000, 74.007, 74.000, 73.996],
        [73.983, 74.002, 73.998, 73.997, 74.012],
        [74.006, 73.967, 73.994, 74.000, 73.984],
        [74.012, 74.014, 73.998, 73.999, 74.007],
        [74.000, 73.984, 74.005, 73.998, 73.996],
        [73.994, 74.012, 73.986, 74.005, 74.007],
        [74.006, 74.010, 74.018, 74.003, 74.000],
        [73.984, 74.002, 74.003, 74.005, 73.997],
        [74.000, 74.010, 74.013, 74.020, 74.003],
        [73.982, 74.001, 74.015, 74.005, 73.996],
        [74.004, 73.999, 73.990, 74.006, 74.009],
        [74.010, 73.989, 73.990, 74.009, 74.014],
        [74.015, 74.008, 73.993, 74.000, 74.010],
        [73.982, 73.984, 73.995, 74.017, 74.013],
    ]
)


def test_individuals_and_moving_range_nist_6_3_2_2():
    values = np.array(FLOW_RATE * 2)  # the rows must be at least 20
    limits = TagLimits(float(np.mean(FLOW_RATE)), float(np.abs(np.diff(FLOW_RATE)).mean()) / D2[0])
    assert np.abs(np.diff(FLOW_RATE)).mean() == pytest.approx(1.8778, abs=5e-5)
    assert limits.limits == pytest.approx((45.8159, 55.8041), abs=5e-4)
    assert limits.range_limit == pytest.approx(3.267 * 1.8778, rel=1e-3)
    estimated = TagLimits.from_values(values)
    assert estimated.centre == pytest.approx(limits.centre)
    assert estimated.sigma == pytest.approx(np.abs(np.diff(values)).mean() / 1.128)


def test_moving_range_signals_at_a_jump():
    chart = TagChart(TagLimits(50, 1), watched=MOVING_RANGE)
    assert [chart.update(value) for value in (48.2, 51.8, 48.2, 52.0)] == [0, 0, 0, MOVING_RANGE]


def test_ewma_nist_6_3_2_4():
    """EWMA0 = 50, s = 2.0539, λ = 0.3: the published averages stay within 47.4115 and 52.5884."""
    chart = TagChart(TagLimits(50, 2.0539, ewma_weight=0.3, ewma_width=3), watched=EWMA)
    averages = []
    for value in EWMA_DATA:
        assert chart.update(value) == 0
        averages.append(50 + 2.0539 * chart.ewma)
    expected = [50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33]
    expected += [50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99]
    assert averages == pytest.approx(expected, abs=0.0051)


def test_ewma_montgomery_chapter_9():
    """λ = 0.1, L = 2.7, target 10, σ = 1: the average of observation 1 is 9.945; observations 29 and 30 signal."""
    chart = TagChart(TagLimits(10, 1, ewma_weight=0.1, ewma_width=2.7), watched=EWMA)
    signals = []
    for number, value in enumerate(CHAPTER_9, 1):
        if chart.update(value):
            signals.append(number)
        if number in (1, 2):
            assert 10 + chart.ewma == pytest.approx({1: 9.945, 2: 9.7495}[number])
    assert signals == [29, 30]


def test_cusum_montgomery_chapter_9():
    """k = 0.5, h = 5: C+ is 5.28 at observation 29, the first signal."""
    chart = TagChart(TagLimits(10, 1), watched=CUSUM_HIGH | CUSUM_LOW)
    high, signals = [], []
    for number, value in enumerate(CHAPTER_9, 1):
        signal = chart.update(value)
        high.append(chart.cusum_high)
        if signal:
            signals.append((number, signal))
    assert signals == [(29, CUSUM_HIGH), (30, CUSUM_HIGH)]
    assert high[28] == pytest.approx(5.28)
    assert max(high[:28]) == pytest.approx(4.47)


def test_xbar_and_r_of_the_piston_rings():
    """Published: grand mean 74.001, mean range 0.581 / 25, limits 73.988 and 74.014, upper limit of the range 0.049."""
    limits = SubgroupLimits.from_subgroups(PISTON_RINGS)
    assert limits.centre == pytest.approx(74.001, abs=5e-4)
    assert limits.mean_range == pytest.approx(0.581 / 25)
    assert limits.mean_limits == pytest.approx((73.988, 74.014), abs=7e-4)
    assert limits.range_limits == pytest.approx((0, 0.049), abs=5e-4)
    means, ranges = limits.out_of_control(PISTON_RINGS)
    assert not means.any()
    assert not ranges.any()
    shifted = limits.out_of_control(PISTON_RINGS[:1] + 0.02)
    assert (shifted[0].tolist(), shifted[1].tolist()) == ([True], [False])


def test_values_one_by_one_give_the_decisions_of_the_subgroups():
    limits = SubgroupLimits.from_subgroups(PISTON_RINGS)
    rows = np.concatenate([PISTON_RINGS, PISTON_RINGS[:3] + 0.02, 74 + 4 * (PISTON_RINGS[3:6] - 74)])
    chart, decisions = SubgroupChart(limits), []
    for index, value in enumerate(rows.ravel().tolist()):
        decisions.append(chart.update(value))
        if index % 7 == 0:
            assert chart.update(None) is None
            chart = SubgroupChart(limits, chart.values)
    complete = [decision for decision in decisions if decision is not None]
    assert complete == list(zip(*(flags.tolist() for flags in limits.out_of_control(rows)), strict=True))
    assert {(True, False), (False, False)} < set(complete)
    assert any(range_out for _, range_out in complete)


def test_capability_of_the_piston_rings():
    """Specification 74.000 ± 0.05 mm; published: Cp = 1.68, computed with σ rounded to 0.0099."""
    limits = SubgroupLimits.from_subgroups(PISTON_RINGS)
    result = capability(limits.centre, limits.sigma, lower=73.95, upper=74.05)
    assert result.cp == pytest.approx(1.68, abs=0.02)
    assert result.cpk == pytest.approx(result.cp - abs(limits.centre - 74) / (3 * limits.sigma))


def test_capability_with_one_limit_has_only_cpk():
    assert capability(264, 32, lower=200).cpk == pytest.approx(0.67, abs=5e-3)  # Montgomery: bottle strength
    assert capability(264, 32, lower=200).cp is None


@pytest.mark.parametrize(
    ("sigma", "limits", "field"),
    [
        (0, {"lower": 1}, "sigma"),
        (float("nan"), {"lower": 1}, "sigma"),
        (1, {}, "limits"),
        (1, {"lower": 2, "upper": 1}, "limits"),
    ],
    ids=["zero", "nan", "no-limit", "reversed"],
)
def test_capability_rejects_bad_input(sigma, limits, field):
    with pytest.raises(InvalidInput) as error:
        capability(1, sigma, **limits)
    assert error.value.field == field


@pytest.mark.parametrize("size", range(2, 11))
def test_constants_of_the_range(size):
    """d2 is the integral of 1 - Φ^n - (1 - Φ)^n, the mean of the range; d3 is compared with a simulation."""
    grid = np.linspace(-9, 9, 20001)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    assert np.trapezoid(1 - cumulative**size - (1 - cumulative) ** size, grid) == pytest.approx(D2[size - 2], abs=6e-4)
    ranges = np.ptp(np.random.default_rng(size).normal(size=(200_000, size)), axis=1)
    assert ranges.std() == pytest.approx(D3[size - 2], abs=6e-3)


@pytest.mark.parametrize(
    "subgroups",
    [np.ones((5, 3)), np.ones((5, 1)), np.ones((5, 11)), np.array([[1.0, 2.0]]), np.array([[1.0, np.nan], [1, 2]])],
    ids=["equal", "single", "large", "one", "missing"],
)
def test_subgroups_that_give_no_limits_are_rejected(subgroups):
    with pytest.raises(TrainingDataError) as error:
        SubgroupLimits.from_subgroups(subgroups)
    assert error.value.field == "subgroups"


@pytest.mark.parametrize("values", [np.ones(50), np.arange(19.0), np.full(50, np.nan)], ids=["equal", "few", "missing"])
def test_values_that_give_no_limits_are_rejected(values):
    with pytest.raises(TrainingDataError) as error:
        TagLimits.from_values(values)
    assert error.value.field == "values"
