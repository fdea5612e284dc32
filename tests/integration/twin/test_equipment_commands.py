"""The commands `chromatrace twin equipment` on a spool."""

from __future__ import annotations

import csv
import io
import json

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
tags = ["power"]
state_tag = "state"
states = { running = 1, stopped = 3 }
reason_tag = "reason"
[[maintenance]]
id = "target"
name = "Tungsten target"
machine = "sputter-1"
measure = "integral"
tag = "power"
unit = "kWh"
limit = 0.3
[[instruments]]
id = "meter"
name = "Meter"
kind = "photometer"
station = "201"
quantities = { }
calibration_due = 2020-01-31
""" + "".join(
    f'[[tags]]\nname = "{name}"\nstation = "201"\nunit = "{unit}"\n'
    for name, unit in (("power", "W"), ("state", ""), ("reason", ""))
)


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a command on an hour of readings: 50 minutes of running, 10 of a stop."""
    (tmp_path / "plant.toml").write_text(PLANT)
    with Spool(tmp_path / "spool.db") as spool:
        readings = [reading("power", second, 360.0, unit="W") for second in range(0, 3601, 60)]
        readings += [reading("state", 0, 1), reading("state", 3000, 3), reading("reason", 3100, "no glass")]
        spool.append_fields("line", readings)

    def invoke(*arguments):
        options = ["--data", str(tmp_path), "--plant", str(tmp_path / "plant.toml"), "twin", "equipment"]
        return CliRunner().invoke(main, [*options, *arguments])

    return invoke


FIRST, LAST = "2025-10-09T09:00:00Z", "2025-10-09T10:00:00Z"
assert START_NS == 1_760_000_400 * 10**9


def test_usage_as_json_and_csv(run):
    found = json.loads(run("usage", "--from", FIRST, "--to", LAST, "--json").stdout)["machines"][0]
    assert (found["running_s"], found["stopped_s"], found["utilisation"]) == (3000, 600, pytest.approx(5 / 6))
    assert found["downtime"] == [{"status": "stopped", "reason": "no glass", "seconds": 600, "stops": 1}]
    assert found["log_sizes"] == {"line": 64}
    table = list(csv.DictReader(io.StringIO(run("usage", "--from", FIRST, "--to", LAST, "--csv", "--downtime").stdout)))
    assert [(row["machine"], row["reason"], row["seconds"]) for row in table] == [("sputter-1", "no glass", "600.0")]
    assert "utilisation 83.3%" in run("usage", "--from", FIRST, "--to", LAST).stdout


def test_a_task_is_due_until_it_is_done(run):
    result = run("maintenance", "--json")
    (task,) = json.loads(result.stdout)["tasks"]
    assert (result.exit_code, task["state"], task["counter"]) == (1, "due", pytest.approx(0.36))
    done = json.loads(run("done", "target", "--by", "A. Example", "--note", "lot 7", "--at", LAST, "--json").stdout)
    assert done["counter"] == pytest.approx(0.36)
    result = run("maintenance", "--json")
    (task,) = json.loads(result.stdout)["tasks"]
    assert (result.exit_code, task["state"], task["last_done_by"]) == (0, "good", "A. Example")
    (entry,) = json.loads(run("history", "--json").stdout)["done"]
    assert (entry["note"], entry["done_at"]) == ("lot 7", LAST)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("usage", "press"), "no machine 'press'"),
        (("usage", "--from", LAST, "--to", FIRST), "the end is not after the start"),
        (("usage", "--from", "yesterday"), "from"),
        (("done", "bearings", "--by", "A"), "known: target"),
        (("done", "target", "--by", "A", "--at", "2999-01-01T00:00:00Z"), "future"),
        (("done", "target", "--by", " "), "by"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_wrong_arguments_are_errors(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr


def test_an_expired_calibration_gives_exit_status_1(run):
    result = run("calibration", "--json")
    (instrument,) = json.loads(result.stdout)["instruments"]
    assert (result.exit_code, instrument["valid"], instrument["due"]) == (1, False, "2020-01-31")
