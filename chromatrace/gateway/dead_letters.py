"""Dead letters: input that was rejected or dropped, with its reason and payload."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.domain.errors import NotFound
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.gateway.dead_letters import DeadLetter, Form
from chromatrace.ingest.times import rfc3339
from chromatrace.storage.sqlite import DatabaseFile

MAX_LETTERS = 100_000
MAX_BYTES = 512 * 1024 * 1024
"""Open letters, and size of the database. Later letters are counted by source, tag and reason, without payload."""
OPEN, REPLAYED, COUNTED = "open", "replayed", "counted"
_REPLAYABLE = ("mqtt", "reading", "pushed", "file")
_HOUR_NS = 3_600 * 10**9
_COLUMNS = "id, origin, channel, source, tag, reason, form, address, payload, size, first_ns, last_ns, count, state"


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter in the store.

    origin             source of the plant file that received it
    first_ns, last_ns  receipt of the first and last of `count` equal ones, Unix nanoseconds
    state              open, replayed, or counted (without a payload)
    """

    id: int
    origin: str
    channel: str
    source: str
    tag: str
    reason: str
    form: Form
    address: str
    payload: bytes
    size: int
    first_ns: int
    last_ns: int
    count: int
    state: str

    @property
    def complete(self) -> bool:
        """Return whether the payload can be replayed: it is complete."""
        return self.state != COUNTED and self.form in _REPLAYABLE and len(self.payload) == self.size

    def as_dict(self, *, payload: bool = False) -> dict[str, Any]:
        """Return the JSON form; `payload` adds the payload, as text if it is UTF-8, else in hexadecimal digits."""
        facts = {
            "id": self.id,
            "origin": self.origin,
            "channel": self.channel,
            "source": self.source,
            "tag": self.tag,
            "reason": self.reason,
            "form": self.form,
            "address": self.address,
            "first": rfc3339(self.first_ns),
            "last": rfc3339(self.last_ns),
            "count": self.count,
            "state": self.state,
            "replayable": self.complete and self.state == OPEN,
            "size": self.size,
        }
        if payload:
            try:
                facts["payload"] = self.payload.decode()
            except UnicodeDecodeError:
                facts["payload_hex"] = self.payload.hex()
        return facts


class DeadLetters:
    """The dead letters in the gateway's database."""

    def __init__(self, store: GatewayStore, *, maximum: int = MAX_LETTERS, max_bytes: int = MAX_BYTES) -> None:
        self._store = store
        self._maximum = maximum
        self._max_bytes = max_bytes

    def record(self, origin: str, channel: str, letters: Sequence[DeadLetter]) -> None:
        """Store letters durably. An equal letter is counted again. Raises `SpoolUnavailable`."""
        if not letters:
            return
        with self._store.writing() as db:
            (number,) = db.execute("SELECT count(*) FROM letter WHERE state = 'open'").fetchone()
            if _used_bytes(db) >= self._max_bytes:
                number = self._maximum
            for letter in letters:
                state = COUNTED if letter.form == "lost" or number >= self._maximum else OPEN
                payload = letter.payload if state == OPEN else b""
                added = db.execute(
                    "INSERT INTO letter (digest, origin, channel, source, tag, reason, form, address, payload, size,"
                    " first_ns, last_ns, count, state)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, 1, ?12)"
                    " ON CONFLICT (digest) DO UPDATE SET count = count + 1, last_ns = max(last_ns, ?11)"
                    " RETURNING count",
                    (
                        _digest(origin, channel, letter, state),
                        origin,
                        channel,
                        letter.source,
                        letter.tag,
                        letter.reason,
                        letter.form,
                        letter.address,
                        payload,
                        letter.size,
                        letter.received_ns,
                        state,
                    ),
                ).fetchone()
                number += state == OPEN and added == (1,)

    def letters(
        self,
        *,
        origin: str | None = None,
        states: Iterable[str] = (OPEN, COUNTED),
        after: int = 0,
        limit: int | None = None,
    ) -> list[StoredLetter]:
        """Return letters with a larger id than `after`, in the order of their first receipt."""
        wanted = list(states)
        with self._store.reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM letter WHERE id > ? AND (? IS NULL OR origin = ?)"  # noqa: S608 - constants
                f" AND state IN ({', '.join('?' * len(wanted))}) ORDER BY id LIMIT ?",
                (after, origin, origin, *wanted, -1 if limit is None else limit),
            ).fetchall()
        return [StoredLetter(*row) for row in rows]

    def letter(self, letter_id: int) -> StoredLetter:
        """Return the letter with this id. Raises `NotFound`."""
        with self._store.reading() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM letter WHERE id = ?", (letter_id,)).fetchone()  # noqa: S608
        if row is None:
            raise NotFound(
                f"no dead letter {letter_id}", field="id", hint="see `chromatrace gateway dead-letters list`"
            )
        return StoredLetter(*row)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of letters by origin and state."""
        with self._store.reading() as db:
            rows = db.execute("SELECT origin, state, sum(count) FROM letter GROUP BY origin, state").fetchall()
        return {(origin, state): count for origin, state, count in rows}

    def mark_replayed(self, letter_id: int) -> None:
        """Record that the readings of a letter are in the spool."""
        with self._store.writing() as db:
            db.execute("UPDATE letter SET state = 'replayed' WHERE id = ?", (letter_id,))

    def resolve(self, origin: str, address: str) -> None:
        """Mark the letters of a file as replayed."""
        with self._store.writing() as db:
            db.execute(
                "UPDATE letter SET state = 'replayed'"
                " WHERE state = 'open' AND origin = ? AND form = 'file' AND address = ?",
                (origin, address),
            )

    def purge(self, ids: Sequence[int]) -> int:
        """Remove letters and return their number. An open letter leaves a count by source and reason."""
        now_ns = time.time_ns()
        removed = 0
        for letter in map(self.letter, ids):
            with self._store.writing() as db:
                db.execute("DELETE FROM letter WHERE id = ?", (letter.id,))
            if letter.state == OPEN:
                lost = DeadLetter(letter.source, letter.tag, f"purged: {letter.reason}", now_ns, "lost")
                self.record(letter.origin, letter.channel, [lost])
            removed += 1
        return removed

    def remember_birth(self, origin: str, topic: str, payload: bytes) -> None:
        """Keep the last birth of a Sparkplug node or device. The birth of a node ends the births of its devices."""
        with self._store.writing() as db:
            if "/NBIRTH/" in topic:
                devices = topic.replace("/NBIRTH/", "/DBIRTH/", 1) + "/"
                db.execute(
                    "DELETE FROM birth WHERE origin = ? AND substr(topic, 1, ?) = ?", (origin, len(devices), devices)
                )
            db.execute("INSERT OR REPLACE INTO birth VALUES (?, ?, ?)", (origin, topic, payload))

    def births(self, origin: str) -> list[tuple[str, bytes]]:
        """Return the topics and payloads of the last births, those of nodes first."""
        with self._store.reading() as db:
            rows = db.execute("SELECT topic, payload FROM birth WHERE origin = ?", (origin,)).fetchall()
        return sorted(rows, key=lambda row: ("/NBIRTH/" not in row[0], row[0]))

    def accept_type(self, channel: str, source: str, tag: str, kind: str) -> None:
        """Accept values of this kind (number or text) for a tag from now on."""
        with self._store.writing() as db:
            db.execute("INSERT OR IGNORE INTO accepted_type VALUES (?, ?, ?, ?)", (channel, source, tag, kind))

    def accepts_type(self, channel: str, source: str, tag: str, kind: str) -> bool:
        """Return whether an operator accepted values of this kind for a tag."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT 1 FROM accepted_type WHERE channel = ? AND source = ? AND tag = ? AND kind = ?",
                (channel, source, tag, kind),
            ).fetchone()
        return row is not None

    def recorder(self, origin: str, channel: str) -> OriginRecorder:
        """Return the recorder of one source of the plant file."""
        return OriginRecorder(self, origin, channel)


@dataclass(frozen=True, slots=True)
class OriginRecorder:
    """Stores the dead letters of one source of the plant file."""

    letters: DeadLetters
    origin: str
    channel: str

    def record(self, letters: Sequence[DeadLetter]) -> None:
        """Store letters durably. Raises `SpoolUnavailable`."""
        self.letters.record(self.origin, self.channel, letters)

    def remember_birth(self, topic: str, payload: bytes) -> None:
        """Keep the last Sparkplug birth of a topic."""
        self.letters.remember_birth(self.origin, topic, payload)

    def resolve(self, address: str) -> None:
        """Mark the letters of a file as replayed."""
        self.letters.resolve(self.origin, address)

    def accepts_type(self, source: str, tag: str, kind: str) -> bool:
        """Return whether an operator accepted values of this kind for a tag."""
        return self.letters.accepts_type(self.channel, source, tag, kind)


def _used_bytes(db: DatabaseFile) -> int:
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _digest(origin: str, channel: str, letter: DeadLetter, state: str) -> bytes:
    """Return what makes letters equal: the whole input, or for counted ones the source, tag, reason and hour."""
    parts = [origin, channel, letter.source, letter.tag, letter.reason, letter.form, letter.address, state]
    if state == COUNTED:
        parts.append(str(letter.received_ns // _HOUR_NS))
    digest = hashlib.sha256()
    for part in (*(part.encode("utf-8", "surrogatepass") for part in parts), letter.payload if state == OPEN else b""):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
