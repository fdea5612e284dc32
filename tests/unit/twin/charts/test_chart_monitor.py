"""The monitor of several tags: run rule, dead sensors, missing values, contributions."""

import numpy as np
import pytest
from twin_data import TAGS, line

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.strict_json import decode, encode
from chromatrace.twin.charts import Monitor
from chromatrace.twin.charts.model import Form
from chromatrace.twin.charts.monitor import MonitorState

NORMAL = line(7, 400)


def run(model, rows, run_length=6):
    """Return the alarms and the result of each row."""
    monitor = Monitor(model, run_length)
    results = [monitor.update(row) for row in rows]
    return [alarm for result in results for alarm in result.raised], results


def shifted(tag=3, start=200, size=12.0):
    rows = NORMAL.copy()
    rows[start:, tag] += size
    return rows


def test_row_by_row_equals_the_recorded_file(model):
    form = Form(model)
    recorded = form.evaluate(form.lagged(form.standardised(NORMAL)))
    _, results = run(model, NORMAL)
    assert [result.statistics for result in results[model.lags - 1 :]] == [tuple(row) for row in recorded.tolist()]
    assert all(np.isnan(result.statistics).all() for result in results[: model.lags - 1])


def test_statistics_are_the_textbook_forms(models):
    """T² and SPE from the loadings, and Ts² + Tr² as the Mahalanobis distance of the past vector."""
    pca, cva = models["pca"], models["cva"]
    x = (NORMAL[5] - np.array(pca.mean)) / np.array(pca.scale)
    loadings = np.array(pca.basis)
    scores = loadings.T @ x
    expected = [scores @ np.diag(1 / np.array(pca.variances)) @ scores, np.sum((x - loadings @ scores) ** 2)]
    assert Form(pca).evaluate(x[None])[0] == pytest.approx(expected)
    form = Form(cva)
    past = form.lagged(form.standardised(NORMAL[4:6]))[0]
    assert form.evaluate(past[None]).sum() == pytest.approx(past @ form.precision @ past)


def test_alarm_is_raised_after_the_run_length_and_names_the_tag(model):
    alarms, _ = run(model, shifted())
    assert {alarm.statistic for alarm in alarms} <= set(model.statistics)
    for alarm in alarms:
        assert alarm.raised_row == alarm.first_row + 5
        assert alarm.first_row >= 200
    residual = next(alarm for alarm in alarms if alarm.statistic == model.statistics[1])
    assert residual.first_row <= 202
    assert residual.main_tags[0] == TAGS[3]
    assert sum(residual.contributions.values()) == pytest.approx(1)


def test_alarm_ends_with_the_first_row_below_the_limit(model):
    rows = shifted()
    rows[300:] = NORMAL[300:]
    alarms, results = run(model, rows)
    ended = [(result.row, alarm) for result in results for alarm in result.ended]
    assert sorted(alarm.statistic for _, alarm in ended) == sorted(alarm.statistic for alarm in alarms)
    for row, alarm in ended:
        assert row == alarm.last_row + 1
        assert alarm.last_row <= 299 + model.lags


def test_single_rows_are_above_a_limit_at_the_stated_rate(model):
    rows = line(8, 3000)
    monitor = Monitor(model, 1)
    above = np.array([monitor.update(row).above for row in rows]).mean(axis=0)
    assert (above < 0.03).all()
    assert above.max() > 0
    assert run(model, rows)[0] == []


@pytest.mark.parametrize("tag", range(len(TAGS)))
@pytest.mark.parametrize("value", [np.nan, 0.0, 100.0, 1e6, "last"], ids=str)
def test_dead_sensors_and_missing_values_raise_no_alarm(model, tag, value):
    rows = NORMAL.copy()
    rows[100:, tag] = rows[99, tag] if value == "last" else value
    alarms, results = run(model, rows)
    assert alarms == []
    assert all(result.excluded == (TAGS[tag],) for result in results[110:])
    assert not np.isnan(results[-1].statistics).any()


def test_fault_is_detected_next_to_dead_sensors(model):
    rows = shifted()
    rows[:, 8] = np.nan
    rows[150:, 9] = 0.0
    alarms, _ = run(model, rows)
    assert 200 <= min(alarm.first_row for alarm in alarms) <= 201


def test_flickering_sensor_does_not_hide_a_fault(model):
    rows = shifted()
    rows[::2, 8] = np.nan
    alarms, _ = run(model, rows)
    assert any(alarm.first_row <= 205 for alarm in alarms)


def test_sensor_that_recovers_is_monitored_again(model):
    rows = NORMAL.copy()
    rows[100:150, 2] = 0.0
    alarms, results = run(model, rows)
    assert alarms == []
    assert results[149].excluded == (TAGS[2],)
    assert results[150].excluded == ()


def test_row_with_few_values_is_not_monitored_and_does_not_end_a_run(model):
    rows = shifted(start=200)
    rows[203:206, :7] = np.nan
    alarms, results = run(model, rows)
    assert all(np.isnan(results[row].statistics).all() for row in (203, 204, 205))
    residual = next(alarm for alarm in alarms if alarm.statistic == model.statistics[1])
    assert (residual.first_row, residual.raised_row) in {(200, 208), (201, 209)}


def test_reset_forgets_earlier_rows(model):
    monitor = Monitor(model, 6)
    for row in shifted()[:204]:
        monitor.update(row)
    monitor.reset()
    result = monitor.update(shifted()[204])
    assert result.row == 204
    assert result.raised == ()
    assert np.isnan(result.statistics).all() == (model.lags > 1)


@pytest.mark.parametrize("cut", [1, 150, 203, 250])
def test_restored_state_continues_with_the_same_results(model, cut):
    rows = shifted()
    rows[100:300, 6] = 0.0
    _, expected = run(model, rows)
    monitor = Monitor(model)
    for row in rows[:cut]:
        monitor.update(row)
    restored = Monitor(model)
    restored.restore(decode(encode(monitor.state), MonitorState))
    results = [restored.update(row) for row in rows[cut:]]
    assert [repr(result) for result in results] == [repr(result) for result in expected[cut:]]
    assert restored.state == monitor_after(model, rows).state


def monitor_after(model, rows):
    monitor = Monitor(model)
    for row in rows:
        monitor.update(row)
    return monitor


def test_state_of_another_model_is_rejected(models):
    state = Monitor(models["pca"]).state
    for monitor, field in ((Monitor(models["cva"]), "model"), (Monitor(models["pca"], 5), "run_length")):
        with pytest.raises(InvalidInput) as error:
            monitor.restore(state)
        assert error.value.field == field


def test_state_does_not_grow(model):
    monitor = Monitor(model, 6)
    for row in NORMAL:
        monitor.update(row)
    assert len(monitor._recent) == 6 + model.lags - 1


def test_row_of_another_length_is_rejected(model):
    with pytest.raises(InvalidInput, match="expected 10 values"):
        Monitor(model).update([1.0, 2.0])


def test_contributions_add_up_to_the_statistic(model):
    form = Form(model)
    x = form.lagged(form.standardised(NORMAL))[50]
    assert form.contributions(x).sum(axis=1) == pytest.approx(form.evaluate(x[None])[0])
