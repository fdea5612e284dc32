"""Run every command of docs/tutorial.md and compare its output with the page."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

TUTORIAL = (Path(__file__).resolve().parents[3] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"as `([\w.]+)`")
CHAIN_URL, PORTAL_URL = "http://127.0.0.1:8545", "http://127.0.0.1:8000"


def commands():
    """Yield (command, expected output) of the console blocks, in order."""
    for match in BLOCK.finditer(TUTORIAL):
        if match[1] == "console":
            for part in re.split(r"^\$ ", match[2], flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                yield command, output


def files():
    """Yield (name, content) of the files that the reader saves."""
    for match in BLOCK.finditer(TUTORIAL):
        if match[1] in ("csv", "json"):
            yield FILE_NAME.findall(TUTORIAL[: match.start()])[-1], match[2]


def pattern(expected):
    """Return a regular expression: a line `…` matches any lines, `…` within a line any text."""
    parts = []
    for line in expected.splitlines():
        parts.append(r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\s*\n")
    return re.compile("".join(parts))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Start `chromatrace chain start` on free ports, in a folder with the files of the tutorial."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name, content in files():
        (folder / name).write_text(content, encoding="utf-8")
    start = [sys.executable, "-m", "chromatrace", "chain", "start", "--port", "0", "--chain-port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    with subprocess.Popen(
        start, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)]
            chain, portal = (re.search(r"http://127\.0\.0\.1:\d+", line)[0] for line in lines)
            environment |= {"CHROMATRACE_RPC_URL": chain, "CHROMATRACE_BASE_URL": portal}
            yield folder, environment, {CHAIN_URL: chain, PORTAL_URL: portal}, "".join(lines)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def replace(text, urls):
    for documented, actual in urls.items():
        text = text.replace(documented, actual)
    return text


def test_tutorial(stack):
    folder, environment, urls, started = stack
    steps = list(commands())
    assert steps[0][0] == "chromatrace chain start"
    assert pattern(replace(steps[0][1], urls)).fullmatch(started)
    for command, expected in steps[1:]:
        shell_command = f"{sys.executable} -m {replace(command, urls)}"
        result = subprocess.run(
            shell_command,
            shell=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}"
        assert pattern(replace(expected, urls)).fullmatch(result.stdout), f"{command}\n{result.stdout}"
    uri = f"{urls[PORTAL_URL]}/01/09521234543213/10/L2410A/21/000042"
    assert "Released for sale" in httpx.get(uri).text
    bundle = folder / "unit.bundle.json"
    assert json.loads(bundle.read_text(encoding="utf-8"))


def test_tutorial_has_commands_and_files():
    assert len(list(commands())) > 20
    assert [name for name, _ in files()] == ["readings.csv", "lot.json", "first.json", "final.json"]
