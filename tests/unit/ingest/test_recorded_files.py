"""Test the ingestion of recorded files."""

import pytest

from chromatrace.ingest.errors import FileFormatError, LayoutError
from chromatrace.ingest.files import LISTED_REJECTIONS, RejectedValue, ingest_file, layout_for
from chromatrace.ingest.layout import Column, parse_columns
from chromatrace.ingest.spool import Spool
from chromatrace.ingest.tables.rows import MAX_LINE

START = 1_767_225_600_000_000_000
TABLE = {"columns": "T[Cel],p(1..2)", "start": "2026-01-01T00:00:00Z", "step": "2s"}


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        yield spool


@pytest.fixture
def ingest(spool, tmp_path):
    def ingest(content, name="run.dat", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ingest_file(spool, "line", path, layout_for(**options))

    return ingest


def values(spool):
    return [
        (reading.tag, (reading.source_time_ns - START) / 1e9, reading.value, reading.unit)
        for reading in spool.entries("line")
    ]


@pytest.mark.parametrize(
    "content",
    ["1 2 3\n 4   5\t6e0 \n", "1,2,3\n4,5,6\n", "1\t2\t3\r\n4\t5\t6\r\n", "1;2;3\n4;5,0;6", '1,"2",3\n4,5,6\n\n\n'],
)
def test_table_with_each_delimiter(ingest, spool, content):
    result = ingest(content, **TABLE)
    assert (result.stored, result.rejected_count, result.gaps) == (6, 0, 0)
    assert values(spool) == [
        ("T", 0, 1, "Cel"), ("p(1)", 0, 2, ""), ("p(2)", 0, 3, ""),
        ("T", 2, 4, "Cel"), ("p(1)", 2, 5, ""), ("p(2)", 2, 6, ""),
    ]  # fmt: skip
    assert [reading.sequence for reading in spool.entries("line")] == list(range(6))
    assert {reading.source for reading in spool.entries("line")} == {"run"}


def test_invalid_rows_are_reported_and_count_as_time_steps(ingest, spool):
    result = ingest("1 2 3\n1 x 3\n1 2\n\n1 nan 1_0\n7 8 9\n\n", **TABLE)
    assert result.rejected == [
        RejectedValue(2, "p(1)", "expected a number, got 'x'"),
        RejectedValue(3, "columns", "expected 3 cells, got 2"),
        RejectedValue(5, "p(2)", "expected a number, got '1_0'"),
    ]
    assert (result.rejected_count, result.gaps) == (3, 1)
    assert result.stored == 3 + 2 + 1 + 3
    # The blank line does not count as a time step.
    assert values(spool)[-3:] == [("T", 8, 7, "Cel"), ("p(1)", 8, 8, ""), ("p(2)", 8, 9, "")]


def test_invalid_lines_are_reported(ingest):
    lines = b"1 2 3\n\xff\xfe 2 3\n" + b"9" * (MAX_LINE + 5) + b"\n4 5 6\n1 \xd9\xa3 3\n"
    result = ingest(lines, **TABLE, encoding="utf-8")
    assert [(row.line, row.field) for row in result.rejected] == [(2, "line"), (3, "line"), (5, "p(1)")]
    assert "not valid UTF-8" in result.rejected[0].reason
    assert "longer than" in result.rejected[1].reason
    assert (result.stored, result.lines) == (8, 5)


def test_second_run_stores_nothing(ingest, spool):
    content = "".join(f"{row} {row * 2} {row * 3}\n" for row in range(9000))
    assert ingest(content, **TABLE).stored == 27_000
    again = ingest(content, **TABLE)
    assert (again.stored, again.duplicates, again.rejected_count) == (0, 27_000, 0)
    assert spool.size("line") == 27_000
    longer = ingest(content + "1 2 3\n", **TABLE)
    assert (longer.stored, longer.duplicates) == (3, 27_000)


def test_conflict_is_reported_with_its_line(ingest, spool):
    ingest("1 2 3\n4 5 6\n", **TABLE)
    result = ingest("1 2 3\n4 5 7\n8 9 10\n", **TABLE)
    assert (result.stored, result.duplicates, result.conflicting, result.rejected_count) == (3, 5, 1, 1)
    (row,) = result.rejected
    assert (row.line, row.field) == (2, "p(2)")
    assert row.reason.startswith("7.0 contradicts 6.0")
    assert len(list(spool.conflicts("line"))) == 1


def test_rejections_are_counted_beyond_the_listed_ones(ingest):
    result = ingest("x y z\n" * (LISTED_REJECTIONS // 3 + 10), **TABLE)
    assert result.rejected_count == 3 * (LISTED_REJECTIONS // 3 + 9)  # the first line is read as a header
    assert len(result.rejected) == LISTED_REJECTIONS


def test_skipped_columns_and_units_by_option(ingest, spool):
    ingest("1 2 3\n", columns="a,-,b", start="2026-01-01T00:00:00Z", step="1s", units={"b": "kPa"})
    assert values(spool) == [("a", 0, 1, ""), ("b", 0, 3, "kPa")]


def test_empty_cells_are_counted(ingest):
    result = ingest("1,,3\n", **TABLE)
    assert (result.stored, result.empty, result.rejected_count) == (2, 1, 0)


def test_rows_outside_the_time_range_are_rejected(ingest):
    result = ingest("1\n2\n", columns="a", start="2262-04-11T23:47:16Z", step="1s")
    assert result.stored == 1
    assert [(row.line, row.field) for row in result.rejected] == [(2, "time")]


def test_csv_with_header_and_time_column(ingest, spool):
    content = (
        "\ufeffTime,T [Cel],note,p\n"
        "2026-01-01T00:00:00Z,1.5,ok,2\n"
        "2026-01-01T01:00:00.000000001+01:00,2.5,,x\n"
        "2026-01-01T00:00:02,3.5,,4\n"
        ",3.5,,4\n"
        "2026-02-30T00:00:00Z,3.5,,4\n"
        "2026-01-01T00:00:04Z,5,,6,7\n"
        '2026-01-01T00:00:05Z,5,"a,b",6\n'
        '2026-01-01T00:00:06Z,5,"a,6\n'
    )
    result = ingest(content, "run.csv", columns="T,p", units={"p": "Pa"})
    assert [(row.line, row.field) for row in result.rejected] == [
        (3, "p"), (4, "Time"), (5, "Time"), (6, "Time"), (7, "columns"), (9, "line"),
    ]  # fmt: skip
    assert "no offset" in result.rejected[1].reason
    assert [(r.tag, r.source_time_ns - START, r.value, r.unit) for r in spool.entries("line")] == [
        ("T", 0, 1.5, "Cel"), ("p", 0, 2, "Pa"), ("T", 1, 2.5, "Cel"),
        ("T", 5 * 10**9, 5, "Cel"), ("p", 5 * 10**9, 6, "Pa"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "cell"),
    [
        ("s", "1767225600.25"),
        ("ms", "1767225600250"),
        ("us", "1767225600250000"),
        ("ns", "1767225600250000000"),
    ],
)
def test_csv_with_numeric_times(ingest, spool, unit, cell):
    result = ingest(f"clock;a\n{cell};1\nsoon;1\n", "run.csv", time_column="clock", time_unit=unit)
    assert [reading.source_time_ns for reading in spool.entries("line")] == [START + 250_000_000]
    assert [(row.line, row.field) for row in result.rejected] == [(3, "clock")]


@pytest.mark.parametrize(
    ("content", "options", "error", "field"),
    [
        ("1,2\n3,4\n", {}, FileFormatError, "line 1"),
        ("when,a\n1,2\n", {}, LayoutError, "time_column"),
        ("time,a\n1,2\n", {"time_column": "clock"}, LayoutError, "time_column"),
        ("time,a,a\n", {}, FileFormatError, "line 1"),
        ("time\n", {}, FileFormatError, "line 1"),
        ("time,,b\n", {}, FileFormatError, "line 1"),
        ("time,a\n", {"columns": "b"}, LayoutError, "columns"),
    ],
)
def test_unusable_headers_are_rejected(ingest, spool, content, options, error, field):
    with pytest.raises(error) as error:
        ingest(content, "run.csv", **options)
    assert error.value.field == field
    assert spool.names() == []


def test_json_lines(ingest, spool):
    lines = [
        '{"tag": "a", "value": 1, "time": "2026-01-01T00:00:00Z"}',
        f'{{"source": "m", "tag": "a", "value": 2.5, "source_time_ns": {START}, "unit": "Pa", "quality": 1073741824}}',
        '{"tag": "a", "value": "1", "time": "2026-01-01T00:00:01Z"}',
        '{"tag": "a", "value": 1}',
        '{"tag": "a", "value": 1, "time": "yesterday"}',
        '{"tag": "a", "value": 1, "time": 12}',
        '{"tag": "a", "value": NaN, "time": "2026-01-01T00:00:01Z"}',
        '{"tag": "a", "value": 1, "value": 2, "time": "2026-01-01T00:00:01Z"}',
        '{"tag": "a", "value": 1, "time": "2026-01-01T00:00:01Z", "untit": "Pa"}',
        '{"value": 1, "time": "2026-01-01T00:00:01Z"}',
        '{"tag": null, "value": 1, "time": "2026-01-01T00:00:01Z"}',
        "[1]",
        '{"tag": ',
        "[" * 100_000,
        '{"tag": "a", "value": 3, "time": "2026-01-01T00:00:02Z", "sequence": 7, "replayed": true}',
    ]
    result = ingest("\n".join(lines), "run.jsonl")
    assert [(row.line, row.field) for row in result.rejected] == [
        (3, "value"), (4, "source_time_ns"), (5, "time"), (6, "time"), (7, "value"), (8, "value"), (9, "untit"),
        (10, "tag"), (11, "tag"), (12, "line"), (13, "line"), (14, "line"),
    ]  # fmt: skip
    first, second, third = spool.entries("line")
    assert (first.source, first.sequence, first.source_time_ns) == ("run", 0, START)
    assert (second.source, second.unit, second.quality) == ("m", "Pa", 1073741824)
    assert (third.sequence, third.replayed) == (7, True)


def test_progress_is_reported_in_bytes(spool, tmp_path):
    path = tmp_path / "run.dat"
    path.write_text("1 2 3\n" * 20_000, encoding="utf-8")
    reports = []
    ingest_file(spool, "line", path, layout_for(**TABLE), progress=lambda done, total: reports.append((done, total)))
    assert reports[-1] == (120_000, 120_000)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert len(reports) > 5


def test_missing_file(spool, tmp_path):
    with pytest.raises(FileFormatError) as error:
        ingest_file(spool, "line", tmp_path / "absent.dat", layout_for(**TABLE))
    assert error.value.field == "path"


def test_parse_columns():
    assert parse_columns("XMEAS(1..3),XMV(9..9)[%]") == (
        Column("XMEAS(1)"), Column("XMEAS(2)"), Column("XMEAS(3)"), Column("XMV(9)", "%"),
    )  # fmt: skip
    assert parse_columns(" a , - ,b [m/s]") == (Column("a"), Column(None), Column("b", "m/s"))
    assert len(parse_columns("XMEAS(1..41),XMV(1..11)")) == 52


@pytest.mark.parametrize("text", ["", "a,,b", "a,a", "x(3..1)", "x(1..2),x(2)", "-", "x(0..999999)", "a[b]c", "a]"])
def test_parse_columns_rejects_invalid_lists(text):
    with pytest.raises(LayoutError) as error:
        parse_columns(text)
    assert error.value.field == "columns"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"step": "1s"}, "columns"),
        ({"columns": "a", "step": "1s"}, "start"),
        ({**TABLE, "start": "2026-01-01"}, "start"),
        ({**TABLE, "start": "2026-01-01T00:00:00"}, "start"),
        ({**TABLE, "step": "0s"}, "step"),
        ({**TABLE, "step": "0.1ns"}, "step"),
        ({**TABLE, "step": "3 fortnights"}, "step"),
        ({**TABLE, "time_column": "t"}, "time_column"),
        ({"delimiter": "&"}, "delimiter"),
        ({"time_unit": "weeks"}, "time_unit"),
    ],
)
def test_inconsistent_options_are_rejected(options, field):
    from chromatrace.domain.errors import InvalidInput

    with pytest.raises(InvalidInput) as error:
        layout_for(**options)
    assert error.value.field == field
