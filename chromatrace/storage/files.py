"""Durable files: written completely or not at all, also after SIGKILL or a power failure."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".part-"
"""Prefix of the temporary files; a killed process may leave one behind."""


def write_whole(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file with mode 0600, replacing any existing one, and return its size in bytes.

    The folder must exist. The old file stays until the new one is complete on disk. Raises `OSError`.
    """
    with _temporary_file(path, pieces) as (temporary, size):
        temporary.replace(path)
    flush_folder(path.parent)
    return size


def write_once(path: Path, content: bytes) -> None:
    """Create a file with mode 0600, and its parent folders. Raises `FileExistsError` if it exists.

    The name appears only with the complete content: nothing could replace an incomplete key.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _temporary_file(path, [content]) as (temporary, _):
        os.link(temporary, path)
    flush_folder(path.parent)


def deliver(path: Path, pieces: Iterable[bytes], *, private: bool = False) -> int:
    """Write a file that the user named, as `write_whole` does, and return its size in bytes.

    A new file gets the permissions of the umask, or mode 0600 if `private`. An existing file keeps its permissions,
    and a read-only one is not replaced. A symbolic link is followed and stays. A device, pipe or terminal, such as
    /dev/stdout, receives the bytes directly. Raises `OSError` naming `path`.
    """
    try:
        target = _target(path)
        if not isinstance(target, Path):
            with open(path if target is None else os.dup(target), "wb") as stream:  # noqa: PTH123 - may be a descriptor
                return sum(stream.write(piece) for piece in pieces)
        mode = 0o600 if private else 0o666
        if target.exists():
            if not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            mode = stat.S_IMODE(target.stat().st_mode)
        with _temporary_file(target, pieces, mode) as (temporary, size):
            if target.exists():
                temporary.chmod(mode)
            temporary.replace(target)
        flush_folder(target.parent)
    except OSError as error:
        if error.filename is None or UNFINISHED in str(error.filename):
            error.filename = str(path)
        raise
    return size


def flush_folder(folder: Path) -> None:
    """Make the folder's names durable (fsync). Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_MAX_LINKS = 40
"""Linux's limit of symbolic links in one path."""


def _target(path: Path) -> Path | int | None:
    """Return the regular file or unused name behind `path`, an own descriptor (/dev/fd/N), or None for a device."""
    for _ in range(_MAX_LINKS):
        folder = Path(os.path.realpath(path.parent))
        if folder == Path(f"/proc/{os.getpid()}/fd") and path.name.isdecimal():
            return int(path.name)
        path = folder / path.name
        if not path.is_symlink():
            return path if path.is_file() or not path.exists() else None
        path = folder / path.readlink()
    return None


@contextmanager
def _temporary_file(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> Iterator[tuple[Path, int]]:
    """Write a file next to `path`, flushed to disk; yield it and its size, and remove it at the end."""
    temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(piece) for piece in pieces)
            file.flush()
            os.fsync(file.fileno())
        yield temporary, size
    finally:
        temporary.unlink(missing_ok=True)
