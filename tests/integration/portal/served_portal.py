"""The portal as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "seven grey panes of glass"


class Served:
    """`chromatrace portal serve` as a process, on a data folder."""

    def __init__(self, consortium, data, *words, options=(), **environment):
        self.log = data / f"portal-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "chromatrace.cli", "--rpc-url", consortium.node.url, "--data", str(data)]
        command += ["--manifest", str(consortium.manifest_path), *options, "portal", "serve", "--port", "0", *words]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env=os.environ | {"COLUMNS": "200"} | environment
            )
        self.url = self._wait(lambda: re.search(r"portal at (http://[\d.:]+)", self.log.read_text())).group(1)

    def _wait(self, asked, seconds=180):
        deadline = time.monotonic() + seconds
        while not (answer := asked()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return answer

    wait = _wait

    def client(self, account=None, password=PASSWORD):
        auth = None if account is None else (account, password)
        return httpx.Client(base_url=self.url, auth=auth, timeout=180)

    def kill(self):
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
