"""Every command in bad surroundings: one refusal and one JSON document each, never a traceback."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.cli.options import FiniteRange
from chromatrace.cli.output import say, tell
from chromatrace.domain.errors import InvalidInput

SERVERS = {"demo", "up", "plant", "portal serve", "inspector run", "simulate", "ingest opcua"}
"""What serves, or has surroundings of its own."""
FILES = ("index.db", "outbox.db", "spool.db", "anchors.db", "portal.db")
VALUES = {"gtin": "09521234543213", "lot": "L1", "gln": "9521234500001", "reader_gln": "9521234500001"}
VALUES |= {"address": "0x" + "11" * 20, "operator": "0x" + "11" * 20, "route_id": "0x" + "11" * 32}
VALUES |= {
    "kind": "sales.contract-order",
    "roles": "gateway",
    "scopes": "product",
    "step": "a:1",
    "to": "9521234500001",
}


def commands(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        words = (*path, name)
        if " ".join(words) in SERVERS:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, words)
        else:
            yield words, command


def filled(command, file, folder):
    """Something for each parameter that must be given, and --json where there is one."""
    arguments, options = [], []
    for one in command.params:
        if one.name == "as_json":
            options.append("--json")
        elif one.required:
            if isinstance(one.type, click.Choice):
                value = str(one.type.choices[0])
            elif one.name in ("out", "output", "path") and not getattr(one.type, "exists", False):
                value = str(folder / "made.svg")
            elif isinstance(one.type, click.Path):
                value = str(file)
            else:
                value = VALUES.get(one.name, "1")
            if isinstance(one, click.Argument):
                arguments.append(value)
            else:
                options.append(one.opts[-1] if one.is_flag else f"{one.opts[-1]}={value}")
    return [*options, "--", *arguments]


ALL = list(commands(main))


def run(monkeypatch, *words):
    """The exit status and what came out; nothing may have been raised but the end."""
    monkeypatch.setattr("sys.argv", ["chromatrace", *words])
    for name in ("KEY", "ACCOUNT", "STATION"):
        monkeypatch.delenv(f"CHROMATRACE_{name}_PASSWORD", raising=False)
    answer = CliRunner().invoke(main, list(words))
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    assert answer.exit_code in (0, 1, 2)
    if "--json" in words and answer.exit_code < 2:
        json.loads(answer.stdout)
    else:
        assert answer.stdout or answer.stderr
    return answer


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_nothing_here_is_as_it_should_be(monkeypatch, tmp_path, words, command):
    """No chain answers, each database is junk, each file that is asked for as well, and nobody is at a terminal."""
    data = tmp_path / "data"
    data.mkdir()
    for name in FILES:
        (data / name).write_bytes(b"\xffjunk" * 2_000)
    junk = tmp_path / "junk.json"
    junk.write_bytes(b"\xff\x00{")
    options = ["--data", str(data), "--rpc-url", "http://127.0.0.1:9", "--dev-account", "1"]
    run(monkeypatch, *options, *words, *filled(command, junk, tmp_path))


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_what_is_not_utf_8_is_wrong_usage(monkeypatch, tmp_path, words, command):
    answer = run(monkeypatch, "--data", str(tmp_path), *words, *filled(command, tmp_path, tmp_path), "\udcff")
    assert (answer.exit_code, "UTF-8" in answer.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["inspector", "enrol", "0x" + "11" * 20, "--instrument", "xyz"], "instrument"),
        (["inspector", "open", "0x" + "zz" * 32], "subject"),
        (["inspector", "open", "0x12"], "subject"),
    ],
)
def test_identifiers_that_are_none(monkeypatch, tmp_path, words, field):
    answer = run(monkeypatch, "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9", *words, "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["field"]) == (1, field)


HUGE = "99999999999999999999999"


@pytest.mark.parametrize(
    "words",
    [
        ["index", "sync", f"--confirmations={HUGE}"],
        ["index", "rebuild", f"--confirmations={HUGE}"],
        ["simulate", "scenarios", f"--repetitions={HUGE}"],
        ["simulate", "scenarios", f"--processes={HUGE}"],
        ["simulate", "majority", f"--workpieces={HUGE}"],
        ["simulate", "sequential", f"--workpieces={HUGE}"],
        ["custody", "offer", VALUES["gtin"], "L1", "--to=9521234500001", f"--days={HUGE}"],
        ["plant", "--seed=-1"],
    ],
)
def test_numbers_that_nobody_means_are_wrong_usage(monkeypatch, tmp_path, words):
    """Refused before anything is computed, asked or stored."""
    answer = run(monkeypatch, "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9", *words)
    assert (answer.exit_code, "is not in the range" in answer.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["plant", "--endpoint", "opc.tcp://127.0.0.1:99999"], "endpoint"),
        (["plant", "--plant", "none"], "plant"),
        (["plant", "--recording", "TABLE", "--columns", "a,b", "--step", "nan"], "step_s"),
        (["plant", "--recording", "TABLE", "--columns", "a,b", "--step", "inf"], "step_s"),
        (["portal", "serve", "--host", "192.0.2.1"], "host"),
    ],
)
def test_what_cannot_be_served_names_its_option(monkeypatch, tmp_path, words, field):
    (tmp_path / "table").write_text("1 2\n3 4\n")
    words = [str(tmp_path / "table") if word == "TABLE" else word for word in words]
    answer = run(monkeypatch, "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9", *words)
    assert (answer.exit_code, f"refused {field}: " in answer.stderr) == (1, True), answer.stderr


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{", b"[" * 100_000])
def test_a_truth_that_is_none_is_named(tmp_path, content):
    from chromatrace.inspector.adapters import Question, agent

    (tmp_path / "truth.json").write_bytes(content)
    ask = agent(1.0, tmp_path / "truth.json", 1)
    with pytest.raises(InvalidInput) as refusal:
        ask(Question(bytes(32), bytes(32), 0, "first", 1, ("pass", "fail"), 0))
    assert (refusal.value.field, "truth.json" in refusal.value.message) == ("truth", True)


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "1e400", "x", ""])
def test_numbers_are_finite(given):
    with pytest.raises(click.BadParameter):
        FiniteRange(0).convert(given, None, None)


def test_every_option_for_a_number_takes_finite_ones_only():
    """`click.FLOAT` takes NaN, and so does `click.FloatRange`, whatever its bounds."""
    for words, command in commands(main):
        for one in command.params:
            if one.type is click.FLOAT or isinstance(one.type, click.FloatRange):
                assert isinstance(one.type, FiniteRange), (words, one.name)
    assert math.isfinite(FiniteRange().convert("1.5", None, None))


def test_a_keystore_without_a_password_or_a_terminal(monkeypatch, tmp_path):
    answer = run(monkeypatch, "key", "create", "--json", str(tmp_path / "key.json"))
    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["error"], said["field"]) == (1, "InvalidInput", "CHROMATRACE_KEY_PASSWORD")
    assert not (tmp_path / "key.json").exists()


def test_the_password_of_a_file_makes_a_key_and_opens_it(monkeypatch, tmp_path):
    from chromatrace.services.workspace import Workspace
    from chromatrace.settings import Settings

    (tmp_path / "password").write_text("seven grey panes\nof glass\n")
    monkeypatch.setenv("CHROMATRACE_KEY_PASSWORD", f"@{tmp_path / 'password'}")
    assert Workspace(Settings.load()).key_password(tmp_path / "key.json") == "seven grey panes"


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("words", [["status", "--json"], ["--help"], ["--version"]])
def test_output_that_cannot_be_written(tmp_path, words, buffered):
    """A refusal, too, goes to standard output where JSON is asked for."""
    command = [sys.executable, "-m", "chromatrace.cli", "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9"]
    with Path("/dev/full").open("wb") as full:
        environment = os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"}
        ended = subprocess.run([*command, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert ended.stderr.startswith("refused")


def test_names_do_not_steer_the_terminal(capsys):
    say("Example \x1b[2J\x07\nPlant\x9b31m")
    tell("\x1b]0;title\x07 a\nb", mark="refused")
    told = capsys.readouterr()
    assert told.out == "Example \\x1b[2J\\x07\\x0aPlant\\x9b31m\n"
    assert told.err == "refused \\x1b]0;title\\x07 a\nb\n"
