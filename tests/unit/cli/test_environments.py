"""Every command in a broken environment: one error, as one JSON document with --json, never a traceback."""

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
from chromatrace.cli.output import print_line, print_note
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import FiniteRange, WholeRange

SKIPPED = {"demo", "chain start", "plant", "portal serve", "inspection run", "simulate", "ingest opcua"}
SKIPPED |= {"ingest modbus"}
"""Long-running commands, and commands that use no data folder."""
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
        command_line = (*path, name)
        if " ".join(command_line) in SKIPPED:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, command_line)
        else:
            yield command_line, command


def filled(command, file, folder):
    """Return a value for each required parameter, and --json if the command takes it."""
    arguments, options = [], []
    for parameter in command.params:
        if parameter.name == "as_json":
            options.append("--json")
        elif parameter.required:
            if isinstance(parameter.type, click.Choice):
                value = str(parameter.type.choices[0])
            elif parameter.name in ("out", "output", "path") and not getattr(parameter.type, "exists", False):
                value = str(folder / "made.svg")
            elif isinstance(parameter.type, click.Path):
                value = str(file)
            else:
                value = VALUES.get(parameter.name, "1")
            if isinstance(parameter, click.Argument):
                arguments.append(value)
            else:
                options.append(parameter.opts[-1] if parameter.is_flag else f"{parameter.opts[-1]}={value}")
    return [*options, "--", *arguments]


ALL = list(commands(main))


def run(monkeypatch, *command_line):
    """Run a command and return its result; fails on any exception other than `SystemExit`."""
    monkeypatch.setattr("sys.argv", ["chromatrace", *command_line])
    for name in ("KEY", "PORTAL_ACCOUNT", "STATION"):
        monkeypatch.delenv(f"CHROMATRACE_{name}_PASSWORD", raising=False)
    result = CliRunner().invoke(main, list(command_line))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2)
    if "--json" in command_line and result.exit_code < 2:
        json.loads(result.stdout)
    else:
        assert result.stdout or result.stderr
    return result


@pytest.mark.parametrize(("command_line", "command"), ALL, ids=[" ".join(command_line) for command_line, _ in ALL])
def test_a_broken_environment_is_one_error(monkeypatch, tmp_path, command_line, command):
    """No chain responds, every database and input file is corrupt, and there is no terminal."""
    data = tmp_path / "data"
    data.mkdir()
    for name in FILES:
        (data / name).write_bytes(b"\xffjunk" * 2_000)
    junk = tmp_path / "junk.json"
    junk.write_bytes(b"\xff\x00{")
    options = ["--data", str(data), "--rpc-url", "http://127.0.0.1:9", "--dev-account", "1"]
    run(monkeypatch, *options, *command_line, *filled(command, junk, tmp_path))


@pytest.mark.parametrize(("command_line", "command"), ALL, ids=[" ".join(command_line) for command_line, _ in ALL])
def test_an_argument_that_is_not_utf_8_is_a_usage_error(monkeypatch, tmp_path, command_line, command):
    result = run(monkeypatch, "--data", str(tmp_path), *command_line, *filled(command, tmp_path, tmp_path), "\udcff")
    assert (result.exit_code, "UTF-8" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("command_line", "field"),
    [
        (["inspection", "enrol", "0x" + "11" * 20, "--instrument", "xyz"], "instrument"),
        (["inspection", "open", "0x" + "zz" * 32], "subject"),
        (["inspection", "open", "0x12"], "subject"),
    ],
)
def test_invalid_identifiers(monkeypatch, tmp_path, command_line, field):
    result = run(monkeypatch, "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9", *command_line, "--json")
    assert (result.exit_code, json.loads(result.stdout)["field"]) == (1, field)


HUGE = "99999999999999999999999"


@pytest.mark.parametrize(
    "command_line",
    [
        ["index", "sync", f"--confirmations={HUGE}"],
        ["index", "rebuild", f"--confirmations={HUGE}"],
        ["simulate", "scenarios", f"--repetitions={HUGE}"],
        ["simulate", "scenarios", f"--processes={HUGE}"],
        ["simulate", "majority", f"--workpieces={HUGE}"],
        ["simulate", "sequential", f"--workpieces={HUGE}"],
        ["custody", "offer", VALUES["gtin"], "L1", "--to=9521234500001", f"--days={HUGE}"],
        ["plant", "serve", "--seed=-1"],
    ],
)
def test_numbers_out_of_range_are_usage_errors(monkeypatch, tmp_path, command_line):
    """They are rejected before anything is computed or stored."""
    result = run(monkeypatch, "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9", *command_line)
    assert (result.exit_code, "is not in the range" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("command_line", "field"),
    [
        (["plant", "serve", "--endpoint", "opc.tcp://127.0.0.1:99999"], "endpoint"),
        (["plant", "serve", "--plant", "none"], "plant"),
        (["plant", "serve", "--recording", "TABLE", "--columns", "a,b", "--step", "nan"], "step_s"),
        (["plant", "serve", "--recording", "TABLE", "--columns", "a,b", "--step", "inf"], "step_s"),
        (["portal", "serve", "--host", "192.0.2.1"], "host"),
    ],
)
def test_an_option_that_prevents_serving_is_named(monkeypatch, tmp_path, command_line, field):
    (tmp_path / "table").write_text("1 2\n3 4\n")
    command_line = [str(tmp_path / "table") if word == "TABLE" else word for word in command_line]
    result = run(monkeypatch, "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9", *command_line)
    assert (result.exit_code, f"error: {field}: " in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{", b"[" * 100_000])
def test_an_invalid_truth_file_is_named(tmp_path, content):
    from chromatrace.inspector.adapters import Question, agent_adapter

    (tmp_path / "truth.json").write_bytes(content)
    ask = agent_adapter(1.0, tmp_path / "truth.json", seed=1)
    with pytest.raises(InvalidInput) as caught:
        ask(Question(bytes(32), bytes(32), 0, "first", 1, ("pass", "fail"), 0))
    assert (caught.value.field, "truth.json" in caught.value.message) == ("truth", True)


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "1e400", "x", ""])
def test_a_number_must_be_finite(given):
    with pytest.raises(click.BadParameter):
        FiniteRange(0).convert(given, None, None)


def test_every_number_option_reads_numbers_by_the_same_rule():
    """Click's own types accept NaN, digit groups such as 1_000, and digits of other scripts."""
    for command_line, command in commands(main):
        for parameter in command.params:
            is_flag = getattr(parameter, "count", False)
            if not is_flag and isinstance(parameter.type, click.types.IntParamType | click.types.FloatParamType):
                assert isinstance(parameter.type, FiniteRange | WholeRange), (command_line, parameter.name)
    for text in ("1_000", "\uff11\uff12", "1,000", "1 000", "0x10"):
        for type_ in (FiniteRange(), WholeRange()):
            with pytest.raises(click.BadParameter):
                type_.convert(text, None, None)
    assert math.isfinite(FiniteRange().convert("1.5", None, None))
    assert WholeRange(0).convert("12", None, None) == 12


def test_a_keystore_without_a_password_or_a_terminal(monkeypatch, tmp_path):
    result = run(monkeypatch, "key", "create", "--json", str(tmp_path / "key.json"))
    error = json.loads(result.stdout)
    assert (result.exit_code, error["error"], error["field"]) == (1, "InvalidInput", "CHROMATRACE_KEY_PASSWORD")
    assert not (tmp_path / "key.json").exists()


def test_a_password_can_come_from_a_file(monkeypatch, tmp_path):
    from chromatrace.services.workspace import Workspace
    from chromatrace.settings import Settings

    (tmp_path / "password").write_text("seven grey panes\nof glass\n")
    monkeypatch.setenv("CHROMATRACE_KEY_PASSWORD", f"@{tmp_path / 'password'}")
    assert Workspace(Settings.load()).key_password(tmp_path / "key.json") == "seven grey panes"


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("command_line", [["chain", "status", "--json"], ["--help"], ["--version"]])
def test_output_that_cannot_be_written(tmp_path, command_line, buffered):
    """With --json, errors go to standard output too."""
    command = [sys.executable, "-m", "chromatrace.cli", "--data", str(tmp_path), "--rpc-url", "http://127.0.0.1:9"]
    with Path("/dev/full").open("wb") as full:
        environment = os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"}
        ended = subprocess.run(
            [*command, *command_line], stdout=full, stderr=subprocess.PIPE, text=True, env=environment
        )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert ended.stderr.startswith("error")


def test_names_cannot_control_the_terminal(capsys):
    print_line("Example \x1b[2J\x07\nPlant\x9b31m")
    print_note("\x1b]0;title\x07 a\nb", mark="error:")
    printed = capsys.readouterr()
    assert printed.out == "Example \\x1b[2J\\x07\\x0aPlant\\x9b31m\n"
    assert printed.err == "error: \\x1b]0;title\\x07 a\nb\n"
