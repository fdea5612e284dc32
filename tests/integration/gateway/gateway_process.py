"""`chromatrace gateway run` in a process of its own, and a plant file for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress

WAIT_S = 120
HEAD = """
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
[gateway]
http = "127.0.0.1:0"
{gateway}
"""


def write_plant(folder, *sources, gateway=""):
    """Write a plant file with these sources, each a TOML text."""
    path = folder / "plant.toml"
    path.write_text("\n".join([HEAD.format(gateway=gateway), *(f"[[sources]]\n{source}" for source in sources)]))
    return path


def wait_for(condition, running=lambda: True, describe=lambda: "the condition did not become true"):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert running(), "the process ended"
        assert time.monotonic() < deadline, describe()
        time.sleep(0.05)


class GatewayProcess:
    """Runs the gateway. `report` is its last line of JSON."""

    def __init__(self, plant, data):
        self.plant, self.data = plant, data
        self.report = {"sources": [], "dead_letters": [], "http": ""}

    def __enter__(self):
        self.errors = (self.data.parent / "gateway.log").open("ab")
        command = [sys.executable, "-m", "chromatrace", "--data", self.data, "gateway", "run", self.plant, "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(WAIT_S)
            finally:
                self.kill()
        self._close()

    def kill(self):
        """Kill the process at once."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._close()

    def until(self, condition):
        """Wait until `condition(report)` is true."""
        wait_for(
            lambda: bool(self.report["sources"]) and condition(self.report),
            lambda: self.process.poll() is None,
            lambda: json.dumps(self.report, indent=1),
        )
        return self.report

    def source(self, source_id):
        return next(source for source in self.report["sources"] if source["source"] == source_id)

    def counter(self, source_id, name):
        """Return a counter of a source, 0 before the first report."""
        with suppress(StopIteration):
            return self.source(source_id)["statistics"][name]
        return 0

    def request(self, path, body=None, **headers):
        """Return status and body of a request to the gateway's HTTP server."""
        self.until(lambda report: report["http"])
        request = urllib.request.Request(
            f"http://{self.report['http']}{path}",
            body,
            {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()},
        )
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def _read(self):
        for line in self.process.stdout:
            self.report = json.loads(line)

    def _close(self):
        self._reader.join(WAIT_S)
        self.process.stdout.close()
        self.errors.close()
