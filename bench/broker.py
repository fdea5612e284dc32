"""A mosquitto broker on a free port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """Run mosquitto and yield its port. It keeps every message for a slow subscriber."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise RuntimeError("the program mosquitto is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    configuration = folder / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    log = folder / "mosquitto.log"
    with log.open("wb") as output, subprocess.Popen([program, "-c", configuration], stderr=output) as process:
        try:
            while " running" not in log.read_text() and process.poll() is None:
                time.sleep(0.02)
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            yield port
        finally:
            process.terminate()
