"""`Anchorer`: hash spooled readings into the channel's log and publish its head, by count and by time.

The order of writes makes a crash safe at any point:

1. The spool stores readings durably. The leaves of the log can be rebuilt from it.
2. The log is extended in one transaction, which succeeds only if the log still has the expected size.
3. The head is recorded durably before it is published.
4. The publisher is called with the recorded head, then the head is marked as published.

After a crash between 3 and 4, or if the chain has lost an anchor, the publisher is called again with the same head.
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
from chromatrace.anchor.proof import PlainHex, ReadingProof
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound, Unavailable
from chromatrace.merkle.errors import LogConflictError
from chromatrace.merkle.log import MerkleLog
from chromatrace.merkle.proofs import leaf_hash
from chromatrace.storage.closing import Closing

_logger = logging.getLogger(__name__)

_COMPARE_EVERY_S = 30.0
"""Interval at which `poll` compares published heads with the chain, which may have lost them."""

LEAVES_PER_TRANSACTION = 65_536
"""Leaves per transaction of the log."""


class Anchorer(Closing):
    """Anchors every channel of `spool`. Logs and heads are in the SQLite file `path` (None: in memory).

    every_count  a head is due once this many readings are not covered by a head
    every_s      a head is due once a reading has not been covered for this many seconds, counted from when this
                 anchorer first saw it
    clock        monotonic time in seconds

    Several anchorers may share one file; each head is recorded once.
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
            raise InvalidInput(f"expected at least 1, got {every_count}", field="every_count")
        if not every_s > 0:
            raise InvalidInput(f"expected a number greater than 0, got {every_s}", field="every_s")
        self.heads = HeadStore(path)
        self._spool = spool
        self._publisher = publisher
        self._path = path
        self._every_count = every_count
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.RLock()
        # A separate lock, because a proof must not wait for the publication of a head.
        self._logs_lock = threading.Lock()
        self._logs: dict[str, MerkleLog] = {}
        self._waiting_since: dict[str, float] = {}
        self._compared_at: dict[str, float] = {}

    def close(self) -> None:
        """Close the logs and the heads."""
        with self._lock, self._logs_lock:
            for log in self._logs.values():
                log.close()
            self._logs.clear()
            self.heads.close()

    def log(self, channel: str) -> MerkleLog:
        """Return the log of a channel."""
        with self._logs_lock:
            if channel not in self._logs:
                self._logs[channel] = MerkleLog(self._path, channel)
            return self._logs[channel]

    def extend(self, channel: str) -> int:
        """Hash new spooled readings into the log and return its size, without publishing.

        Raises `SpoolMismatchError` if the spool is shorter than the log or its last hashed reading differs.
        """
        with self._lock:
            log = self.log(channel)
            hashed, spooled = log.size, self._spool.size(channel)
            if hashed == spooled:
                return hashed
            if hashed > spooled:
                raise SpoolMismatchError(
                    f"channel {channel!r} has {spooled} spooled readings, but {hashed} were hashed",
                    field="channel",
                    hint="restore the spool from a backup; the log is append-only",
                )
            if hashed:
                self._require_same_reading(channel, log, hashed - 1)
            leaves = map(leaf_hash, self._spool.log_entries(channel, hashed, spooled))
            while hashed < spooled:
                try:
                    hashed = log.append_hashes(islice(leaves, LEAVES_PER_TRANSACTION), expected_size=hashed)
                except LogConflictError:
                    # Another anchorer is hashing the same readings; continue after them.
                    return self.extend(channel)
            return hashed

    def _require_same_reading(self, channel: str, log: MerkleLog, index: int) -> None:
        if leaf_hash(self._spool.log_entry(channel, index)) != log.leaf(index):
            raise SpoolMismatchError(
                f"reading {index} of channel {channel!r} differs from the hashed reading",
                field="channel",
                hint="restore the spool from a backup",
            )

    def anchor(self, channel: str) -> TreeHead | None:
        """Record and publish a head of all spooled readings. Return None if the chain already has it."""
        with self._lock:
            self._make_head(channel)
            return self._publish(channel) if self.heads.last(channel) is not None else None

    def head(self, channel: str) -> TreeHead:
        """Record and return a head of all spooled readings; a later `anchor` or `poll` publishes it.

        Lets a document refer to the readings without a chain. Raises `NotFound` if nothing is spooled.
        """
        with self._lock:
            if channel in self._spool.names():
                self._make_head(channel)
            last = self.heads.last(channel)
        if last is None:
            raise NotFound(
                f"channel {channel!r} has no spooled readings", field="channel", hint="run `chromatrace ingest`"
            )
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
                # Another anchorer was faster; the next head covers the remaining readings.
                _logger.info("another process recorded a head of channel %r", channel)
        self._waiting_since.pop(channel, None)

    def _publish(self, channel: str) -> TreeHead | None:
        """Publish the heads that the chain does not have, also those that it had before a reorganisation."""
        self._compared_at[channel] = self._clock()
        published = None
        for head in self.heads.above(channel, self._publisher.anchored_size(channel)):
            self._publisher.publish(head)
            self.heads.mark_published(head)
            published = head
        return published

    def _is_comparison_due(self, channel: str) -> bool:
        if self.heads.unpublished(channel):
            return True
        compared_at = self._compared_at.get(channel)
        due = compared_at is None or self._clock() - compared_at >= _COMPARE_EVERY_S
        return due and self.heads.last(channel) is not None

    def poll(self) -> list[TreeHead]:
        """Hash new readings, record due heads, and publish all unpublished and lost heads.

        Return the last published head of each channel.

        An error in one channel does not affect the others; the first error is raised at the end. Unpublished heads
        stay recorded for the next call.
        """
        published, errors = [], []
        with self._lock:
            for channel in self._spool.names():
                try:
                    if self._is_due(channel, self.extend(channel)):
                        self._make_head(channel)
                    head = self._publish(channel) if self._is_comparison_due(channel) else None
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
        """Poll every `poll_s` seconds until `stop` is set. Log errors and try again."""
        while not stop.is_set():
            try:
                self.poll()
            except Unavailable as error:
                _logger.warning("anchoring is delayed: %s", error)
            except ChromaTraceError as error:
                _logger.error("anchoring failed: %s", error)
            stop.wait(poll_s)

    def prove(
        self, channel: str, source: str, tag: str, source_time_ns: int, *, published: bool = True
    ) -> ReadingProof:
        """Return the proof that a reading is under the smallest head that covers it.

        published  consider published heads only

        Raises `ReadingNotFoundError`, `NotAnchoredError`, and `SpoolMismatchError` if the reading changed after it was
        hashed.
        """
        spooled = self._spool.find(channel, source, tag, source_time_ns)
        if spooled is None:
            raise ReadingNotFoundError(
                f"channel {channel!r} has no reading of {tag!r} from {source!r} at {source_time_ns}",
                field="source_time_ns",
                hint="give the exact source time in Unix nanoseconds",
            )
        head = self.heads.covering(channel, spooled.index, published=published)
        if head is None:
            raise NotAnchoredError(
                f"no {'published ' if published else ''}head covers reading {spooled.index} of channel {channel!r} yet",
                field="source_time_ns",
                hint="anchor the channel, or wait for its next head",
            )
        entry = self._spool.log_entry(channel, spooled.index)
        log = self.log(channel)
        if leaf_hash(entry) != log.leaf(spooled.index):
            raise SpoolMismatchError(
                f"reading {spooled.index} of channel {channel!r} differs from the hashed reading",
                field="source_time_ns",
                hint="restore the spool from a backup",
            )
        path = tuple(map(PlainHex, log.inclusion_proof(spooled.index, head.size)))
        return ReadingProof(channel, spooled.index, head.size, PlainHex(head.root), PlainHex(entry), path)
