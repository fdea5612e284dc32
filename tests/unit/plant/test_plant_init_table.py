"""`plant init` with a table: the layout of the draft reads the file again."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.ingest.files import preview
from chromatrace.plant import load_plant


def init(folder, table, *arguments):
    output = folder / "plant.toml"
    command = ["--data", str(folder), "plant", "init", "--csv", str(table), "-o", str(output), *arguments]
    return CliRunner().invoke(main, command), output


TABLES = [
    (
        "time;Kraft [kN];U [V]\n2026-01-01T00:00:00Z;1,5;2,25\n2026-01-01T00:00:01Z;1,6;2,5\n",
        (),
        {"Kraft": "kN", "U": "V"},
    ),
    ("Date,T\n01/02/2026 10:00:00,1.5\n", ("--date-format", "%d/%m/%Y %H:%M:%S", "--time-zone", "UTC"), {"T": ""}),
    ("1 2\n3 4\n", ("--columns", "a[Pa],b", "--start", "2026-01-01T00:00:00Z", "--step", "3min"), {"a": "Pa", "b": ""}),
    ("Tag,Time,Value\nP,2026-01-01T00:00:00Z,1.5\nQ,2026-01-01T00:00:00Z,2\n", (), {"P": "", "Q": ""}),
    ('time,"a ""b"" \\ c"\n2026-01-01T00:00:00Z,1\n', (), {'a "b" \\ c': ""}),
]


@pytest.mark.parametrize(("content", "options", "units"), TABLES, ids=[str(number) for number in range(len(TABLES))])
def test_the_draft_reads_the_file_again(tmp_path, content, options, units):
    folder = tmp_path / "data"
    folder.mkdir()
    table = folder / "Table 1.csv"
    table.write_text(content, encoding="utf-8")
    result, output = init(tmp_path, table, *options)
    assert result.exit_code == 0, result.stderr
    plant = load_plant(output, complete=True)
    assert {tag.name: tag.unit for tag in plant.tags} == units
    (source,) = plant.sources
    assert (source.path / table.name).samefile(table)
    assert source.matches("another.csv")
    again = preview(table, plant.layout(source.layout))
    assert not again["errors"]
    assert {reading["tag"] for reading in again["readings"]} == set(units)
    check = CliRunner().invoke(main, ["plant", "check", str(output)])
    assert check.exit_code == 0, check.stdout


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("time,T\n2026-01-01 00:00:00,1\n", "--time-zone"),
        ("a,b\n1,2\n", "time column"),
        ("", ""),
    ],
)
def test_a_table_that_is_not_clear_is_an_error_that_names_the_option(tmp_path, content, hint):
    table = tmp_path / "table.csv"
    table.write_text(content, encoding="utf-8")
    result, output = init(tmp_path, table)
    assert result.exit_code == 1
    assert hint in result.stderr
    assert not output.exists()
