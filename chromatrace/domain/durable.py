"""What is written whole or not at all, and survives kill -9 and a power cut: files, and transactions of SQLite."""

from __future__ import annotations

import os
import sqlite3
import tempfile
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


@contextmanager
def _unfinished(path: Path, pieces: Iterable[bytes]) -> Iterator[tuple[Path, int]]:
    """A file beside `path`, on the disk already, and its size; gone at the end."""
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    made = Path(name)
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
