"""Test the replay of a recorded table."""

from __future__ import annotations

import pytest

from chromatrace.ingest.layout import parse_columns
from chromatrace.plant.errors import RecordingError
from chromatrace.plant.recording import Recording, expand_columns

START_NS = 1_700_000_000 * 10**9


def recording(tmp_path, text, columns="a,b", **options):
    path = tmp_path / "table.dat"
    path.write_text(text)
    return Recording(path, expand_columns(columns), **({"step_s": 180.0, "start_ns": START_NS} | options))


@pytest.mark.parametrize("text", ["XMEAS(1..41),XMV(1..11)", "a,T[Cel],-", "x(3..3)", "T(1..2)[Cel]"])
def test_columns_equal_those_of_the_file_reader(text):
    assert [(column.tag, column.unit) for column in expand_columns(text)] == [
        (column.tag, column.unit) for column in parse_columns(text)
    ]


def test_rows_are_steps(tmp_path):
    source = recording(tmp_path, " 1.5 2 9\n-0.25 1e3 9\n", "a,-,b[Pa]")
    assert (source.name, source.period_s) == ("table", 180)
    assert [(tag.name, tag.unit, tag.low, tag.high) for tag in source.tags] == [
        ("a", "", -0.25, 1.5),
        ("b", "Pa", 9, 9),
    ]
    assert [(step.source_time_ns, step.values) for step in source.steps()] == [
        (START_NS, [1.5, 9.0]),
        (START_NS + 180 * 10**9, [-0.25, 9.0]),
    ]


@pytest.mark.parametrize(
    ("text", "columns", "options", "field"),
    [
        ("1 2\n", "a", {}, "columns"),
        ("1 2\n", "a,a", {}, "columns[1]"),
        ("1 2\n", "a,", {}, "columns"),
        ("1 2\n", "a(2..1)", {}, "columns"),
        ("1 two\n", "a,b", {}, "path"),
        ("1 nan\n", "a,b", {}, "path"),
        ("1 2\n", "a,b", {"step_s": 0.0}, "step_s"),
        ("1 2\n", "a,b", {"start_ns": 1}, "start_ns"),
    ],
)
def test_invalid_recording_is_rejected(tmp_path, text, columns, options, field):
    with pytest.raises(RecordingError) as error:
        recording(tmp_path, text, columns, **options)
    assert error.value.field == field


def test_missing_file_is_named(tmp_path):
    with pytest.raises(RecordingError, match="cannot be read") as error:
        Recording(tmp_path / "absent", expand_columns("a"), step_s=1, start_ns=START_NS)
    assert error.value.field == "path"
