"""The durable outbox: every call on its way to the chain, until it is final.

    queued ──> signed ──> sent ──> included ──> final
      │          ^ ^        └────> failed
      └> failed  │ └ the chain lost its block (reorganisation, older state): the same bytes are sent again
                 └ replacements keep the nonce (fee bump)

A transaction that fails on the chain uses a nonce too. Until its block is final, a failed call keeps the hash of the
block and is watched like an included one. A final call is sent again only if the chain was replaced by an older state
of itself.

A call gets its nonce in the database transaction that stores its signed bytes. Two processes with one key therefore
never use the same nonce, and after a crash the same bytes are sent again. One file belongs to one chain, identified by
its genesis block. This module only stores; `transaction_sender` communicates with the node.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from chromatrace.chain.outbox_entries import (
    Attempt,
    CallState,
    Draft,
    Inclusion,
    OpenAttempt,
    OutboxEntry,
    SignedTransaction,
)
from chromatrace.ethereum.errors import IdempotencyKeyError, OutboxFullError, WrongDeploymentError
from chromatrace.storage.closing import Closing
from chromatrace.storage.private import private_folder
from chromatrace.storage.sqlite import FileErrors, open_file, transaction

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
    revert BLOB,
    superseded INTEGER NOT NULL DEFAULT 0,
    value_wei TEXT NOT NULL DEFAULT '0'
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS calls_nonce ON calls (sender, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_block ON calls (block_number);
CREATE INDEX IF NOT EXISTS calls_open ON calls (sender, state) WHERE state NOT IN ('final', 'failed');
CREATE INDEX IF NOT EXISTS calls_failed ON calls (sender) WHERE state = 'failed' AND block_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_final ON calls (block_number) WHERE state = 'final';
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
    "error, revert, value_wei"
)
_SIGNED_AGAIN = (
    "state = 'signed', block_number = NULL, block_hash = NULL, gas_used = NULL, error = NULL, revert = NULL, "
    "label = iif(superseded, 'gap filler', label), data = iif(superseded, x'', data), "
    "value_wei = iif(superseded, '0', value_wei), "
    "recipient = iif(superseded, ?, recipient)"
)
"""Changes of a call that the chain lost. If its key belongs to a later call, only its nonce is used again."""
_BUSY_S = 60.0
_NEW_ATTEMPT = (
    "INSERT OR IGNORE INTO attempts (tx_hash, call, raw, max_fee_wei, priority_fee_wei, signed_ns) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)


class Outbox(Closing):
    """The outbox in the SQLite file at `path`, which is created if missing. Thread-safe; many processes may open it.

    `limit`: maximum number of unfinished calls.
    """

    def __init__(self, path: str | Path, limit: int = 20_000) -> None:
        self.path = Path(path)
        self.limit = limit
        private_folder(self.path.parent)
        self._lock = threading.RLock()
        self._db = open_file(self.path, FileErrors("outbox"), _BUSY_S, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            for statement in _SCHEMA.split(";\n"):
                self._db.execute(statement)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self, *, recoverable: bool = False) -> Iterator[None]:
        """Run a transaction. `recoverable`: it can be repeated from the chain, so fsync is relaxed."""
        with self._lock:
            self._db.execute(f"PRAGMA synchronous = {'NORMAL' if recoverable else 'FULL'}")
            with transaction(self._db):
                yield

    def bind(self, chain_id: int, genesis: bytes) -> None:
        """Bind the file to a chain on first use. Raises `WrongDeploymentError` if it is bound to another chain."""
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO chain VALUES (1, ?, ?)", (chain_id, genesis))
            known_id, known_genesis = self._db.execute("SELECT chain_id, genesis FROM chain").fetchone()
        if (known_id, known_genesis) != (chain_id, genesis):
            raise WrongDeploymentError(
                f"outbox {self.path} belongs to chain {known_id} with genesis 0x{known_genesis.hex()}; "
                f"the node serves chain {chain_id} with genesis 0x{genesis.hex()}",
                field="outbox",
                hint="if the chain was restarted empty, start it with its saved state or move this outbox file away",
            )

    def get(self, call: int) -> OutboxEntry:
        """Return a call by its id. Raises `KeyError`."""
        with self._lock:
            return self._entry(call)

    def get_many(self, calls: Sequence[int]) -> list[OutboxEntry]:
        """Return calls by their ids, in this order. Raises `KeyError`."""
        entries: dict[int, OutboxEntry] = {}
        with self._lock:
            for start in range(0, len(calls), 500):
                chunk = calls[start : start + 500]
                marks = ", ".join("?" * len(chunk))
                rows = self._db.execute(f"SELECT {_COLUMNS} FROM calls WHERE id IN ({marks})", chunk)  # noqa: S608
                entries |= {row[0]: _entry(row) for row in rows}
        return [entries[call] for call in calls]

    def _entry(self, call: int) -> OutboxEntry:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM calls WHERE id = ?", (call,)).fetchone()  # noqa: S608
        if row is None:
            raise KeyError(call)
        return _entry(row)

    def by_key(self, key: str) -> OutboxEntry | None:
        """Return the call with an idempotency key, if there is one."""
        with self._lock:
            row = self._db.execute(f"SELECT {_COLUMNS} FROM calls WHERE key = ?", (key,)).fetchone()  # noqa: S608
        return _entry(row) if row else None

    def entries(self, sender: str, *states: CallState) -> list[OutboxEntry]:
        """Return a sender's calls in these states, ordered by nonce and age."""
        marks = ", ".join("?" * len(states))
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM calls WHERE sender = ? AND state IN ({marks}) ORDER BY nonce, id",  # noqa: S608
                (sender, *states),
            ).fetchall()
        return [_entry(row) for row in rows]

    def data_since(self, label: str, block: int) -> list[bytes]:
        """Return the call data of every call with this label that has not failed and is not included by `block`."""
        with self._lock:
            rows = self._db.execute(
                "SELECT data FROM calls WHERE label = ? AND state != 'failed' "
                "AND (block_number IS NULL OR block_number > ?)",
                (label, block),
            ).fetchall()
        return [row[0] for row in rows]

    def senders(self) -> list[str]:
        """Return the senders to watch: those with calls that are not final, and that of the newest final call."""
        with self._lock:
            rows = self._db.execute(
                "SELECT sender FROM calls WHERE state NOT IN ('final', 'failed') "
                "UNION SELECT sender FROM calls WHERE state = 'failed' AND block_hash IS NOT NULL "
                "UNION SELECT sender FROM (SELECT sender, max(block_number) FROM calls WHERE state = 'final') "
                "WHERE sender IS NOT NULL ORDER BY sender"
            ).fetchall()
        return [row[0] for row in rows]

    def counts(self) -> dict[CallState, int]:
        """Return the number of calls in each state."""
        with self._lock:
            rows = dict(self._db.execute("SELECT state, count(*) FROM calls GROUP BY state"))
        return {state: rows.get(state.value, 0) for state in CallState}

    def attempts(self, *calls: int) -> list[Attempt]:
        """Return every attempt of these calls, ordered by nonce and fee."""
        attempts: list[Attempt] = []
        with self._lock:
            for start in range(0, len(calls), 500):
                chunk = calls[start : start + 500]
                rows = self._db.execute(
                    "SELECT a.tx_hash, a.call, c.nonce, a.raw, a.max_fee_wei, a.priority_fee_wei, a.sent_ns, "  # noqa: S608
                    "a.sent_block FROM attempts a JOIN calls c ON c.id = a.call "
                    f"WHERE a.call IN ({', '.join('?' * len(chunk))}) AND c.nonce IS NOT NULL",
                    chunk,
                )
                attempts += [Attempt(*row) for row in rows]
        return sorted(attempts, key=lambda attempt: (attempt.nonce, attempt.max_fee_wei))

    def open_attempts(self, sender: str) -> list[OpenAttempt]:
        """Return every attempt of a sender's signed and sent calls, ordered by nonce and fee."""
        with self._lock:
            rows = self._db.execute(
                "SELECT a.tx_hash, a.call, c.nonce, c.state, a.max_fee_wei, a.priority_fee_wei, a.signed_ns, "
                "a.sent_ns, a.sent_block FROM calls c JOIN attempts a ON a.call = c.id "
                "WHERE c.sender = ? AND c.state IN ('signed', 'sent') ORDER BY c.nonce, a.max_fee_wei",
                (sender,),
            ).fetchall()
        return [OpenAttempt(row[0], row[1], row[2], CallState(row[3]), *row[4:]) for row in rows]

    def expected_nonce(self, sender: str) -> int | None:
        """Return the nonce that the chain must have reached, as this outbox saw it; None before the first call."""
        with self._lock:
            row = self._db.execute(
                "SELECT coalesce((SELECT min(nonce) FROM calls WHERE sender = :s AND state IN ('signed', 'sent')), "
                "(SELECT next FROM nonces WHERE sender = :s))",
                {"s": sender},
            ).fetchone()
        return None if row[0] is None else int(row[0])

    def watched_blocks(self, sender: str) -> list[tuple[int, bytes]]:
        """Return number and hash of the blocks of included and failed calls that are not final."""
        with self._lock:
            return self._db.execute(
                "SELECT block_number, block_hash FROM calls WHERE sender = :s AND state = 'included' "
                "UNION SELECT block_number, block_hash FROM calls "
                "WHERE sender = :s AND state = 'failed' AND block_hash IS NOT NULL",
                {"s": sender},
            ).fetchall()

    def final_blocks(self, below: int = 2**63 - 1, limit: int = 1) -> list[tuple[int, bytes]]:
        """Return number and hash of the newest blocks below `below` with final calls, newest first."""
        with self._lock:
            return self._db.execute(
                "SELECT DISTINCT block_number, block_hash FROM calls "
                "WHERE state = 'final' AND block_number < ? ORDER BY block_number DESC LIMIT ?",
                (below, limit),
            ).fetchall()

    def gaps(self, sender: str, chain_nonce: int) -> list[int]:
        """Return the assigned nonces, from the chain's next one on, that no call has any more."""
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

    def enqueue(self, sender: str, drafts: Sequence[Draft]) -> list[OutboxEntry]:
        """Store calls durably: all, or none. A known key returns its call instead of storing another.

        The key of a failed call may be used again. Raises `IdempotencyKeyError`, `OutboxFullError`.
        """
        with self._transaction():
            return self._store(sender, drafts)

    def sign(
        self,
        sender: str,
        drafts_or_ids: Sequence[Draft | int],
        floor: int,
        gas: Mapping[int, int] | Sequence[int],
        signing: Callable[[OutboxEntry, int, int], SignedTransaction],
    ) -> list[OutboxEntry]:
        """Store drafts, assign nonces and store the signed bytes, in one transaction.

        floor    lowest nonce that the chain accepts
        gas      gas limit of each call
        signing  (entry, nonce, gas) -> signed transaction

        Calls that have left `queued` (a known key, or another process signed them) are returned unchanged.
        """
        with self._transaction():
            stored = iter(self._store(sender, [item for item in drafts_or_ids if isinstance(item, Draft)]))
            entries = [next(stored) if isinstance(item, Draft) else self._entry(item) for item in drafts_or_ids]
            row = self._db.execute("SELECT next FROM nonces WHERE sender = ?", (sender,)).fetchone()
            nonce = max(floor, row[0] if row else 0)
            now = time.time_ns()
            calls, attempts = [], []
            signed_entries: dict[int, OutboxEntry] = {}
            for index, entry in enumerate(entries):
                if entry.state is not CallState.QUEUED:
                    continue
                if entry.id not in signed_entries:
                    signed = signing(entry, nonce, gas[index])
                    calls.append((nonce, gas[index], signed.tx_hash, entry.id))
                    attempts.append(_attempt_row(entry.id, signed, now))
                    signed_entries[entry.id] = replace(
                        entry, gas=gas[index], nonce=nonce, state=CallState.SIGNED, tx_hash=signed.tx_hash
                    )
                    nonce += 1
                entries[index] = signed_entries[entry.id]
            self._db.executemany(
                "UPDATE calls SET state = 'signed', nonce = ?, gas = ?, tx_hash = ? WHERE id = ?", calls
            )
            self._db.executemany(_NEW_ATTEMPT, attempts)
            if calls or row is None:
                self._db.execute("INSERT OR REPLACE INTO nonces VALUES (?, ?)", (sender, nonce))
            return entries

    def _store(self, sender: str, drafts: Sequence[Draft]) -> list[OutboxEntry]:
        open_calls, last_id = self._db.execute(
            "SELECT (SELECT count(*) FROM calls WHERE state IN ('queued', 'signed', 'sent')), "
            "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'calls'), 0)"
        ).fetchone()
        entries: list[OutboxEntry] = []
        new: dict[str, OutboxEntry] = {}
        rows = []
        now = time.time_ns()
        for draft in drafts:
            known = self._known(sender, draft, new)
            if known is not None:
                entries.append(known)
                continue
            open_calls, last_id = open_calls + 1, last_id + 1
            if open_calls > self.limit:
                raise OutboxFullError(
                    f"the outbox holds its maximum of {self.limit} unfinished calls",
                    field="outbox",
                    hint="check that the chain produces blocks and that the fee ceiling is high enough",
                )
            entry = OutboxEntry(
                last_id,
                draft.key,
                draft.label,
                sender,
                draft.recipient,
                draft.data,
                draft.gas,
                value_wei=draft.value_wei,
            )
            stored = (entry.recipient, entry.data, entry.gas, str(entry.value_wei))
            rows.append((entry.id, entry.key, entry.label, sender, *stored, now))
            entries.append(entry)
            if draft.key is not None:
                new[draft.key] = entry
        self._db.executemany(
            "INSERT INTO calls (id, key, label, sender, recipient, data, gas, value_wei, state, queued_ns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?)",
            rows,
        )
        return entries

    def _known(self, sender: str, draft: Draft, new: Mapping[str, OutboxEntry]) -> OutboxEntry | None:
        if draft.key is None:
            return None
        entry = new.get(draft.key) or self.by_key(draft.key)
        if entry is None:
            return None
        stored = (entry.sender, entry.recipient, entry.data, entry.value_wei)
        if stored != (sender, draft.recipient, draft.data, draft.value_wei):
            raise IdempotencyKeyError(
                f"key {draft.key!r} belongs to another call ({entry.label})",
                field="key",
                hint="derive the key from the contents of the call",
            )
        if entry.state is CallState.FAILED:
            self._db.execute("UPDATE calls SET key = NULL, superseded = 1 WHERE id = ?", (entry.id,))
            return None
        return entry

    def mark_sent(self, hashes: Iterable[bytes], block: int) -> None:
        """Record that the node accepted these transactions when `block` was the newest block."""
        now = time.time_ns()
        hashes = list(hashes)
        with self._transaction(recoverable=True):
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
        """Record the blocks of calls. A call whose transaction failed on the chain becomes `failed`."""
        with self._transaction(recoverable=True):
            self._db.executemany(
                "UPDATE calls SET state = ?, tx_hash = ?, block_number = ?, block_hash = ?, gas_used = ?, error = ?, "
                "revert = ? WHERE id = ? AND state IN ('signed', 'sent')",
                [
                    (
                        CallState.FAILED if item.error else CallState.INCLUDED,
                        item.tx_hash,
                        item.block_number,
                        item.block_hash,
                        item.gas_used,
                        item.error,
                        item.revert,
                        item.call,
                    )
                    for item in inclusions
                ],
            )

    def mark_final(self, sender: str, blocks: Iterable[tuple[int, bytes]]) -> None:
        """Record that the calls in these blocks are final."""
        values = [(sender, number, block_hash) for number, block_hash in blocks]
        with self._transaction():
            for state, change in (("included", "state = 'final'"), ("failed", "block_hash = NULL")):
                self._db.executemany(
                    f"UPDATE calls SET {change} "  # noqa: S608
                    f"WHERE sender = ? AND state = '{state}' AND block_number = ? AND block_hash = ?",
                    values,
                )

    def mark_vanished(self, sender: str, blocks: Iterable[tuple[int, bytes]]) -> set[int]:
        """Record that these blocks left the chain: their calls are signed again. Return the calls."""
        with self._transaction():
            calls: set[int] = set()
            for number, block_hash in blocks:
                condition = "state IN ('included', 'failed') AND block_number = ? AND block_hash = ?"
                calls |= self._sign_again(sender, condition, number, block_hash)
        return calls

    def mark_rolled_back(self, sender: str, nonce: int, after_block: int) -> set[int]:
        """Record that the chain lost final calls: the sender's from `nonce` on, and all that follow `after_block`.

        They are signed again, like calls that were not final. Return those of the sender.
        """
        known = "state IN ('included', 'final', 'failed') AND block_number IS NOT NULL"
        with self._transaction():
            rows = self._db.execute(
                "SELECT DISTINCT sender FROM calls WHERE block_number > ?", (after_block,)
            ).fetchall()
            for (other,) in rows:
                if other != sender:
                    self._sign_again(other, f"{known} AND block_number > ?", after_block)
            return self._sign_again(sender, f"{known} AND (nonce >= ? OR block_number > ?)", nonce, after_block)

    def _sign_again(self, sender: str, condition: str, *values: object) -> set[int]:
        rows = self._db.execute(
            f"UPDATE calls SET {_SIGNED_AGAIN} WHERE sender = ? AND nonce IS NOT NULL AND {condition} "  # noqa: S608
            "RETURNING id",
            (bytes.fromhex(sender[2:]), sender, *values),
        )
        return {row[0] for row in rows}

    def replace(self, call: int, signed: SignedTransaction) -> None:
        """Add an attempt with a higher fee and the same nonce."""
        with self._transaction():
            changed = self._db.execute(
                "UPDATE calls SET state = 'signed', tx_hash = ? WHERE id = ? AND state IN ('signed', 'sent')",
                (signed.tx_hash, call),
            ).rowcount
            if changed:
                self._db.execute(_NEW_ATTEMPT, _attempt_row(call, signed, time.time_ns()))

    def fail(self, call: int, error: str, revert: bytes | None = None) -> None:
        """Mark a queued call as failed; it is not sent."""
        with self._transaction():
            self._db.execute(
                "UPDATE calls SET state = 'failed', error = ?, revert = ? WHERE id = ? AND state = 'queued'",
                (error, revert, call),
            )

    def withdraw(self, call: int, error: str | None) -> None:
        """Take the nonce from a call: it becomes `failed` with `error`, or `queued` without.

        Only for transactions that can no longer be included: no node accepted them, or another transaction used their
        nonce. The last assigned nonce is assigned again; any other leaves a gap for `fill`.
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

    def fill(self, sender: str, nonce: int, gas: int, signing: Callable[[int], SignedTransaction]) -> None:
        """Fill a nonce gap with an empty transfer to the sender; later calls can then be included."""
        recipient = bytes.fromhex(sender[2:])
        with self._transaction():
            used = self._db.execute("SELECT 1 FROM calls WHERE sender = ? AND nonce = ?", (sender, nonce)).fetchone()
            if used:
                return
            signed = signing(nonce)
            cursor = self._db.execute(
                "INSERT INTO calls (label, sender, recipient, data, gas, nonce, state, queued_ns, tx_hash) "
                "VALUES ('gap filler', ?, ?, x'', ?, ?, 'signed', ?, ?)",
                (sender, recipient, gas, nonce, time.time_ns(), signed.tx_hash),
            )
            self._db.execute(_NEW_ATTEMPT, _attempt_row(cursor.lastrowid, signed, time.time_ns()))


def _entry(row: tuple[object, ...]) -> OutboxEntry:
    values = list(row)
    values[8], values[15] = CallState(str(values[8])), int(str(values[15]))
    return OutboxEntry(*values)  # type: ignore[arg-type]


def _attempt_row(call: int | None, signed: SignedTransaction, signed_ns: int) -> tuple[object, ...]:
    return signed.tx_hash, call, signed.raw, signed.max_fee_wei, signed.priority_fee_wei, signed_ns
