"""Locks between processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from chromatrace.domain.errors import Conflict
from chromatrace.storage.lock import LockedError, ProcessLock

HOLD = """
import sys
from pathlib import Path
from chromatrace.storage.lock import ProcessLock
lock = ProcessLock(Path(sys.argv[1]), 0)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.communicate()


def test_the_error_names_the_holder(tmp_path, holder):
    with pytest.raises(LockedError, match=f"locked by process {holder.pid}") as error:
        ProcessLock(tmp_path / "lock", 0)
    assert error.value.holder == holder.pid
    assert isinstance(error.value, Conflict)


def test_a_killed_holder_releases_the_lock(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with ProcessLock(tmp_path / "lock", 5):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_child_that_inherits_the_descriptor_keeps_the_lock(tmp_path):
    script = HOLD.replace("print", "import subprocess; subprocess.Popen(['cat'], pass_fds=[lock.descriptor]); print")
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    starter = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert starter.stdout.readline() == b"locked\n"
    starter.kill()
    starter.wait()
    with pytest.raises(LockedError):
        ProcessLock(tmp_path / "lock", 0)
    starter.communicate()  # closes the input of `cat`, which ends
    ProcessLock(tmp_path / "lock", 5).close()


def test_threads_of_one_process_exclude_each_other(tmp_path):
    inside, results = threading.Event(), []

    def wait():
        with pytest.raises(LockedError):
            ProcessLock(tmp_path / "lock", 0)
        inside.set()
        with ProcessLock(tmp_path / "lock"):
            results.append("second")

    with ProcessLock(tmp_path / "lock", 0):
        thread = threading.Thread(target=wait)
        thread.start()
        inside.wait()
        results.append("first")
    thread.join()
    assert results == ["first", "second"]


def test_the_file_is_private_and_stays(tmp_path):
    with ProcessLock(tmp_path / "folder" / "lock") as lock:
        lock.name_holder(7)
    path = tmp_path / "folder" / "lock"
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text()) == (0o600, "7")
