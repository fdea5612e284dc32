"""`Anchorer`: hashes what is spooled into the channel's log and publishes its head, by count and by time.

The order of writing is what makes a crash harmless, wherever it comes:

1. the spool makes readings durable; the log's leaves are made from what is read back from there, and can be made again;
2. the log is extended in one transaction, which counts only if the log still has the size that it started from;
3. the head is recorded, durably, before anybody sees it;
4. the publisher is called with what was recorded, then a note is made that it was.

Between 3 and 4 a restart calls the publisher again with the very same head.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from chromatrace.anchor.errors import HeadConflictError, NotAnchoredError, ReadingNotFoundError, SpoolMismatchError
from chromatrace.anchor.heads import HeadStore, Publisher, ReadingSource, TreeHead
from chromatrace.anchor.proof import ReadingProof
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound, Unavailable
from chromatrace.merkle.entry import encode_fields, encode_reading
from chromatrace.merkle.errors import LogConflictError
from chromatrace.merkle.log import MerkleLog
from chromatrace.merkle.proofs import leaf_hash
from chromatrace.storage.closing import Closing

_logger = logging.getLogger(__name__)

HASHED_AT_ONCE = 65_536
"""Leaves per transaction of the log."""


class Anchorer(Closing):
    """Anchors every channel of `spool`; logs and heads are kept in the SQLite file `path` (None: in memory).

    A head of a channel is due when `every_count` readings, or when readings for `every_s` seconds, wait for one. The
    wait is counted from when this anchorer first saw them (`clock`, in seconds), so after a restart from then on.
    Several anchorers may run on one file: each head is made once.
    """

    def __init__(
        self,
        spool: ReadingSource,
        publisher: Publisher,
        path: Path | str | None = None,
        *,
        every_count: int = 10_000,
        every_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if every_count < 1:
            raise InvalidInput(f"at least 1 is needed, got {every_count}", field="every_count")
        if not every_s > 0:
            raise InvalidInput(f"more than 0 is needed, got {every_s}", field="every_s")
        self.heads = HeadStore(path)
        self._spool = spool
        self._publisher = publisher
        self._path = path
        self._every_count = every_count
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.RLock()
        # Its own lock, so that a proof need not wait while a head is being published.
        self._logs_lock = threading.Lock()
        self._logs: dict[str, MerkleLog] = {}
        self._waiting_since: dict[str, float] = {}

    def close(self) -> None:
        """Closes the logs and the heads."""
        with self._lock, self._logs_lock:
            for log in self._logs.values():
                log.close()
            self._logs.clear()
            self.heads.close()

    def log(self, channel: str) -> MerkleLog:
        """The channel's log."""
        with self._logs_lock:
            if channel not in self._logs:
                self._logs[channel] = MerkleLog(self._path, channel)
            return self._logs[channel]

    def extend(self, channel: str) -> int:
        """Hashes what the spool has more than the log; returns the log's size. Publishes nothing.

        Raises `SpoolMismatchError` where the spool has less than the log, or another last reading.
        """
        with self._lock:
            log = self.log(channel)
            hashed, spooled = log.size, self._spool.size(channel)
            if hashed == spooled:
                return hashed
            if hashed > spooled:
                raise SpoolMismatchError(
                    f"{channel!r}: {spooled} readings are spooled, {hashed} were hashed",
                    field="channel",
                    hint="restore the spool from a backup; the log is not shortened",
                )
            if hashed:
                self._require_same(channel, log, hashed - 1)
            leaves = map(leaf_hash, encode_fields(self._spool.fields(channel, hashed, spooled)))
            while hashed < spooled:
                try:
                    hashed = log.append_hashes(islice(leaves, HASHED_AT_ONCE), at=hashed)
                except LogConflictError:
                    # Another anchorer is hashing the same readings: what it has done need not be done again.
                    return self.extend(channel)
            return hashed

    def _require_same(self, channel: str, log: MerkleLog, index: int) -> None:
        (entry,) = encode_fields(self._spool.fields(channel, index, index + 1))
        if leaf_hash(entry) != log.leaf(index):
            raise SpoolMismatchError(
                f"{channel!r}: reading {index} is not the one that was hashed",
                field="channel",
                hint="restore the spool from a backup",
            )

    def anchor(self, channel: str) -> TreeHead | None:
        """Makes and publishes a head of everything spooled now; None where all of it is under a head already."""
        with self._lock:
            self._make_head(channel)
            return self._publish(channel)

    def head(self, channel: str) -> TreeHead:
        """The head of everything spooled now, recorded and not published: the next `anchor` or `poll` publishes it.

        For what must name the readings taken so far without a chain. Raises `NotFound` where nothing is spooled.
        """
        with self._lock:
            if channel in self._spool.names():
                self._make_head(channel)
            last = self.heads.last(channel)
        if last is None:
            raise NotFound(f"no reading of {channel!r} is spooled here", field="channel", hint="`chromatrace ingest`")
        return last

    def _make_head(self, channel: str) -> None:
        size = self.extend(channel)
        last = self.heads.last(channel)
        before = last.size if last else 0
        if size > before:
            first_time_ns, last_time_ns = self._spool.time_range(channel, before, size)
            head = TreeHead(channel, size, self.log(channel).root(size), first_time_ns, last_time_ns)
            try:
                self.heads.record(head)
            except HeadConflictError:
                # Another anchorer was faster; what its head leaves over waits for the next one.
                _logger.info("a head of %r was made by another process", channel)
        self._waiting_since.pop(channel, None)

    def _publish(self, channel: str) -> TreeHead | None:
        published = None
        for head in self.heads.unpublished(channel):
            self._publisher.publish(head)
            self.heads.mark_published(head)
            published = head
        return published

    def poll(self) -> list[TreeHead]:
        """Hashes what is new, makes the heads that are due, and publishes those and any left over; returns these.

        Where a channel fails (its publisher is `Unavailable`, its spool differs) the others are done all the same, then
        the first error is raised; heads not published stay recorded for the next call.
        """
        published, errors = [], []
        with self._lock:
            for channel in self._spool.names():
                try:
                    if self._is_due(channel, self.extend(channel)):
                        self._make_head(channel)
                    head = self._publish(channel)
                except ChromaTraceError as error:
                    errors.append(error)
                    continue
                if head is not None:
                    published.append(head)
        if errors:
            raise errors[0]
        return published

    def _is_due(self, channel: str, size: int) -> bool:
        last = self.heads.last(channel)
        waiting = size - (last.size if last else 0)
        if waiting <= 0:
            self._waiting_since.pop(channel, None)
            return False
        now = self._clock()
        since = self._waiting_since.setdefault(channel, now)
        return waiting >= self._every_count or now - since >= self._every_s

    def run(self, stop: threading.Event, *, poll_s: float = 0.5) -> None:
        """Polls until `stop` is set. What fails is logged and tried again: a wait as a warning, else as an error."""
        while not stop.is_set():
            try:
                self.poll()
            except Unavailable as error:
                _logger.warning("anchoring waits: %s", error)
            except ChromaTraceError as error:
                _logger.error("anchoring is held up: %s", error)
            stop.wait(poll_s)

    def prove(
        self, channel: str, source: str, tag: str, source_time_ns: int, *, published: bool = True
    ) -> ReadingProof:
        """Return the proof that a reading is under the smallest head that covers it.

        published  consider published heads only

        Raises `ReadingNotFoundError`, `NotAnchoredError`, and `SpoolMismatchError` if the reading changed after it was
        hashed.
        """
        found = self._spool.find(channel, source, tag, source_time_ns)
        if found is None:
            raise ReadingNotFoundError(
                f"{channel!r} has no reading of {tag!r} by {source!r} at {source_time_ns}",
                field="source_time_ns",
                hint="the time is the source's, in Unix nanoseconds, exactly",
            )
        head = self.heads.covering(channel, found.index, published=published)
        if head is None:
            raise NotAnchoredError(
                f"reading {found.index} of {channel!r} is under no {'published ' if published else ''}head yet",
                field="source_time_ns",
                hint="anchor the channel, or wait for its next head",
            )
        entry = encode_reading(found.reading)
        log = self.log(channel)
        if leaf_hash(entry) != log.leaf(found.index):
            raise SpoolMismatchError(
                f"reading {found.index} of {channel!r} is not the one that was hashed",
                field="source_time_ns",
                hint="restore the spool from a backup",
            )
        path = tuple(log.inclusion_proof(found.index, head.size))
        return ReadingProof(channel, found.index, head.size, head.root, entry, path)

    def prove_consistency(self, channel: str, old_size: int, size: int) -> list[bytes]:
        """The RFC 9162 proof that the head of `size` extends that of `old_size`."""
        return self.log(channel).consistency_proof(old_size, size)
