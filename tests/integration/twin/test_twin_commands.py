"""The commands `chromatrace twin` on a spool."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from twin_readings import START_NS, reading

from chromatrace.cli import main
from chromatrace.ingest.spool import Spool

PLANT = """
schema = "chromatrace.plant/1"
name = "line"
title = "A line"
[[stations]]
id = "201"
name = "Sputtering"
[[products]]
gtin = "09521234543213"
name = "Pane"
route = ["201"]
[[machines]]
id = "sputter-1"
name = "Sputtering chamber"
station = "201"
tags = ["pressure"]
state_tag = "state"
states = { running = 1, idle = 2, stopped = 3, fault = 4 }
batch_tag = "lot"
count_tag = "count"
ideal_cycle_s = 1
"""
TAGS = "".join(
    f'[[tags]]\nname = "{name}"\nstation = "201"\n{limits}\n'
    for name, limits in (
        ("pressure", "low = 0\nhigh = 10\nlimit_high = 3"),
        ("state", ""),
        ("lot", ""),
        ("count", ""),
    )
)


@pytest.fixture
def plant(tmp_path):
    """Return a plant file."""
    path = tmp_path / "plant.toml"
    path.write_text(PLANT + TAGS)
    return path


@pytest.fixture
def data(tmp_path):
    """Return a data folder with readings of ten seconds."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    with Spool(folder / "spool.db") as spool:
        for second in range(10):
            spool.append_fields(
                "line-1",
                [
                    reading("pressure", second, 4.0 if second == 5 else 1.0, unit="Pa"),
                    reading("state", second, 1.0),
                    reading("lot", second, "L-1"),
                    reading("count", second, float(second)),
                ],
            )
    return folder


@pytest.fixture
def followed(data, plant):
    """Run the twin until it has stored all readings, then stop it with Ctrl-C."""
    command = [sys.executable, "-m", "chromatrace.cli", "--data", str(data), "twin", "run", str(plant)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        while _sizes(data, plant) != {"line-1": 40}:
            assert process.poll() is None, process.stderr.read()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait()
    return data


def _sizes(data, plant):
    return run(data, "twin", "rebuild", plant)["log_sizes"]


def run(data, *words):
    """Return the JSON that a command prints."""
    result = CliRunner().invoke(main, ["--data", str(data), *map(str, words), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_follower_stores_what_the_commands_show(followed, plant, tmp_path):
    status = run(followed, "twin", "status", plant)
    (machine,) = status["machines"]
    assert status["log_sizes"] == {"line-1": 40}
    assert (machine["status"], machine["batch"]["batch"], machine["log_size"]) == ("running", "L-1", 40)
    assert machine["effectiveness"]["availability"] == 1.0
    assert machine["effectiveness"]["performance"] == pytest.approx(1.0)
    assert {value["tag"] for value in machine["values"]} == {"pressure", "state", "lot", "count"}
    (alarm,) = run(followed, "twin", "alarms")["alarms"]
    assert (alarm["state"], alarm["log_size"], alarm["batch"]) == ("returned", 21, "L-1")
    assert run(followed, "twin", "alarms", "--state", "shelved")["alarms"] == []
    shown = run(followed, "twin", "alarm", alarm["id"])
    assert [event["event"] for event in shown["events"]] == ["raised", "cleared"]
    table = tmp_path / "alarms.csv"
    run(followed, "twin", "alarms", "--all", "--csv", table)
    (row,) = csv.DictReader(table.open())
    assert (row["kind"], row["log_size"]) == ("limit", "21")
    assert json.loads(row["data"])["value"] == 4.0
    assert row["raised_ns"].startswith("2025-10-09T09:00:05")
    report = run(followed, "twin", "rebuild", plant)
    assert report["identical"] is True


def test_the_state_is_current_without_a_follower(data, plant):
    (machine,) = run(data, "twin", "status", plant)["machines"]
    assert (machine["status"], machine["log_size"]) == ("running", 40)
    assert machine["status_since_ns"] == START_NS


def test_an_unknown_machine_is_reported(data, plant):
    result = CliRunner().invoke(main, ["--data", str(data), "twin", "status", str(plant), "--machine", "press"])
    assert result.exit_code == 1
    assert "line has no machine 'press'" in result.stderr
