"""Forecasts are stored with the log size behind them and scored by what happened."""

from __future__ import annotations

import math
import random

import pytest
from twin_readings import plan, reading

from chromatrace.domain.rights import Role
from chromatrace.plant.forecast_plans import ForecastPlan
from chromatrace.plant.proposal_rules import ProposalRule
from chromatrace.twin.follower import TwinFollower
from chromatrace.twin.plan import AlarmSettings
from chromatrace.twin.store.forecasts import forecasts, stored_scores, total_score
from chromatrace.twin.store.proposals import proposals

QUIET = AlarmSettings(flood_count=100_000)


def wandering(count, stay):
    """Return readings that stay in or leave control with these probabilities."""
    source, inside = random.Random(7), True
    for second in range(count):
        if source.random() > stay:
            inside = not inside
        yield reading("pressure", second, 1.0 if inside else 1.5)


def follow(spool, store, rules=(), steps=(1, 5)):
    """Follow the log with a forecast of the pressure."""
    forecast = ForecastPlan("pressure", 1.0, 0.1, steps=steps, every=1)
    follower = TwinFollower(spool, store, plan(forecasts=(forecast,), rules=rules, alarms=QUIET))
    follower.start()
    while follower.poll():
        pass


def test_each_forecast_is_scored_by_the_reading_that_it_is_about(spool, store):
    spool.append_fields("line-1", wandering(300, 0.5))
    follow(spool, store)
    (one, five) = stored_scores(store)
    assert (one.step, one.comparison.model.forecasts, one.waiting) == (1, 299, 1)
    assert (five.step, five.comparison.model.forecasts, five.waiting) == (5, 295, 5)
    rows = forecasts(store, step=1, limit=1000)
    assert [row.log_size for row in rows] == list(range(300, 0, -1))
    assert all(row.outcome_log_size == row.log_size + 1 for row in rows[1:])
    known = [(row, ("in control", "warning", "out of control").index(row.outcome)) for row in rows[1:]]
    for name in ("model", "persistence", "marginal"):
        losses = [-math.log(getattr(row, name)[outcome]) for row, outcome in known]
        assert getattr(one.comparison, name).log_loss == pytest.approx(sum(losses) / len(losses))
    assert one.comparison.beats_persistence is not None
    assert total_score([one, five]).model.forecasts == 594


def test_the_model_beats_persistence_if_the_states_alternate(spool, store):
    spool.append_fields("line-1", wandering(400, 0.05))
    follow(spool, store, steps=(1,))
    (score,) = stored_scores(store)
    assert score.comparison.beats_persistence is True


def test_the_newest_forecast_of_each_step_has_the_expected_time(spool, store):
    spool.append_fields("line-1", wandering(100, 0.9))
    follow(spool, store)
    newest = forecasts(store, latest=True)
    assert {(row.step, row.log_size) for row in newest} == {(1, 100), (5, 100)}
    assert all(row.expected_steps is not None and row.expected_steps >= 0 for row in newest)
    assert sum(newest[0].stationary) == pytest.approx(1)


def test_a_forecast_becomes_a_proposal_at_its_probability(spool, store):
    rule = ProposalRule("hold", "forecast", "hold", "drift", Role.SUPERVISOR, tag="pressure", step=5, probability=0.6)
    spool.append_fields("line-1", [reading("lot", 0, "L-1"), *wandering(50, 1.0)])
    follow(spool, store, (rule,))
    assert proposals(store, 0) == []
    spool.append_fields("line-1", [reading("pressure", 50 + second, 1.5) for second in range(60)])
    follow(spool, store, (rule,))
    (proposal,) = proposals(store, 0)
    row = next(row for row in forecasts(store, step=5, limit=1000) if row.id == proposal.cause_id)
    assert (proposal.cause, proposal.batch, proposal.log_size) == ("forecast", "L-1", row.log_size)
    assert row.model[2] >= 0.6
    assert "out of control in 5 readings" in proposal.reason
