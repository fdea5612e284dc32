"""The outbox's file: its tables, its transactions, and what can be read there. SQLite, one file, many processes.

One file belongs to one chain, known by its genesis block: a development chain that was started afresh is refused.
How calls move from state to state is `outbox`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chromatrace.chain.records import Attempt, CallState, Entry, OpenAttempt
from chromatrace.ethereum.errors import WrongDeploymentError
from chromatrace.storage.closing import Closing
from chromatrace.storage.sqlite import open_file, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    chain_id INTEGER NOT NULL,
    genesis BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS nonces (sender TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT UNIQUE,
    label TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient BLOB NOT NULL,
    data BLOB NOT NULL,
    gas INTEGER,
    nonce INTEGER,
    state TEXT NOT NULL,
    queued_ns INTEGER NOT NULL,
    tx_hash BLOB,
    block_number INTEGER,
    block_hash BLOB,
    gas_used INTEGER,
    error TEXT,
    revert BLOB
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS calls_nonce ON calls (sender, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_block ON calls (block_number);
CREATE INDEX IF NOT EXISTS calls_open ON calls (sender, state) WHERE state NOT IN ('final', 'failed');
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    tx_hash BLOB NOT NULL UNIQUE,
    call INTEGER NOT NULL REFERENCES calls (id),
    raw BLOB NOT NULL,
    max_fee_wei INTEGER NOT NULL,
    priority_fee_wei INTEGER NOT NULL,
    signed_ns INTEGER NOT NULL,
    sent_ns INTEGER,
    sent_block INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_call ON attempts (call);
"""
_COLUMNS = (
    "id, key, label, sender, recipient, data, gas, nonce, state, tx_hash, block_number, block_hash, gas_used, "
    "error, revert"
)
_BUSY_S = 60.0


class StoredCalls(Closing):
    """The calls in the file at `path`, which is made where it is missing. Thread-safe."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = open_file(self.path, "outbox", _BUSY_S, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            for statement in _SCHEMA.split(";\n"):
                self._db.execute(statement)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self, *, told_by_chain: bool = False) -> Iterator[None]:
        """`told_by_chain`: what a power failure takes back is asked again, so that the disk need not be waited for."""
        with self._lock:
            self._db.execute(f"PRAGMA synchronous = {'NORMAL' if told_by_chain else 'FULL'}")
            with transaction(self._db):
                yield

    def bind(self, chain_id: int, genesis: bytes) -> None:
        """Ties the file to a chain at first use; raises `WrongDeploymentError` where it is tied to another one."""
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO chain VALUES (1, ?, ?)", (chain_id, genesis))
            known_id, known_genesis = self._db.execute("SELECT chain_id, genesis FROM chain").fetchone()
        if (known_id, known_genesis) != (chain_id, genesis):
            raise WrongDeploymentError(
                f"the outbox {self.path} belongs to chain {known_id} with genesis 0x{known_genesis.hex()}, the chain "
                f"that answers is {chain_id} with genesis 0x{genesis.hex()}",
                field="outbox",
                hint="the chain was started afresh: start it with its saved state, or move this outbox file away",
            )

    def get(self, call: int) -> Entry:
        """One call by its id; `KeyError` where there is none."""
        with self._lock:
            return self._entry(call)

    def get_many(self, calls: Sequence[int]) -> list[Entry]:
        """Many calls by id, in the order given; `KeyError` where there is none."""
        found: dict[int, Entry] = {}
        with self._lock:
            for start in range(0, len(calls), 500):
                some = calls[start : start + 500]
                marks = ", ".join("?" * len(some))
                rows = self._db.execute(f"SELECT {_COLUMNS} FROM calls WHERE id IN ({marks})", some)  # noqa: S608
                found |= {row[0]: _entry(row) for row in rows}
        return [found[call] for call in calls]

    def _entry(self, call: int) -> Entry:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM calls WHERE id = ?", (call,)).fetchone()  # noqa: S608
        if row is None:
            raise KeyError(call)
        return _entry(row)

    def by_key(self, key: str) -> Entry | None:
        """The call of an idempotency key."""
        with self._lock:
            row = self._db.execute(f"SELECT {_COLUMNS} FROM calls WHERE key = ?", (key,)).fetchone()  # noqa: S608
        return _entry(row) if row else None

    def entries(self, sender: str, *states: CallState) -> list[Entry]:
        """A sender's calls in the given states, by nonce, then by age."""
        marks = ", ".join("?" * len(states))
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM calls WHERE sender = ? AND state IN ({marks}) ORDER BY nonce, id",  # noqa: S608
                (sender, *states),
            ).fetchall()
        return [_entry(row) for row in rows]

    def data_since(self, label: str, block: int) -> list[bytes]:
        """Calldata of every call of that label that has not failed and that no block up to `block` has."""
        with self._lock:
            rows = self._db.execute(
                "SELECT data FROM calls WHERE label = ? AND state != 'failed' "
                "AND (block_number IS NULL OR block_number > ?)",
                (label, block),
            ).fetchall()
        return [row[0] for row in rows]

    def senders(self) -> list[str]:
        """Who has calls that are not final yet."""
        with self._lock:
            rows = self._db.execute(
                "SELECT DISTINCT sender FROM calls WHERE state NOT IN ('final', 'failed') ORDER BY sender"
            ).fetchall()
        return [row[0] for row in rows]

    def counts(self) -> dict[CallState, int]:
        """How many calls are in each state."""
        with self._lock:
            rows = dict(self._db.execute("SELECT state, count(*) FROM calls GROUP BY state"))
        return {state: rows.get(state.value, 0) for state in CallState}

    def attempts(self, *calls: int) -> list[Attempt]:
        """Every attempt of the given calls, by nonce and then by fee."""
        found: list[Attempt] = []
        with self._lock:
            for start in range(0, len(calls), 500):
                some = calls[start : start + 500]
                rows = self._db.execute(
                    "SELECT a.tx_hash, a.call, c.nonce, a.raw, a.max_fee_wei, a.priority_fee_wei, a.sent_ns, "  # noqa: S608
                    "a.sent_block FROM attempts a JOIN calls c ON c.id = a.call "
                    f"WHERE a.call IN ({', '.join('?' * len(some))}) AND c.nonce IS NOT NULL",
                    some,
                )
                found += [Attempt(*row) for row in rows]
        return sorted(found, key=lambda attempt: (attempt.nonce, attempt.max_fee_wei))

    def open_attempts(self, sender: str) -> list[OpenAttempt]:
        """Every attempt of a sender's signed and sent calls, by nonce and then by fee."""
        with self._lock:
            rows = self._db.execute(
                "SELECT a.tx_hash, a.call, c.nonce, c.state, a.max_fee_wei, a.priority_fee_wei, a.signed_ns, "
                "a.sent_ns, a.sent_block FROM calls c JOIN attempts a ON a.call = c.id "
                "WHERE c.sender = ? AND c.state IN ('signed', 'sent') ORDER BY c.nonce, a.max_fee_wei",
                (sender,),
            ).fetchall()
        return [OpenAttempt(row[0], row[1], row[2], CallState(row[3]), *row[4:]) for row in rows]

    def expected_nonce(self, sender: str) -> int | None:
        """The nonce that the chain must have reached at least, by what this outbox saw; None before the first call."""
        with self._lock:
            row = self._db.execute(
                "SELECT coalesce((SELECT min(nonce) FROM calls WHERE sender = :s AND state IN ('signed', 'sent')), "
                "(SELECT next FROM nonces WHERE sender = :s))",
                {"s": sender},
            ).fetchone()
        return None if row[0] is None else int(row[0])

    def included_blocks(self, sender: str) -> dict[tuple[int, bytes], int]:
        """Blocks that hold calls which are not final yet: (number, hash) -> how many."""
        with self._lock:
            rows = self._db.execute(
                "SELECT block_number, block_hash, count(*) FROM calls WHERE sender = ? AND state = 'included' "
                "GROUP BY block_number, block_hash",
                (sender,),
            ).fetchall()
        return {(number, block_hash): count for number, block_hash, count in rows}

    def gaps(self, sender: str, chain_nonce: int) -> list[int]:
        """Nonces from the chain's next one on that were given, and are no call's any more."""
        with self._lock:
            row = self._db.execute("SELECT next FROM nonces WHERE sender = ?", (sender,)).fetchone()
            if row is None:
                return []
            used = {
                nonce
                for (nonce,) in self._db.execute(
                    "SELECT nonce FROM calls WHERE sender = ? AND nonce >= ?", (sender, chain_nonce)
                )
            }
        return [nonce for nonce in range(chain_nonce, row[0]) if nonce not in used]


def _entry(row: tuple[object, ...]) -> Entry:
    values = list(row)
    values[8] = CallState(str(values[8]))
    return Entry(*values)  # type: ignore[arg-type]
