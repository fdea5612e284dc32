"""The interfaces document what they declare, and docs/contracts.md lists every error, event and gas figure."""

import json
import re
from pathlib import Path

import pytest
from brownie import project

from scripts.export_abi import CONTRACTS

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
INTERFACES = sorted((ROOT / "contracts" / "interfaces").glob("I*.sol"))
IMPLEMENTATIONS = [
    path
    for path in sorted((ROOT / "contracts").rglob("*.sol"))
    if path.parent.name not in ("interfaces", "libraries", "mocks")
]
UNITS = re.compile(
    r"validUntil|revokedFrom|deadline|schedule|\w*(At|Ns|Seconds|Block)"  # times
    r"|quantity|available|standard|defective|scrap|sum|sampleSize|defects|unitsPerSample"  # units of a batch
    r"|(minimum)?[cC]apability|capabilities|score|threshold|stallPenalty"  # 1/10,000
    r"|length|size|anchoredSize|logSize|position|index|first|count|required|maximum"  # bytes, entries, masks
    r"|gtin|gln|\w*[rR]oles|scopes|rights"  # numbers with an encoding
)
"""Names of parameters that have a unit or an encoding."""

DECLARATION = re.compile(
    r"(?P<doc>(?:^ *///.*\n)*)^ *(?P<kind>event|error|function|struct) (?P<name>\w+)\s*[({](?P<members>[^)}]*)[)}]",
    re.MULTILINE,
)

PUBLIC_FUNCTION = re.compile(
    r"(?P<doc>(?:^ *///.*\n)*)^ *function (?P<name>\w+)\([^)]*\)[^{;]*\b(?:external|public)\b", re.MULTILINE
)


def declarations(path):
    """Yield (kind, name, documentation, parameter names) of an interface."""
    for match in DECLARATION.finditer(path.read_text(encoding="utf-8")):
        members = [member.split() for member in re.split(r"[,;]", match["members"]) if member.strip()]
        yield match["kind"], match["name"], match["doc"], [member[-1] for member in members]


def section(title):
    """Return the text below a heading of the second level."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def names_in_first_column(text):
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def names(kind, contract=None):
    built = project.get_loaded_projects()[0]
    return {
        entry["name"]
        for name in ([contract] if contract else CONTRACTS)
        for entry in built[name].abi
        if entry["type"] == kind
    }


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.stem)
def test_every_event_error_and_function_has_a_notice(path):
    missing = [name for kind, name, doc, _ in declarations(path) if kind != "struct" and "@notice" not in doc]
    assert not missing


@pytest.mark.parametrize("path", IMPLEMENTATIONS, ids=lambda path: path.stem)
def test_every_public_function_inherits_the_documentation_of_its_interface(path):
    functions = PUBLIC_FUNCTION.finditer(path.read_text(encoding="utf-8"))
    assert [match["name"] for match in functions if "@inheritdoc" not in match["doc"]] == []


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.stem)
def test_every_parameter_with_a_unit_is_documented(path):
    missing = [
        f"{name}.{parameter}"
        for _, name, doc, parameters in declarations(path)
        for parameter in parameters
        if UNITS.fullmatch(parameter) and f"@param {parameter} " not in doc
    ]
    assert not missing


def test_every_error_is_listed_once():
    assert sorted(names_in_first_column(section("Errors"))) == sorted(names("error"))


def test_the_meaning_of_an_error_is_its_notice():
    notices = {}
    for path in (*INTERFACES, *sorted((ROOT / "contracts" / "libraries").glob("*.sol"))):
        for kind, name, doc, _ in declarations(path):
            if kind == "error":
                text = " ".join(line.strip().removeprefix("///").strip() for line in doc.splitlines())
                notices.setdefault(name, set()).add(text.split("@notice ", 1)[1].split(" @", 1)[0])
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section("Errors"), re.MULTILINE)
    assert [(name, meaning) for name, meaning in rows if name in notices and meaning not in notices[name]] == []


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_event_is_documented(contract):
    row = next(line for line in section("Events").splitlines() if line.startswith(f"| `{contract}` |"))
    assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == names("event", contract)


def test_the_gas_figures_match_the_record():
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|$", section("Gas"), re.MULTILINE)
    recorded = json.loads(Path(__file__).with_name("gas.json").read_text(encoding="utf-8"))["gas"]
    assert {name: int(figure.replace(",", "")) for name, figure in rows} == recorded
