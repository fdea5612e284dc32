"""Inspections of a study through the contract on Anvil, compared with the rule in Python."""

import json
import sys

import pytest
from click.testing import CliRunner

from chromatrace.cli import main


@pytest.fixture
def simulate(monkeypatch):
    def run(*study):
        arguments = ["simulate", *study, "--on-chain", "--workpieces", "1", "--json"]
        monkeypatch.setattr(sys, "argv", ["chromatrace", *arguments])
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout[result.stdout.index("{") :])

    return run


def test_the_contract_decides_and_learns_like_the_rule_in_python(simulate):
    facts = simulate("learning", "--sets", "2")
    assert facts["parameters"]["rounds"] == 34
    assert facts["parameters"]["inspections"] >= 3 * 34
    assert facts["parameters"]["transactions"] < facts["parameters"]["inspections"] * 2
    good, fair = facts["table"]
    assert good["mean_square_error"] > fair["mean_square_error"] > 0


@pytest.mark.parametrize("study", [("majority", "--threshold", "3"), ("confidence", "--threshold", "1.5")])
def test_the_simulation_decides_the_same_answers(simulate, study):
    facts = simulate(*study, "--sets", "1")
    assert facts["study"] == f"{study[0]}-on-chain"
    (row,) = facts["table"]
    assert row["inspections_of_a_step"] >= 3
    if study[0] == "majority":
        assert (row["f1_pure"], row["inspections_pure"]) == (row["f1"], row["inspections_of_a_step"])
    else:
        # The contract continues to learn, so a round may take one answer more or fewer.
        assert row["inspections_pure"] == pytest.approx(row["inspections_of_a_step"], abs=0.5)
    assert facts["findings"][-1]["agrees"] or study[0] == "confidence"
