"""A study's inspections through the contract on Anvil, held against the twin."""

import json
import sys

from click.testing import CliRunner

from chromatrace.cli import main


def test_the_contract_decides_and_learns_as_the_twin(monkeypatch):
    arguments = ["simulate", "learning", "--on-chain", "--sets", "2", "--workpieces", "1", "--json"]
    monkeypatch.setattr(sys, "argv", ["chromatrace", *arguments])
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout[done.stdout.index("{") :])
    assert facts["parameters"]["rounds"] == 34
    assert facts["parameters"]["inspections"] >= 3 * 34
    assert facts["parameters"]["transactions"] < facts["parameters"]["inspections"] * 2
    good, fair = facts["table"]
    assert good["mean_square_error"] > fair["mean_square_error"] > 0
