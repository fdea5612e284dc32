"""An inspector's answers, kept on disk before anything of them is sent: without its salt a commitment is lost."""

from __future__ import annotations

from pathlib import Path

from chromatrace.crypto.sealed_answer import SealedAnswer
from chromatrace.storage.closing import Closing
from chromatrace.storage.sqlite import open_file

_BUSY_S = 5.0


class AnswerStore(Closing):
    """Sealed answers by round and seat, one SQLite file. What `keep` returned for survives kill -9 and a power cut."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = open_file(path, "answers", _BUSY_S)
        path.chmod(0o600)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS answers (round BLOB, seat INTEGER, state INTEGER, defects INTEGER, "
            "evidence BLOB, salt BLOB, PRIMARY KEY (round, seat)) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Gives the file back."""
        self._db.close()

    def find(self, round_: bytes, seat: int) -> SealedAnswer | None:
        """The answer given before; None where there is none."""
        row = self._db.execute(
            "SELECT state, defects, evidence, salt FROM answers WHERE round = ? AND seat = ?", (round_, seat)
        ).fetchone()
        return SealedAnswer(*row) if row else None

    def keep(self, round_: bytes, seat: int, answer: SealedAnswer) -> SealedAnswer:
        """Stores the answer, unless there is one already; the one that counts."""
        self._db.execute(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
            (round_, seat, answer.state, answer.defects, answer.evidence, answer.salt),
        )
        found = self.find(round_, seat)
        assert found is not None
        return found
