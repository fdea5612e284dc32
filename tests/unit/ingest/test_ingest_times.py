"""Test the parsing of times and durations."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.times import parse_duration, parse_epoch, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01 01:00:00+01:00", 0),
        ("1969-12-31T23:00:00-01:30", 30 * 60 * 10**9),
        ("2026-01-01T00:00:00.25Z", 1_767_225_600_250_000_000),
        ("2024-02-29t12:00:00z", 1_709_208_000_000_000_000),
    ],
)
def test_parse_time(text, expected):
    assert parse_time(text) == expected


@given(st.datetimes(min_value=datetime.datetime(1970, 1, 1)), st.integers(-1439, 1439))
def test_parse_time_equals_the_standard_library(moment, minutes):
    moment = moment.replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=minutes)))
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert parse_time(moment.isoformat()) == since // datetime.timedelta(microseconds=1) * 1000


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00.0000000001Z", "٢٠٢٦-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
    ],
)  # fmt: skip
def test_parse_time_rejects_invalid_times(text):
    with pytest.raises(InvalidInput) as error:
        parse_time(text, field="start")
    assert error.value.field == "start"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("180s", 180 * 10**9),
        ("0.5 ms", 500_000),
        ("3min", 180 * 10**9),
        ("1h", 3600 * 10**9),
        ("2d", 172_800 * 10**9),
        ("7ns", 7),
    ],
)
def test_parse_duration(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "unit"), [("", "s"), ("x", "s"), ("nan", "s"), ("inf", "s"), ("0.5", "ns"), ("1e-10", "s")]
)
def test_parse_epoch_rejects_invalid_numbers(text, unit):
    with pytest.raises(InvalidInput) as error:
        parse_epoch(text, unit)
    assert error.value.field == "time"
