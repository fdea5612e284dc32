"""Durable store of readings: each reading exactly once, indexed from 0 within its channel.

**Identity.** Within a channel, a reading is identified by (source, tag, source_time_ns). The fields of its delivery
(received_ns, sequence, replayed) are not part of the identity, because they change if a server or a file delivers the
reading again.

- A second delivery with the same value, unit and quality is a duplicate. It is counted but not stored.
- A second delivery with another value, unit or quality is a conflict. It is reported and recorded in the table
  `conflict`, but not added to the log.
- Equal values at different times are different readings. All of them are stored.

If the clock of a machine is too coarse to distinguish two samples, they appear as conflicts.

**Privacy.** A log entry has a salt of 16 bytes: keyed BLAKE2s (RFC 7693) of the channel's secret and the entry's index.
The secret never leaves the file. A recipient of a proof cannot guess the neighbouring readings. A public channel has no
salts.

**Durability.** The store is one SQLite file (WAL, synchronous FULL). Each batch of up to `BATCH` readings is one
transaction. After `append` returns, its readings survive a killed process and a power failure. After an error, it is
safe to send all of them again. Writers in other threads and processes wait for each other. Triggers prevent changes
and deletions of stored readings.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.domain.reading import GOOD, Reading, ReadingValue
from chromatrace.ingest.errors import SpoolCorrupt, SpoolFull, SpoolUnavailable
from chromatrace.ingest.records import (
    LISTED_CONFLICTS,
    NUMBER,
    TEXT,
    AppendResult,
    ReadingConflict,
    ReadingFields,
    SeriesEnd,
    SpooledReading,
    reading_fields,
    reading_from_fields,
)
from chromatrace.merkle.entry import SALT_BYTES, encode_fields
from chromatrace.storage.closing import Closing
from chromatrace.storage.sqlite import FileErrors, open_file, transaction

__all__ = ["BATCH", "AppendResult", "ReadingConflict", "Spool", "SpooledReading"]

BATCH = 8192

_Row = tuple[int, int, int, int, ReadingValue, int, int]
"""A row of the table `reading`."""

_APPLICATION_ID = 0x43545350
_VERSION = 2
_POSITION_BITS = 40
_MAX_NAME = 120
_SECRET_BYTES = 32
_CACHED_IDS = 65_536
_PAGE = 4096
_CACHE_KIB = 32 * 1024
_LEAST_FREE_BYTES = 1024 * 1024
_WAL_BYTES = 64 * 1024 * 1024
"""Size of the write-ahead log that triggers a checkpoint. SQLite's default of 4 MB is 20 % slower."""

_ERRORS = FileErrors(
    "path",
    SpoolUnavailable,
    SpoolFull,
    SpoolCorrupt,
    {sqlite3.SQLITE_FULL: "free disk space or raise the limit, then send the readings again; none is stored twice"},
)
_SCHEMA = f"""
-- secret: key of the salts of the channel's log entries; empty for a public channel.
CREATE TABLE channel (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret BLOB NOT NULL);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL REFERENCES channel, source TEXT NOT NULL, tag TEXT NOT NULL,
    UNIQUE (channel_id, source, tag)
);
-- Values that rarely change are stored once. Fewer columns in `reading` make inserts faster.
CREATE TABLE kind (
    id INTEGER PRIMARY KEY, unit TEXT NOT NULL, quality INTEGER NOT NULL, replayed INTEGER NOT NULL,
    UNIQUE (unit, quality, replayed)
);
-- id = channel_id << {_POSITION_BITS} | position: the readings of a channel are adjacent and in order.
-- value is a number, a text, or NULL if a bad reading has no value. It has no type because SQLite stores -0.0 as 0 in a
-- REAL column.
CREATE TABLE reading (
    id INTEGER PRIMARY KEY, series_id INTEGER NOT NULL, source_time_ns INTEGER NOT NULL, received_ns INTEGER NOT NULL,
    value, kind_id INTEGER NOT NULL, sequence INTEGER NOT NULL
);
-- Time first: readings that arrive in time order are appended at the end of the index.
CREATE UNIQUE INDEX reading_identity ON reading (source_time_ns, series_id);
CREATE TABLE conflict (
    id INTEGER PRIMARY KEY, reading_id INTEGER NOT NULL REFERENCES reading, received_ns INTEGER NOT NULL,
    value, kind_id INTEGER NOT NULL, sequence INTEGER NOT NULL, UNIQUE (reading_id, value, kind_id)
);
CREATE TRIGGER reading_unchanged BEFORE UPDATE ON reading BEGIN SELECT RAISE(ABORT, 'readings are append-only'); END;
CREATE TRIGGER reading_kept BEFORE DELETE ON reading BEGIN SELECT RAISE(ABORT, 'readings are append-only'); END;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
"""

_INSERT = "INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)"
_KNOWN = (
    "SELECT reading.id, value, unit, quality FROM reading JOIN kind ON kind.id = kind_id"
    " WHERE source_time_ns = ?2 AND series_id = ?1"
)
_FIELDS = """
SELECT series.source, series.tag, reading.source_time_ns, {from_}.received_ns, {from_}.value, kind.unit,
       kind.quality, {from_}.sequence, kind.replayed
"""
_ENDS = """
SELECT source, tag, newest, plausible, oldest, sequence, numbers, texts FROM (
    SELECT series_id, max(source_time_ns) AS newest,
           coalesce(max(source_time_ns) FILTER (WHERE source_time_ns <= received_ns + :tolerance), 0) AS plausible,
           min(source_time_ns) AS oldest, max(sequence) AS sequence,
           max(typeof(value) IN ('real', 'integer')) AS numbers, max(typeof(value) = 'text') AS texts
    FROM reading WHERE id >= :first AND id < :end GROUP BY series_id
) JOIN series ON series.id = series_id
"""
_FROM = " FROM reading JOIN series ON series.id = reading.series_id JOIN kind ON kind.id = reading.kind_id "
_SELECT = _FIELDS.format(from_="reading") + _FROM
_SELECT_WITH_ID = _FIELDS.format(from_="reading") + ", reading.id" + _FROM

_Key = TypeVar("_Key")


class _Ids(dict[_Key, int]):
    """Bounded cache of database ids. A missing id is looked up or created."""

    def __init__(self, make: Callable[[_Key], int]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _Key) -> int:
        if len(self) >= _CACHED_IDS:
            self.clear()
        new_id = self[key] = self._make(key)
        return new_id


_Series = _Ids[tuple[str, str]]
_Kinds = _Ids[tuple[str, int, bool]]


class Spool(Closing):
    """The spool in the file `path`, which is created if missing. Safe for several threads and processes.

    max_bytes       maximum size of the file; `SpoolFull` is raised if this limit or the disk is full
    busy_timeout_s  time to wait for a lock before `SpoolUnavailable` is raised

    Raises `SpoolCorrupt` if the file is not a spool, and `SpoolUnavailable` if it cannot be opened.
    """

    def __init__(self, path: Path | str, *, max_bytes: int | None = None, busy_timeout_s: float = 30.0) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._series: dict[str, _Series] = {}
        self._kinds = _Kinds(self._make_kind)
        self._db = open_file(self.path, _ERRORS, busy_timeout_s, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // _PAGE}")
        if self._version() != _VERSION:
            self._create()
        self._db.execute("PRAGMA journal_mode = WAL")
        if max_bytes is not None:
            self._db.execute(f"PRAGMA max_page_count = {max(1, max_bytes // _PAGE)}")

    def _version(self) -> int:
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        known: int = self._db.execute("PRAGMA application_id").fetchone()[0]
        tables: int = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables and known != _APPLICATION_ID:
            raise SpoolCorrupt(f"{self.path} is not a spool; another program created it", hint="use another file")
        if tables and version != _VERSION:
            raise SpoolCorrupt(f"{self.path} has version {version}; this release reads version {_VERSION}")
        return version

    def _create(self) -> None:
        with self._transaction():
            # Another process may have created the tables while this one waited for the lock.
            if self._version() != _VERSION:
                for statement in _statements(_SCHEMA):
                    self._db.execute(statement)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def append(self, channel: str, readings: Iterable[Reading]) -> AppendResult:
        """Store `readings` in `channel` in their order, each exactly once. Return when they are durable.

        Each batch of `BATCH` readings is atomic. After an error, earlier batches are stored, and it is safe to append
        all the readings again.
        """
        return self.append_fields(channel, map(reading_fields, readings))

    def append_fields(self, channel: str, readings: Iterable[ReadingFields]) -> AppendResult:
        """Store readings given as fields, which must be valid. See `append`."""
        if not isinstance(channel, str) or not 1 <= len(channel) <= _MAX_NAME:
            raise InvalidInput(f"expected 1 to {_MAX_NAME} characters, got {channel!r}", field="channel")
        stored = duplicates = conflicting = offset = 0
        listed: list[ReadingConflict] = []
        source = iter(readings)
        while batch := list(islice(source, BATCH)):
            with self._db.typed_errors(), self._lock:
                result = self._append_batch(channel, batch, offset)
            offset += len(batch)
            stored += result.stored
            duplicates += result.duplicates
            conflicting += result.conflicting
            listed.extend(result.conflicts[: LISTED_CONFLICTS - len(listed)])
        return AppendResult(stored, duplicates, conflicting, tuple(listed))

    def append_groups(self, channel: str, groups: Sequence[Sequence[ReadingFields]]) -> list[AppendResult]:
        """Store groups of valid readings in one transaction: all of them or none. Return the result of each group."""
        if not isinstance(channel, str) or not 1 <= len(channel) <= _MAX_NAME:
            raise InvalidInput(f"expected 1 to {_MAX_NAME} characters, got {channel!r}", field="channel")
        with self._db.typed_errors(), self._lock, self._transaction():
            return [self._append_rows(channel, group, 0) for group in groups]

    def _append_batch(self, channel: str, batch: Sequence[ReadingFields], offset: int) -> AppendResult:
        with self._transaction():
            return self._append_rows(channel, batch, offset)

    def _append_rows(self, channel: str, batch: Sequence[ReadingFields], offset: int) -> AppendResult:
        """Store readings in the open transaction."""
        series, kinds = self._series_of(channel), self._kinds
        first = self._end(self._channel_id(channel))
        rows = [
            (row_id, series[source, tag], time, received, value, kinds[unit, quality, replayed], sequence)
            for row_id, (source, tag, time, received, value, unit, quality, sequence, replayed) in enumerate(
                batch, first
            )
        ]
        # Usually all readings are new and one statement stores them. Otherwise, store them one by one.
        self._db.execute("SAVEPOINT all_new")
        try:
            self._db.executemany(_INSERT, rows)
        except sqlite3.IntegrityError:
            self._db.execute("ROLLBACK TO all_new")
            return self._append_one_by_one(rows, batch, first, offset)
        return AppendResult(len(batch), 0)

    def _append_one_by_one(
        self, rows: list[_Row], batch: Sequence[ReadingFields], first: int, offset: int
    ) -> AppendResult:
        end, duplicates = first, 0
        conflicting: list[tuple[int, int]] = []
        for position, row in enumerate(rows):
            known = self._db.execute(_KNOWN, row[1:3]).fetchone()
            if known is None:
                self._db.execute(_INSERT, (end, *row[1:]))
                end += 1
            elif known[1:] == batch[position][4:7]:
                duplicates += 1
            else:
                conflicting.append((position, known[0]))
                self._db.execute(
                    "INSERT OR IGNORE INTO conflict (reading_id, received_ns, value, kind_id, sequence)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (known[0], *row[3:]),
                )
        listed = tuple(
            ReadingConflict(offset + position, Reading(*batch[position]), self._by_id(known_id))
            for position, known_id in conflicting[:LISTED_CONFLICTS]
        )
        return AppendResult(end - first, duplicates, len(conflicting), listed)

    def names(self) -> list[str]:
        """Return the names of the channels, sorted."""
        with self._db.typed_errors(), self._lock:
            return [name for (name,) in self._db.execute("SELECT name FROM channel ORDER BY name")]

    def size(self, channel: str) -> int:
        """Return the number of readings in the channel, or 0 if it does not exist."""
        with self._db.typed_errors(), self._lock:
            channel_id = self._channel_id(channel)
            return self._end(channel_id) - _first(channel_id) if channel_id else 0

    def entries(self, channel: str, start: int = 0, stop: int | None = None) -> Iterator[Reading]:
        """Yield the readings with index `start` to `stop` (excluded; None: to the end), in order."""
        return (reading_from_fields(fields) for fields in self.fields(channel, start, stop))

    def fields(self, channel: str, start: int = 0, stop: int | None = None) -> Iterator[ReadingFields]:
        """Yield the same readings as `entries`, as tuples (`replayed` is 0 or 1). Does not block writers."""
        size = self.size(channel)
        stop = size if stop is None else stop
        if not 0 <= start <= stop <= size:
            raise InvalidInput(f"{channel!r} has {size} readings; the range {start} to {stop} exceeds it", field="stop")
        if start == stop:
            return
        channel_id = self._channel_id(channel)
        for begin in range(start, stop, BATCH):
            with self._db.typed_errors(), self._lock:
                batch = self._db.execute(
                    _SELECT + "WHERE reading.id >= ? AND reading.id < ? ORDER BY reading.id",
                    (_first(channel_id) + begin, _first(channel_id) + min(begin + BATCH, stop)),
                ).fetchall()
            yield from batch

    def find(self, channel: str, source: str, tag: str, source_time_ns: int) -> SpooledReading | None:
        """Return the reading with this identity, or None."""
        with self._db.typed_errors(), self._lock:
            row = self._db.execute(
                _SELECT_WITH_ID + "JOIN channel ON channel.id = series.channel_id"
                " WHERE channel.name = ? AND series.source = ? AND series.tag = ? AND reading.source_time_ns = ?",
                (channel, source, tag, source_time_ns),
            ).fetchone()
        return _spooled(row) if row else None

    def series_ends(self, channel: str, limit: int, tolerance_ns: int) -> dict[tuple[str, str], SeriesEnd | None]:
        """Return the end of each series (source and tag) of the channel, among its last `limit` readings.

        None: the series has older readings only. `tolerance_ns`: see `SeriesEnd`.
        """
        with self._db.typed_errors(), self._lock:
            channel_id = self._channel_id(channel)
            end = self._end(channel_id)
            known = self._db.execute("SELECT source, tag FROM series WHERE channel_id = ?", (channel_id,))
            ends: dict[tuple[str, str], SeriesEnd | None] = dict.fromkeys(known)
            for source, tag, newest, plausible, oldest, sequence, numbers, texts in self._db.execute(
                _ENDS, {"first": max(_first(channel_id), end - limit), "end": end, "tolerance": tolerance_ns}
            ):
                kinds = frozenset(kind for kind, occurs in ((NUMBER, numbers), (TEXT, texts)) if occurs)
                ends[source, tag] = SeriesEnd(newest, plausible, oldest, sequence, kinds)
        return ends

    def log_entries(self, channel: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the log entries (canonical CBOR) of the same readings as `entries`. Does not block writers."""
        secret = self._secret(channel)
        salts = (_salt(secret, index) for index in count(start)) if secret else None
        return encode_fields(self.fields(channel, start, stop), salts)

    def log_entry(self, channel: str, index: int) -> bytes:
        """Return the log entry of the reading with this index."""
        (entry,) = self.log_entries(channel, index, index + 1)
        return entry

    def check_writable(self) -> None:
        """Write a page without a change. Raises `SpoolUnavailable`, or `SpoolFull` if the disk is full."""
        # The page may fit into space that the write-ahead log already has.
        if shutil.disk_usage(self.path.parent).free < _LEAST_FREE_BYTES:
            raise SpoolFull(f"{self.path}: the disk is full", field="path", hint="free disk space")
        with self._db.typed_errors(), self._lock, self._transaction():
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def make_public(self, channel: str) -> None:
        """Create a channel whose entries have no salt. Raises `Conflict` if it exists with salted entries."""
        with self._db.typed_errors(), self._lock, self._transaction():
            if not self._channel_id(channel):
                self._insert("INSERT INTO channel (name, secret) VALUES (?, ?)", (channel, b""))
        if self._secret(channel):
            raise Conflict(
                f"channel {channel!r} exists and its entries have salts",
                field="channel",
                hint="use another channel for public readings",
            )

    def is_public(self, channel: str) -> bool:
        """Return whether the channel exists and its entries have no salt."""
        return self.size(channel) > 0 and not self._secret(channel)

    def _secret(self, channel: str) -> bytes:
        with self._db.typed_errors(), self._lock:
            row = self._db.execute("SELECT secret FROM channel WHERE name = ?", (channel,)).fetchone()
        return row[0] if row else b""

    def time_range(self, channel: str, start: int, stop: int) -> tuple[int, int]:
        """Return the earliest and latest source time (Unix ns) of the readings `start` to `stop` (excluded)."""
        with self._db.typed_errors(), self._lock:
            first = _first(self._channel_id(channel))
            earliest, latest = self._db.execute(
                "SELECT min(source_time_ns), max(source_time_ns) FROM reading WHERE id >= ? AND id < ?",
                (first + start, first + stop),
            ).fetchone()
        if earliest is None:
            raise InvalidInput(f"{channel!r} has no readings in the range {start} to {stop}", field="start")
        return earliest, latest

    def leaf_range(self, channel: str, from_ns: int, to_ns: int) -> tuple[int, int] | None:
        """Return the indexes of the first and last reading with a source time (Unix ns) from `from_ns` to `to_ns`.

        Both times are included. None if there is no such reading.
        """
        with self._db.typed_errors(), self._lock:
            begin = _first(self._channel_id(channel))
            first, last = self._db.execute(
                "SELECT min(id), max(id) FROM reading WHERE id >= ? AND id < ? AND source_time_ns BETWEEN ? AND ?",
                (begin, begin + (1 << _POSITION_BITS), from_ns, to_ns),
            ).fetchone()
        return None if first is None else (first - begin, last - begin)

    def series(self, channel: str) -> list[tuple[str, str]]:
        """Return the source and tag of each series of the channel, sorted."""
        with self._db.typed_errors(), self._lock:
            rows = self._db.execute(
                "SELECT source, tag FROM series WHERE channel_id = ? ORDER BY source, tag", (self._channel_id(channel),)
            )
            return [(source, tag) for source, tag in rows]

    def latest_time(self, channel: str) -> int | None:
        """Return the source time (Unix ns) of the channel's last entry, or None without entries."""
        size = self.size(channel)
        return self.time_range(channel, size - 1, size)[0] if size else None

    def series_fields(
        self, channel: str, source: str, tag: str, from_ns: int, to_ns: int, limit: int
    ) -> list[ReadingFields]:
        """Return the first `limit` readings of a series with a source time from `from_ns` to before `to_ns`."""
        with self._db.typed_errors(), self._lock:
            return self._db.execute(
                _SELECT + "WHERE reading.source_time_ns >= ? AND reading.source_time_ns < ? AND reading.series_id = ?"
                " ORDER BY reading.source_time_ns LIMIT ?",
                (from_ns, to_ns, self._series_id(channel, source, tag), limit),
            ).fetchall()

    def last_before(self, channel: str, source: str, tag: str, before_ns: int) -> ReadingFields | None:
        """Return the last good reading of a series with a source time before `before_ns`; None without one."""
        with self._db.typed_errors(), self._lock:
            row: ReadingFields | None = self._db.execute(
                _SELECT + "WHERE reading.series_id = ? AND reading.source_time_ns < ? AND kind.quality = ?"
                " ORDER BY reading.source_time_ns DESC LIMIT 1",
                (self._series_id(channel, source, tag), before_ns, GOOD),
            ).fetchone()
            return row

    def extremes(
        self, channel: str, source: str, tag: str, times_ns: Sequence[int]
    ) -> Iterator[tuple[int, int, float | None, float | None]]:
        """Yield for each interval between consecutive times: readings, good numbers, their minimum and maximum.

        An interval includes its first time and not its second.
        """
        with self._db.typed_errors(), self._lock:
            series_id = self._series_id(channel, source, tag)
            good = ",".join(str(kind) for (kind,) in self._db.execute("SELECT id FROM kind WHERE quality = ?", (GOOD,)))
        number = f"iif(kind_id IN ({good}) AND typeof(value) <> 'text', CAST(value AS REAL), NULL)"
        # One statement for each interval: no sorting, and writers wait for a short time only.
        statement = (  # the ids in it are numbers of this file
            f"SELECT count(*), count({number}), min({number}), max({number}) FROM reading"  # noqa: S608
            " WHERE source_time_ns >= ? AND source_time_ns < ? AND series_id = ?"
        )
        for start, stop in pairwise(times_ns):
            with self._db.typed_errors(), self._lock:
                row = self._db.execute(statement, (start, stop, series_id)).fetchone()
            yield row

    def _series_id(self, channel: str, source: str, tag: str) -> int:
        row = self._db.execute(
            "SELECT id FROM series WHERE channel_id = ? AND source = ? AND tag = ?",
            (self._channel_id(channel), source, tag),
        ).fetchone()
        return row[0] if row else 0

    def conflicts(self, channel: str) -> Iterator[tuple[Reading, SpooledReading]]:
        """Yield each rejected conflicting reading and the stored reading that it contradicts, in order of arrival."""
        with self._db.typed_errors(), self._lock:
            first = _first(self._channel_id(channel))
            rows = self._db.execute(
                f"{_FIELDS.format(from_='conflict')}, reading.id FROM conflict"
                " JOIN reading ON reading.id = conflict.reading_id JOIN series ON series.id = reading.series_id"
                " JOIN kind ON kind.id = conflict.kind_id WHERE reading.id >= ? AND reading.id < ?"
                " ORDER BY conflict.id",
                (first, first + (1 << _POSITION_BITS)),
            ).fetchall()
        for *fields, reading_id in rows:
            yield reading_from_fields(fields), self._by_id(reading_id)

    def _channel_id(self, channel: str, *, make: bool = False) -> int:
        """Return the id of the channel, or 0 if it does not exist and `make` is false."""
        row = self._db.execute("SELECT id FROM channel WHERE name = ?", (channel,)).fetchone()
        if row is None and make:
            secret = secrets.token_bytes(_SECRET_BYTES)
            return self._insert("INSERT INTO channel (name, secret) VALUES (?, ?)", (channel, secret))
        return row[0] if row else 0

    def _series_of(self, channel: str) -> _Series:
        if channel not in self._series:
            channel_id = self._channel_id(channel, make=True)
            self._series[channel] = _Series(lambda key: self._make_series(channel_id, *key))
        return self._series[channel]

    def _make_series(self, channel_id: int, source: str, tag: str) -> int:
        key = (channel_id, source, tag)
        row = self._db.execute("SELECT id FROM series WHERE channel_id = ? AND source = ? AND tag = ?", key).fetchone()
        return row[0] if row else self._insert("INSERT INTO series (channel_id, source, tag) VALUES (?, ?, ?)", key)

    def _make_kind(self, kind: tuple[str, int, bool]) -> int:
        row = self._db.execute("SELECT id FROM kind WHERE unit = ? AND quality = ? AND replayed = ?", kind).fetchone()
        return row[0] if row else self._insert("INSERT INTO kind (unit, quality, replayed) VALUES (?, ?, ?)", kind)

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        row_id = self._db.execute(statement, values).lastrowid
        if row_id is None:
            raise SpoolCorrupt(f"{self.path}: no id after an insert")
        return row_id

    def _end(self, channel_id: int) -> int:
        """Return the id of the channel's next reading."""
        first = _first(channel_id)
        last = self._db.execute(
            "SELECT max(id) FROM reading WHERE id >= ? AND id < ?", (first, first + (1 << _POSITION_BITS))
        ).fetchone()[0]
        return first if last is None else last + 1

    def _by_id(self, reading_id: int) -> SpooledReading:
        with self._db.typed_errors(), self._lock:
            return _spooled(self._db.execute(_SELECT_WITH_ID + "WHERE reading.id = ?", (reading_id,)).fetchone())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with transaction(self._db):
                yield
        except BaseException:
            # The rollback removed the ids that this transaction created.
            self._series.clear()
            self._kinds.clear()
            raise


def _salt(secret: bytes, index: int) -> bytes:
    return hashlib.blake2s(index.to_bytes(8, "big"), key=secret, digest_size=SALT_BYTES).digest()


def _first(channel_id: int) -> int:
    return channel_id << _POSITION_BITS


def _spooled(row: tuple[Any, ...]) -> SpooledReading:
    *fields, reading_id = row
    return SpooledReading(reading_id & (1 << _POSITION_BITS) - 1, reading_from_fields(fields))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of `script`. (`executescript` would commit the open transaction.)"""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
