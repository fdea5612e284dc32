"""The gateway's own database: dead letters, answers to pushed readings, and files that were read.

It is separate from the spool because the spool has nothing but readings, append-only. Each commit is durable.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chromatrace.ingest.errors import SpoolCorrupt, SpoolFull, SpoolUnavailable
from chromatrace.storage.closing import Closing
from chromatrace.storage.sqlite import DatabaseFile, FileErrors, open_file, transaction

_APPLICATION_ID = 0x43544757
_VERSION = 1
_ERRORS = FileErrors("path", SpoolUnavailable, SpoolFull, SpoolCorrupt)
_SCHEMA = (
    # state: open, replayed (the spool has the readings) or counted (no payload; equal ones are one row).
    """CREATE TABLE letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, origin TEXT NOT NULL, channel TEXT NOT NULL,
        source TEXT NOT NULL, tag TEXT NOT NULL, reason TEXT NOT NULL, form TEXT NOT NULL, address TEXT NOT NULL,
        payload BLOB NOT NULL, size INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
        count INTEGER NOT NULL, state TEXT NOT NULL
    )""",
    "CREATE INDEX letter_state ON letter (state, origin)",
    # Type changes that an operator accepted.
    """CREATE TABLE accepted_type (
        channel TEXT NOT NULL, source TEXT NOT NULL, tag TEXT NOT NULL, kind TEXT NOT NULL,
        PRIMARY KEY (channel, source, tag, kind)
    )""",
    # The last births of each Sparkplug node, from which a replay knows names, types and units.
    """CREATE TABLE birth (
        origin TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (origin, topic)
    )""",
    # Answers to requests with an idempotency key.
    """CREATE TABLE answer (
        origin TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL,
        created_ns INTEGER NOT NULL, PRIMARY KEY (origin, key)
    )""",
    "CREATE INDEX answer_age ON answer (created_ns)",
    # Files of a watched folder, with what identified their content when they were read.
    """CREATE TABLE file (
        origin TEXT NOT NULL, path TEXT NOT NULL, stamp TEXT NOT NULL, digest BLOB NOT NULL, state TEXT NOT NULL,
        read_ns INTEGER NOT NULL, PRIMARY KEY (origin, path)
    )""",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_VERSION}",
)


class GatewayStore(Closing):
    """The file `path`, which is created if missing. Safe for several threads and processes.

    Raises `SpoolUnavailable` (a full disk: `SpoolFull`), as the spool does, so a source retries both in the same way.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._db = open_file(path, _ERRORS, 30.0, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        with self._lock, transaction(self._db):
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA:
                    self._db.execute(statement)
            elif version != _VERSION:
                raise SpoolCorrupt(f"{path} has version {version}; this release reads version {_VERSION}", field="path")

    @contextmanager
    def reading(self) -> Iterator[DatabaseFile]:
        """Lock the connection for queries."""
        with self._db.typed_errors(), self._lock:
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[DatabaseFile]:
        """Lock the connection for one transaction, which is durable at the end of the block."""
        with self._db.typed_errors(), self._lock, transaction(self._db):
            yield self._db

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            with suppress(SpoolUnavailable):  # the next process continues with the write-ahead log
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
