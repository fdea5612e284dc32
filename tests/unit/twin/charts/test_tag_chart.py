"""Run rules and the chart of one tag: each rule, dead sensors, and equality of one tag and a table."""

import json

import numpy as np
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts import TableChart, TagChart, TagLimits
from chromatrace.twin.charts.run_rules import NELSON, RULES, WESTERN_ELECTRIC, RunRules
from chromatrace.twin.charts.tag_chart import DEAD, MISSING, SIGNALS, signal_names

BIT = {name: 1 << index for index, name in enumerate(RULES)}
ALL = (1 << len(SIGNALS)) - 1


def signals_of(values):
    rules = RunRules()
    return [rules.update(float(value)) for value in values]


CASES = {
    "beyond 3σ": [0, 3, 3.1, -3, -3.1],
    "9 on one side": [-0.1] + [0.1, 0.3] * 4 + [0.1],
    "trend of 6": [0.5, -0.6, -0.3, 0.0, 0.1, 0.4, 0.6],
    "14 alternating": [0.2, 0.1] * 7,
    "2 of 3 beyond 2σ": [2.1, -0.5, 2.1],
    "4 of 5 beyond 1σ": [-1.1, -1.2, 0.1, -1.1, -1.3],
    "15 within 1σ": [1.5] + [0.9, -0.9, 0.0] * 5,
    "8 beyond 1σ": [0.5] + [1.5, -1.5] * 4,
    "8 on one side": [0, 0.2, 0.9, 0.4, 0.8, 0.1, 0.7, 0.2, 0.3],
}


@pytest.mark.parametrize(("name", "values"), CASES.items(), ids=list(CASES))
def test_rule_signals_at_the_last_value_and_not_before(name, values):
    signals = signals_of(values)
    assert signals[-1] & BIT[name]
    if name != "beyond 3σ":
        assert not any(signal & BIT[name] for signal in signals[:-1])


def test_limit_itself_is_not_beyond():
    assert [signal & BIT["beyond 3σ"] for signal in signals_of(CASES["beyond 3σ"])] == [0, 0, 1, 0, 1]


NEGATIVE = {
    "9 on one side": [0.1, 0.3] * 4 + [0.0, 0.1],
    "trend of 6": [0.1, 0.2, 0.3, 0.3, 0.4, 0.5, 0.6],
    "14 alternating": [0.2, 0.1] * 6 + [0.1, 0.2],
    "2 of 3 beyond 2σ": [2.1, -2.1, 0.1, 0.0, 2.1],
    "4 of 5 beyond 1σ": [1.1, 1.1, -1.1, 1.1, 0.9],
    "15 within 1σ": [0.9, -0.9] * 7 + [1.1],
    "8 beyond 1σ": [1.5, -1.5] * 3 + [1.5, 1.0],
    "8 on one side": [0.2] * 7 + [-0.1],
}


@pytest.mark.parametrize(("name", "values"), NEGATIVE.items(), ids=list(NEGATIVE))
def test_rule_does_not_signal_without_its_pattern(name, values):
    assert not any(signal & BIT[name] for signal in signals_of(values))


def test_rule_sets():
    assert [name for name in RULES if NELSON & BIT[name]] == list(RULES)[:8]
    assert [name for name in RULES if WESTERN_ELECTRIC & BIT[name]] == [
        "beyond 3σ",
        "2 of 3 beyond 2σ",
        "4 of 5 beyond 1σ",
        "8 on one side",
    ]


def direct(values, name):
    """Return where a rule signals, computed from its definition on the whole series."""
    z = np.array(values, dtype=float)
    count, needed, condition = {
        "9 on one side": (9, 9, np.sign(z)),
        "2 of 3 beyond 2σ": (3, 2, np.sign(z) * (np.abs(z) > 2)),
        "4 of 5 beyond 1σ": (5, 4, np.sign(z) * (np.abs(z) > 1)),
        "15 within 1σ": (15, 15, (np.abs(z) <= 1) * 1.0),
        "8 beyond 1σ": (8, 8, (np.abs(z) > 1) * 1.0),
        "8 on one side": (8, 8, np.sign(z)),
        "trend of 6": (5, 5, np.sign(np.diff(z, prepend=z[0]))),
        "14 alternating": (13, 13, np.sign(np.diff(z, prepend=z[0])) * (-1.0) ** np.arange(len(z))),
    }[name]
    flags = []
    for end in range(1, len(z) + 1):
        last = condition[max(0, end - count) : end]
        flags.append(bool(last[-1] != 0 and (last == last[-1]).sum() >= needed))
    return flags


@pytest.mark.parametrize("name", list(NEGATIVE))
def test_streaming_rules_equal_their_definition(name):
    random = np.random.default_rng(5)
    values = np.round(random.normal(size=3000) + np.repeat(random.normal(size=100), 30), 1)
    assert [bool(signal & BIT[name]) for signal in signals_of(values)] == direct(values, name)


@pytest.mark.parametrize("seed", range(5))
def test_table_gives_the_signals_of_each_tag(seed):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(500, 6)) + np.repeat(random.normal(size=(20, 6)), 25, axis=0)
    rows = np.round(rows, 1)
    rows[random.random(rows.shape) < 0.05] = np.nan
    rows[100:140, 2] = 0.7
    limits = [TagLimits(0.1 * tag, 1 + 0.1 * tag, None if tag == 5 else 4) for tag in range(6)]
    table = TableChart(limits, ALL).evaluate(rows)
    charts = [TagChart(item, ALL) for item in limits]
    single = [[chart.update(value) for chart, value in zip(charts, row, strict=True)] for row in rows.tolist()]
    assert table.tolist() == single
    assert (table & DEAD).any()
    assert (table & MISSING).any()


def test_dead_sensor_gives_no_signals():
    """A sensor that is stuck on one side would otherwise signal permanently."""
    chart = TagChart(TagLimits(0, 1, dead_after=4), ALL)
    signals = [chart.update(0.5) for _ in range(40)]
    assert signals[:4] == [0] * 4
    assert set(signals[4:]) == {DEAD}
    assert chart.update(0.6) == 0


def test_missing_values_do_not_change_the_state():
    values = [2.1, None, float("nan"), 2.2]
    chart = TagChart(TagLimits(0, 1), BIT["2 of 3 beyond 2σ"])
    assert [signal_names(chart.update(value)) for value in values] == [
        [],
        ["missing"],
        ["missing"],
        ["2 of 3 beyond 2σ"],
    ]


@pytest.mark.parametrize("cut", [0, 1, 7, 150])
def test_restored_chart_continues_with_the_same_signals(cut):
    random = np.random.default_rng(9)
    values = (random.normal(size=300) + np.repeat(random.normal(size=15), 20)).tolist()
    values[148:160] = [0.25] * 12
    chart = TagChart(TagLimits(0, 1, dead_after=4), ALL)
    for value in values[:cut]:
        chart.update(value)
    restored = TagChart(TagLimits(0, 1, dead_after=4), ALL)
    restored.restore(json.loads(json.dumps(chart.state, allow_nan=False)))
    assert [restored.update(value) for value in values[cut:]] == [chart.update(value) for value in values[cut:]]
    assert restored.state == chart.state


def test_incomplete_state_is_rejected():
    chart = TagChart(TagLimits(0, 1))
    state = chart.state
    del state["rules.trend"]
    with pytest.raises(InvalidInput) as error:
        chart.restore(state)
    assert error.value.field == "/rules.trend"
