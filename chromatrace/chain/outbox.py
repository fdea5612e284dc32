"""The durable outbox: every call that is to reach the chain, until it is final. SQLite, one file, many processes.

    queued ──> signed ──> sent ──> included ──> final
      │          ^          ^          │
      └> failed  │          └──────────┘  its block vanished (reorganisation): sent again, the same bytes
                 └ replacements keep the nonce (fee bump)

A call takes its nonce in the transaction that stores its signed bytes, so two processes with one key never take
the same nonce, and after a crash the very bytes that may already be under way are sent again, never other ones. This
module only stores; `delivery` speaks to the node.

One file belongs to one chain, known by its genesis block: a development chain that was started afresh is refused.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from chromatrace.chain.errors import KeyReused, OutboxFull, WrongDeployment
from chromatrace.chain.records import Attempt, CallState, Draft, Entry, Inclusion, OpenAttempt, Signed
from chromatrace.domain.closing import Closing

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
_NEW_ATTEMPT = (
    "INSERT OR IGNORE INTO attempts (tx_hash, call, raw, max_fee_wei, priority_fee_wei, signed_ns) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_BUSY_S = 60.0


class Outbox(Closing):
    """The outbox in the file at `path`; `limit` is the number of unfinished calls that it takes. Thread-safe."""

    def __init__(self, path: str | Path, limit: int = 20_000) -> None:
        self.path = Path(path)
        self.limit = limit
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
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
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def bind(self, chain_id: int, genesis: bytes) -> None:
        """Ties the file to a chain at first use; raises `WrongDeployment` where it is tied to another one."""
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO chain VALUES (1, ?, ?)", (chain_id, genesis))
            known_id, known_genesis = self._db.execute("SELECT chain_id, genesis FROM chain").fetchone()
        if (known_id, known_genesis) != (chain_id, genesis):
            raise WrongDeployment(
                f"the outbox {self.path} belongs to chain {known_id} with genesis 0x{known_genesis.hex()}, the chain "
                f"that answers is {chain_id} with genesis 0x{genesis.hex()}",
                field="outbox",
                hint="the chain was started afresh: start it with its saved state, or move this outbox file away",
            )

    def enqueue(self, sender: str, drafts: Sequence[Draft]) -> list[Entry]:
        """Takes calls durably, all or none. A key that is known returns its call instead of taking another.

        A key whose call failed may be used again: nothing took effect. Raises `KeyReused`, `OutboxFull`.
        """
        with self._transaction():
            return self._take(sender, drafts)

    def sign(
        self,
        sender: str,
        drafts_or_ids: Sequence[Draft | int],
        floor: int,
        gas: Mapping[int, int] | Sequence[int],
        signing: Callable[[Entry, int, int], Signed],
    ) -> list[Entry]:
        """Gives nonces and stores the signed bytes, in one transaction; drafts are taken in the same one.

        floor    lowest nonce that the chain would still take
        gas      gas limit of each, in the order given
        signing  (entry, nonce, gas) -> signed transaction
        Calls that are past `queued` already (a known key, or another process was first) are returned as they are.
        """
        with self._transaction():
            taken = iter(self._take(sender, [item for item in drafts_or_ids if isinstance(item, Draft)]))
            entries = [next(taken) if isinstance(item, Draft) else self._entry(item) for item in drafts_or_ids]
            row = self._db.execute("SELECT next FROM nonces WHERE sender = ?", (sender,)).fetchone()
            nonce = max(floor, row[0] if row else 0)
            now = time.time_ns()
            calls, attempts = [], []
            signed_now: dict[int, Entry] = {}
            for place, entry in enumerate(entries):
                if entry.state is not CallState.QUEUED:
                    continue
                if entry.id not in signed_now:
                    made = signing(entry, nonce, gas[place])
                    calls.append((nonce, gas[place], made.tx_hash, entry.id))
                    attempts.append((made.tx_hash, entry.id, made.raw, made.max_fee_wei, made.priority_fee_wei, now))
                    signed_now[entry.id] = Entry(
                        *(entry.id, entry.key, entry.label, entry.sender, entry.recipient, entry.data),
                        *(gas[place], nonce, CallState.SIGNED, made.tx_hash),
                    )
                    nonce += 1
                entries[place] = signed_now[entry.id]
            self._db.executemany(
                "UPDATE calls SET state = 'signed', nonce = ?, gas = ?, tx_hash = ? WHERE id = ?", calls
            )
            self._db.executemany(_NEW_ATTEMPT, attempts)
            if calls or row is None:
                self._db.execute("INSERT OR REPLACE INTO nonces VALUES (?, ?)", (sender, nonce))
            return entries

    def _take(self, sender: str, drafts: Sequence[Draft]) -> list[Entry]:
        open_calls, last_id = self._db.execute(
            "SELECT (SELECT count(*) FROM calls WHERE state IN ('queued', 'signed', 'sent')), "
            "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'calls'), 0)"
        ).fetchone()
        entries: list[Entry] = []
        new: dict[str, Entry] = {}
        rows = []
        now = time.time_ns()
        for draft in drafts:
            known = self._known(sender, draft, new)
            if known is not None:
                entries.append(known)
                continue
            open_calls, last_id = open_calls + 1, last_id + 1
            if open_calls > self.limit:
                raise OutboxFull(
                    f"{self.limit} calls wait for the chain already",
                    field="outbox",
                    hint="let them be included first: is the node mining, is the fee high enough?",
                )
            entry = Entry(last_id, draft.key, draft.label, sender, draft.recipient, draft.data, draft.gas)
            rows.append((entry.id, entry.key, entry.label, sender, entry.recipient, entry.data, entry.gas, now))
            entries.append(entry)
            if draft.key is not None:
                new[draft.key] = entry
        self._db.executemany(
            "INSERT INTO calls (id, key, label, sender, recipient, data, gas, state, queued_ns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)",
            rows,
        )
        return entries

    def _known(self, sender: str, draft: Draft, new: Mapping[str, Entry]) -> Entry | None:
        if draft.key is None:
            return None
        entry = new.get(draft.key) or self.by_key(draft.key)
        if entry is None:
            return None
        if (entry.sender, entry.recipient, entry.data) != (sender, draft.recipient, draft.data):
            raise KeyReused(
                f"the key {draft.key!r} stands for another call ({entry.label})",
                field="key",
                hint="one key, one call: derive it from what the call does",
            )
        if entry.state is CallState.FAILED:
            self._db.execute("UPDATE calls SET key = NULL WHERE id = ?", (entry.id,))
            return None
        return entry

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

    def mark_sent(self, hashes: Iterable[bytes], block: int) -> None:
        """The node has these transactions; `block` was the newest block then."""
        now = time.time_ns()
        hashes = list(hashes)
        with self._transaction(told_by_chain=True):
            self._db.executemany(
                "UPDATE attempts SET sent_ns = ?, sent_block = coalesce(sent_block, ?) WHERE tx_hash = ?",
                [(now, block, tx_hash) for tx_hash in hashes],
            )
            self._db.executemany(
                "UPDATE calls SET state = 'sent' WHERE state = 'signed' "
                "AND id = (SELECT call FROM attempts WHERE tx_hash = ?)",
                [(tx_hash,) for tx_hash in hashes],
            )

    def mark_included(self, inclusions: Iterable[Inclusion]) -> None:
        """Blocks have these calls. A transaction that failed on the chain ends as `failed`."""
        with self._transaction(told_by_chain=True):
            self._db.executemany(
                "UPDATE calls SET state = ?, tx_hash = ?, block_number = ?, block_hash = ?, gas_used = ?, error = ?, "
                "revert = ? WHERE id = ? AND state IN ('signed', 'sent')",
                [
                    (
                        CallState.FAILED if item.error else CallState.INCLUDED,
                        *(item.tx_hash, item.block_number, item.block_hash, item.gas_used, item.error, item.revert),
                        item.call,
                    )
                    for item in inclusions
                ],
            )

    def included_blocks(self, sender: str) -> dict[tuple[int, bytes], int]:
        """Blocks that hold calls which are not final yet: (number, hash) -> how many."""
        with self._lock:
            rows = self._db.execute(
                "SELECT block_number, block_hash, count(*) FROM calls WHERE sender = ? AND state = 'included' "
                "GROUP BY block_number, block_hash",
                (sender,),
            ).fetchall()
        return {(number, block_hash): count for number, block_hash, count in rows}

    def mark_final(self, sender: str, blocks: Iterable[tuple[int, bytes]]) -> None:
        """Everything in these blocks is final."""
        with self._transaction():
            self._db.executemany(
                "UPDATE calls SET state = 'final' "
                "WHERE sender = ? AND state = 'included' AND block_number = ? AND block_hash = ?",
                [(sender, number, block_hash) for number, block_hash in blocks],
            )

    def mark_vanished(self, sender: str, blocks: Iterable[tuple[int, bytes]]) -> None:
        """These blocks left the chain: what they held is under way again."""
        with self._transaction():
            self._db.executemany(
                "UPDATE calls SET state = 'signed', block_number = NULL, block_hash = NULL, gas_used = NULL "
                "WHERE sender = ? AND state = 'included' AND block_number = ? AND block_hash = ?",
                [(sender, number, block_hash) for number, block_hash in blocks],
            )

    def replace(self, call: int, signed: Signed) -> None:
        """Adds an attempt with a higher fee and the same nonce."""
        with self._transaction():
            changed = self._db.execute(
                "UPDATE calls SET state = 'signed', tx_hash = ? WHERE id = ? AND state IN ('signed', 'sent')",
                (signed.tx_hash, call),
            ).rowcount
            if changed:
                self._db.execute(
                    _NEW_ATTEMPT,
                    (signed.tx_hash, call, signed.raw, signed.max_fee_wei, signed.priority_fee_wei, time.time_ns()),
                )

    def fail(self, call: int, error: str, revert: bytes | None = None) -> None:
        """A queued call will not be sent."""
        with self._transaction():
            self._db.execute(
                "UPDATE calls SET state = 'failed', error = ?, revert = ? WHERE id = ? AND state = 'queued'",
                (error, revert, call),
            )

    def withdraw(self, call: int, error: str | None) -> None:
        """Takes a call's nonce away: to `failed` with `error`, or back to `queued`.

        Only for transactions that can no longer be included: never accepted by a node, or their nonce is used. Where
        the nonce was the last one given, it is given again; otherwise it stays a gap that the caller fills.
        """
        state = CallState.FAILED if error else CallState.QUEUED
        with self._transaction():
            entry = self._entry(call)
            if entry.state not in (CallState.SIGNED, CallState.SENT):
                return
            self._db.execute("DELETE FROM attempts WHERE call = ?", (call,))
            self._db.execute(
                "UPDATE calls SET state = ?, nonce = NULL, tx_hash = NULL, error = ? WHERE id = ?", (state, error, call)
            )
            self._db.execute(
                "UPDATE nonces SET next = ? WHERE sender = ? AND next = ?",
                (entry.nonce, entry.sender, (entry.nonce or 0) + 1),
            )

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

    def fill(self, sender: str, nonce: int, gas: int, signing: Callable[[int], Signed]) -> None:
        """Puts a transfer of nothing to oneself into a gap, so that the calls after it can be included."""
        recipient = bytes.fromhex(sender[2:])
        with self._transaction():
            taken = self._db.execute("SELECT 1 FROM calls WHERE sender = ? AND nonce = ?", (sender, nonce)).fetchone()
            if taken:
                return
            signed = signing(nonce)
            cursor = self._db.execute(
                "INSERT INTO calls (label, sender, recipient, data, gas, nonce, state, queued_ns, tx_hash) "
                "VALUES ('gap filler', ?, ?, x'', ?, ?, 'signed', ?, ?)",
                (sender, recipient, gas, nonce, time.time_ns(), signed.tx_hash),
            )
            self._db.execute(
                _NEW_ATTEMPT,
                (
                    *(signed.tx_hash, cursor.lastrowid, signed.raw, signed.max_fee_wei, signed.priority_fee_wei),
                    time.time_ns(),
                ),
            )


def _entry(row: tuple[object, ...]) -> Entry:
    values = list(row)
    values[8] = CallState(str(values[8]))
    return Entry(*values)  # type: ignore[arg-type]
