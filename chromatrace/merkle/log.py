"""`MerkleLog`: a durable, append-only log of leaf hashes, with roots and proofs at every size it has had.

Hashes are stored in tiles of 256, as in Go's checksum database. Tile (q, i) holds the roots of the complete subtrees
of 256^q leaves with numbers 256·i to 256·i + 255; level q = 0 holds the leaves. This takes 32.1 bytes per leaf. The
last tile of each level may be partial. Nodes between two levels are recomputed from a tile, with at most 255 hashes.

Tiles are rows of a SQLite file (WAL, synchronous FULL). An append is one transaction, so a killed process leaves the
log unchanged, and any number of processes may read while one appends. Memory use is constant: a few hundred tiles are
cached.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path

from chromatrace.domain.errors import InvalidInput
from chromatrace.merkle.errors import LogConflictError, LogCorruptError, LogUnavailableError
from chromatrace.merkle.proofs import (
    EMPTY_ROOT,
    HASH_SIZE,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of_subtrees,
    split,
)
from chromatrace.storage.closing import Closing
from chromatrace.storage.sqlite import FileErrors, open_file, transaction

TILE_LEVELS = 8
TILE = 1 << TILE_LEVELS
CACHED_TILES = 128

_ERRORS = FileErrors(
    "path",
    LogUnavailableError,
    LogUnavailableError,
    LogCorruptError,
    dict.fromkeys((sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT), "rebuild the log from the spool"),
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tile (
    log_id INTEGER NOT NULL, level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL,
    UNIQUE (log_id, level, number)
);
"""


def _tile_root(hashes: bytes) -> bytes:
    """Return the root of a full tile. `node_hash` is inlined because this runs for every appended tile."""
    while len(hashes) > HASH_SIZE:
        pairs = range(0, len(hashes), 2 * HASH_SIZE)
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 2 * HASH_SIZE]).digest() for at in pairs])
    return hashes


def _expand(hashes: bytes) -> list[list[bytes]]:
    """Return all complete subtrees of a tile, by level (0 to 8) and number."""
    level = [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]
    levels = [level]
    for _ in range(TILE_LEVELS):
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        levels.append(level)
    return levels


class MerkleLog(Closing):
    """The log `name` in the file `path` (None: in memory). Safe across threads and processes.

    Raises `LogUnavailableError` if the file cannot be used now, `LogCorruptError` if it is inconsistent.
    """

    def __init__(self, path: Path | str | None = None, name: str = "log", *, busy_timeout_s: float = 30.0) -> None:
        self.path = path
        self.name = name
        self._lock = threading.RLock()
        self._seen_size = 0
        self._full_tile = lru_cache(maxsize=CACHED_TILES)(self._expanded_tile)
        self._db = open_file(path, _ERRORS, busy_timeout_s, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        self._id = self._find_id()
        if self._id is None:
            self._create()
        self._db.execute("PRAGMA journal_mode = WAL")

    def _find_id(self) -> int | None:
        """Return the log id, or None if the file or the log is new. Reads only, so it does not wait for an append."""
        exists = self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'log'").fetchone()
        row = self._db.execute("SELECT id FROM log WHERE name = ?", (self.name,)).fetchone() if exists else None
        return row[0] if row else None

    def _create(self) -> None:
        with transaction(self._db):
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute("INSERT OR IGNORE INTO log (name, size) VALUES (?, 0)", (self.name,))
            self._id = self._find_id()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @property
    def size(self) -> int:
        """Number of leaves."""
        with self._db.typed_errors(), self._lock:
            size: int = self._db.execute("SELECT size FROM log WHERE id = ?", (self._id,)).fetchone()[0]
        return size

    def append(self, entries: Iterable[bytes]) -> int:
        """Append a leaf for each entry, as `append_hashes` does."""
        return self.append_hashes(map(leaf_hash, entries))

    def append_hashes(self, leaf_hashes: Iterable[bytes], *, expected_size: int | None = None) -> int:
        """Append leaf hashes of 32 bytes in one transaction, and return the new size once it is durable.

        Raises `LogConflictError` if `expected_size` is given and the log has another size.
        """
        hashes = iter(leaf_hashes)
        with self._db.typed_errors(), self._lock, transaction(self._db):
            size = self.size
            if expected_size is not None and size != expected_size:
                raise LogConflictError(
                    f"the log {self.name!r} has {size} leaves, expected {expected_size}",
                    field="size",
                    hint="read the size again",
                )
            added = self._append_level(0, size, hashes)
            self._db.execute("UPDATE log SET size = ? WHERE id = ?", (size + added, self._id))
        return size + added

    def _append_level(self, level: int, size: int, hashes: Iterator[bytes]) -> int:
        """Append subtree roots to `level`, which has `size` of them, and the roots of full tiles to the next level."""
        added = 0

        def full_tiles() -> Iterator[bytes]:
            nonlocal added
            number, stored = divmod(size, TILE)
            tile = self._tile(level, number) if stored else b""
            while True:
                new = list(islice(hashes, TILE - len(tile) // HASH_SIZE))
                if not new:
                    return
                if any(len(leaf) != HASH_SIZE for leaf in new):
                    raise InvalidInput(f"a leaf hash must have {HASH_SIZE} bytes", field="leaf_hashes")
                added += len(new)
                tile += b"".join(new)
                self._db.execute(
                    "INSERT INTO tile (log_id, level, number, hashes) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (log_id, level, number) DO UPDATE SET hashes = excluded.hashes",
                    (self._id, level, number, tile),
                )
                if len(tile) < TILE * HASH_SIZE:
                    return
                yield _tile_root(tile)
                number, tile = number + 1, b""

        tiles = full_tiles()
        first = next(tiles, None)
        if first is not None:
            self._append_level(level + 1, size // TILE, _chain(first, tiles))
        return added

    def leaf(self, index: int) -> bytes:
        """Return the hash of leaf `index`."""
        self._require_size(index + 1, "index")
        return self._subtree(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Return the root at `size` (None: current size)."""
        size = self._size_or_now(size)
        return self._range_hash(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the proof that leaf `index` is under the root at `size` (None: current size)."""
        return inclusion_path(index, self._size_or_now(size), self._range_hash)

    def consistency_proof(self, old_size: int, size: int | None = None) -> list[bytes]:
        """Return the proof that the log at `size` (None: current size) extends the log at `old_size`."""
        return consistency_path(old_size, self._size_or_now(size), self._range_hash)

    def _size_or_now(self, size: int | None) -> int:
        if size is None:
            return self.size
        self._require_size(size, "size")
        return size

    def _require_size(self, size: int, field: str) -> None:
        # A log never shrinks, so most checks need no read.
        if size > self._seen_size:
            self._seen_size = self.size
        if not 0 <= size <= self._seen_size:
            raise InvalidInput(
                f"the log {self.name!r} has {self._seen_size} leaves; {size} is out of range", field=field
            )

    def _range_hash(self, start: int, stop: int) -> bytes:
        """Return the root of a range; `start` is a multiple of the smallest power of two that is at least its size."""
        size = stop - start
        subtrees = []
        # A range of 2^k leaves is one complete subtree; any other range starts with one, its left half.
        while size & (size - 1):
            left = split(size)
            level = left.bit_length() - 1
            subtrees.append(self._subtree(level, start >> level))
            start += left
            size -= left
        level = size.bit_length() - 1
        return root_of_subtrees([*subtrees, self._subtree(level, start >> level)])

    def _subtree(self, level: int, number: int) -> bytes:
        """Return the root of complete subtree `number` of 2^level leaves."""
        tile_level, inner = divmod(level, TILE_LEVELS)
        tile_number, index = divmod(number, TILE >> inner)
        levels = self._full_tile(tile_level, tile_number)
        if len(levels[inner]) <= index:
            # The cached tile was partial; read it again.
            levels = self._expanded_tile(tile_level, tile_number)
            if len(levels[inner]) <= index:
                raise LogCorruptError(f"log {self.name!r}: tile {tile_number} of level {tile_level} is too short")
            self._full_tile.cache_clear()
        return levels[inner][index]

    def _expanded_tile(self, level: int, number: int) -> list[list[bytes]]:
        return _expand(self._tile(level, number))

    def _tile(self, level: int, number: int) -> bytes:
        with self._db.typed_errors(), self._lock:
            row = self._db.execute(
                "SELECT hashes FROM tile WHERE log_id = ? AND level = ? AND number = ?", (self._id, level, number)
            ).fetchone()
        if row is None:
            raise LogCorruptError(f"log {self.name!r}: tile {number} of level {level} is missing")
        tile: bytes = row[0]
        return tile


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
