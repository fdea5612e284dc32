"""Signed dispositions of batches: one SQLite file of a data folder. The documents are in the document store.

A disposition is added once and never changed; a later one of the same stage replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chromatrace.storage.closing import Closing
from chromatrace.storage.private import private_folder
from chromatrace.storage.sqlite import FileErrors, open_file

FILE_NAME = "dispositions.db"
"""Name of the file in the data folder."""
_BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS dispositions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, batch BLOB NOT NULL, stage TEXT NOT NULL, document BLOB NOT NULL,
    signer TEXT NOT NULL, signature BLOB NOT NULL, signed_at INTEGER NOT NULL, tx BLOB
)
"""
_SELECT = "SELECT number, batch, stage, document, signer, signature, signed_at, tx FROM dispositions"


@dataclass(frozen=True, slots=True)
class SignedDisposition:
    """A disposition.

    document   SHA-256 of the document
    signed_at  Unix seconds
    tx         transaction that graded or recycled the batch; None if it was not sent, or its result is not known
    """

    number: int
    batch: bytes
    stage: str
    document: bytes
    signer: str
    signature: bytes
    signed_at: int
    tx: bytes | None


class DispositionStore(Closing):
    """The file of one data folder. Any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        private_folder(path.parent)
        self._db = open_file(path, FileErrors("dispositions"), _BUSY_S)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, batch: bytes, stage: str, document: bytes, signer: str, signature: bytes, signed_at: int) -> int:
        """Add a disposition and return its number."""
        cursor = self._db.execute(
            "INSERT INTO dispositions (batch, stage, document, signer, signature, signed_at) VALUES (?, ?, ?, ?, ?, ?)",
            (batch, stage, document, signer, signature, signed_at),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def sent(self, number: int, tx: bytes) -> None:
        """Store the transaction of a disposition."""
        self._db.execute("UPDATE dispositions SET tx = ? WHERE number = ?", (tx, number))

    def of_batch(self, batch: bytes) -> list[SignedDisposition]:
        """Return the dispositions of a batch, oldest first."""
        return self._rows(f"{_SELECT} WHERE batch = ? ORDER BY number", batch)

    def newest(self, maximum: int) -> list[SignedDisposition]:
        """Return the newest dispositions, newest first."""
        return self._rows(f"{_SELECT} ORDER BY number DESC LIMIT ?", maximum)

    def _rows(self, statement: str, *parameters: Any) -> list[SignedDisposition]:
        with self._db.typed_errors():
            rows = self._db.execute(statement, parameters).fetchall()
        return [SignedDisposition(*row) for row in rows]
