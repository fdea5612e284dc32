"""`plant check`: units, limits, references between sections, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.plant import PlantError, example_plant, example_plants
from chromatrace.plant.configuration import parse_plant
from chromatrace.plant.endpoints import DEFAULT_ENDPOINT

TEXT = Path(__file__).with_name("complete_plant.toml").read_text(encoding="utf-8")
FILES = {
    *("sources[0].password_file", "sources[0].certificate", "sources[0].private_key", "sources[0].trust[0]"),
    *("sources[1].password_file", "sources[1].ca", "sources[4].path", "sources[5].token_file"),
}


def mistakes(text):
    try:
        parse_plant(text, complete=True)
    except PlantError as error:
        return {m.key: f"{m.reason} ({m.hint})" for m in error.mistakes if m.key not in FILES}
    return {}


def check(*arguments):
    return CliRunner().invoke(main, ["plant", "check", *map(str, arguments)])


def test_a_valid_file_has_no_mistakes():
    assert mistakes(TEXT) == {}


NEW_CHECK = '\n[[check_sheets.checks]]\nquantity = "thickness"\nunit = "nm"\ncomparison = "{}"\nlimit = {}\n\n[gateway]'
OVEN_TAG = '\n[[tags]]\nname = "{}"\nstation = "press"\nsource = "oven"\nunit = "{}"\n{}\n[gateway]'


@pytest.mark.parametrize(
    ("right", "wrong", "key", "reason"),
    [
        ('unit = "kN"', 'unit = "kNn"', "tags[0].unit", "unknown unit 'kNn' (nearest known units: kN"),
        ('convert_from = "N"', 'convert_from = "Pa"', "tags[0].convert_from", "Pa cannot be converted to kN"),
        ('thickness = "nm"', 'thickness = "nn"', "instruments[0].quantities.thickness", "unknown unit 'nn'"),
        ('T = "Cel"', 'T = "Cell"', "layouts[0].units.T", "Cel"),
        ('scale = 0.1\nunit = "Cel"', 'scale = 0.1\nunit = "C°"', "sources[3].devices[0].tags[0].unit", "unknown unit"),
        ('unit = "kg"', 'unit = "kgg"', "sources[2].topics[0].unit", "unknown unit"),
        (
            'quantity = "thickness"',
            'quantity = "thicknes"',
            "check_sheets[0].checks[0].quantity",
            "did you mean",
        ),
        ('"thickness"\nunit = "nm"', '"thickness"\nunit = "s"', "check_sheets[0].checks[0].unit", "cannot be compared"),
        ("[gateway]", NEW_CHECK.format("<=", 300), None, ""),
        ("[gateway]", NEW_CHECK.format("<=", 299.9), "check_sheets[0].checks[1].limit", "no value passes"),
        ("[gateway]", NEW_CHECK.format("<", 300), "check_sheets[0].checks[1].limit", "no value passes"),
        ("[gateway]", NEW_CHECK.format(">=", 200), "check_sheets[0].checks[1].comparison", "two limits"),
        (
            "[gateway]",
            NEW_CHECK.format("<=", 1).replace("nm", "um"),
            "check_sheets[0].checks[1].unit",
            "another line",
        ),
        ("[gateway]", OVEN_TAG.format("temperature", "Cel", ""), None, ""),
        ("[gateway]", OVEN_TAG.format("temperature", "°C", ""), None, ""),
        ("[gateway]", OVEN_TAG.format("temperature", "K", 'convert_from = "Cel"'), None, ""),
        ("[gateway]", OVEN_TAG.format("temperatur", "Cel", ""), "tags[3].source", "has no tag 'temperatur'"),
        ("[gateway]", OVEN_TAG.format("temperature", "Pa", ""), "tags[3].unit", "are in Cel"),
        ("[gateway]", OVEN_TAG.format("temperature", "K", ""), "tags[3].convert_from", 'write convert_from = "Cel"'),
    ],
)
def test_units_limits_and_tags_of_sources_are_checked(right, wrong, key, reason):
    assert right in TEXT
    found = mistakes(TEXT.replace(right, wrong, 1))
    assert set(found) == ({key} if key else set())
    assert key is None or reason in found[key]


def test_two_check_sheets_of_one_stage_are_a_mistake():
    start, end = TEXT.index("[[check_sheets]]"), TEXT.index("[gateway]")
    found = mistakes(TEXT + "\n" + TEXT[start:end].replace('"film"', '"film-2"'))
    assert set(found) == {"check_sheets[1].stage"}


def test_a_reading_is_converted_to_the_unit_of_the_tag():
    (force, *_) = parse_plant(TEXT).tags
    assert force.in_unit(79_500.0) == 79.5
    assert parse_plant(TEXT.replace('convert_from = "N"\n', "")).tags[0].in_unit(79.5) == 79.5


def test_the_command_lists_every_mistake(tmp_path):
    path = tmp_path / "plant.toml"
    path.write_text(TEXT.replace("ideal_cycle_s = 12.5", "ideal_cycle_s = \nideal = 1"), encoding="utf-8")
    result = check(path)
    assert result.exit_code == 1
    listed = result.stdout.splitlines()
    assert listed[-1] == f"mistakes: {len(listed) - 1}"
    line = TEXT[: TEXT.index("ideal_cycle_s")].count("\n") + 1
    assert any(item.startswith(f"{path}:{line}: machines[0].ideal_cycle_s: not valid TOML") for item in listed)
    assert any(item.startswith(f"{path}:{line + 1}: machines[0].ideal: unknown key") for item in listed)
    result = check(path, "--json")
    assert result.exit_code == 1
    keys = {mistake["key"] for mistake in json.loads(result.stdout)["mistakes"]}
    assert keys == {"machines[0].ideal_cycle_s", "machines[0].ideal", *FILES}


@pytest.mark.parametrize("name", example_plants())
def test_shipped_plants_are_valid(name):
    result = check(name, "--json")
    assert result.exit_code == 0, result.stdout
    facts = json.loads(result.stdout)
    assert facts["mistakes"] == []
    assert facts["plant"] == name
    sections = ("stations", "tags", "sources", "machines", "instruments", "products", "check_sheets", "channels")
    assert all(facts[section] for section in sections)


@pytest.mark.parametrize("name", example_plants())
def test_shipped_plants_are_complete(name):
    plant = example_plant(name)
    assert sorted(tag for machine in plant.machines for tag in machine.tags) == sorted(tag.name for tag in plant.tags)
    assert {machine.source for machine in plant.machines} == {source.id for source in plant.sources}
    assert plant.sources[0].settings.url == DEFAULT_ENDPOINT
    for sheet in plant.check_sheets:
        quantities = {(check.quantity, check.unit) for check in sheet.checks}
        # The evidence of an inspection has one instrument.
        assert any(quantities <= set(instrument.quantities.items()) for instrument in plant.instruments)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    result = check(tmp_path / "absent.toml", "--json")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def test_a_saved_layout_reads_a_file(tmp_path):
    plant = tmp_path / "plant.toml"
    plant.write_text(TEXT, encoding="utf-8")
    table = tmp_path / "table.csv"
    table.write_text("time;T;U\n2026-01-01T00:00:00Z;1,5;-200\n", encoding="utf-8")
    command = ["--data", str(tmp_path), "ingest", "file", str(table), "--channel", "c", "--preview", "--json"]
    saved = [*command, "--plant", str(plant), "--layout-name"]
    (reading,) = json.loads(CliRunner().invoke(main, [*saved, "lab"]).stdout)["readings"]
    assert (reading["tag"], reading["value"], reading["unit"]) == ("T", 1.5, "Cel")
    changed = json.loads(CliRunner().invoke(main, [*saved, "lab", "--missing", "-999"]).stdout)["readings"]
    assert [(item["tag"], item["value"]) for item in changed] == [("T", 1.5), ("U", -200)]
    unknown = CliRunner().invoke(main, [*saved, "labor"])
    assert "known layouts: lab" in unknown.stderr
    alone = CliRunner().invoke(main, [*command, "--plant", str(plant)])
    assert "layout_name: missing" in alone.stderr
