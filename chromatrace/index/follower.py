"""Follows the chain's events into the index: catches up, notices reorganisations, survives whatever interrupts it."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eth_hash.auto import keccak

from chromatrace.domain.errors import ChromaTraceError, InvalidInput, Unavailable
from chromatrace.ethereum.errors import ChainUnavailableError, RpcError
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index.backfill import Reading
from chromatrace.index.database import Index
from chromatrace.index.errors import WrongIndex, database_errors
from chromatrace.index.source import WINDOW, Header, Reorganised, Source
from chromatrace.index.store import Identity, Sight, Store, optimise
from chromatrace.index.views import SyncProgress

log = logging.getLogger(__name__)

_TRIES = 8
_MAX_BACK_OFF_S = 30.0
_LOOK_S = 1.0
_MANY_EVENTS = 20_000
_SOME_EVENTS = 1_000


class Follower:
    """Brings an index up to the chain and keeps it there.

    confirmations   how many blocks a block must have on top of it before it is indexed
    finalized       index only what the chain calls final (then `confirmations` has no meaning)
    lock_timeout_s  how long to wait for another follower's turn before `FollowerBusy`
    """

    def __init__(
        self,
        index: Index,
        rpc: RpcClient,
        manifest: Manifest,
        confirmations: int = 0,
        *,
        finalized: bool = False,
        lock_timeout_s: float = 10.0,
    ) -> None:
        if confirmations < 0:
            raise InvalidInput(f"a number from 0 is needed, got {confirmations}", field="confirmations")
        self.trouble: ChromaTraceError | None = None
        """What stopped the last round of `run`; None while it goes well."""
        self._index, self._rpc, self._manifest = index, rpc, manifest
        self._confirmations: int | None = None if finalized else confirmations
        self._lock_timeout_s = lock_timeout_s
        self._source = Source(rpc, manifest.names_by_address)
        self._store = Store(index.engine)
        self._verified = False
        self._looked = 0.0

    def sync(self, progress: Callable[[SyncProgress], None] | None = None) -> SyncProgress:
        """Indexes all that the chain has now, undoing first what it no longer has.

        At most `WINDOW` blocks behind, each block is a transaction of its own; further behind, and in an empty
        database, a transaction takes a run of blocks. Calls `progress` after each. What is written stays written
        whatever happens then; the next call goes on from there. Raises `WrongIndex` or `WrongDeploymentError` (another
        chain), `ChainUnavailableError`, `IndexUnavailable`, `FollowerBusy`.
        """
        if not self._verified:
            self._index.migrate(self._lock_timeout_s)
        with self._index.writer_lock(self._lock_timeout_s), database_errors(self._index.engine):
            return self._sync(progress)

    def rebuild(self, progress: Callable[[SyncProgress], None] | None = None) -> SyncProgress:
        """Empties the index and builds it again from the chain; afterwards `digest` is what it was."""
        self._index.migrate(self._lock_timeout_s)
        with self._index.writer_lock(self._lock_timeout_s), database_errors(self._index.engine):
            self._store.clear()
            self._verified = False
            return self._sync(progress)

    def run(self, stop: threading.Event, poll_s: float = 0.5) -> None:
        """Follows until `stop` is set, looking for new blocks every `poll_s` seconds.

        A chain or a database that does not answer is waited for, ever longer up to 30 s; that the chain is another
        one is raised.
        """
        wait_s = poll_s
        while not stop.is_set():
            try:
                self.sync()
            except (Unavailable, RpcError) as error:
                self.trouble = error
                wait_s = min(max(2 * wait_s, poll_s), _MAX_BACK_OFF_S)
                log.warning("the index waits %.1f s: %s", wait_s, error)
            else:
                self.trouble = None
                wait_s = poll_s
            stop.wait(wait_s)

    def _sync(self, progress: Callable[[SyncProgress], None] | None) -> SyncProgress:
        if not self._verified:
            self._verify()
        done = _Tally(self._store.cursor().number)
        for _ in range(_TRIES):
            try:
                return self._catch_up(done, progress)
            except Reorganised:
                continue
        raise ChainUnavailableError(
            f"the chain changed {_TRIES} times while it was read", field="rpc_url", hint="is the node still syncing?"
        )

    def _catch_up(self, done: _Tally, progress: Callable[[SyncProgress], None] | None) -> SyncProgress:
        head = self._source.header("latest")
        if head is None:
            raise ChainUnavailableError("the node has no latest block", field="rpc_url", hint="is it still starting?")
        sight = Sight(head, self._confirmations)
        cursor = self._store.cursor()
        ancestor = self._common_ancestor(cursor, head)
        if ancestor.number < cursor.number:
            log.warning("the chain reorganised %d blocks, from %d", cursor.number - ancestor.number, ancestor.number)
            done.undone_events += self._store.undo(cursor, ancestor, sight)
            done.undone_blocks += cursor.number - ancestor.number
            cursor = ancestor
            done.tell(cursor, head, progress)
        target = self._target(head)
        live = self._first_block <= cursor.number and target - cursor.number <= WINDOW
        written = False
        with (
            _no_collections(),
            self._indexes_at_the_end(cursor) as put_indexes_off,
            Reading(self._source, cursor, target) as ranges,
        ):
            for found in ranges:
                for step in found.block_by_block() if live else (found,):
                    done.events += self._store.append(cursor, step, sight)
                    cursor, written = step.end, True
                    done.tell(cursor, head, progress)
                if done.events > _SOME_EVENTS and cursor.number < target:
                    put_indexes_off()
                    ranges.much_comes()
        if done.events > _MANY_EVENTS:
            optimise(self._index.engine)
        if not written and time.monotonic() - self._looked > _LOOK_S:
            self._store.look(cursor, sight)
            self._looked = time.monotonic()
        return done.progress(cursor, head)

    @contextmanager
    def _indexes_at_the_end(self, start: Header) -> Iterator[Callable[[], None]]:
        """What is yielded puts the making of indexes off, where an empty database is filled, until this ends."""
        deferred = False

        def put_off() -> None:
            nonlocal deferred
            if not deferred and start.number < self._first_block:
                self._store.defer_indexes()
                deferred = True

        try:
            yield put_off
        finally:
            if deferred:
                self._store.restore_indexes()

    def _target(self, head: Header) -> int:
        if self._confirmations is not None:
            return head.number - self._confirmations
        final = self._source.header("finalized")
        return -1 if final is None else final.number

    def _common_ancestor(self, cursor: Header, head: Header) -> Header:
        """The last indexed block that the chain still has: the cursor's own, except after a reorganisation."""
        present = self._source.header(cursor.number) if cursor.number <= head.number else None
        if present is not None and present.hash == cursor.hash:
            return cursor
        # It may be no reorganisation at all but another chain behind the same URL.
        self._verify()
        candidates = self._store.recent()
        while True:
            numbers = [number for number in candidates if number <= head.number]
            for number, header in zip(numbers, self._source.headers(numbers), strict=True):
                if header is not None and header.hash == candidates[number]:
                    return header
            below = min(candidates, default=cursor.number + 1)
            candidates = self._store.event_blocks_before(below, WINDOW)
            if not candidates:
                return self._block_before_first()

    def _block_before_first(self) -> Header:
        before = self._source.header(self._first_block - 1)
        if before is None:
            raise Reorganised
        return before

    @property
    def _first_block(self) -> int:
        return max(1, self._manifest.block)

    def _verify(self) -> None:
        """Holds the chain against the manifest and the database against both; an empty database becomes theirs."""
        self._manifest.verify(self._rpc)
        genesis = self._source.header(0)
        if genesis is None:
            raise ChainUnavailableError("the node does not give block 0", field="rpc_url", hint="is it still syncing?")
        addresses = "".join(f"{name}={address};" for address, name in sorted(self._manifest.names_by_address.items()))
        wanted = Identity(self._manifest.chain_id, genesis.hash, keccak(addresses.encode()), self._first_block)
        present = self._store.identity()
        if present is None:
            head = self._source.header("latest") or genesis
            self._store.begin(wanted, self._block_before_first(), Sight(head, self._confirmations))
        elif present != wanted:
            raise WrongIndex(
                f"the index at {self._index.url} is of {_difference(present, wanted)}",
                field="database_url",
                hint="build it again (`chromatrace index rebuild`), or name another database for this chain",
            )
        self._store.restore_indexes()
        self._verified = True


@contextmanager
def _no_collections() -> Iterator[None]:
    """Rows by the hundred thousand hold no cycles; looking for some takes a quarter of a backfill's time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Tally:
    """What a sync has done so far."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.events = self.undone_events = self.undone_blocks = 0

    def progress(self, cursor: Header, head: Header) -> SyncProgress:
        return SyncProgress(self.start, cursor.number, head.number, self.events, self.undone_blocks, self.undone_events)

    def tell(self, cursor: Header, head: Header, progress: Callable[[SyncProgress], None] | None) -> None:
        if progress is not None:
            progress(self.progress(cursor, head))


def _difference(present: Identity, wanted: Identity) -> str:
    if present.chain_id != wanted.chain_id:
        return f"chain {present.chain_id}, not {wanted.chain_id}"
    if present.genesis_hash != wanted.genesis_hash:
        return (
            f"a chain that began with block 0x{present.genesis_hash.hex()[:16]}…, this one with "
            f"0x{wanted.genesis_hash.hex()[:16]}…: the chain was reset"
        )
    return "another deployment on the same chain"
