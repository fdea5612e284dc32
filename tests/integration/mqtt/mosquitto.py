"""A mosquitto broker for tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Mosquitto:
    """Runs mosquitto on a free port. After `restart`, it has the same port and its persistent sessions."""

    def __init__(self, folder, *lines):
        self._folder, self._lines = folder, lines
        for _ in range(10):
            with socket.socket() as found:
                found.bind(("127.0.0.1", 0))
                self.port = found.getsockname()[1]
            self.url = f"mqtt://127.0.0.1:{self.port}"
            if self.start():
                return
        raise AssertionError((folder / "mosquitto.log").read_text())

    def start(self):
        """Start the broker. Return whether it runs; the port may be in use."""
        lines = [f"listener {self.port} 127.0.0.1", "user root", "persistence true", "max_queued_messages 0"]
        lines += [f"persistence_location {self._folder}/", *self._lines]
        path, log = self._folder / "mosquitto.conf", self._folder / "mosquitto.log"
        path.write_text("\n".join(lines) + "\n")
        with log.open("wb") as output:
            self._process = subprocess.Popen([MOSQUITTO, "-c", path], stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while " running\n" not in log.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                return False
            time.sleep(0.02)
        return True

    def stop(self):
        self._process.terminate()
        self._process.wait(30)

    def kill(self):
        """End the broker as in a power failure."""
        self._process.kill()
        self._process.wait(30)
