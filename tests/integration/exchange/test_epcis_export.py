"""Test the export of a real chain's events as EPCIS documents that are valid by GS1's schema."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator, FormatChecker

from chromatrace.cli import main

BATCHES = ("released", "recalled", "superseded", "held", "failed", "fresh")
"""Batches that `Works.make` creates."""


@pytest.fixture
def run(works, tmp_path):
    settings = works.workspace.settings
    given = ("--rpc-url", settings.rpc_url, "--data", settings.data, "--manifest", works.manifest_path)

    def command(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in (*given, "epcis", *arguments)])

    return command


@pytest.fixture
def exported(run, tmp_path, vectors_dir):
    schema = json.loads((vectors_dir / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    validator = Draft7Validator(schema, format_checker=FormatChecker())

    def export(*arguments):
        path = tmp_path / "out.jsonld"
        result = run("export", *arguments, "-o", path)
        assert result.exit_code == 0, result.output
        document = json.loads(path.read_bytes())
        validator.validate(document)
        assert run("validate", path).exit_code == 0
        return document["epcisBody"]["eventList"]

    return export


def test_export_of_a_batch(works, exported):
    events = exported(f"09521234543213/{works.keys['released'].lot}")
    assert [event["bizStep"] for event in events] == [
        "commissioning",
        "inspecting",
        "assembling",
        "inspecting",
        "chromatrace:grading",
        "chromatrace:releasing",
        "shipping",
        "receiving",
    ]
    assert events[0]["type"] == "TransformationEvent"
    assert events[1]["sensorElementList"][0]["sensorReport"][0]["value"] == 52.0
    assert events[-1]["readPoint"]["id"].endswith("/414/9521234520009")


def test_export_of_all_events_and_of_a_period(works, exported):
    events = exported()
    # Other tests register more batches on the same chain.
    lots = tuple(f"/10/{works.keys[name].lot}" for name in BATCHES)
    counts = Counter(event.get("disposition") for event in events if any(lot in json.dumps(event) for lot in lots))
    assert (counts["recalled"], counts["non_conformant"], counts["non_sellable_other"], counts["active"]) == (
        1,
        2,
        1,
        6,
    )
    assert len({event["eventID"] for event in events}) == len(events)
    assert sum("errorDeclaration" in event for event in events) == 1
    first = min(event["recordTime"] for event in events)
    assert exported("--until", first) == []
    assert exported("--since", first) == events


def test_unknown_batch_or_time_is_rejected(run):
    assert run("export", "09521234543213/NONE").exit_code == 1
    assert run("export", "--since", "yesterday").exit_code == 1
