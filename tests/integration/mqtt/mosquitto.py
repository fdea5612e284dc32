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
        self._folder = folder
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        configuration = [f"listener {self.port} 127.0.0.1", "user root", "persistence true", "autosave_interval 1"]
        configuration += [f"persistence_location {folder}/", "max_queued_messages 0", *lines]
        (folder / "mosquitto.conf").write_text("\n".join(configuration) + "\n")
        self.start()

    def start(self):
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", self._folder / "mosquitto.conf"], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError((self._folder / "mosquitto.log").read_text()) from None
                time.sleep(0.05)

    def stop(self):
        self._process.terminate()
        self._process.wait(30)
