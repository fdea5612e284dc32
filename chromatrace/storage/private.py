"""Files and folders that only their owner may read or write, whatever the umask was."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from chromatrace.domain.errors import InvalidInput

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> Path:
    """Create a folder with its parents, or close an existing one to other users (mode 0700). Return it.

    A folder of another user and a shared folder such as /tmp (sticky bit) keep their mode. Raises `OSError`.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    _close(path)
    return path


def private_file(path: Path) -> Path:
    """Create an empty file, or close an existing one to other users (mode 0600). Return it. Raises `OSError`."""
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600))
    _close(path)
    return path


def private_database(path: Path) -> None:
    """Create an SQLite file, or close an existing one and its journals to other users. Raises `OSError`."""
    private_file(path)
    for suffix in ("-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            _close(path.with_name(path.name + suffix))


def read_private(path: Path) -> bytes:
    """Return the content of a file with a secret key. Raises `OSError`, and `InvalidInput` if others may access it."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_mode & _OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise InvalidInput(
                f"other users may read or change the key file {path} (mode {mode:04o})",
                field="keystore",
                hint=f"run `chmod 600 {path}`; create a new key if another user may have copied it",
            )
        return file.read()


def _close(path: Path) -> None:
    status = path.stat()
    if status.st_mode & _OTHERS and not status.st_mode & stat.S_ISVTX and status.st_uid == os.geteuid():
        path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
