"""Test JSON topics and their mapping."""

from __future__ import annotations

import json

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import BAD
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.mqtt.topics import JsonTopics, parse_mapping, parse_mappings

TIME = 1_714_521_600_250


def receive(mapping, message, *, topic="hall/press", time_member="timestamp", time_unit="ms"):
    statistics = GatewayStatistics()
    topics = JsonTopics(parse_mappings([mapping]), statistics, time_member=time_member, time_unit=time_unit)
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    values = topics.receive(topic, data, TIME * 10**6)
    return values, [rejection.reason for rejection in statistics.rejections]


def test_a_mapping_names_topic_member_source_tag_and_unit():
    tag = parse_mapping("hall/press#/head/force~1x=press/head/force[kN]")
    assert (tag.topic, tag.members) == ("hall/press", ("head", "force/x"))
    assert (tag.key.source, tag.key.tag, tag.key.unit) == ("press", "head/force", "kN")
    assert parse_mapping("t=s/t").members == ("value",)
    assert parse_mapping("t=s/*").members is None


@pytest.mark.parametrize("text", ["t", "t=s", "+/t=s/t", "t/#=s/t", "=s/t", "t=s/*[kN]", "t#x=s/t", f"t=s/{'x' * 121}"])
def test_invalid_mappings_are_rejected(text):
    with pytest.raises(InvalidInput):
        parse_mapping(text)


@pytest.mark.parametrize("texts", [("a=s/t", "b=s/t"), ("a=s/*", "b=s/t")])
def test_two_mappings_cannot_have_one_tag(texts):
    with pytest.raises(InvalidInput):
        parse_mappings(texts)


def test_each_member_of_an_object_is_a_tag():
    values, reasons = receive(
        "hall/press=press/*",
        {"timestamp": TIME, "force": 1.5, "count": 2**53 + 1, "state": "idle", "on": True, "gone": None, "list": [1]},
    )
    assert [(value.key.tag, value.value, value.quality) for value in values] == [
        ("force", 1.5, 0),
        ("count", 2**53 + 1, 0),
        ("state", "idle", 0),
        ("on", "true", 0),
        ("gone", None, BAD),
    ]
    assert reasons == ["neither a number nor a text"]


@pytest.mark.parametrize(
    ("time", "unit"), [(TIME, "ms"), (1714521600.25, "s"), ("2024-05-01T02:00:00.250+02:00", "ms")]
)
def test_times_are_texts_or_numbers_of_the_unit(time, unit):
    (value,), _ = receive("hall/press=press/force", {"at": time, "value": 1}, time_member="at", time_unit=unit)
    assert value.source_time_ns == TIME * 10**6


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"value": 1}, "no source time"),
        ({"timestamp": True, "value": 1}, "neither a number nor a text"),
        ({"timestamp": 0, "value": 1}, "source_time_ns"),
        ({"timestamp": "2024-05-01T02:00:00", "value": 1}, "no offset"),
        ({"timestamp": TIME}, "no member /value"),
        ({"timestamp": TIME, "value": 2**63}, "64-bit"),
        (b'{"timestamp": 1, "value": NaN}', "NaN"),
        (b'{"timestamp": 1, "value": 1e999}', "outside the range"),
        (b'{"timestamp": 1, "value": 1, "value": 2}', "twice"),
        (b'{"timestamp": 1, "value": "\\ud800"}', "value"),
        (b'{"timestamp": 1, "value": ' + b"9" * 5000 + b"}", ""),
        (b"23.5", "not a JSON object"),
        (b"\xff", "codec"),
        (b"[" * 100_000, "nested more than 1,024 deep"),
    ],
)
def test_invalid_messages_are_rejected_with_their_reason(message, reason):
    values, reasons = receive("hall/press=press/force", message)
    assert values == []
    assert reason in reasons[0]


def test_a_topic_without_a_mapping_is_rejected():
    assert receive("hall/press=press/force", {}, topic="other") == ([], ["the topic has no mapping"])


def test_the_name_of_a_rejected_member_can_be_printed():
    statistics = GatewayStatistics()
    topics = JsonTopics(parse_mappings(["t=press/*"]), statistics, time_member="timestamp", time_unit="ms")
    assert topics.receive("t", b'{"timestamp": 1, "\\ud800": 1}', TIME) == []
    json.dumps(statistics.as_dict(), ensure_ascii=False).encode()
    assert statistics.rejections[0].tag == "\\ud800"
