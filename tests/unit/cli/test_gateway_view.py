"""The table of a running gateway, and the commands for tokens and dead letters."""

import json
import threading

import pytest
from click.testing import CliRunner
from rich.console import Console

from chromatrace.cli import gateway_view, main
from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.gateway import PlantGateway
from chromatrace.gateway.runners import HttpRunner
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.gateway.dead_letters import message_letter
from chromatrace.ingest.shared_spool import SharedSpool
from chromatrace.plant.gateway_options import GatewayOptions
from chromatrace.plant.plant_sources import HttpSource
from chromatrace.storage.lock import ProcessLock

PLANT = """
schema = "chromatrace.plant/1"
name = "hall"
title = "Hall"
[[stations]]
id = "s1"
name = "Press"
[[products]]
gtin = "09521234543213"
name = "Part"
route = ["s1"]
[[channels]]
name = "line"
"""
SCALE = '[[sources]]\nid = "scale"\nprotocol = "http"\nchannel = "line"\ntoken_file = "scale.tokens"\n'


def run(folder, *arguments, status=0, parse=True):
    words = [str(word) for word in ("--data", folder / "data", "gateway", *arguments)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == status, result.output + result.stderr
    return json.loads(result.stdout) if parse else result.stdout + result.stderr


@pytest.fixture
def plant(tmp_path):
    path = tmp_path / "plant.toml"
    path.write_text(PLANT + SCALE)
    return path


@pytest.fixture
def gateway(tmp_path):
    with SharedSpool(tmp_path / "spool.db") as spool, GatewayStore(tmp_path / "gateway.db") as store:
        letters = DeadLetters(store)
        source = HttpSource("scale", "line", tmp_path / "scale.tokens")
        runner = HttpRunner(source, "", spool, letters.recorder("scale", "line"), GatewayOptions())
        with PlantGateway("hall", [runner], spool, store, ("127.0.0.1", 0)) as started:
            runner.readings.store(b'[{"tag": "mass", "time": "2026-03-01T08:00:00Z", "value": 1}, {"tag": "mass"}]')
            yield started


def test_the_table_shows_each_source(gateway):
    console = Console(width=160, record=True)
    console.print(gateway_view._table(gateway.report(), {}))
    text = console.export_text()
    assert "hall  http://127.0.0.1:" in text
    assert "scale" in text
    assert "channel line: 1 readings, 0 waiting" in text
    assert "dead letters: 1" in text


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "plain"])
def test_without_a_terminal_lines_are_printed(gateway, capsys, as_json):
    stop = threading.Event()
    stop.set()
    gateway_view.show_gateway(gateway, stop, as_json=as_json)
    last = capsys.readouterr().out.splitlines()[-1]
    assert (json.loads(last)["stored"] == 1) if as_json else (last == "1 readings stored")


def test_tokens_are_created_listed_and_revoked(plant, tmp_path):
    created = run(tmp_path, "token", "create", plant, "scale", "--name", "scale 1", "--json")
    (listed,) = run(tmp_path, "token", "list", plant, "--json")["tokens"]
    assert (listed["id"], listed["source"], listed["name"]) == (created["id"], "scale", "scale 1")
    assert created["token"] not in (tmp_path / "scale.tokens").read_text()
    run(tmp_path, "token", "revoke", plant, created["id"], "--json")
    assert run(tmp_path, "token", "list", plant, "--json")["tokens"] == []
    assert "no token" in run(tmp_path, "token", "revoke", plant, created["id"], status=1, parse=False)
    assert "no HTTP source" in run(tmp_path, "token", "create", plant, "press", status=1, parse=False)


def test_dead_letters_are_listed_shown_replayed_and_purged(plant, tmp_path):
    run(tmp_path, "dead-letters", "list", "--json")
    with GatewayStore(tmp_path / "data" / "gateway.db") as store:
        DeadLetters(store).record(
            "scale", "line", [message_letter("press", "force", ["no\x1btime"], 10**18, "t", b"\xff")]
        )
    (letter,) = run(tmp_path, "dead-letters", "list", "--json")["letters"]
    assert "\x1b" not in run(tmp_path, "dead-letters", "list", parse=False)
    shown = run(tmp_path, "dead-letters", "show", letter["id"], "--json")
    assert (shown["payload_hex"], shown["reason"]) == ("ff", "no\x1btime")
    (failed,) = run(tmp_path, "dead-letters", "replay", plant, "--json", status=1)["failed"]
    assert failed["id"] == letter["id"]
    assert run(tmp_path, "dead-letters", "purge", "--json")["purged"] == 0
    assert "repeat the command with --yes" in run(tmp_path, "dead-letters", "purge", "--open", status=1, parse=False)
    assert run(tmp_path, "dead-letters", "purge", "--open", "--yes", "--json")["purged"] == 1
    (counted,) = run(tmp_path, "dead-letters", "list", "--json")["letters"]
    assert (counted["state"], counted["count"]) == ("counted", 1)


def test_a_plant_without_sources_and_a_second_gateway_are_errors(plant, tmp_path):
    plant.write_text(PLANT)
    assert "hall has no sources" in run(tmp_path, "run", plant, status=1, parse=False)
    plant.write_text(PLANT + SCALE)
    with ProcessLock(tmp_path / "data" / "gateway.lock"):
        error = run(tmp_path, "run", plant, status=1, parse=False)
    assert "another gateway uses this data folder" in error.replace("\n", " ")
