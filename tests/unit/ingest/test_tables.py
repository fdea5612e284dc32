"""Test how files of plants and laboratories are interpreted."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.reading import BAD, UNCERTAIN
from chromatrace.ingest.errors import FileFormatError, LayoutError
from chromatrace.ingest.files import files_in, ingest_file, layout_for, preview
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.spool import Spool

START = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
HOUR = 3_600_000_000_000


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        yield spool


@pytest.fixture
def ingest(spool, tmp_path):
    """Store a file and return its result, and the stored readings as (tag, seconds since START, value)."""

    def ingest(content, name="run.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        result = ingest_file(spool, name, path, layout_for(**options))
        return result, [(r.tag, (r.source_time_ns - START) / 1e9, r.value) for r in spool.entries(name)]

    return ingest


PLAIN = [("a", 0.0, 1.5), ("b", 0.0, 2.0), ("a", 1.0, 2.5), ("b", 1.0, 3.0)]
CSV = "time,a,b\n2026-01-01T00:00:00Z,1.5,2\n2026-01-01T00:00:01Z,2.5,3\n"


# -- text


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace(",", "\t"),
        CSV.replace(",", ";"),
        CSV.replace(",", "|"),
        CSV.replace(",", " "),
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\r"),
        CSV.rstrip("\n"),
        "\n\n" + CSV.replace("\n", "\n\n"),
        "# written by a logger, version 3\n# second, comment, line\n" + CSV,
        "% time,a,b\n" + CSV.partition("\n")[2],
        "Logger 3000\nSerial number: 17\nOperator, shift\n" + CSV,
        "two words\n" * 4 + CSV.replace(",", ";").replace("T", " "),
        CSV.replace(",", ";").replace(".5", ",5"),
        "time,a,b,\n2026-01-01T00:00:00Z,1.5,2,\n2026-01-01T00:00:01Z,2.5,3,\n",
        'time,a,b\n"2026-01-01T00:00:00Z","1.5","2"\n2026-01-01T00:00:01Z,2.5,3\n',
        "time,a,b\n,s,V\n2026-01-01T00:00:00Z,1.5,2\n2026-01-01T00:00:01Z,2.5,3\n",
        "Date,Time,a,b\n2026-01-01,00:00:00Z,1.5,2\n2026-01-01,00:00:01Z,2.5,3\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_any_form_gives_the_same_readings(ingest, content, encoding):
    result, readings = ingest(content.encode(encoding))
    assert readings == PLAIN
    assert result.rejected == []


def test_compressed_files(ingest):
    assert ingest(gzip.compress(CSV.encode()), "run.csv.gz")[1] == PLAIN
    with pytest.raises(FileFormatError, match="damaged or cut off"):
        ingest(gzip.compress(CSV.encode() * 1000)[:-20], "cut.csv.gz")


def test_western_text_and_its_encoding(ingest):
    result, readings = ingest("time;Öl [°C]\n2026-01-01T00:00:00Z;21,5\n".encode("cp1252"))
    assert readings == [("Öl", 0.0, 21.5)]
    assert (result.layout["encoding"], result.layout["columns"][0]["unit"]) == ("cp1252", "°C")
    assert (
        ingest("time,温度\n2026-01-01T00:00:00Z,1\n".encode("gb18030"), "g.csv", encoding="gb18030")[1][0][0] == "温度"
    )
    with pytest.raises(LayoutError) as error:
        ingest(CSV, "e.csv", encoding="klingon")
    assert error.value.field == "encoding"


def test_a_line_that_is_not_in_the_encoding_names_it(ingest):
    result, readings = ingest(CSV.encode() + b"2026-01-01T00:00:02Z,\xff,4\n", encoding="utf-8")
    assert readings == PLAIN
    assert [(row.line, row.reason) for row in result.rejected] == [(4, "not valid UTF-8")]


def test_units_in_headers(ingest, spool):
    header = "time,p [Pa],T (degC),U/V,CO(GT),I/O,flow"
    ingest(f"{header}\n2026-01-01T00:00:00Z,1,2,3,4,5,6\n", units={"flow": "sccm"})
    assert [(reading.tag, reading.unit) for reading in spool.entries("run.csv")] == [
        ("p", "Pa"), ("T", "°C"), ("U", "V"), ("CO(GT)", ""), ("I/O", ""), ("flow", "sccm"),
    ]  # fmt: skip


def test_columns_without_numbers_are_left_out_or_read_as_text(ingest):
    content = "time,a,operator,state\n2026-01-01T00:00:00Z,1,K,Running\n2026-01-01T00:00:01Z,2,K,Idle\n"
    result, readings = ingest(content)
    assert readings == [("a", 0.0, 1.0), ("a", 1.0, 2.0)]
    assert result.layout["left_out"] == ["operator", "state"]
    assert "operator, state; use --text" in result.notes[0]
    _, readings = ingest(content, "text.csv", text=("state",))
    assert readings == [("a", 0.0, 1.0), ("state", 0.0, "Running"), ("a", 1.0, 2.0), ("state", 1.0, "Idle")]


def test_gaps_are_counted_and_not_rejected(ingest):
    content = "time,a,b\n2026-01-01T00:00:00Z,,N/A\n\n2026-01-01T00:00:01Z,-999,nan\n,,\n2026-01-01T00:00:02Z,1,null\n"
    result, readings = ingest(content, missing=("-999",))
    assert (readings, result.gaps, result.rejected_count) == ([("a", 2.0, 1.0)], 5, 0)


# -- numbers


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("9007199254740993", 2**53 + 1),
        ("-9223372036854775808", -(2**63)),
        ("1e3", 1000.0),
        ("+.5", 0.5),
        ("1 234.5", 1234.5),
        ("1'234.5", 1234.5),
        ("1,234,567.5", 1234567.5),
    ],
)
def test_numbers_are_exact(ingest, cell, value):
    _, readings = ingest(f'time;a\n2026-01-01T00:00:00Z;"{cell}"\n')
    assert readings == [("a", 0.0, value)]


@pytest.mark.parametrize(
    "cell", ["1e400", "inf", "-Infinity", "9223372036854775808", "1_000", "٣", "0x10", "1.2.3", "12 %"]
)
def test_cells_that_are_no_numbers_are_rejected_with_their_line(ingest, cell):
    result, readings = ingest(f"time;a\n2026-01-01T00:00:00Z;1\n2026-01-01T00:00:01Z;{cell}\n")
    assert readings == [("a", 0.0, 1.0)]
    assert [(row.line, row.field) for row in result.rejected] == [(3, "a")]


AMBIGUOUS = "time;a\n2026-01-01T00:00:00Z;1,500\n2026-01-01T00:00:01Z;22,750\n"


def test_an_ambiguous_mark_is_an_error_that_shows_both_values(ingest, spool):
    with pytest.raises(LayoutError) as error:
        ingest(AMBIGUOUS)
    assert (error.value.field, error.value.message) == ("decimal", "1,500 is 1.500 or 1500")
    assert spool.names() == []
    assert [value for *_, value in ingest(AMBIGUOUS, "point.csv", decimal=".")[1]] == [1500.0, 22750.0]
    assert [value for *_, value in ingest(AMBIGUOUS, "comma.csv", decimal=",")[1]] == [1.5, 22.75]


@pytest.mark.parametrize("other", ["0,5", "1.500,25", "1500,5", "2.000.000"])
def test_another_number_resolves_the_decimal_comma(ingest, other):
    _, readings = ingest(AMBIGUOUS + f"2026-01-01T00:00:02Z;{other}\n")
    assert [value for *_, value in readings][:2] == [1.5, 22.75]


@pytest.mark.parametrize("other", ["0.5", "1,500.25", "2,000,000"])
def test_another_number_resolves_the_decimal_point(ingest, other):
    _, readings = ingest(AMBIGUOUS + f"2026-01-01T00:00:02Z;{other}\n")
    assert [value for *_, value in readings][:2] == [1500.0, 22750.0]


def test_contradicting_marks_are_an_error(ingest):
    with pytest.raises(LayoutError, match="decimal comma, but"):
        ingest("time;a\n2026-01-01T00:00:00Z;1,5\n2026-01-01T00:00:01Z;2.25\n")


# -- times


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("2026-01-01 01:00:00+01:00", {}),
        ("2026/1/1 1:00", {"time_zone": "Europe/Berlin"}),
        ("20260101T000000Z", {}),
        ("20260101000000", {"time_zone": "UTC"}),
        ("01.01.2026 01:00:00", {"time_zone": "Europe/Berlin"}),
        ("31/12/2025 19:00:00", {"time_zone": "America/New_York"}),
        ("12/31/2025 7:00 PM", {"time_zone": "America/New_York"}),
        ("1 Jan 2026 00:00:00", {"time_zone": "UTC"}),
        ("01-Jan-26 00:00:00", {"time_zone": "UTC"}),
        ("Jan 1, 2026 12:00:00 AM", {"time_zone": "UTC"}),
        ("1767225600", {}),
        ("1767225600000", {}),
        ("1767225600000000", {}),
        ("1767225600000000000", {}),
        ("46023", {"date_format": "excel", "time_zone": "UTC"}),
        ("00h00 01-01-2026", {"date_format": "%Hh%M %d-%m-%Y", "time_zone": "UTC"}),
    ],
)
def test_times_in_many_formats(ingest, cell, options):
    assert ingest(f"timestamp;a\n{cell};1\n", **options)[1] == [("a", 0.0, 1.0)]


def test_nanoseconds_are_exact(ingest, spool):
    ingest(
        "time,a\n2026-01-01T00:00:00.123456789Z,1\n1767225600123456789,2\n".replace(
            "1767225600123456789", "2026-01-01 00:00:01.000000001Z"
        )
    )
    assert [r.source_time_ns - START for r in spool.entries("run.csv")] == [123456789, 10**9 + 1]


def test_an_ambiguous_date_is_an_error_that_shows_both_dates(ingest, spool):
    content = "time;a\n03/04/2026 00:00;1\n05/06/2026 00:00;2\n"
    with pytest.raises(LayoutError) as error:
        ingest(content, time_zone="UTC")
    assert (error.value.field, "03 April 2026 or 04 March 2026" in error.value.message) == ("date_format", True)
    assert spool.names() == []
    _, readings = ingest(content, "f.csv", time_zone="UTC", date_format="%m/%d/%Y %H:%M")
    assert readings[0][1] == (31 + 28 + 3) * 86400


def test_a_missing_time_zone_is_reported_once_with_the_option(ingest):
    result, readings = ingest("time,a\n" + "".join(f"2026-01-01 00:00:{s:02},1\n" for s in range(30)))
    assert (readings, result.rejected_count) == ([], 30)
    (kind,) = result.kinds.values()
    assert kind.count == 30
    assert "--time-zone" in kind.first.hint


def test_daylight_saving(ingest):
    rows = ("2025-10-26 01:30:00", "2025-10-26 02:30:00", "2025-10-26 03:30:00", "2026-03-29 02:30:00")
    content = "time,a\n" + "".join(f"{row},{number}\n" for number, row in enumerate(rows))
    result, readings = ingest(content, time_zone="Europe/Berlin")
    assert [value for *_, value in readings] == [0.0, 2.0]
    assert [row.line for row in result.rejected] == [3, 5]
    assert "occurs twice in Europe/Berlin" in result.rejected[0].reason
    assert "does not exist in Europe/Berlin" in result.rejected[1].reason
    for fold, hours in (("earlier", 1), ("later", 2)):
        _, readings = ingest(content, f"{fold}.csv", time_zone="Europe/Berlin", fold=fold)
        assert readings[1][1] - readings[0][1] == hours * 3600
    with pytest.raises(LayoutError) as error:
        ingest(content, "zone.csv", time_zone="Europe/Atlantis")
    assert error.value.field == "time_zone"


def test_elapsed_times_count_from_the_start(ingest):
    content = "time/min;a\n0;1\n0,5;2\n1,5;3\n"
    assert ingest(content, start="2026-01-01T00:00:00Z")[1] == [("a", 0.0, 1.0), ("a", 30.0, 2.0), ("a", 90.0, 3.0)]
    with pytest.raises(LayoutError) as error:
        ingest(content, "e.csv")
    assert "--start" in error.value.hint


def test_rows_without_times_count_only_data(ingest):
    options = {"columns": "a,b", "start": "2026-01-01T00:00:00Z", "step": "1s"}
    expected = [("a", 0.0, 1.0), ("b", 0.0, 2.0), ("a", 1.0, 3.0), ("b", 1.0, 4.0)]
    for content in ("1 2\n3 4\n", "\n# x\n1 2\n\n\n# y\n3 4\n", "a,b\n1,2\n\n3,4\n", "x;y\n# n\n1;2\n3;4\n"):
        assert ingest(content, f"{hash(content)}.dat", **options)[1] == expected


# -- shapes


LONG = "Tag;Timestamp;Value;Status;Unit\n"


def test_long_tables(ingest, spool):
    rows = (
        "P1;2026-01-01T00:00:00Z;1,5;Good;Pa\nD1;2026-01-01T00:00:00Z;Open;Good;\n"
        "P1;2026-01-01T00:00:01Z;2,5;Uncertain;Pa\nP1;2026-01-01T00:00:02Z;No Data;Bad;Pa\n"
        "P1;2026-01-01T00:00:03Z;4,5;Strange;Pa\nP1;2026-01-01T00:00:04Z;5,5;;Pa\n"
    )
    result, _ = ingest(LONG + rows)
    stored = [(r.tag, r.value, r.unit, r.quality & (BAD | UNCERTAIN)) for r in spool.entries("run.csv")]
    assert stored == [
        ("P1", 1.5, "Pa", 0), ("D1", "Open", "", 0), ("P1", 2.5, "Pa", UNCERTAIN), ("P1", None, "Pa", BAD),
        ("P1", 5.5, "Pa", 0),
    ]  # fmt: skip
    assert [(row.line, row.field) for row in result.rejected] == [(6, "P1")]


@pytest.mark.parametrize(
    ("cells", "codes"),
    [(("192", "0", "64"), [0, BAD, UNCERTAIN]), (("0", "2147483648", "1073741824"), [0, BAD, UNCERTAIN])],
)
def test_quality_columns(ingest, spool, cells, codes):
    rows = "".join(f"2026-01-01T00:00:0{n}Z,{n},{cell}\n" for n, cell in enumerate(cells))
    ingest(f"time,a,quality\n{rows}")
    assert [reading.quality for reading in spool.entries("run.csv")] == codes
    ingest(f"time,a,a quality\n{rows}", "own.csv")
    assert [reading.quality for reading in spool.entries("own.csv")] == codes


def test_a_quality_of_zero_alone_is_ambiguous(ingest):
    content = "time,a,quality\n2026-01-01T00:00:00Z,1,0\n"
    with pytest.raises(LayoutError) as error:
        ingest(content)
    assert error.value.field == "quality"
    assert ingest(content, "ua.csv", quality="opc-ua")[0].stored == 1


def test_transposed_tables(ingest):
    options = {"columns": "a,b", "start": "2026-01-01T00:00:00Z", "step": "1s"}
    expected = [("a", 0.0, 1.0), ("b", 0.0, 4.0), ("a", 1.0, 2.0), ("b", 1.0, 5.0), ("a", 2.0, 3.0), ("b", 2.0, 6.0)]
    assert ingest("1 2 3\n4 5 6\n", "t.dat", **options)[1] == expected
    assert ingest("1 2\n4 5\n", "square.dat", **options)[1][:2] == [("a", 0.0, 1.0), ("b", 0.0, 2.0)]
    assert ingest("1 2\n4 5\n", "flag.dat", transposed=True, **options)[1][:2] == [("a", 0.0, 1.0), ("b", 0.0, 4.0)]
    content = "time,2026-01-01T00:00:00Z,2026-01-01T00:00:01Z\na,1.5,2.5\nb,2,3\n"
    assert ingest(content, "header.csv", transposed=True)[1] == PLAIN


def test_tables_without_a_header(ingest):
    rows = CSV.partition("\n")[2]
    assert ingest(rows, columns="a,b")[1] == PLAIN
    assert [tag for tag, *_ in ingest(rows, "numbered.csv")[1]][:2] == ["column 2", "column 3"]


# -- other formats


def test_json(ingest):
    rows = [{"time": "2026-01-01T00:00:00Z", "a": 1.5, "b": 2}, {"time": "2026-01-01T00:00:01Z", "a": 2.5, "b": 3}]
    assert ingest("\n".join(map(json.dumps, rows)), "w.jsonl")[1] == PLAIN
    assert ingest(json.dumps(rows), "w.json")[1] == PLAIN
    assert ingest(json.dumps([["time", "a", "b"], *([*row.values()] for row in rows)]), "a.json")[1] == PLAIN
    result, readings = ingest(json.dumps([*rows, {"time": "2026-01-01T00:00:02Z", "a": {"x": 1}}, 5]), "n.json")
    assert readings == PLAIN
    assert [row.reason for row in result.rejected] == ["member 'a' is nested", "expected a JSON object"]
    with pytest.raises(FileFormatError, match="invalid JSON"):
        ingest('[{"a": 1', "cut.json")
    big = '[{"time": "2026-01-01T00:00:00Z", "a": 9007199254740993}]'
    assert ingest(big, "big.json")[1] == [("a", 0.0, 2**53 + 1)]


def test_parquet(ingest):
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    times = arrow.array([START, START + 10**9], arrow.timestamp("ns", tz="UTC"))
    columns = {"time": times, "a": [1.5, 2.5], "b": [2, 3], "nested": [[1], [2]]}
    file = io.BytesIO()
    parquet.write_table(arrow.table(columns), file)
    result, readings = ingest(file.getvalue(), "run.parquet")
    assert readings == PLAIN
    assert result.notes == ["column nested is nested and left out"]
    with pytest.raises(FileFormatError, match="damaged or cut off"):
        ingest(file.getvalue()[:-30], "cut.parquet")


def workbook(sheets):
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_workbooks(ingest):
    from datetime import datetime

    rows = [("time", "a", "b"), (datetime(2026, 1, 1), 1.5, 2), (datetime(2026, 1, 1, 0, 0, 1), 2.5, 3)]
    content = workbook({"data": rows, "empty": []})
    assert ingest(content, "run.xlsx", time_zone="UTC")[1] == PLAIN
    several = workbook({"one": rows, "two": rows})
    with pytest.raises(LayoutError) as error:
        ingest(several, "two.xlsx", time_zone="UTC")
    assert (error.value.field, "one, two" in error.value.message) == ("sheet", True)
    assert ingest(several, "two.xlsx", time_zone="UTC", sheet="two")[1] == PLAIN
    with pytest.raises(FileFormatError, match="damaged"):
        ingest(content[: len(content) // 2], "cut.xlsx")
    with pytest.raises(LayoutError):
        ingest(several, "no.xlsx", sheet="three")


# -- previews, folders, layouts


def test_preview_stores_nothing_and_shows_errors(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text("time,a\n2026-01-01 00:00:00,1\n2026-01-01 00:00:01,x\n")
    shown = preview(path, layout_for())
    assert shown["readings"] == [
        {"source": "run", "tag": "a", "time": "2026-01-01T00:00:00", "value": 1.0, "unit": "", "quality": "good"}
    ]
    assert [error["line"] for error in shown["errors"]] == [2, 3, 3]
    assert "--time-zone" in shown["errors"][0]["hint"]
    path.write_text(AMBIGUOUS)
    shown = preview(path, layout_for())
    assert (shown["readings"], [error["field"] for error in shown["errors"]]) == ([], ["decimal"])


def test_folders_and_patterns_name_their_sources(tmp_path):
    for name in ("a/0.csv", "b/0.csv", "b/1.dat", "b/notes.pdf", "b/.hidden.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(CSV)
    assert sorted(files_in([str(tmp_path)]).values()) == ["a/0", "b/0", "b/1"]
    assert sorted(files_in([str(tmp_path / "*" / "0.csv")]).values()) == ["a/0", "b/0"]
    with pytest.raises(InvalidInput) as error:
        files_in([str(tmp_path / "a" / "0.csv"), str(tmp_path / "b" / "0.csv")])
    assert error.value.field == "source"
    with pytest.raises(NotFound):
        files_in([str(tmp_path / "c*")])


def test_a_layout_can_be_a_table_of_a_plant_file():
    table = {"time_zone": "UTC", "missing": ["-200"], "columns": "a[Pa],-", "units": {"b": "V"}, "skip_lines": 2}
    layout = Layout.from_table(table)
    assert (layout.time_zone, layout.missing, layout.columns[0].unit) == ("UTC", ("-200",), "Pa")
    for name, value in (("colour", 1), ("missing", "x"), ("skip_lines", "2"), ("fold", "none"), ("units", {"a": 1})):
        with pytest.raises(LayoutError) as error:
            Layout.from_table({name: value})
        assert error.value.field == name
