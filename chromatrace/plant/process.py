"""Run a plant server in a separate process, for demos and tests."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import IO

from chromatrace.domain.errors import Unavailable
from chromatrace.plant.endpoints import LOCAL_ENDPOINT


class PlantProcess:
    """`with PlantProcess("--plant", "electrochromic", "--time-factor", "60") as plant:` serves until the block ends.

    The arguments are those of `chromatrace plant serve`. Without `--endpoint`, the server listens on a free port of
    the loopback interface. `url`, `source` and, with `--modbus`, `modbus` (HOST:PORT) are set within the block. Raises
    `Unavailable` with the error output of the process if it does not start within `timeout_s`.
    """

    def __init__(self, *arguments: str, timeout_s: float = 180.0) -> None:
        self._arguments = arguments if "--endpoint" in arguments else (*arguments, "--endpoint", LOCAL_ENDPOINT)
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None
        self.url = ""
        self.source = ""
        self.modbus = ""

    @property
    def pid(self) -> int:
        """Return the process id, or 0 outside the block."""
        return self._process.pid if self._process is not None else 0

    def __enter__(self) -> PlantProcess:
        command = [sys.executable, "-m", "chromatrace.cli", "plant", "serve", *self._arguments]
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)  # noqa: S603
        line = self._first_line(self._process)
        if not line:
            errors = self._close()
            raise Unavailable(f"the plant server did not start: {errors[-1000:] or 'no error output'}", field="plant")
        announcement = json.loads(line)
        self.url, self.source = announcement["endpoint"], announcement["source"]
        self.modbus = announcement.get("modbus", "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        """Return the line that announces the endpoint, or "" if the process ends or exceeds the timeout."""
        output = process.stdout
        if output is None:
            return ""
        timer = threading.Timer(self._timeout_s, process.kill)
        timer.start()
        try:
            return output.readline()
        finally:
            timer.cancel()

    def _close(self) -> str:
        """End the process and return its error output."""
        errors = ""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
        if self._errors is not None:
            self._errors.seek(0)
            errors = self._errors.read().strip()
            self._errors.close()
            self._errors = None
        return errors
