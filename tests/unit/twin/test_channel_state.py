"""The state of a channel: values, limits, stale tags, faults."""

import json
from dataclasses import replace

import pytest
from twin_readings import START_NS, plan, reading

from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.reading import BAD
from chromatrace.twin.effects import AlarmCleared, AlarmRaised
from chromatrace.twin.plan import NS_PER_S, AlarmSettings, Priority, TagPlan
from chromatrace.twin.state.mirror import Mirror


@pytest.fixture
def channel():
    """Return the mirror of a channel without readings."""
    return Mirror(plan()).channel("line-1")


def summary(effects):
    """Return the kind and log size of each alarm effect."""
    return [
        (type(effect).__name__, effect.key.partition(":")[0], effect.log_size)
        for effect in effects
        if isinstance(effect, AlarmRaised | AlarmCleared)
    ]


def test_the_last_value_is_kept_with_its_index(channel):
    channel.apply(0, [reading("pressure", 0, 1.0, unit="Pa"), reading("pressure", 1, 1.1, unit="Pa")])
    (series,) = channel.state.series.values()
    assert (series.value, series.unit, series.index, series.machine) == (1.1, "Pa", 1, "sputter-1")
    assert channel.state.size == 2


def test_a_late_reading_is_counted_and_changes_nothing(channel):
    channel.apply(0, [reading("pressure", 5, 1.0), reading("pressure", 4, 9.0)])
    (series,) = channel.state.series.values()
    assert (series.value, series.late) == (1.0, 1)
    assert not channel.state.alarms


def test_a_limit_alarm_is_raised_once_and_cleared_inside_the_deadband(channel):
    values = [2.0, 3.1, 3.2, 2.99, 2.9, 3.1]
    effects = channel.apply(0, [reading("pressure", second, value) for second, value in enumerate(values)])
    assert summary(effects) == [
        ("AlarmRaised", "limit-high", 2),
        ("AlarmCleared", "limit-high", 5),
        ("AlarmRaised", "limit-high", 6),
    ]
    assert effects[0].data["value"] == 3.1
    assert effects[0].message == "pressure is 3.1, above its limit 3"


def test_a_bad_value_raises_no_limit_alarm(channel):
    assert channel.apply(0, [reading("pressure", 0, 99.0, quality=BAD)]) == []


def test_a_tag_is_stale_by_the_time_of_the_log(channel):
    channel.apply(0, [reading("power", 0, 300.0)])
    effects = channel.apply(1, [reading("pressure", second, 1.0) for second in range(1, 40)])
    assert summary(effects) == [("AlarmRaised", "stale", 31)]
    assert summary(channel.apply(40, [reading("power", 41, 300.0)])) == [("AlarmCleared", "stale", 41)]


def test_a_pause_of_the_whole_channel_makes_no_tag_stale(channel):
    channel.apply(0, [reading("power", 0, 300.0), reading("pressure", 0, 1.0)])
    effects = channel.apply(2, [reading("pressure", 5000, 1.0), reading("power", 5001, 300.0)])
    assert effects == []
    later = channel.apply(4, [reading("pressure", 5001 + second, 1.0) for second in range(1, 40)])
    assert summary(later) == [("AlarmRaised", "stale", 34)]


def test_a_sensor_that_only_reports_bad_values_is_stale(channel):
    effects = channel.apply(0, [reading("power", second, None, quality=BAD) for second in range(40)])
    assert summary(effects) == [("AlarmRaised", "stale", 31)]


def test_a_fault_of_a_machine_is_an_alarm_with_its_batch(channel):
    effects = channel.apply(
        0, [reading("lot", 0, "L-1"), reading("state", 1, 4.0), reading("state", 2, 4.0), reading("state", 3, 1.0)]
    )
    assert summary(effects) == [("AlarmRaised", "fault", 2), ("AlarmCleared", "fault", 4)]
    assert (effects[0].batch, effects[0].machine) == ("L-1", "sputter-1")


def event(second, active, severity=700, message="cover open"):
    """Return an event of the condition "Door" as the OPC UA gateway stores it."""
    facts = {"type": "OffNormalAlarmType", "severity": severity, "message": message, "active": active, "acked": False}
    return reading("event/sputter-1/Door", second, json.dumps(facts), source="plc")


def test_an_alarm_of_the_server_is_raised_and_cleared_with_its_condition(channel):
    effects = channel.apply(0, [event(0, True), event(1, True, 950), event(2, False), event(3, True, 950)])
    assert summary(effects) == [("AlarmRaised", "event", 1), ("AlarmCleared", "event", 3), ("AlarmRaised", "event", 4)]
    assert [(effect.priority, effect.machine) for effect in effects[::2]] == [
        (Priority.HIGH, "sputter-1"),
        (Priority.CRITICAL, "sputter-1"),
    ]
    assert effects[0].message == "cover open"


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"severity": 900, "message": "started"}'])
def test_an_event_without_a_condition_is_no_alarm(channel, text):
    assert channel.apply(0, [reading("event/sputter-1/Door", 0, text or None, quality=0 if text else BAD)]) == []


def test_readings_must_follow_each_other(channel):
    channel.apply(0, [reading("pressure", 0, 1.0)])
    with pytest.raises(IntegrityError, match="expected reading 1, got 2"):
        channel.apply(2, [reading("pressure", 1, 1.0)])


@pytest.mark.parametrize("split", [1, 3, 7, 50])
def test_the_state_and_effects_do_not_depend_on_how_readings_are_grouped(split):
    readings = [
        reading(tag, second + 0.1 * place, value)
        for second in range(60)
        for place, (tag, value) in enumerate(
            (("pressure", 2.0 + second % 4 / 2), ("lot", f"L-{second // 20}"), ("state", 1.0 + second // 15))
        )
    ]
    whole = Mirror(plan()).channel("line-1")
    expected = whole.apply(0, readings)
    mirror = Mirror(plan())
    effects = []
    for start in range(0, len(readings), split):
        part = mirror.channel("line-1")
        effects += part.apply(start, readings[start : start + split])
        mirror = Mirror(plan())
        mirror.load(part.encoded())
    assert effects == expected
    assert mirror.channel("line-1").encoded() == whole.encoded()


def test_a_flood_suppresses_low_priorities_until_it_ends():
    settings = AlarmSettings(flood_count=4, flood_end=2, flood_window_ns=60 * NS_PER_S, stale_after_ns=None)
    channel = Mirror(plan(alarms=settings)).channel("line-1")
    readings = []
    for second in range(0, 10, 2):
        readings += [reading("pressure", second, 4.0), reading("pressure", second + 1, 1.0)]
    effects = channel.apply(0, readings)
    raised = [effect for effect in effects if isinstance(effect, AlarmRaised)]
    assert [(effect.kind, effect.suppressed) for effect in raised] == [
        ("limit", False),
        ("limit", False),
        ("limit", False),
        ("flood", False),
        ("limit", True),
        ("limit", True),
    ]
    channel.apply(10, [reading("pressure", 11, 4.0)])
    ended = channel.apply(11, [reading("pressure", 200, 4.0)])
    assert [type(effect).__name__ for effect in ended] == ["AlarmCleared", "AlarmReleased"]
    assert not channel.state.flood
    assert channel.state.clock_ns == START_NS + 200 * NS_PER_S


def test_a_value_is_compared_and_shown_in_the_unit_of_the_plant_file():
    tag = TagPlan("pressure", "Pa", limit_high=3.0, convert_from="mbar")
    channel = Mirror(replace(plan(), tags=(tag,))).channel("line-1")
    effects = channel.apply(0, [reading("pressure", 0, 0.02, unit="mbar"), reading("pressure", 1, 0.031, unit="mbar")])
    assert summary(effects) == [("AlarmRaised", "limit-high", 2)]
    assert effects[0].message == "pressure is 3.1 Pa, above its limit 3"
    (series,) = channel.state.series.values()
    assert (series.value, series.unit) == (0.031, "mbar")  # as in the log
    assert tag.shown(series.value, series.unit) == (3.1, "Pa")
    assert tag.shown("open", "") == ("open", "")


def test_a_tag_of_one_source_is_named_with_its_source():
    tags = (TagPlan("Press 1/force", "kN", limit_high=80.0), TagPlan("Press 2/force", "kN", limit_high=60.0))
    twin = replace(plan(), tags=tags)
    assert twin.tag_of("force", "Press 2") is tags[1]
    assert twin.tag_of("force", "Press 3") is None
    effects = (
        Mirror(twin)
        .channel("line-1")
        .apply(0, [reading("force", 0, 70.0, source="Press 1"), reading("force", 0, 70.0, source="Press 2")])
    )
    assert [effect.source for effect in effects] == ["Press 2"]
