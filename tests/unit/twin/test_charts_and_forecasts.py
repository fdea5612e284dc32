"""Charts and forecasts of tags in the state of a channel."""

from __future__ import annotations

import random
from zlib import crc32

import pytest
from twin_readings import plan, reading

from chromatrace.domain.reading import BAD
from chromatrace.plant.chart_plans import ChartPlan
from chromatrace.plant.forecast_plans import ForecastPlan
from chromatrace.twin.charts.individuals import TagLimits
from chromatrace.twin.charts.tag_chart import TagChart
from chromatrace.twin.effects import AlarmCleared, AlarmRaised, ForecastMade, ForecastScored
from chromatrace.twin.plan import AlarmSettings
from chromatrace.twin.prediction import STATES, MarkovChain, StateLimits
from chromatrace.twin.state.mirror import Mirror

OFFSET = crc32(b"sputter-1/pressure") % 2
PLAN = plan(
    charts=(ChartPlan("pressure", 1.0, 0.1, clear_after=3, dead_after=5),),
    forecasts=(ForecastPlan("pressure", 1.0, 0.1, steps=(1, 3), every=2),),
    alarms=AlarmSettings(flood_count=1000),
)


def drifting(count, seed=1):
    """Return readings of a pressure that drifts away after two thirds."""
    source = random.Random(seed)
    values = [source.gauss(1.0, 0.1) + max(0, row - 2 * count // 3) * 0.02 for row in range(count)]
    return [reading("pressure", second, value) for second, value in enumerate(values)]


def applied(readings):
    """Return the effects of readings, and the mirror of the channel."""
    channel = Mirror(PLAN).channel("line-1")
    return channel.apply(0, readings), channel


def test_a_chart_raises_one_alarm_at_the_reading_that_the_chart_signals():
    readings = drifting(150)
    chart = TagChart(TagLimits(1.0, 0.1, 5))
    first = next(index for index, fields in enumerate(readings) if index > 100 and chart_signal(chart, fields))
    raised = [effect for effect in applied(readings)[0] if isinstance(effect, AlarmRaised) and effect.kind == "chart"]
    assert [effect.log_size for effect in raised if effect.log_size > 100] == [first + 1]
    assert raised[-1].data["signals"]
    assert raised[-1].message.startswith("pressure: ")


def chart_signal(chart, fields):
    """Update a chart and return its signals."""
    return chart.update(fields[4])


def test_a_chart_alarm_is_cleared_after_readings_without_a_signal():
    values = [1.0, 1.02, 1.5, 1.0, 0.98, 1.01, 0.99]
    effects, _ = applied([reading("pressure", second, value) for second, value in enumerate(values)])
    alarms = [effect for effect in effects if isinstance(effect, AlarmRaised | AlarmCleared)]
    assert [(type(effect).__name__, effect.log_size) for effect in alarms] == [("AlarmRaised", 3), ("AlarmCleared", 6)]


def test_missing_values_and_a_dead_sensor_raise_no_chart_alarm():
    bad = [reading("pressure", second, None, quality=BAD) for second in range(30)]
    dead = [reading("pressure", 30 + second, 1.03) for second in range(40)]
    effects, _ = applied(bad + dead)
    assert [effect.kind for effect in effects if isinstance(effect, AlarmRaised)] == ["stale"]


def test_a_forecast_equals_that_of_the_chain_and_is_scored_at_its_reading():
    readings = drifting(40)
    effects, _ = applied(readings)
    chain, limits, states = MarkovChain(len(STATES)), StateLimits(1.0, 0.1), []
    expected = {}
    for number, fields in enumerate(readings, 1):
        states.append(limits.state(fields[4]))
        chain.update(states[-1])
        if (number + OFFSET) % 2 == 0:
            rows = chain.forecast(3)
            for step in (1, 3):
                expected[number, step] = (states[-1], pytest.approx(rows[step - 1].tolist()))
    made = {(effect.log_size, effect.step): effect for effect in effects if isinstance(effect, ForecastMade)}
    assert {key: (effect.state, list(effect.model)) for key, effect in made.items()} == expected
    scored = {(effect.log_size, effect.step): effect for effect in effects if isinstance(effect, ForecastScored)}
    assert scored.keys() == {(size, step) for size, step in made if size + step <= 40}
    for (size, step), effect in scored.items():
        assert (effect.outcome, effect.outcome_log_size) == (states[size + step - 1], size + step)
    for effect in made.values():
        for probabilities in (effect.model, effect.persistence, effect.marginal):
            assert sum(probabilities) == pytest.approx(1)
            assert min(probabilities) > 0
        assert effect.persistence[effect.state] == max(effect.persistence) or effect.log_size < 10


def test_a_forecast_about_a_missing_value_is_never_scored():
    good = 2 - OFFSET
    readings = [reading("pressure", second, 1.0) for second in range(good)]
    readings.append(reading("pressure", good, None, quality=BAD))
    effects, _ = applied(readings)
    assert [effect.step for effect in effects if isinstance(effect, ForecastMade)] == [1, 3]
    assert not [effect for effect in effects if isinstance(effect, ForecastScored)]


@pytest.mark.parametrize("split", [1, 7])
def test_charts_and_forecasts_continue_from_the_stored_state(split):
    readings = drifting(150)
    readings[50] = reading("pressure", 50, None, quality=BAD)
    expected, whole = applied(readings)
    mirror, effects = Mirror(PLAN), []
    for start in range(0, len(readings), split):
        part = mirror.channel("line-1")
        effects += part.apply(start, readings[start : start + split])
        mirror = Mirror(PLAN)
        mirror.load(part.encoded())
    assert effects == expected
    assert mirror.channel("line-1").encoded() == whole.encoded()


def test_the_state_of_a_forecast_stays_small():
    _, channel = applied(drifting(3000))
    sizes = [len(applied(drifting(count))[1].encoded()) for count in (1000, 2000)]
    assert abs(len(channel.encoded()) - sizes[0]) < 64
    assert abs(sizes[1] - sizes[0]) < 64
