"""Ctrl-C: other commands exit with status 130, long-running commands with 0, and none prints a traceback."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import fork_server
import pytest

import chromatrace


@pytest.fixture
def silent_node():
    """Return the URL of a node that never responds, and a function that waits for the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(180)
        yield f"http://127.0.0.1:{server.getsockname()[1]}", lambda: server.accept()[0]


def test_a_waiting_command_is_interrupted(silent_node, tmp_path):
    url, connected = silent_node
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        arguments = ("--rpc-url", url, "--data", tmp_path, "chain", "status", "--json")
        process = fork_server.command_line().start(*arguments, stdout=out, stderr=err)
        with connected():
            process.send_signal(signal.SIGINT)
            assert process.wait(180) == 130
    assert (tmp_path / "out").read_text() == ""
    assert (tmp_path / "err").read_text() == "interrupted\n"


def test_an_index_is_interrupted_before_it_follows(silent_node, tmp_path):
    """Once it reports that it follows the chain, Ctrl-C ends it with status 0."""
    url, connected = silent_node
    process = fork_server.command_line().start("--rpc-url", url, "--data", tmp_path, "index", "sync", "--watch")
    with connected():
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 130


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["ctrl-c", "end of input"])
def test_a_prompt_is_interrupted(tmp_path, key):
    """Ctrl-C exits with 130, the end of the input with 1."""
    terminal, child = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "CHROMATRACE_KEY_PASSWORD"}
    process = fork_server.command_line().start(
        *("--data", tmp_path, "key", "create", tmp_path / "key.json"), stdin=child, stderr=child, env=environment
    )
    os.close(child)
    output = os.read(terminal, 1000)
    while b"assword" not in output:
        output += os.read(terminal, 1000)
    if key == b"\x03":
        wait_until_it_reads(process)
        process.send_signal(signal.SIGINT)
    else:
        os.write(terminal, key)
    assert process.wait(180) == (130 if key == b"\x03" else 1)
    os.close(terminal)
    assert not (tmp_path / "key.json").exists()


def wait_until_it_reads(process):
    """Wait until the process sleeps: Python does not see a signal that comes just before it starts to read."""
    while (Path("/proc") / str(process.pid) / "stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert process.poll() is None
        time.sleep(0.02)


RESTORES_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Processes in the background, as these tests may be, ignore Ctrl-C."""


def test_a_study_on_several_processes_is_interrupted_once(tmp_path):
    """A terminal sends Ctrl-C to the whole group; only one process reports it."""
    study = ("simulate", "scenarios", "--processes", "2", "--repetitions", "5000")
    command = [sys.executable, "-c", RESTORES_CTRL_C, sys.executable, "-m", "chromatrace", *study]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, text=True) as process:
        while len(blocked := workers_of(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        assert all(blocked), "the workers never report it"
        os.killpg(process.pid, signal.SIGINT)
        assert (process.communicate(timeout=180)[1], process.returncode) == ("interrupted\n", 130)


def workers_of(pid):
    """Return, for each worker process that has started, whether it blocks SIGINT."""
    blocked = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a process of another test that has just ended
            status, command = (process / "status").read_text(), (process / "cmdline").read_bytes()
            if f"\nPPid:\t{pid}\n" in status and b"spawn_main" in command:
                blocked.append(re.search(r"SigBlk:\s*(\w+)", status)[1])
    return [bool(int(mask, 16) >> (signal.SIGINT - 1) & 1) for mask in blocked]


PLANT = ("plant", "serve", "--endpoint", "opc.tcp://127.0.0.1:0")
GATEWAY = ("ingest", "opcua", "opc.tcp://127.0.0.1:9", "--channel", "a")
MAP = Path(__file__).parents[1] / "modbus" / "press.toml"
MODBUS = ("ingest", "modbus", "127.0.0.1:9", "--channel", "a", "--map", MAP)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [(PLANT, signal.SIGINT), (GATEWAY, signal.SIGINT), (GATEWAY, signal.SIGTERM), (MODBUS, signal.SIGINT)],
)
def test_a_long_running_command_shuts_down(tmp_path, arguments, number):
    with (tmp_path / "output").open("wb") as output:
        process = fork_server.command_line().start("--data", tmp_path, *arguments, stdout=output, stderr=output)
    while not (tmp_path / "output").read_bytes().count(b"\n"):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(180) == 0
    assert "Traceback" not in (tmp_path / "output").read_text()


def test_the_package_is_the_command():
    result = subprocess.run([sys.executable, "-m", "chromatrace", "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"python -m chromatrace, version {chromatrace.__version__}\n")
