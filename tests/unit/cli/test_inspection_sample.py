"""`chromatrace inspection sample`."""

import json
from importlib.resources import files

import pytest
from click.testing import CliRunner

from chromatrace.cli import main

PLANS = """
[[sampling_plans]]
id = "share"
stage = "first"
method = "one-per"
one_per = 100

[[sampling_plans]]
id = "aql"
stage = "final"
method = "mil-std-105e"
level = "II"
aql = 0.65
permit_reduced = true
"""


def run(*words):
    result = CliRunner().invoke(main, ["inspection", "sample", *map(str, words)])
    return result.exit_code, result.output


@pytest.fixture
def plant(tmp_path):
    path = tmp_path / "plant.toml"
    path.write_text(files("chromatrace.plant").joinpath("plants/electrochromic.toml").read_text() + PLANS)
    return path


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "lots.csv"
    path.write_text("lot,size,sample,nonconforming\nA,2000,125,3\nB,2000,125,0\nC,2000,125,4\n")
    return path


def test_a_result_is_evaluated_with_the_severity_of_the_history(plant, history):
    plan = ("--plan", "aql", "--plant", plant, "--history", history)
    status, output = run(2000, *plan, "--sample", 125, "--defects", 2, "--json")
    facts = json.loads(output)
    assert (status, facts["accepted"]) == (1, False)
    assert (facts["severity"], facts["sample"], facts["accept"], facts["reject"]) == ("tightened", 125, 1, 2)
    assert [lot["accepted"] for lot in facts["earlier_lots"]] == [False, True, False]
    assert facts["reason"] == "2 of 3 consecutive lots rejected"
    assert run(2000, *plan, "--severity", "normal", "--sample", 125, "--defects", 2)[0] == 0


def test_a_fixed_share(plant, tmp_path):
    empty = tmp_path / "none.csv"
    empty.write_text("lot,size,sample,nonconforming\n")
    status, output = run(250, "--plan", "share", "--plant", plant, "--history", empty, "--json")
    assert (status, json.loads(output)["sample"]) == (0, 3)
    assert json.loads(run(250, "--one-per", 50, "--json")[1])["sample"] == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((2000,), "plan: give one of --plan, --aql and --one-per"),
        ((2000, "--aql", "0.66"), "aql: 0.66 is not an AQL"),
        ((2000, "--aql", "0.65", "--sample", 125), "defects: give both"),
        (
            (2000, "--aql", "0.65", "--sample", 50, "--defects", 0),
            "sample: the sample has 50 units; the plan requires 125",
        ),
        ((2000, "--plan", "none", "--plant", "electrochromic"), "plan: electrochromic has no sampling plan 'none'"),
    ],
)
def test_errors(words, message):
    status, output = run(*words)
    assert (status, message in output) == (1, True), output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lot,size\n", "has no column 'sample'"),
        ("lot,size,sample,nonconforming\nA,x,1,0\n", "line 2: size is 'x'"),
        ("lot,size,sample,nonconforming\nA,10,11,0\n", "line 2: A: sample is 11, size is 10"),
        ("lot,size,sample,nonconforming\nA,10\n", "line 2: sample is ''"),
    ],
)
def test_a_broken_history_names_the_line(tmp_path, text, message):
    path = tmp_path / "lots.csv"
    path.write_text(text)
    status, output = run(2000, "--aql", "0.65", "--history", path)
    assert (status, message in output) == (1, True), output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("aql = 0.65", "aql = 0.7"), "sampling_plans[1].aql: 0.7 is not an AQL"),
        (('level = "II"', 'level = "IV"'), "sampling_plans[1].level: expected one of S-1"),
        (("one_per = 100", "aql = 1.0"), "sampling_plans[0].aql: is not a key of the method 'one-per'"),
        (('stage = "final"', 'stage = "first"'), "sampling_plans[1].stage: plan 'share' is for the same products"),
        (('id = "aql"', 'id = "share"'), "sampling_plans[1].id"),
        (("one_per = 100", "products = ['1']"), "sampling_plans[0].products[0]: unknown product '1'"),
        (("one_per = 100", "resumed_after = ['x']"), "sampling_plans[0].resumed_after[0]"),
    ],
)
def test_mistakes_in_the_plant_file(plant, change, message):
    plant.write_text(plant.read_text().replace(*change))
    result = CliRunner().invoke(main, ["plant", "check", str(plant)])
    assert (result.exit_code, message in result.output) == (1, True), result.output
