"""Arguments that several commands share."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.cli.options import parse_input
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchKey


@pytest.mark.parametrize(("lot", "units"), [("G-7741", 100), ("A=5", 3), ("A/B", 2**32 - 1)])
def test_an_input_is_a_batch_and_units_of_it(lot, units):
    key = BatchKey.parse("09521234500025", lot)
    assert parse_input(f"09521234500025/{lot}={units}") == Input(key.batch_id, units)


@pytest.mark.parametrize("units", ["", "=", "=0", "=-1", "=1.5", "=ten", f"={2**32}"])
def test_an_input_requires_a_number_of_units(units):
    with pytest.raises(InvalidInput, match=r"units|quantity"):
        parse_input(f"09521234500025/G-7741{units}")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--database-url", "postgresql://reader@127.0.0.1/index"),
        ("--rpc-url", "http://127.0.0.1:1"),
        ("--base-url", "https://trace.example"),
        ("--vault", "s3://bucket/vault"),
        ("--dev-account", "3"),
    ],
)
def test_demo_rejects_settings_that_it_does_not_use(tmp_path, option, value):
    result = CliRunner().invoke(main, ["--data", str(tmp_path), option, value, "demo", "--once"])
    assert result.exit_code == 1
    assert f"leave out {option}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_names_settings_of_the_environment_that_it_does_not_use(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CHROMATRACE_DATABASE_URL", "postgresql://reader@127.0.0.1/index")
    (tmp_path / "demo").mkdir()  # an error ends the demonstration before it starts a chain
    result = CliRunner().invoke(main, ["--data", str(tmp_path), "demo", "--once"])
    assert result.exit_code == 1
    assert "does not use database_url, which the environment sets" in result.stderr
