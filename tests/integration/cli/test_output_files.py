"""Output files: a command that fails or is killed keeps the old file; the output can be a pipe."""

import errno
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from chromatrace.cli import main

GTIN = "09521234543213"
CONTENT = {
    "schema": "chromatrace.batch/1", "gtin": GTIN, "lot": "W-1", "quantity": 100, "made_at": "2026-01-01T08:00:00Z",
    "product": {"name": "Electrochromic pane", "description": ""}, "serials": {"first": 1, "count": 100, "width": 6},
    "materials": [],
}  # fmt: skip
EVIDENCE = {
    "schema": "chromatrace.inspection/1", "gtin": GTIN, "lot": "W-1", "stage": "first", "sample": ["000007"],
    "inspected_at": "2026-01-01T10:00:00Z", "readings": None,
    "instrument": {"name": "Spectrophotometer", "serial": "SP-07", "calibrated_on": "2025-11-03"},
    "measurements": [{"quantity": "modulation", "value": 52.0, "unit": "%", "comparison": ">=", "limit": 40.0,
                      "passed": True, "criterion": "at 633 nm"}],
}  # fmt: skip
READING = ("--channel", "line", "--source", "table", "--tag", "a", "--time-ns", "1767225600000000000")
LOT = (GTIN, "W-1")
COMMANDS = {
    "a.bundle.json": ("batch", "prove", *LOT, "-o"),
    "a.svg": ("qr", "code", *LOT, "-o"),
    "a.png": ("qr", "code", *LOT, "-o"),
    "a.pdf": ("qr", "labels", *LOT, "--count", "3", "-o"),
    "trace.svg": ("batch", "trace", *LOT, "--svg"),
    "trace.csv": ("batch", "trace", *LOT, "--csv"),
    "impact.svg": ("batch", "impact", *LOT, "--svg"),
    "impact.csv": ("batch", "impact", *LOT, "--csv"),
    "epcis.json": ("epcis", "export", "/".join(LOT), "-o"),
    "reading.json": ("log", "verify", *READING, "--write"),
    "signed.json": ("inspection", "sign", "EVIDENCE", "--sample-size", "1", "--defects", "0", "-o"),
}
STREAMS = [name for name, command_words in COMMANDS.items() if command_words[0] != "qr"]


@pytest.fixture(scope="module")
def ready(site):
    """Register a lot; return a function that gives the arguments of a command of `COMMANDS` for an output path."""
    (site.folder / "content.json").write_text(json.dumps(CONTENT))
    (site.folder / "evidence.json").write_text(json.dumps(EVIDENCE))
    site("batch", "register", site.folder / "content.json", account=2)
    base = ("--rpc-url", site.node.url, "--manifest", site.manifest, "--data", site.folder / "data", "--dev-account", 2)

    def arguments(name, path):
        command = [site.folder / "evidence.json" if word == "EVIDENCE" else word for word in COMMANDS[name]]
        return [str(word) for word in (*base, *command, path)]

    return arguments


def path_of(descriptor):
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_keeps_the_old_file(ready, tmp_path, monkeypatch, name):
    path, fsync = tmp_path / name, os.fsync
    path.write_bytes(b"before")

    def full(descriptor):
        if str(tmp_path) in path_of(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        failed = CliRunner().invoke(main, ready(name, path))
    assert (failed.exit_code, list(tmp_path.iterdir()), path.read_bytes()) == (1, [path], b"before"), failed.output
    assert failed.stdout == ""
    assert f"error: {path}: No space left on device" in failed.stderr
    result = CliRunner().invoke(main, ready(name, path))
    assert (result.exit_code, path.read_bytes() != b"before") == (0, True), result.output


@pytest.mark.parametrize("name", ["a.bundle.json", "a.pdf", "trace.csv"])
def test_a_kill_keeps_the_old_file(ready, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"before")
    arguments = ready(name, path)
    child = os.fork()
    if not child:
        fsync = os.fsync
        os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL) if str(tmp_path) in path_of(fd) else fsync(fd)
        CliRunner().invoke(main, arguments)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("name", STREAMS)
def test_the_output_can_be_a_pipe(ready, name):
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, ThreadPoolExecutor(1) as executor:
        content = executor.submit(stream.read)  # concurrently, because the buffer of a pipe is small
        result = CliRunner().invoke(main, ready(name, f"/dev/fd/{writer}"))
        os.close(writer)
        assert (result.exit_code, len(content.result()) > 30) == (0, True), result.output


def test_an_export_reports_its_file_as_json(ready, tmp_path):
    path = tmp_path / "a"
    report = json.loads(CliRunner().invoke(main, [*ready("epcis.json", path), "--json"]).stdout)
    assert report == {"file": str(path), "events": report["events"], "bytes": path.stat().st_size}
    assert report["events"] >= 1
    assert "EPCISDocument" in CliRunner().invoke(main, ready("epcis.json", "-")).stdout
