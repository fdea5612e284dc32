"""`chromatrace simulate` from the command line."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import chromatrace.plant
from chromatrace.cli import main

PLANTS = Path(chromatrace.plant.__file__).parent / "plants"
COMMON = ["--repetitions", "2", "--processes", "1"]


@pytest.fixture
def invoke(monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["chromatrace", *arguments])
        return CliRunner().invoke(main, list(arguments))

    return run


def test_scenarios_as_json_with_files(invoke, tmp_path):
    result = invoke("simulate", "scenarios", *COMMON, "--out", str(tmp_path / "new"), "--figure", "png", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert [row["scenario"] for row in facts["table"]] == [1, 2, 3, 4, 5, 6, 7]
    assert set(facts["table"][0]["f1"]) == {"value", "half_width", "count"}
    assert facts["parameters"]["repetitions"] == 2
    assert {"statement", "ours", "agrees"} == set(facts["findings"][0])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["scenarios.csv", "scenarios.png"]
    assert invoke("simulate", "scenarios", *COMMON, "--json").stdout.replace("[]", "") != ""


def test_the_same_seed_gives_the_same_result(invoke):
    first, second, other = (
        json.loads(invoke("simulate", "scenarios", *COMMON, "--seed", seed, "--json").stdout) for seed in "112"
    )
    assert first == second
    assert first["table"] != other["table"]


def test_the_table_as_text(invoke):
    result = invoke("simulate", "learning", *COMMON, "--workpieces", "1")
    assert result.exit_code == 0, result.output
    assert "all good" in result.output
    assert "agrees" in result.output


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ('  { from = "exit", to = "7", length_m = 1 },\n', "", "shop_floor.belts", "cannot be reached from '13'"),
        ('name = "System board"', 'name = "System board"\nafter = ["17"]', "stations[0].after", "cycle"),
        ("assembly_s = [50, 80]", "assembly_s = [80, 50]", "shop_floor.assembly_s", "[low, high]"),
        ('to = "exit", length_m = 1', 'to = "exit", length_m = 0', "shop_floor.belts[17].length_m", "must be above 0"),
        ('checkpoints = ["5"', 'checkpoints = ["55"', "shop_floor.checkpoints[0]", "unknown station '55'"),
        ("conveyor_m_per_s = 0.05", "conveyor_m_per_s = 0", "shop_floor.conveyor_m_per_s", "must be above 0"),
        ("diverter_s = 1", "diverters_s = 1", "shop_floor.diverter_s", "missing"),
    ],
)
def test_an_invalid_shop_floor_is_an_error(invoke, tmp_path, old, new, field, message):
    text = (PLANTS / "desktop-computer.toml").read_text(encoding="utf-8")
    assert old in text
    plant = tmp_path / "plant.toml"
    plant.write_text(text.replace(old, new, 1), encoding="utf-8")
    result = invoke("simulate", "scenarios", *COMMON, "--plant", str(plant), "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)
    assert error["error"] == "PlantError"
    reasons = {mistake["key"]: mistake["reason"] for mistake in error["mistakes"]}
    assert message in reasons[field]


def test_a_plant_without_a_shop_floor_is_an_error(invoke):
    result = invoke("simulate", "majority", "--plant", str(PLANTS / "electrochromic.toml"), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["field"] == "plant"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [(["scenarios", "--threshold", "18"], "/threshold"), (["confidence", "--threshold", "18"], "/threshold")],
)
def test_an_unreachable_threshold_is_an_error(invoke, arguments, field):
    result = invoke("simulate", *arguments, *COMMON, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["field"] == field


@pytest.mark.parametrize("option", [["--repetitions", "1"], ["--defect-rate", "1.5"], ["--figure", "gif"]])
def test_a_usage_error(invoke, option):
    assert invoke("simulate", "scenarios", *option).exit_code == 2
