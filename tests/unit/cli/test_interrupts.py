"""Ctrl-C: what has an end of its own is cut short with 130, what serves until then ends with 0; never a traceback."""

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
    """The URL of a node that takes every connection and never answers; and how to wait for the first one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(180)
        yield f"http://127.0.0.1:{server.getsockname()[1]}", lambda: server.accept()[0]


def test_a_command_that_waits_is_cut_short(silent_node, tmp_path):
    url, connected = silent_node
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        words = ("--rpc-url", url, "--data", tmp_path, "status", "--json")
        process = fork_server.command_line().start(*words, stdout=out, stderr=err)
        with connected():
            process.send_signal(signal.SIGINT)
            assert process.wait(180) == 130
    assert (tmp_path / "out").read_text() == ""
    assert (tmp_path / "err").read_text() == "interrupted\n"


def test_an_index_that_follows_is_cut_short_before_it_follows(silent_node, tmp_path):
    """Its ordinary end is Ctrl-C from when it says that it follows."""
    url, connected = silent_node
    process = fork_server.command_line().start("--rpc-url", url, "--data", tmp_path, "index", "sync", "--watch")
    with connected():
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 130


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["ctrl-c", "end of input"])
def test_at_a_question(tmp_path, key):
    """Ctrl-C is 130 here too; who ends the input refuses to answer."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "CHROMATRACE_KEY_PASSWORD"}
    process = fork_server.command_line().start(
        *("--data", tmp_path, "key", "create", tmp_path / "key.json"), stdin=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    said = os.read(ours, 1000)
    while b"assword" not in said:
        said += os.read(ours, 1000)
    if key == b"\x03":
        process.send_signal(signal.SIGINT)
    else:
        os.write(ours, key)
    assert process.wait(180) == (130 if key == b"\x03" else 1)
    os.close(ours)
    assert not (tmp_path / "key.json").exists()


HEARS_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What runs in the background, as these tests may, would ignore it."""


def test_a_study_on_many_processes_is_cut_short(tmp_path):
    """A terminal sends Ctrl-C to the whole group; only one of it answers."""
    study = ("simulate", "scenarios", "--processes", "2", "--repetitions", "5000")
    command = [sys.executable, "-c", HEARS_CTRL_C, sys.executable, "-m", "chromatrace", *study]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, text=True) as process:
        while len(deaf := workers_of(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        assert all(deaf), "whenever it comes, they say nothing"
        os.killpg(process.pid, signal.SIGINT)
        assert (process.communicate(timeout=180)[1], process.returncode) == ("interrupted\n", 130)


def workers_of(pid):
    """Of each worker process that has begun whether it blocks SIGINT."""
    blocked = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # another test's, which ended just now
            status, command = (process / "status").read_text(), (process / "cmdline").read_bytes()
            if f"\nPPid:\t{pid}\n" in status and b"spawn_main" in command:
                blocked.append(re.search(r"SigBlk:\s*(\w+)", status)[1])
    return [bool(int(mask, 16) >> (signal.SIGINT - 1) & 1) for mask in blocked]


PLANT = ("plant", "--endpoint", "opc.tcp://127.0.0.1:0")
GATEWAY = ("ingest", "opcua", "opc.tcp://127.0.0.1:9", "--channel", "a")


@pytest.mark.parametrize(
    ("words", "number"),
    [(PLANT, signal.SIGINT), (GATEWAY, signal.SIGINT), (GATEWAY, signal.SIGTERM)],
)
def test_what_serves_ends_in_order(tmp_path, words, number):
    with (tmp_path / "said").open("wb") as said:
        process = fork_server.command_line().start("--data", tmp_path, *words, stdout=said, stderr=said)
    while not (tmp_path / "said").read_bytes().count(b"\n"):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(180) == 0
    assert "Traceback" not in (tmp_path / "said").read_text()


def test_the_package_is_the_command():
    done = subprocess.run([sys.executable, "-m", "chromatrace", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"python -m chromatrace, version {chromatrace.__version__}\n")
