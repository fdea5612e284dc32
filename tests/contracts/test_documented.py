"""docs/contracts.md names every error and event of the contracts, no others, and the gas figures of gas.json."""

import json
import re
from pathlib import Path

import pytest
from brownie import project

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
CONTRACTS = (
    "Consortium",
    "BatchRegistry",
    "InspectionLedger",
    "CustodyLedger",
    "ProcessLedger",
    "RouteVerifier",
    "QualityConsensus",
)


def section(title):
    """The text below a heading of the second level."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def words_of_first_column(text):
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [word for row in rows for word in re.findall(r"`(\w+)`", row)]


def names(kind, contract=None):
    built = project.get_loaded_projects()[0]
    return {
        entry["name"]
        for name in ([contract] if contract else CONTRACTS)
        for entry in built[name].abi
        if entry["type"] == kind
    }


def test_every_error_is_documented_once():
    documented = words_of_first_column(section("Errors"))
    assert sorted(documented) == sorted(names("error"))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_event_is_documented(contract):
    row = next(line for line in section("Events").splitlines() if line.startswith(f"| `{contract}` |"))
    assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == names("event", contract)


def test_gas_figures_are_those_recorded():
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|$", section("Gas"), re.MULTILINE)
    recorded = json.loads(Path(__file__).with_name("gas.json").read_text(encoding="utf-8"))["gas"]
    assert {name: int(figure.replace(",", "")) for name, figure in rows} == recorded
