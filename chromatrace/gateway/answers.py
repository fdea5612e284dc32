"""Answers to requests with an idempotency key: a repeated request gets the stored answer."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.gateway.store import GatewayStore

KEPT_DAYS = 7
_KEPT_NS = KEPT_DAYS * 86_400 * 10**9
_MAX_KEY = 255


class KeyInUse(Conflict):
    """Another request with the same idempotency key is not answered yet."""


class KeyReused(InvalidInput):
    """The idempotency key belongs to a request with another body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of a response."""

    status: int
    body: bytes


class Answers:
    """The answers in the gateway's database, kept for `KEPT_DAYS` days."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self._running: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def once(self, origin: str, key: str, body: bytes, answer: Callable[[], Answer]) -> Answer:
        """Return the stored answer to `key`, or call `answer` and store its result.

        Raises `KeyInUse` and `KeyReused`. If storing fails, the request may be repeated: the readings that are already
        in the spool are then duplicates.
        """
        if not 1 <= len(key) <= _MAX_KEY or not key.isascii() or not key.isprintable():
            raise InvalidInput(f"expected 1 to {_MAX_KEY} printable ASCII characters", field="Idempotency-Key")
        digest = hashlib.sha256(body).digest()
        with self._exclusive(origin, key):
            known = self._find(origin, key)
            if known is not None:
                if known[0] != digest:
                    raise KeyReused(
                        "the key belongs to a request with another body",
                        field="Idempotency-Key",
                        hint="use a new key for new readings",
                    )
                return known[1]
            result = answer()
            self._add(origin, key, digest, result)
            return result

    @contextmanager
    def _exclusive(self, origin: str, key: str) -> Iterator[None]:
        with self._lock:
            if (origin, key) in self._running:
                raise KeyInUse(
                    "a request with this key is not answered yet", field="Idempotency-Key", hint="repeat it later"
                )
            self._running.add((origin, key))
        try:
            yield
        finally:
            with self._lock:
                self._running.discard((origin, key))

    def _find(self, origin: str, key: str) -> tuple[bytes, Answer] | None:
        with self._store.reading() as db:
            row = db.execute(
                "SELECT digest, status, body FROM answer WHERE origin = ? AND key = ? AND created_ns > ?",
                (origin, key, time.time_ns() - _KEPT_NS),
            ).fetchone()
        return None if row is None else (row[0], Answer(row[1], row[2]))

    def _add(self, origin: str, key: str, digest: bytes, answer: Answer) -> None:
        now_ns = time.time_ns()
        with self._store.writing() as db:
            db.execute("DELETE FROM answer WHERE created_ns <= ?", (now_ns - _KEPT_NS,))
            db.execute(
                "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?, ?)",
                (origin, key, digest, answer.status, answer.body, now_ns),
            )
