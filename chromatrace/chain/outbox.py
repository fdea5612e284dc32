"""The durable outbox: every call that is to reach the chain, until it is final.

    queued ──> signed ──> sent ──> included ──> final
      │          ^          ^          │
      └> failed  │          └──────────┘  its block vanished (reorganisation): sent again, the same bytes
                 └ replacements keep the nonce (fee bump)

A call takes its nonce in the transaction that stores its signed bytes, so two processes with one key never take
the same nonce, and after a crash the very bytes that may already be under way are sent again, never other ones. This
module only stores; `delivery` speaks to the node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from chromatrace.chain.records import CallState, Draft, Entry, Inclusion, Signed
from chromatrace.chain.stored_calls import StoredCalls
from chromatrace.ethereum.errors import IdempotencyKeyError, OutboxFullError

_NEW_ATTEMPT = (
    "INSERT OR IGNORE INTO attempts (tx_hash, call, raw, max_fee_wei, priority_fee_wei, signed_ns) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)


class Outbox(StoredCalls):
    """The outbox in the file at `path`; `limit` is the number of unfinished calls that it takes. Thread-safe."""

    def __init__(self, path: str | Path, limit: int = 20_000) -> None:
        super().__init__(path)
        self.limit = limit

    def enqueue(self, sender: str, drafts: Sequence[Draft]) -> list[Entry]:
        """Takes calls durably, all or none. A key that is known returns its call instead of taking another.

        A key whose call failed may be used again: nothing took effect. Raises `IdempotencyKeyError`, `OutboxFullError`.
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
                raise OutboxFullError(
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
            raise IdempotencyKeyError(
                f"the key {draft.key!r} stands for another call ({entry.label})",
                field="key",
                hint="one key, one call: derive it from what the call does",
            )
        if entry.state is CallState.FAILED:
            self._db.execute("UPDATE calls SET key = NULL WHERE id = ?", (entry.id,))
            return None
        return entry

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
