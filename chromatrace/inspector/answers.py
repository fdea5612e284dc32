"""An inspector's sealed answers, stored before they are sent: a commitment cannot be revealed without its salt."""

from __future__ import annotations

from pathlib import Path

from chromatrace.crypto.sealed_answer import SealedAnswer
from chromatrace.storage.closing import Closing
from chromatrace.storage.private import private_folder
from chromatrace.storage.sqlite import FileErrors, open_file

_BUSY_S = 5.0


class AnswerStore(Closing):
    """Sealed answers by round, in one SQLite file. Answers that `keep` returned survive a power failure.

    An inspector has one answer per round, whichever seat it gets: a draw that is repeated after a reorganisation may
    give it another seat.
    """

    def __init__(self, path: Path) -> None:
        private_folder(path.parent)
        self._db = open_file(path, FileErrors("answers"), _BUSY_S)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS answers (round BLOB PRIMARY KEY, state INTEGER, defects INTEGER, "
            "evidence BLOB, salt BLOB) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def find(self, round_: bytes) -> SealedAnswer | None:
        """Return the stored answer, or None."""
        row = self._db.execute(
            "SELECT state, defects, evidence, salt FROM answers WHERE round = ?", (round_,)
        ).fetchone()
        return SealedAnswer(*row) if row else None

    def keep(self, round_: bytes, answer: SealedAnswer) -> SealedAnswer:
        """Store the answer unless there is one already; return the stored answer."""
        self._db.execute(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)",
            (round_, answer.state, answer.defects, answer.evidence, answer.salt),
        )
        stored = self.find(round_)
        assert stored is not None
        return stored
