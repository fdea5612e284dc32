"""Approved models of several tags monitor the log from the log size at which they are taken up."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from twin_readings import plan, reading

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.strict_json import Digest
from chromatrace.twin.charts import TrainingOptions, Window, train
from chromatrace.twin.follower import TwinFollower, rebuilt
from chromatrace.twin.plan import AlarmSettings
from chromatrace.twin.store.alarms import AlarmFilter, AlarmState, alarms
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.live_models import activate, active_models

TAGS = [f"x{number}" for number in range(6)]
PLAN = plan(alarms=AlarmSettings(flood_count=100_000))
NOW = 2_000_000_000 * 10**9


def rows(seed, count):
    """Return rows of six tags with two causes."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(2, 6))
    return random.normal(size=(count, 2)) @ mixing + 0.2 * random.normal(size=(count, 6))


@pytest.fixture(scope="module")
def model():
    """Return a model that a person approved."""
    windows = [Window(name, 0, 599, Digest(bytes(32))) for name in ("normal", "more")]
    return train(TAGS, rows(1, 600), windows[0], rows(2, 600), windows[1], TrainingOptions("pca", 2), "Alice")


def readings(values, start):
    """Return the readings of rows, one second each."""
    for row, items in enumerate(values.tolist(), start):
        for place, (tag, value) in enumerate(zip(TAGS, items, strict=True)):
            yield reading(tag, row + place / 100, value, source="line")


@pytest.fixture
def store():
    """Return a store in memory."""
    with closing(TwinStore("sqlite://")) as store:
        yield store


def follow(spool, store):
    """Follow the log to its end."""
    follower = TwinFollower(spool, store, PLAN)
    follower.start()
    while follower.poll():
        pass
    return follower


def test_a_model_raises_an_alarm_that_names_its_tags_and_is_rebuilt_from_the_log(spool, store, model):
    spool.append_fields("line-1", readings(rows(3, 20), 0))
    follow(spool, store)
    activate(store, model, "line model", "line-1", 1.0, 6, "0xAlice", NOW)
    faulty = rows(4, 60)
    faulty[30:, 3] += 6
    spool.append_fields("line-1", readings(faulty, 20))
    follower = follow(spool, store)
    (active,) = active_models(store)
    assert (active.log_size, active.end_log_size, active.approved_by) == (120, None, "Alice")
    found = alarms(store, NOW, AlarmFilter((AlarmState.UNACKNOWLEDGED,)))
    assert {alarm.data["statistic"] for alarm in found} & {"SPE", "T2"}
    alarm = next(alarm for alarm in found if alarm.data["statistic"] == "SPE")
    assert next(iter(alarm.data["contributions"])) == "x3"
    assert 120 + 35 * 6 <= alarm.log_size <= 120 + 38 * 6
    assert rebuilt(spool, PLAN, {"line-1": 480}, follower.mirror.models).digest() == follower.mirror.digest()
    follower.snapshot()
    assert follow(spool, store).mirror.digest() == follower.mirror.digest()


def test_a_replaced_model_ends_with_its_alarms(spool, store, model):
    activate(store, model, "line model", "line-1", 1.0, 2, "0xAlice", NOW)
    follow(spool, store)
    faulty = rows(5, 30)
    faulty[:, 3] += 6
    spool.append_fields("line-1", readings(faulty, 0))
    follow(spool, store)
    assert alarms(store, NOW)
    activate(store, model, "line model", "line-1", 1.0, 500, "0xBob", NOW)
    follower = follow(spool, store)
    newer, older = active_models(store)
    assert (older.log_size, older.end_log_size, newer.log_size) == (0, 180, 180)
    assert {alarm.state for alarm in alarms(store, NOW)} == {AlarmState.RETURNED}
    spool.append_fields("line-1", readings(rows(6, 10), 30))
    follower = follow(spool, store)
    assert rebuilt(spool, PLAN, {"line-1": 240}, follower.mirror.models).digest() == follower.mirror.digest()


def test_a_model_without_approval_is_rejected(store):
    windows = [Window(name, 0, 599, Digest(bytes(32))) for name in ("normal", "more")]
    model = train(TAGS, rows(1, 600), windows[0], rows(2, 600), windows[1], TrainingOptions("pca", 2))
    with pytest.raises(InvalidInput, match="not approved"):
        activate(store, model, "line model", "line-1", 1.0, 6, "0xAlice", NOW)
