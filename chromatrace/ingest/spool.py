"""The spool: every reading taken, durably and exactly once, numbered from 0 within its channel.

**Identity.** Within a channel a reading is (source, tag, source_time_ns): one instrument measures one quantity once at
an instant. What says how it reached us (received_ns, sequence, replayed) is no part of it, since all of that differs
when a server delivers again after a reconnect or a file is read a second time. So

- a second delivery with the same value, unit and quality is a duplicate: counted, not stored;
- a second delivery with another value, unit or quality is a `Conflict`: reported, kept out of the log, and recorded in
  `conflicts`, since one of the two is wrong and only people can say which;
- equal values at different times are different readings, and all are kept.

A machine whose clock is too coarse to tell two samples apart shows up as conflicts: give it a finer time.

**Durability.** One SQLite file (WAL, synchronous FULL). Each batch of up to `BATCH` readings is one transaction: once
`append` has returned, its readings survive a killed process and a power cut; where it raises, sending all of them again
is safe. Writers in other threads and processes wait for each other. Nothing stored can be changed or deleted by SQL
that goes through the file's triggers.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import SpoolCorrupt, SpoolFull, SpoolUnavailable
from chromatrace.ingest.records import (
    LISTED_CONFLICTS,
    AppendResult,
    Conflict,
    ReadingFields,
    Spooled,
    reading_fields,
    reading_of,
)
from chromatrace.storage.closing import Closing
from chromatrace.storage.files import transaction

__all__ = ["BATCH", "AppendResult", "Conflict", "Spool", "Spooled"]

BATCH = 8192

_Row = tuple[int, int, int, int, float, int, int]
"""A row of the table `reading`."""

_APPLICATION_ID = 0x43545350
_VERSION = 1
_POSITION_BITS = 40
_MAX_NAME = 120
_CACHED_IDS = 65_536
_PAGE = 4096
_CACHE_KIB = 32 * 1024
_WAL_BYTES = 64 * 1024 * 1024
"""The write-ahead log is copied back from this size on: the default of 4 MB costs a fifth of the speed."""

_SCHEMA = f"""
CREATE TABLE channel (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL REFERENCES channel, source TEXT NOT NULL, tag TEXT NOT NULL,
    UNIQUE (channel_id, source, tag)
);
-- What seldom differs from one reading to the next stands here once: fewer columns to write is what makes it fast.
CREATE TABLE kind (
    id INTEGER PRIMARY KEY, unit TEXT NOT NULL, quality INTEGER NOT NULL, replayed INTEGER NOT NULL,
    UNIQUE (unit, quality, replayed)
);
-- id = channel_id << {_POSITION_BITS} | position, so that a channel lies together and in order.
-- value has no type, since SQLite would store -0.0 as 0 in a REAL column.
CREATE TABLE reading (
    id INTEGER PRIMARY KEY, series_id INTEGER NOT NULL, source_time_ns INTEGER NOT NULL, received_ns INTEGER NOT NULL,
    value NOT NULL, kind_id INTEGER NOT NULL, sequence INTEGER NOT NULL
);
-- Time first: what arrives in the order of time is then added at the index's end, whatever the series.
CREATE UNIQUE INDEX reading_identity ON reading (source_time_ns, series_id);
CREATE TABLE conflict (
    id INTEGER PRIMARY KEY, reading_id INTEGER NOT NULL REFERENCES reading, received_ns INTEGER NOT NULL,
    value NOT NULL, kind_id INTEGER NOT NULL, sequence INTEGER NOT NULL, UNIQUE (reading_id, value, kind_id)
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
_FROM = " FROM reading JOIN series ON series.id = reading.series_id JOIN kind ON kind.id = reading.kind_id "
_SELECT = _FIELDS.format(from_="reading") + _FROM
_SELECT_WITH_ID = _FIELDS.format(from_="reading") + ", reading.id" + _FROM

_Key = TypeVar("_Key")


class _Ids(dict[_Key, int]):
    """Ids that are looked up, or made, in the database when they are first asked for. Bounded."""

    def __init__(self, make: Callable[[_Key], int]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _Key) -> int:
        if len(self) >= _CACHED_IDS:
            self.clear()
        made = self[key] = self._make(key)
        return made


_Series = _Ids[tuple[str, str]]
_Kinds = _Ids[tuple[str, int, bool]]


class Spool(Closing):
    """The spool in the file `path`, which is made where it is missing. Usable from several threads and processes.

    `max_bytes` limits the file's size; `SpoolFull` is raised where it or the disk is full. Raises `SpoolCorrupt` where
    the file is no spool, `SpoolUnavailable` where it stays locked for `busy_timeout_s` seconds or cannot be opened.
    """

    def __init__(self, path: Path | str, *, max_bytes: int | None = None, busy_timeout_s: float = 30.0) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._series: dict[str, _Series] = {}
        self._kinds = _Kinds(self._make_kind)
        with self._clear_errors():
            self._db = sqlite3.connect(self.path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
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
            raise SpoolCorrupt(f"{self.path} is another program's database", field="path", hint="name another file")
        if version > _VERSION:
            raise SpoolCorrupt(f"{self.path} is of version {version}", hint="open it with a newer ChromaTrace")
        return version

    def _create(self) -> None:
        with self._transaction():
            # Another process may have made it while this one waited.
            if self._version() != _VERSION:
                for statement in _statements(_SCHEMA):
                    self._db.execute(statement)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def append(self, channel: str, readings: Iterable[Reading]) -> AppendResult:
        """Takes `readings` into `channel`, in their order, each exactly once; returns when they are durable.

        Taken in batches of `BATCH`, each all or none; where it raises, the batches before are kept and giving all the
        readings again is safe.
        """
        return self.append_fields(channel, map(reading_fields, readings))

    def append_fields(self, channel: str, readings: Iterable[ReadingFields]) -> AppendResult:
        """As `append`, for readings given by their fields, which must be those of valid ones (for bulk readers)."""
        if not isinstance(channel, str) or not 1 <= len(channel) <= _MAX_NAME:
            raise InvalidInput(f"1 to {_MAX_NAME} characters are needed, got {channel!r}", field="channel")
        taken = duplicates = conflicting = offset = 0
        listed: list[Conflict] = []
        source = iter(readings)
        while batch := list(islice(source, BATCH)):
            with self._clear_errors(), self._lock:
                result = self._append_batch(channel, batch, offset)
            offset += len(batch)
            taken += result.taken
            duplicates += result.duplicates
            conflicting += result.conflicting
            listed.extend(result.conflicts[: LISTED_CONFLICTS - len(listed)])
        return AppendResult(taken, duplicates, conflicting, tuple(listed))

    def _append_batch(self, channel: str, batch: list[ReadingFields], offset: int) -> AppendResult:
        with self._transaction():
            series, kinds = self._series_of(channel), self._kinds
            first = self._end(self._channel_id(channel))
            rows = [
                (number, series[source, tag], time, received, value, kinds[unit, quality, replayed], sequence)
                for number, (source, tag, time, received, value, unit, quality, sequence, replayed) in enumerate(
                    batch, first
                )
            ]
            # Nearly always all are new: SQLite then takes them in one go. Where one is not, they are looked at singly.
            self._db.execute("SAVEPOINT all_new")
            try:
                self._db.executemany(_INSERT, rows)
            except sqlite3.IntegrityError:
                self._db.execute("ROLLBACK TO all_new")
                return self._append_singly(rows, batch, first, offset)
        return AppendResult(len(batch), 0)

    def _append_singly(self, rows: list[_Row], batch: list[ReadingFields], first: int, offset: int) -> AppendResult:
        end, duplicates = first, 0
        conflicting: list[tuple[int, int]] = []
        for place, row in enumerate(rows):
            known = self._db.execute(_KNOWN, row[1:3]).fetchone()
            if known is None:
                self._db.execute(_INSERT, (end, *row[1:]))
                end += 1
            elif known[1:] == batch[place][4:7]:
                duplicates += 1
            else:
                conflicting.append((place, known[0]))
                self._db.execute(
                    "INSERT OR IGNORE INTO conflict (reading_id, received_ns, value, kind_id, sequence)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (known[0], *row[3:]),
                )
        listed = tuple(
            Conflict(offset + place, Reading(*batch[place]), self._by_id(known_id))
            for place, known_id in conflicting[:LISTED_CONFLICTS]
        )
        return AppendResult(end - first, duplicates, len(conflicting), listed)

    def names(self) -> list[str]:
        """The channels, by name."""
        with self._clear_errors(), self._lock:
            return [name for (name,) in self._db.execute("SELECT name FROM channel ORDER BY name")]

    def size(self, channel: str) -> int:
        """How many readings the channel has; 0 where there is no such channel."""
        with self._clear_errors(), self._lock:
            channel_id = self._channel_id(channel)
            return self._end(channel_id) - _first(channel_id) if channel_id else 0

    def entries(self, channel: str, start: int = 0, stop: int | None = None) -> Iterator[Reading]:
        """The readings numbered `start` to `stop` (excluded; None: to the end), in their order."""
        return (reading_of(fields) for fields in self.fields(channel, start, stop))

    def fields(self, channel: str, start: int = 0, stop: int | None = None) -> Iterator[ReadingFields]:
        """As `entries`, as plain tuples: `replayed` is 0 or 1. Read in batches, so that no writer waits."""
        size = self.size(channel)
        stop = size if stop is None else stop
        if not 0 <= start <= stop <= size:
            raise InvalidInput(f"{channel!r} has {size} readings, not {start} to {stop}", field="stop")
        if start == stop:
            return
        channel_id = self._channel_id(channel)
        for begin in range(start, stop, BATCH):
            with self._clear_errors(), self._lock:
                batch = self._db.execute(
                    _SELECT + "WHERE reading.id >= ? AND reading.id < ? ORDER BY reading.id",
                    (_first(channel_id) + begin, _first(channel_id) + min(begin + BATCH, stop)),
                ).fetchall()
            yield from batch

    def find(self, channel: str, source: str, tag: str, source_time_ns: int) -> Spooled | None:
        """The reading of this identity; None where there is none."""
        with self._clear_errors(), self._lock:
            row = self._db.execute(
                _SELECT_WITH_ID + "JOIN channel ON channel.id = series.channel_id"
                " WHERE channel.name = ? AND series.source = ? AND series.tag = ? AND reading.source_time_ns = ?",
                (channel, source, tag, source_time_ns),
            ).fetchone()
        return _spooled(row) if row else None

    def time_range(self, channel: str, start: int, stop: int) -> tuple[int, int]:
        """Earliest and latest source time, Unix nanoseconds, of the readings `start` to `stop` (excluded)."""
        with self._clear_errors(), self._lock:
            first = _first(self._channel_id(channel))
            earliest, latest = self._db.execute(
                "SELECT min(source_time_ns), max(source_time_ns) FROM reading WHERE id >= ? AND id < ?",
                (first + start, first + stop),
            ).fetchone()
        if earliest is None:
            raise InvalidInput(f"{channel!r} has no readings {start} to {stop}", field="start")
        return earliest, latest

    def conflicts(self, channel: str) -> Iterator[tuple[Reading, Spooled]]:
        """Every conflicting delivery kept out, with the stored reading that it contradicts, in order of arrival."""
        with self._clear_errors(), self._lock:
            first = _first(self._channel_id(channel))
            found = self._db.execute(
                f"{_FIELDS.format(from_='conflict')}, reading.id FROM conflict"
                " JOIN reading ON reading.id = conflict.reading_id JOIN series ON series.id = reading.series_id"
                " JOIN kind ON kind.id = conflict.kind_id WHERE reading.id >= ? AND reading.id < ?"
                " ORDER BY conflict.id",
                (first, first + (1 << _POSITION_BITS)),
            ).fetchall()
        for *fields, reading_id in found:
            yield reading_of(fields), self._by_id(reading_id)

    def _channel_id(self, channel: str, *, make: bool = False) -> int:
        """The channel's id; 0 where there is none and `make` is false."""
        row = self._db.execute("SELECT id FROM channel WHERE name = ?", (channel,)).fetchone()
        if row is None and make:
            return self._made("INSERT INTO channel (name) VALUES (?)", (channel,))
        return row[0] if row else 0

    def _series_of(self, channel: str) -> _Series:
        if channel not in self._series:
            channel_id = self._channel_id(channel, make=True)
            self._series[channel] = _Series(lambda key: self._make_series(channel_id, *key))
        return self._series[channel]

    def _make_series(self, channel_id: int, source: str, tag: str) -> int:
        key = (channel_id, source, tag)
        row = self._db.execute("SELECT id FROM series WHERE channel_id = ? AND source = ? AND tag = ?", key).fetchone()
        return row[0] if row else self._made("INSERT INTO series (channel_id, source, tag) VALUES (?, ?, ?)", key)

    def _make_kind(self, kind: tuple[str, int, bool]) -> int:
        row = self._db.execute("SELECT id FROM kind WHERE unit = ? AND quality = ? AND replayed = ?", kind).fetchone()
        return row[0] if row else self._made("INSERT INTO kind (unit, quality, replayed) VALUES (?, ?, ?)", kind)

    def _made(self, insert: str, values: tuple[object, ...]) -> int:
        made = self._db.execute(insert, values).lastrowid
        if made is None:
            raise SpoolCorrupt(f"{self.path}: no id after an insert")
        return made

    def _end(self, channel_id: int) -> int:
        """The id that the channel's next reading gets."""
        first = _first(channel_id)
        last = self._db.execute(
            "SELECT max(id) FROM reading WHERE id >= ? AND id < ?", (first, first + (1 << _POSITION_BITS))
        ).fetchone()[0]
        return first if last is None else last + 1

    def _by_id(self, reading_id: int) -> Spooled:
        with self._clear_errors(), self._lock:
            return _spooled(self._db.execute(_SELECT_WITH_ID + "WHERE reading.id = ?", (reading_id,)).fetchone())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with transaction(self._db):
                yield
        except BaseException:
            # Ids that were made in this transaction are not there any more.
            self._series.clear()
            self._kinds.clear()
            raise

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise SpoolFull(
                    f"{self.path} cannot grow: {error}",
                    hint="free the disk or raise the limit, then send the readings again: none is taken twice",
                ) from error
            raise SpoolUnavailable(
                f"{self.path}: {error}", hint="nothing of this batch was taken; try again"
            ) from error
        except sqlite3.ProgrammingError as error:
            raise SpoolUnavailable(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise SpoolCorrupt(f"{self.path}: {error}", field="path", hint="restore it from a backup") from error


def _first(channel_id: int) -> int:
    return channel_id << _POSITION_BITS


def _spooled(row: tuple[Any, ...]) -> Spooled:
    *fields, reading_id = row
    return Spooled(reading_id & (1 << _POSITION_BITS) - 1, reading_of(fields))


def _statements(script: str) -> Iterator[str]:
    """The statements of `script` one by one: `executescript` would commit the transaction that they belong to."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
