"""Alarms are acknowledged, shelved and listed."""

from __future__ import annotations

import pytest
from twin_readings import START_NS, plan, reading

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.twin.errors import AlarmStateError
from chromatrace.twin.follower import TwinFollower
from chromatrace.twin.plan import NS_PER_S, AlarmSettings, Priority
from chromatrace.twin.store.alarms import (
    AlarmFilter,
    AlarmState,
    acknowledge,
    alarm,
    alarms,
    every_alarm,
    shelve,
    unshelve,
)

NOW = START_NS + 3600 * NS_PER_S
EVERY = AlarmFilter(tuple(AlarmState))


@pytest.fixture
def follow(spool, store):
    """Return a function that appends readings and follows the log."""
    follower = TwinFollower(spool, store, plan(alarms=AlarmSettings(flood_count=1000)))
    follower.start()

    def append(*readings):
        spool.append_fields("line-1", readings)
        while follower.poll():
            pass

    return append


def only(store, now=NOW):
    """Return the only alarm."""
    (view,) = alarms(store, now, EVERY)
    return view


def test_an_alarm_names_the_log_size_and_the_data_behind_it(follow, store):
    follow(reading("lot", 0, "L-1"), reading("pressure", 1, 3.5, unit="Pa"))
    view = only(store)
    assert (view.state, view.log_size, view.channel) == (AlarmState.UNACKNOWLEDGED, 2, "line-1")
    assert (view.machine, view.batch, view.tag) == ("sputter-1", "L-1", "pressure")
    assert view.data == {"value": 3.5, "limit": 3.0, "clears_at": pytest.approx(2.95), "unit": "Pa"}


def test_an_acknowledged_alarm_that_is_cleared_is_normal(follow, store):
    follow(reading("pressure", 1, 3.5))
    assert acknowledge(store, only(store).id, "0xAlice", NOW, "valve").state is AlarmState.ACKNOWLEDGED
    follow(reading("pressure", 2, 1.0))
    view, life = alarm(store, only(store).id, NOW)
    assert (view.state, view.acknowledged_by, view.cleared_log_size) == (AlarmState.NORMAL, "0xAlice", 2)
    assert [(step.event, step.by, step.note) for step in life] == [
        ("raised", None, None),
        ("acknowledged", "0xAlice", "valve"),
        ("cleared", None, None),
    ]
    assert alarms(store, NOW) == []


def test_a_cleared_alarm_waits_for_its_acknowledgement(follow, store):
    follow(reading("pressure", 1, 3.5), reading("pressure", 2, 1.0))
    assert only(store).state is AlarmState.RETURNED
    assert acknowledge(store, only(store).id, "0xAlice", NOW).state is AlarmState.NORMAL


def test_a_second_acknowledgement_names_the_first(follow, store):
    follow(reading("pressure", 1, 3.5))
    acknowledge(store, only(store).id, "0xAlice", NOW)
    with pytest.raises(AlarmStateError, match="already acknowledged by 0xAlice"):
        acknowledge(store, only(store).id, "0xBob", NOW)


def test_a_shelved_condition_is_quiet_until_its_end_also_if_it_is_raised_again(follow, store):
    follow(reading("pressure", 1, 3.5))
    until = NOW + 600 * NS_PER_S
    view = shelve(store, only(store).id, "0xAlice", NOW, until, "gauge is being replaced")
    assert (view.state, view.shelved_until_ns) == (AlarmState.SHELVED, until)
    follow(reading("pressure", 2, 1.0), reading("pressure", 3, 3.5))
    states = [view.state for view in alarms(store, NOW, EVERY)]
    assert states == [AlarmState.SHELVED, AlarmState.RETURNED]
    assert alarms(store, until + 1, EVERY)[0].state is AlarmState.UNACKNOWLEDGED
    assert unshelve(store, alarms(store, NOW)[0].id, "0xBob", NOW).state is AlarmState.UNACKNOWLEDGED
    with pytest.raises(AlarmStateError, match="is not shelved"):
        unshelve(store, alarms(store, NOW)[0].id, "0xBob", NOW)


@pytest.mark.parametrize(("hours", "reason", "field"), [(25, "x", "until"), (-1, "x", "until"), (1, " ", "reason")])
def test_a_shelf_has_an_end_and_a_reason(follow, store, hours, reason, field):
    follow(reading("pressure", 1, 3.5))
    with pytest.raises(InvalidInput) as caught:
        shelve(store, only(store).id, "0xAlice", NOW, NOW + hours * 3600 * NS_PER_S, reason)
    assert caught.value.field == field


def test_a_cleared_alarm_cannot_be_shelved(follow, store):
    follow(reading("pressure", 1, 3.5), reading("pressure", 2, 1.0))
    with pytest.raises(AlarmStateError, match="only an active alarm"):
        shelve(store, only(store).id, "0xAlice", NOW, NOW + NS_PER_S, "x")


def test_an_unknown_alarm_is_reported(store):
    with pytest.raises(NotFound, match="there is no alarm 7"):
        acknowledge(store, 7, "0xAlice", NOW)


def test_the_filter_selects_by_every_property(follow, store):
    follow(
        reading("lot", 0, "L-1"),
        reading("pressure", 1, 3.5),
        reading("pressure", 2, 0.1),
        reading("lot", 3, "L-2"),
        reading("state", 4, 4.0),
        reading("power", 5, 600.0),
    )

    def keys(**wanted):
        wanted.setdefault("states", tuple(AlarmState))
        return [view.key.partition(":")[0] for view in every_alarm(store, NOW, AlarmFilter(**wanted))]

    assert keys() == ["limit-high", "limit-low", "fault", "limit-high"]
    assert keys(priority=Priority.HIGH) == ["fault"]
    assert keys(kind="limit", batch="L-1") == ["limit-high", "limit-low"]
    assert keys(tag="power") == ["limit-high"]
    assert keys(machine="nothing") == []
    assert keys(from_ns=START_NS + 4 * NS_PER_S, to_ns=START_NS + 4 * NS_PER_S) == ["fault"]
    assert keys(states=(AlarmState.RETURNED,)) == ["limit-high"]
    assert [view.key.partition(":")[0] for view in alarms(store, NOW)] == [
        "fault",
        "limit-high",
        "limit-low",
        "limit-high",
    ]
