"""What is written whole or not at all, and survives kill -9 and a power cut: files, and transactions of SQLite."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".part-"
"""How the names of files begin that are being written, or that a process left when it was killed."""


def write_whole(path: Path, pieces: Iterable[bytes]) -> int:
    """Puts a file that its owner alone may read in `path`'s place, in a folder that is there; its size in bytes.

    A name never stands for half a file, and what was there stays until the new file is whole on the disk. Raises
    `OSError`.
    """
    with _unfinished(path, pieces) as (unfinished, size):
        unfinished.replace(path)
    flush_folder(path.parent)
    return size


def write_once(path: Path, content: bytes) -> None:
    """Makes a file that its owner alone may read, and the folders to it. Raises `FileExistsError`: none is replaced.

    Nothing stands under that name before it is whole: half a key would be one that nobody may replace.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _unfinished(path, [content]) as (unfinished, _):
        os.link(unfinished, path)
    flush_folder(path.parent)


def deliver(path: Path, pieces: Iterable[bytes], *, private: bool = False) -> int:
    """Writes a file that somebody named, whole or not at all as `write_whole` does; its size in bytes.

    A new one may be read by whom the umask lets, or with `private` by its owner alone; one that was there keeps its
    permissions, and refuses whom they refuse. Where a symbolic link leads is written, the link stays. What is no file
    on a disk (/dev/stdout, a pipe, a terminal) takes the bytes as they come. Raises `OSError` that names `path`.
    """
    try:
        place = _place(path)
        if not isinstance(place, Path):
            with open(path if place is None else os.dup(place), "wb") as stream:  # noqa: PTH123 - a descriptor, perhaps
                return sum(stream.write(piece) for piece in pieces)
        mode = 0o600 if private else 0o666
        if place.exists():
            if not os.access(place, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            mode = stat.S_IMODE(place.stat().st_mode)
        with _unfinished(place, pieces, mode) as (unfinished, size):
            if place.exists():
                unfinished.chmod(mode)
            unfinished.replace(place)
        flush_folder(place.parent)
    except OSError as error:
        if error.filename is None or UNFINISHED in str(error.filename):
            error.filename = str(path)
        raise
    return size


_LINKS = 40
"""Symbolic links that Linux follows before it says that there are too many."""


def _place(path: Path) -> Path | int | None:
    """The file, or free name, that `path` leads to; the descriptor where it is one of ours; None for a device, say."""
    for _ in range(_LINKS):
        folder = Path(os.path.realpath(path.parent))
        if folder == Path(f"/proc/{os.getpid()}/fd") and path.name.isdecimal():
            return int(path.name)
        path = folder / path.name
        if not path.is_symlink():
            return path if path.is_file() or not path.exists() else None
        path = folder / path.readlink()
    return None


@contextmanager
def _unfinished(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> Iterator[tuple[Path, int]]:
    """A file beside `path`, on the disk already, and its size; gone at the end."""
    made = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(piece) for piece in pieces)
            file.flush()
            os.fsync(file.fileno())
        yield made, size
    finally:
        made.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Has the disk keep which names the folder holds. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction that writes, from now on: nobody else writes until it ends. Undone where anything is raised.

    database  opened with `isolation_level=None`
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # Where the disk is full SQLite has already rolled back by itself.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
