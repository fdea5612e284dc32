"""Tree heads: where they come from (`ReadingSource`), are kept (`HeadStore`) and go (`Publisher`)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Protocol

from chromatrace.anchor.errors import HeadConflictError, HeadsCorruptError, HeadsUnavailableError
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading

_SCHEMA = """
CREATE TABLE IF NOT EXISTS head (
    channel TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    first_time_ns INTEGER NOT NULL, last_time_ns INTEGER NOT NULL, published INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, size)
) WITHOUT ROWID
"""
_SELECT = "SELECT channel, size, root, first_time_ns, last_time_ns FROM head "


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The state of a channel's log at one size: what an anchor puts on the chain.

    channel        name of the channel
    size           entries of the log, > 0
    root           32 bytes, RFC 9162
    first_time_ns  earliest source time among the entries since the head before, Unix nanoseconds
    last_time_ns   latest source time among them
    """

    channel: str
    size: int
    root: bytes
    first_time_ns: int
    last_time_ns: int

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise InvalidInput(f"a head has at least one entry, got {self.size}", field="size")
        if len(self.root) != 32:
            raise InvalidInput(f"32 bytes are needed, got {len(self.root)}", field="root")
        if not 0 < self.first_time_ns <= self.last_time_ns:
            raise InvalidInput(f"{self.first_time_ns} to {self.last_time_ns} is no range", field="first_time_ns")


class Publisher(Protocol):
    """Makes a head public: puts it on a chain, or into an outbox that will."""

    def publish(self, head: TreeHead) -> None:
        """Returns once `head` is accepted for good.

        Called with the heads of a channel in order of size, and again with the same head where a crash came between
        its publication and the note of it: must then do nothing. Raises `Unavailable` where it should be tried later.
        """


class SpooledReading(Protocol):
    """A reading with its number within the channel, from 0."""

    @property
    def index(self) -> int: ...

    @property
    def reading(self) -> Reading: ...


class ReadingSource(Protocol):
    """What anchoring needs of a spool: readings that are durable, numbered from 0 and never change."""

    def names(self) -> list[str]: ...

    def size(self, channel: str) -> int: ...

    def fields(self, channel: str, start: int = 0, stop: int | None = None) -> Iterable[tuple[Any, ...]]: ...

    def find(self, channel: str, source: str, tag: str, source_time_ns: int) -> SpooledReading | None: ...

    def time_range(self, channel: str, start: int, stop: int) -> tuple[int, int]: ...


class HeadStore:
    """The heads made so far, durably, in the SQLite file `path` (None: in memory). Safe across threads and processes.

    A head is recorded before it is published, and is never replaced: however often publication is tried, it is tried
    with the same root and times.
    """

    def __init__(self, path: Path | str | None = None, *, busy_timeout_s: float = 30.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._clear_errors():
            self._db = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
            self._db.execute("PRAGMA synchronous = FULL")
            if not self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'head'").fetchone():
                self._db.execute(_SCHEMA)
            self._db.execute("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def record(self, head: TreeHead) -> None:
        """Store `head` durably. Raises `HeadConflictError` unless its size is above that of the last head."""
        with self._clear_errors(), self._lock:
            # One statement, so that of two processes only one records a head between the last one and its own.
            self._db.execute(
                "INSERT INTO head (channel, size, root, first_time_ns, last_time_ns) SELECT ?, ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM head WHERE channel = ? AND size >= ?)",
                (*astuple(head), head.channel, head.size),
            )
            known = self.at(head.channel, head.size)
        if known != head:
            raise HeadConflictError(
                f"{head.channel!r} already has "
                + ("a larger head" if known is None else f"the head {known.root.hex()} of size {head.size}"),
                field="size",
                hint="read the last head again",
            )

    def mark_published(self, head: TreeHead) -> None:
        """Notes that `head` is published."""
        with self._clear_errors(), self._lock:
            self._db.execute("UPDATE head SET published = 1 WHERE channel = ? AND size = ?", (head.channel, head.size))

    def at(self, channel: str, size: int) -> TreeHead | None:
        """The head of exactly this size."""
        return self._one("WHERE channel = ? AND size = ?", channel, size)

    def last(self, channel: str) -> TreeHead | None:
        """The largest head, published or not."""
        return self._one("WHERE channel = ? ORDER BY size DESC LIMIT 1", channel)

    def last_published(self, channel: str) -> TreeHead | None:
        """The largest published head."""
        return self._one("WHERE channel = ? AND published ORDER BY size DESC LIMIT 1", channel)

    def covering(self, channel: str, index: int, *, published: bool = False) -> TreeHead | None:
        """The smallest head whose tree has entry `index`; with `published`, among the published ones."""
        condition = "AND published " if published else ""
        return self._one(f"WHERE channel = ? AND size > ? {condition}ORDER BY size LIMIT 1", channel, index)

    def unpublished(self, channel: str | None = None) -> list[TreeHead]:
        """The heads still to be published, by channel and size: what an outbox drains."""
        condition = "AND channel = ? " if channel is not None else ""
        values = () if channel is None else (channel,)
        return self._all(f"WHERE NOT published {condition}ORDER BY channel, size", *values)

    def all(self, channel: str) -> list[TreeHead]:
        """Every head of the channel, by size."""
        return self._all("WHERE channel = ? ORDER BY size", channel)

    def _one(self, condition: str, *values: object) -> TreeHead | None:
        found = self._all(condition, *values)
        return found[0] if found else None

    def _all(self, condition: str, *values: object) -> list[TreeHead]:
        with self._clear_errors(), self._lock:
            return [TreeHead(*row) for row in self._db.execute(_SELECT + condition, values)]

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise HeadsUnavailableError(
                f"{self.path}: {error}", hint="free the disk or the lock and try again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise HeadsCorruptError(f"{self.path}: {error}", hint="restore the file from a backup") from error
