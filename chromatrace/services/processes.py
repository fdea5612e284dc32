"""Commands of ChromaTrace, run as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from chromatrace.chain.dev_node import ends_with_starter
from chromatrace.domain.errors import ChromaTraceError, Unavailable
from chromatrace.services.workspace import Workspace

_START_S = 60.0
_STOP_S = 60.0


class CommandError(ChromaTraceError):
    """A command that ran as a process ended with an error."""


def command_line(workspace: Workspace, words: Sequence[str], *, data: Path | None = None) -> list[str]:
    """Return the command line of `words` on the workspace's chain; `data` names another data folder."""
    settings = workspace.settings
    return [
        *(sys.executable, "-m", "chromatrace.cli"),
        *("--data", str(data or workspace.data), "--rpc-url", settings.rpc_url),
        *("--manifest", str(settings.manifest_path(workspace.chain_id))),
        *words,
    ]


def _environment(**values: str) -> dict[str, str]:
    """Return this process's environment with `values` instead of its settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHROMATRACE_")} | values


def run_command(workspace: Workspace, *words: str, **environment: str) -> dict[str, object]:
    """Run a command to its end and return the JSON object that it prints; raises `CommandError`."""
    ended = subprocess.run(  # noqa: S603 - a command of ChromaTrace
        command_line(workspace, [*words, "--json"]), capture_output=True, env=_environment(**environment), check=False
    )
    if ended.returncode:
        output = (ended.stdout + ended.stderr).decode(errors="replace").strip()
        raise CommandError(f"`chromatrace {' '.join(words)}` failed: {output}", field=words[0])
    report: dict[str, object] = orjson.loads(ended.stdout)
    return report


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the block lasts, with its output in `log`. It also ends if this process is killed."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a command of ChromaTrace
            ends_with_starter(command), stdout=output, stderr=output, env=_environment()
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def portal(
    workspace: Workspace,
    host: str,
    port: int,
    *,
    plot_tags: Sequence[str] = (),
    plant_organisation: int | None = None,
) -> Iterator[None]:
    """Serve the portal at `host` and `port` while the block lasts; raises `Unavailable` if it does not start.

    plant_organisation  number of the organisation that may open the workshop pages
    """
    settings = workspace.settings
    words = ["--base-url", settings.code_url, "--plant", settings.plant]
    if settings.database_url is not None:
        words += ["--database-url", settings.database_url]
    if settings.vault is not None:
        words += ["--vault", settings.vault]
    words += ["portal", "serve", "--host", host, "--port", str(port)]
    for tag in plot_tags:
        words += ["--plot-tags", tag]
    if plant_organisation is not None:
        words += ["--plant-organisation", str(plant_organisation)]
    log = workspace.data / "portal.log"
    with running(command_line(workspace, words), log) as process:
        deadline = time.monotonic() + _START_S
        while not _answers(settings.code_url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"the portal did not start; see {log}", field="portal", hint=_last_line(log))
            time.sleep(0.05)
        yield


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5):  # noqa: S310 - a portal that this process started
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "the log is empty"
