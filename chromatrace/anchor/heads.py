"""Tree heads: the source of readings (`ReadingSource`), their store (`HeadStore`) and their `Publisher`."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Protocol

from chromatrace.anchor.errors import HeadConflictError, HeadsCorruptError, HeadsUnavailableError
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.storage.sqlite import FileErrors, open_file

_SCHEMA = """
CREATE TABLE IF NOT EXISTS head (
    channel TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    first_time_ns INTEGER NOT NULL, last_time_ns INTEGER NOT NULL, published INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, size)
) WITHOUT ROWID
"""
_ERRORS = FileErrors("path", HeadsUnavailableError, HeadsUnavailableError, HeadsCorruptError)
_SELECT = "SELECT channel, size, root, first_time_ns, last_time_ns FROM head "


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The state of a channel's log at one size, as anchored on the chain.

    channel        name of the channel
    size           number of entries, > 0
    root           RFC 9162 root, 32 bytes
    first_time_ns  earliest source time of the entries since the previous head, Unix nanoseconds
    last_time_ns   latest source time of those entries, Unix nanoseconds
    """

    channel: str
    size: int
    root: bytes
    first_time_ns: int
    last_time_ns: int

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise InvalidInput(f"expected at least 1, got {self.size}", field="size")
        if len(self.root) != 32:
            raise InvalidInput(f"expected 32 bytes, got {len(self.root)}", field="root")
        if not 0 < self.first_time_ns <= self.last_time_ns:
            raise InvalidInput(
                f"{self.first_time_ns} to {self.last_time_ns} is not a valid range", field="first_time_ns"
            )


class Publisher(Protocol):
    """Publishes heads on a chain, directly or through an outbox."""

    def publish(self, head: TreeHead) -> None:
        """Publish `head`; return once it is permanently accepted.

        The heads of a channel are passed in order of size. After a crash, the same head may be passed again; the call
        must then have no effect. Raises `Unavailable` if the caller should retry later.
        """

    def anchored_size(self, channel: str) -> int:
        """Return the size of the channel's newest head on the chain; 0 if there is none."""


class IndexedReading(Protocol):
    """A reading with its index in the channel, from 0."""

    @property
    def index(self) -> int: ...

    @property
    def reading(self) -> Reading: ...


class ReadingSource(Protocol):
    """A spool of durable, immutable readings, numbered from 0 in each channel."""

    def names(self) -> list[str]: ...

    def size(self, channel: str) -> int: ...

    def log_entries(self, channel: str, start: int = 0, stop: int | None = None) -> Iterable[bytes]: ...

    def log_entry(self, channel: str, index: int) -> bytes: ...

    def find(self, channel: str, source: str, tag: str, source_time_ns: int) -> IndexedReading | None: ...

    def time_range(self, channel: str, start: int, stop: int) -> tuple[int, int]: ...


class HeadStore:
    """A durable store of heads in the SQLite file `path` (None: in memory). Safe across threads and processes.

    A head is recorded before it is published and is never replaced, so every attempt to publish it uses the same root
    and times.
    """

    def __init__(self, path: Path | str | None = None, *, busy_timeout_s: float = 30.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._db = open_file(path, _ERRORS, busy_timeout_s, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        if not self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'head'").fetchone():
            self._db.execute(_SCHEMA)
        self._db.execute("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def record(self, head: TreeHead) -> None:
        """Store `head` durably. Raises `HeadConflictError` unless its size is above that of the last head."""
        with self._db.typed_errors(), self._lock:
            # As a single statement, it succeeds in only one of two concurrent processes.
            self._db.execute(
                "INSERT INTO head (channel, size, root, first_time_ns, last_time_ns) SELECT ?, ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM head WHERE channel = ? AND size >= ?)",
                (*astuple(head), head.channel, head.size),
            )
            recorded = self.at(head.channel, head.size)
        if recorded != head:
            raise HeadConflictError(
                f"channel {head.channel!r} already has "
                + ("a larger head" if recorded is None else f"the head {recorded.root.hex()} of size {head.size}"),
                field="size",
                hint="read the last head again",
            )

    def mark_published(self, head: TreeHead) -> None:
        """Mark `head` as published."""
        with self._db.typed_errors(), self._lock:
            self._db.execute("UPDATE head SET published = 1 WHERE channel = ? AND size = ?", (head.channel, head.size))

    def at(self, channel: str, size: int) -> TreeHead | None:
        """Return the head of exactly this size."""
        return self._first("WHERE channel = ? AND size = ?", channel, size)

    def last(self, channel: str) -> TreeHead | None:
        """Return the largest head, published or not."""
        return self._first("WHERE channel = ? ORDER BY size DESC LIMIT 1", channel)

    def last_published(self, channel: str) -> TreeHead | None:
        """Return the largest published head."""
        return self._first("WHERE channel = ? AND published ORDER BY size DESC LIMIT 1", channel)

    def covering(self, channel: str, index: int, *, published: bool = False) -> TreeHead | None:
        """Return the smallest head (with `published`: the smallest published head) that covers entry `index`."""
        condition = "AND published " if published else ""
        return self._first(f"WHERE channel = ? AND size > ? {condition}ORDER BY size LIMIT 1", channel, index)

    def unpublished(self, channel: str | None = None) -> list[TreeHead]:
        """Return the heads not yet published, by channel and size."""
        condition = "AND channel = ? " if channel is not None else ""
        values = () if channel is None else (channel,)
        return self._all(f"WHERE NOT published {condition}ORDER BY channel, size", *values)

    def above(self, channel: str, size: int) -> list[TreeHead]:
        """Return the heads of a channel that are larger than `size`, by size."""
        return self._all("WHERE channel = ? AND size > ? ORDER BY size", channel, size)

    def _first(self, condition: str, *values: object) -> TreeHead | None:
        heads = self._all(condition, *values)
        return heads[0] if heads else None

    def _all(self, condition: str, *values: object) -> list[TreeHead]:
        with self._db.typed_errors(), self._lock:
            return [TreeHead(*row) for row in self._db.execute(_SELECT + condition, values)]
