"""A spool that several sources of one process fill at the same time.

Each channel has one thread that writes to it. Readings that wait in different sources are stored in one transaction, so
many slow sources share the cost of a durable commit. Each `append` returns when its own readings are durable.

The readings that wait are limited: `append` then waits as well, and the source applies back-pressure to its device.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.records import LISTED_CONFLICTS, AppendResult, ReadingConflict, ReadingFields
from chromatrace.ingest.spool import BATCH, Spool

_MAX_WAITING = 50_000
_PROBE_S = 2.0


class SharedSpool(Spool):
    """A `Spool` with one writing thread for each channel. Close it after its sources have ended.

    max_waiting  readings of a channel that may wait for their commit
    """

    def __init__(self, path: Path | str, *, max_waiting: int = _MAX_WAITING, max_bytes: int | None = None) -> None:
        super().__init__(path, max_bytes=max_bytes)
        self._max_waiting = max_waiting
        self._writers: dict[str, _ChannelWriter] = {}
        self._starting = threading.Lock()

    def append_fields(self, channel: str, readings: Iterable[ReadingFields]) -> AppendResult:
        """Store readings given as fields, which must be valid. See `Spool.append`."""
        source = iter(readings)
        stored = duplicates = conflicting = offset = 0
        listed: list[ReadingConflict] = []
        while group := list(islice(source, BATCH)):
            result = self._writer(channel).append(group)
            stored += result.stored
            duplicates += result.duplicates
            conflicting += result.conflicting
            listed.extend(
                ReadingConflict(offset + conflict.position, conflict.rejected, conflict.stored)
                for conflict in result.conflicts[: LISTED_CONFLICTS - len(listed)]
            )
            offset += len(group)
        return AppendResult(stored, duplicates, conflicting, tuple(listed))

    def waiting(self, channel: str) -> int:
        """Return the number of readings that wait for their commit."""
        writer = self._writers.get(channel)
        return writer.waiting if writer is not None else 0

    def faults(self) -> dict[str, str]:
        """Return why the last commit of a channel failed, for each channel that cannot be written at the moment."""
        return {channel: writer.fault for channel, writer in self._writers.items() if writer.fault is not None}

    def close(self) -> None:
        """End the writing threads after they have stored what waits, and close the file."""
        for writer in self._writers.values():
            writer.close()
        super().close()

    def _writer(self, channel: str) -> _ChannelWriter:
        with self._starting:
            if channel not in self._writers:
                self._writers[channel] = _ChannelWriter(self, channel, self._max_waiting)
            return self._writers[channel]


@dataclass(slots=True)
class _Group:
    """The readings of one `append`, and its result."""

    readings: list[ReadingFields]
    result: Future[AppendResult] = field(default_factory=Future)


class _ChannelWriter:
    """Commits the groups that wait, as many as fit into one transaction."""

    def __init__(self, spool: Spool, channel: str, limit: int) -> None:
        self._spool = spool
        self._channel = channel
        self._limit = limit
        self._groups: deque[_Group] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.waiting = 0
        self.fault: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"spool-{channel}", daemon=True)
        self._thread.start()

    def append(self, readings: list[ReadingFields]) -> AppendResult:
        """Wait until the readings are durable. Raises the errors of the spool."""
        group = _Group(readings)
        with self._changed:
            self._changed.wait_for(lambda: self.waiting < self._limit or self._closed)
            if self._closed:
                raise SpoolUnavailable(f"{self._spool.path} is closed", field="path")
            self._groups.append(group)
            self.waiting += len(readings)
            self._changed.notify_all()
        return group.result.result()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while (groups := self._take()) or not self._closed:
            if not groups:
                self._probe()
                continue
            try:
                results = self._spool.append_groups(self._channel, [group.readings for group in groups])
            except SpoolUnavailable as error:
                self.fault = str(error)
                for group in groups:
                    group.result.set_exception(error)
            except Exception:  # noqa: BLE001 - of one group, which must not stop the others
                self._append_separately(groups)
            else:
                self.fault = None
                for group, result in zip(groups, results, strict=True):
                    group.result.set_result(result)

    def _probe(self) -> None:
        """End a fault without waiting for the next append, if the spool can be written again."""
        try:
            self._spool.check_writable()
        except SpoolUnavailable as error:
            self.fault = str(error)
        else:
            self.fault = None

    def _take(self) -> Sequence[_Group]:
        """Return the next groups. There are none after `close`, or if a fault lasts for `_PROBE_S`."""
        with self._changed:
            timeout_s = None if self.fault is None else _PROBE_S
            self._changed.wait_for(lambda: bool(self._groups) or self._closed, timeout_s)
            groups: list[_Group] = []
            size = 0
            while self._groups and size < BATCH:
                groups.append(self._groups.popleft())
                size += len(groups[-1].readings)
            self.waiting -= size
            self._changed.notify_all()
            return groups

    def _append_separately(self, groups: Sequence[_Group]) -> None:
        for group in groups:
            try:
                (result,) = self._spool.append_groups(self._channel, [group.readings])
            except Exception as error:  # noqa: BLE001 - raised by `append`
                self.fault = str(error) if isinstance(error, SpoolUnavailable) else self.fault
                group.result.set_exception(error)
            else:
                self.fault = None
                group.result.set_result(result)
