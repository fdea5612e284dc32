"""Follow the chain's events into the index, through interruptions and reorganisations."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.errors import ChainUnavailableError
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index.backfill import Backfill
from chromatrace.index.chain_reader import WINDOW, ChainReader, HeaderSummary, ReorganisedError
from chromatrace.index.counters import compare_counters
from chromatrace.index.database import Index
from chromatrace.index.errors import WrongIndexError, database_errors
from chromatrace.index.lock import writer_lock
from chromatrace.index.views import SyncProgress
from chromatrace.index.writer import ChainStatus, IndexedDeployment, IndexWriter, analyse

log = logging.getLogger(__name__)

_MAX_REORGANISATIONS = 8
_MAX_WAIT_S = 10.0
_STATUS_INTERVAL_S = 1.0
_COMPARE_INTERVAL_S = 10.0
_ACCELERATED_EVENTS = 1_000
"""Number of events from which a backfill uses a separate process and creates the secondary indexes at its end."""
_ANALYSED_EVENTS = 20_000
"""Number of events from which the planner's statistics are updated."""

ProgressCallback = Callable[[SyncProgress], None]


@dataclass(frozen=True, slots=True)
class FollowerState:
    """The state of `Follower.run`. Times are in Unix seconds.

    following      `run` is running, and its last round succeeded
    last_success   when a round last succeeded; None: never
    failing_since  when the first of the failing rounds ended; None: the last round succeeded
    last_error     the error of the last round, or None
    """

    following: bool = False
    last_success: float | None = None
    failing_since: float | None = None
    last_error: Exception | None = None


class Follower:
    """Bring an index up to the chain and keep it there.

    confirmations   number of blocks on top of a block before it is indexed
    finalized       index only finalized blocks, and ignore `confirmations`
    lock_timeout_s  how long to wait for another follower before `FollowerBusyError`
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
            raise InvalidInput(f"confirmations is {confirmations}; it must be at least 0", field="confirmations")
        self.state = FollowerState()
        """The state of `run`, for health checks. Another thread may read it at any time."""
        self._index, self._rpc, self._manifest = index, rpc, manifest
        self._confirmations: int | None = None if finalized else confirmations
        self._lock_timeout_s = lock_timeout_s
        self._reader = ChainReader(rpc, manifest.names_by_address)
        self._writer = IndexWriter(index.engine)
        self._verified = False
        self._status_recorded_at = 0.0
        self._compared_at: float | None = None

    def sync(self, progress: ProgressCallback | None = None) -> SyncProgress:
        """Index all blocks up to the newest, after undoing those that a reorganisation removed.

        If the index is at most `WINDOW` blocks behind, each block is one transaction; otherwise, and in an empty
        database, a transaction takes a range of blocks. `progress` is called after each. An interrupted sync continues
        where it stopped. Raises `WrongIndexError` or `WrongDeploymentError` (another chain), `ChainUnavailableError`,
        `MissingLogsError`, `IndexUnavailableError`, `FollowerBusyError`.
        """
        if not self._verified:
            self._index.migrate(self._lock_timeout_s)
        with self._writing():
            return self._sync(progress)

    def rebuild(self, progress: ProgressCallback | None = None) -> SyncProgress:
        """Empty the index and build it again from the chain. On an unchanged chain, the digest stays the same."""
        self._index.migrate(self._lock_timeout_s)
        with self._writing():
            self._writer.clear()
            self._verified = False
            self._compared_at = None
            return self._sync(progress)

    def run(self, stop: threading.Event, poll_s: float = 0.5) -> None:
        """Follow until `stop` is set, polling for new blocks every `poll_s` seconds.

        After any error, also one of another chain or another database, retry at growing intervals of at most 10 s.
        `state` shows the error until a round succeeds.
        """
        wait_s = poll_s
        try:
            while not stop.is_set():
                wait_s = self._follow_once(poll_s, wait_s)
                stop.wait(wait_s)
        finally:
            self.state = replace(self.state, following=False)

    def _follow_once(self, poll_s: float, wait_s: float) -> float:
        """Synchronise, record the outcome in `state`, and return the seconds until the next round."""
        try:
            self.sync()
        except Exception as error:  # the follower must not end; `state` shows the error
            wait_s = min(max(2 * wait_s, poll_s), _MAX_WAIT_S)
            if isinstance(error, ChromaTraceError):
                log.warning("updating the index failed; retrying in %.1f s: %s", wait_s, error)
            else:
                log.exception("an unexpected error in the follower; retrying in %.1f s", wait_s)
            since = self.state.failing_since or time.time()
            self.state = FollowerState(False, self.state.last_success, since, error)
            return wait_s
        self.state = FollowerState(True, time.time())
        return poll_s

    @contextmanager
    def _writing(self) -> Iterator[None]:
        engine = self._index.engine
        with database_errors(engine), writer_lock(engine, self._lock_timeout_s):
            yield

    def _sync(self, progress: ProgressCallback | None) -> SyncProgress:
        if not self._verified:
            self._verify()
        tally = _Tally(self._writer.cursor().number, progress)
        for _ in range(_MAX_REORGANISATIONS):
            try:
                return self._catch_up(tally)
            except ReorganisedError:
                continue
        raise ChainUnavailableError(
            f"the chain was reorganised {_MAX_REORGANISATIONS} times while it was read",
            field="rpc_url",
            hint="check whether the node is still syncing",
        )

    def _catch_up(self, tally: _Tally) -> SyncProgress:
        head = self._reader.header("latest")
        if head is None:
            raise ChainUnavailableError(
                "the node has no latest block", field="rpc_url", hint="check whether the node is still starting"
            )
        status = ChainStatus(head, self._confirmations)
        cursor = self._writer.cursor()
        ancestor = self._common_ancestor(cursor, head)
        if ancestor.number < cursor.number:
            log.warning("the chain reorganised %d blocks, from %d", cursor.number - ancestor.number, ancestor.number)
            tally.undone_events += self._writer.undo(cursor, ancestor, status)
            tally.undone_blocks += cursor.number - ancestor.number
            cursor = ancestor
            tally.report(cursor, head)
        target = self._target(head)
        block_by_block = self._first_block <= cursor.number and target - cursor.number <= WINDOW
        written = False
        with (
            _without_garbage_collection(),
            self._deferred_indexes(cursor) as defer_indexes,
            Backfill(self._reader, cursor, target) as backfill,
        ):
            for logs in backfill:
                for step in logs.block_by_block() if block_by_block else (logs,):
                    tally.events += self._writer.append(cursor, step, status)
                    cursor, written = step.end, True
                    tally.report(cursor, head)
                if tally.events > _ACCELERATED_EVENTS and cursor.number < target:
                    defer_indexes()
                    backfill.start_process()
        if tally.events > _ANALYSED_EVENTS:
            analyse(self._index.engine)
        if self._compared_at is None or (written and time.monotonic() - self._compared_at > _COMPARE_INTERVAL_S):
            self._compared_at = None
            compare_counters(self._rpc, self._manifest, self._index.engine, cursor)
            self._compared_at = time.monotonic()
        if not written and time.monotonic() - self._status_recorded_at > _STATUS_INTERVAL_S:
            self._writer.record_status(cursor, status)
            self._status_recorded_at = time.monotonic()
        return tally.progress(cursor, head)

    @contextmanager
    def _deferred_indexes(self, start: HeaderSummary) -> Iterator[Callable[[], None]]:
        """Yield a function that drops the secondary indexes of a database filled from the start, until the end."""
        deferred = False

        def defer() -> None:
            nonlocal deferred
            if not deferred and start.number < self._first_block:
                self._writer.drop_secondary_indexes()
                deferred = True

        try:
            yield defer
        finally:
            if deferred:
                self._writer.create_secondary_indexes()

    def _target(self, head: HeaderSummary) -> int:
        if self._confirmations is not None:
            return head.number - self._confirmations
        finalized = self._reader.header("finalized")
        return -1 if finalized is None else finalized.number

    def _common_ancestor(self, cursor: HeaderSummary, head: HeaderSummary) -> HeaderSummary:
        """Return the last indexed block that the chain still has; without a reorganisation, the cursor."""
        present = self._reader.header(cursor.number) if cursor.number <= head.number else None
        if present is not None and present.hash == cursor.hash:
            return cursor
        # Not necessarily a reorganisation: there may be another chain at the same URL.
        self._verify()
        candidates = self._writer.recent_blocks()
        while True:
            numbers = [number for number in candidates if number <= head.number]
            for number, header in zip(numbers, self._reader.headers(numbers), strict=True):
                if header is not None and header.hash == candidates[number]:
                    return header
            below = min(candidates, default=cursor.number + 1)
            candidates = self._writer.event_blocks_before(below, WINDOW)
            if not candidates:
                return self._block_before_first()

    def _block_before_first(self) -> HeaderSummary:
        before = self._reader.header(self._first_block - 1)
        if before is None:
            raise ReorganisedError
        return before

    @property
    def _first_block(self) -> int:
        return max(1, self._manifest.block)

    def _verify(self) -> None:
        """Check that manifest, chain and database belong together; start the index in an empty database."""
        self._manifest.verify(self._rpc)
        genesis = self._reader.header(0)
        if genesis is None:
            raise ChainUnavailableError(
                "the node does not return block 0", field="rpc_url", hint="check whether the node is still syncing"
            )
        names = sorted(self._manifest.names_by_address.items())
        contracts_hash = keccak("".join(f"{name}={address};" for address, name in names).encode())
        expected = IndexedDeployment(self._manifest.chain_id, genesis.hash, contracts_hash, self._first_block)
        present = self._writer.deployment()
        if present is None:
            head = self._reader.header("latest") or genesis
            self._writer.begin(expected, self._block_before_first(), ChainStatus(head, self._confirmations))
        elif present != expected:
            raise WrongIndexError(
                f"the index at {self._index.url} is of {_difference(present, expected)}",
                field="database_url",
                hint="rebuild it (`chromatrace index rebuild`), or use another database for this chain",
            )
        self._writer.create_secondary_indexes()
        self._verified = True


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Disable the cyclic garbage collector: rows contain no cycles, and searching for them takes 25% of a backfill."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Tally:
    """Counts of one sync."""

    def __init__(self, start: int, callback: ProgressCallback | None) -> None:
        self._start, self._callback = start, callback
        self.events = self.undone_events = self.undone_blocks = 0

    def progress(self, cursor: HeaderSummary, head: HeaderSummary) -> SyncProgress:
        counts = self.events, self.undone_blocks, self.undone_events
        return SyncProgress(self._start, cursor.number, head.number, *counts)

    def report(self, cursor: HeaderSummary, head: HeaderSummary) -> None:
        if self._callback is not None:
            self._callback(self.progress(cursor, head))


def _difference(present: IndexedDeployment, expected: IndexedDeployment) -> str:
    if present.chain_id != expected.chain_id:
        return f"chain {present.chain_id}, not {expected.chain_id}"
    if present.genesis_hash != expected.genesis_hash:
        return (
            f"a chain with genesis block 0x{present.genesis_hash.hex()[:16]}…, not "
            f"0x{expected.genesis_hash.hex()[:16]}…: the chain was reset"
        )
    return "another deployment on the same chain"
