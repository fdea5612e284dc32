"""The gateway loop: connect, catch up, store values, and reconnect."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.gateway.clock import CLOCK_TOLERANCE_NS, is_future
from chromatrace.ingest.gateway.dead_letters import (
    BLOCK,
    DEAD_LETTER,
    DeadLetter,
    NoRecorder,
    Overflow,
    Recorder,
    lost_letter,
    reading_letter,
    rejected_letter,
)
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue, UnfilledGap
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.opcua.buffer import Buffer
from chromatrace.ingest.opcua.event_follower import EventFollower
from chromatrace.ingest.opcua.session import (
    CONNECTION_ERRORS,
    HistoryUnavailable,
    ServerUnavailable,
    Session,
    connected,
)
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.opcua.values import decode_value, source_time_ns
from chromatrace.ingest.spool import Spool

_POLL_S = 0.2
_SPOOL_RETRY_S = 1.0
_SHOWN = 20
_logger = logging.getLogger(__name__)


class OpcUaGateway:
    """Stores the readings of one server in one channel. `statistics` can be read at any time."""

    def __init__(
        self,
        settings: OpcUaSettings,
        spool: Spool,
        recorder: Recorder | None = None,
        *,
        overflow: Overflow = BLOCK,
        clock_tolerance_ns: int = CLOCK_TOLERANCE_NS,
    ) -> None:
        self.settings = settings
        self.statistics = GatewayStatistics()
        self._recorder = recorder or NoRecorder()
        self._overflow = overflow
        self._tolerance_ns = clock_tolerance_ns
        self._letters: list[DeadLetter] = []
        self._writer = SpoolWriter(spool, settings.channel, self.statistics, self._recorder, clock_tolerance_ns)
        self._events = EventFollower(settings, self._writer, self.statistics, self._letters)
        self._keys: list[TagKey] = []
        self._stop = asyncio.Event()
        self._logged_reason = ""

    async def run(self, stop: asyncio.Event) -> GatewayStatistics:
        """Run until `stop` is set or, with `once`, until the server has finished and all its values are stored.

        Received values are stored before the return. If the server is unavailable, the gateway waits for it and logs
        the reason each time it changes. Raises `ServerUnavailable` after `give_up_s`, `InvalidInput` or
        `NotAuthorised` if the settings do not fit the server, `SpoolCorrupt`, and `SpoolUnavailable` if the spool
        cannot be written at the end.
        """
        self._stop = stop
        unavailable_since = time.monotonic()
        pause_s, maximum_pause_s = self.settings.backoff_s
        while not stop.is_set():
            connects = self.statistics.connects
            try:
                async with connected(self.settings) as session:
                    if await self._serve(session):
                        break
            except (ServerUnavailable, *CONNECTION_ERRORS) as error:
                self.statistics.failed_attempts += self.statistics.connects == connects
                self._connection_failed(getattr(error, "message", "") or str(error) or type(error).__name__)
            finally:
                self.statistics.connected = False
            if self.statistics.connects > connects:
                pause_s, unavailable_since = self.settings.backoff_s[0], time.monotonic()
            # Jitter, so many gateways do not reconnect to a restarted server at the same time.
            jittered_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311
            await _wait(stop, min(jittered_s, self._remaining_s(unavailable_since)))
            pause_s = min(2 * pause_s, maximum_pause_s)
        return self.statistics

    def _connection_failed(self, reason: str) -> None:
        self.statistics.last_error = reason
        if reason != self._logged_reason:
            _logger.warning("%s; retrying with increasing delay", reason)
        self._logged_reason = reason

    def _remaining_s(self, unavailable_since: float) -> float:
        """Return how long the gateway still waits for the server. Raises `ServerUnavailable` after `give_up_s`."""
        limit_s = self.settings.give_up_s
        if limit_s is None:
            return float("inf")
        remaining_s = unavailable_since + limit_s - time.monotonic()
        if remaining_s <= 0:
            raise ServerUnavailable(
                f"{self.settings.url} was unavailable for {limit_s:g} s; {self.statistics.stored:,} readings stored "
                f"before: {self.statistics.last_error}",
                field="url",
                hint="start the server, then run this command again; it continues from the last stored reading",
            )
        return remaining_s

    async def _serve(self, session: Session) -> bool:
        """Serve one connection. Return whether the gateway is done. Raises `CONNECTION_ERRORS`."""
        buffer = Buffer(self.settings.buffer, None if self._overflow == BLOCK else self._overflowed)
        self._keys = await session.browse()
        self._report_left_out(session)
        await asyncio.to_thread(self._writer.resume, self._keys)

        self._events.start(session.events, self._keys)

        async def notified(items: list[Any], events: list[Any], missed: bool) -> None:
            received_ns = time.time_ns()
            values = [
                value
                for item in items
                if (value := self._decode(self._keys[item.ClientHandle], item.Value, received_ns)) is not None
            ]
            values += await self._events.received(events, missed=missed)
            await buffer.put(values, missed)
            self.statistics.buffered = len(buffer)

        for key, reason in await session.subscribe(self._keys, notified):
            self.statistics.reject(RejectedTagValue(key.source, key.tag, f"subscription failed: {reason}"))
        if not session.has_events:
            self._events.stop()
        # Subscribe before catching up: new values wait in the buffer, so there is no gap between the two.
        await self._write(await self._events.missed())
        if not await self._catch_up(session):
            return True  # The buffered values come after a gap. The next run reads both from the history.
        self.statistics.reconnects += self.statistics.connects > 0
        self.statistics.connects += 1
        self.statistics.connected = True
        _logger.log(
            logging.WARNING if self._logged_reason else logging.INFO,
            "%s: %d tags subscribed",
            self.settings.url,
            len(self._keys),
        )
        self._logged_reason = ""
        return await self._store_buffered(session, buffer)

    def _report_left_out(self, session: Session) -> None:
        """Log the variables that are not read, once."""
        left_out = [f"{variable.path}: {variable.reason}" for variable in session.left_out]
        if left_out != self.statistics.left_out:
            shown = ", ".join(left_out[:_SHOWN]) + (", …" if len(left_out) > _SHOWN else "")
            _logger.warning("%d variables are left out: %s", len(left_out), shown)
        self.statistics.left_out = left_out

    async def _store_buffered(self, session: Session, buffer: Buffer) -> bool:
        """Store buffered values until the gateway is stopped or finished. Raises ConnectionError."""
        while True:
            values, missed = await buffer.get(self.settings.batch, timeout_s=_POLL_S)
            await self._record_letters()
            if self._events.incomplete:
                await self._write(await self._events.missed())
            if values:
                await self._fill_overflows(session, values, missed)
                await self._write(values)
                self.statistics.buffered = len(buffer)
            elif session.lost.is_set():
                raise ConnectionError("the connection was lost")
            elif session.silent():
                raise ConnectionError("the server stopped sending keep-alive messages")
            elif self._stop.is_set() or (self.settings.once and await self._complete(session)):
                return True
            if self._stop.is_set():
                buffer.close()

    async def _complete(self, session: Session) -> bool:
        """Return whether the server has finished and the newest value of each tag is in the spool."""
        if not await session.finished():
            return False
        for key, data in zip(self._keys, await session.current(self._keys), strict=True):
            current_ns, newest_ns = source_time_ns(data), self._writer.newest_ns(key)
            if current_ns is None or (newest_ns is not None and newest_ns >= current_ns):
                continue
            if not await asyncio.to_thread(self._writer.has, key, current_ns):
                return False
        await self._write(await self._events.missed())
        return True

    async def _catch_up(self, session: Session) -> bool:
        """Read the history of each tag from its newest stored reading to its current value.

        Return False if the gateway was stopped before the end.
        """
        collected: list[ReceivedValue] = []
        for key, data in zip(self._keys, await session.current(self._keys), strict=True):
            if self._stop.is_set():
                break
            start_ns = self._writer.newest_ns(key)
            if start_ns is None:
                start_ns = self._since_ns(key)
            if start_ns is None:
                continue
            collected += await self._fetch(session, key, start_ns, source_time_ns(data))
            if len(collected) >= self.settings.buffer:
                await self._write_sorted(collected)
                collected = []
        await self._write_sorted(collected)
        return not self._stop.is_set()

    def _since_ns(self, key: TagKey) -> int | None:
        """Return the time from which to read the history of a tag that the spool does not contain."""
        if self.settings.since_ns is not None:
            return self.settings.since_ns
        # The first value may have been produced during the interruption: after the last readings of the other tags.
        return self._writer.oldest_of_newest_ns(key.source) if self.statistics.connects else None

    async def _fill_overflows(self, session: Session, values: Sequence[ReceivedValue], missed: bool) -> None:
        """Read the values that were lost by a queue overflow or a lost message, before later values are stored."""
        overflowed: dict[str, ReceivedValue] = {}
        for value in values:
            if (value.overflow or missed) and value.key.node_id is not None:
                overflowed[value.key.tag] = value
        for value in overflowed.values():
            self.statistics.overflows += 1
            start_ns = self._writer.newest_ns(value.key) or self._since_ns(value.key) or 0
            await self._write(await self._fetch(session, value.key, start_ns, value.source_time_ns))

    async def _fetch(self, session: Session, key: TagKey, start_ns: int, end_ns: int | None) -> list[ReceivedValue]:
        """Read the history of a tag. A gap that the history does not fill is counted and logged."""
        if end_ns is not None and is_future(end_ns, time.time_ns(), self._tolerance_ns):
            end_ns = None  # the clock of the source is wrong, so the time does not limit the history
        if end_ns is not None and end_ns <= start_ns:
            return []
        values: list[ReceivedValue] = []
        coverage = _HistoryCoverage(self._writer.newest_ns(key) == start_ns, start_ns, end_ns)
        try:
            async for page in session.history(key, start_ns, end_ns):
                received_ns = time.time_ns()
                coverage.add(page)
                decoded = (self._decode(key, data, received_ns, replayed=True) for data in page)
                values += [value for value in decoded if value is not None]
                if len(values) >= self.settings.buffer:
                    await self._write(values)
                    values = []
            reason = coverage.fault()
        except HistoryUnavailable as error:
            reason = error.message
        if reason is not None:
            _logger.error("%s of %s: values after %d ns may be missing: %s", key.tag, key.source, start_ns, reason)
            self.statistics.add_gap(UnfilledGap(key.source, key.tag, start_ns, reason))
        return values

    def _decode(self, key: TagKey, data: Any, received_ns: int, *, replayed: bool = False) -> ReceivedValue | None:
        value = decode_value(key, data, received_ns, replayed=replayed)
        if isinstance(value, str):
            _logger.warning("%s of %s rejected: %s", key.tag, key.source, value)
            self.statistics.reject(RejectedTagValue(key.source, key.tag, value))
            self._letters.append(_letter(key, data, value, received_ns))
            return None
        return value

    async def _overflowed(self, values: list[ReceivedValue]) -> bool:
        """Record the values that the full buffer drops. Return False if it must wait instead."""
        reason = "the buffer was full"
        letters = [
            reading_letter(value, reason)
            if self._overflow == DEAD_LETTER
            else lost_letter(value.key.source, value.key.tag, reason, value.received_ns)
            for value in values
        ]
        try:
            await asyncio.to_thread(self._recorder.record, letters)
        except SpoolUnavailable as error:
            self.statistics.last_error = str(error)
            return False
        self.statistics.dropped += len(values)
        for value in values:
            self._writer.skip(value.key.source, 1)
        return True

    async def _record_letters(self) -> None:
        if self._letters:
            letters = list(self._letters)
            self._letters.clear()
            await self._retried(lambda: self._recorder.record(letters))

    async def _write_sorted(self, values: list[ReceivedValue]) -> None:
        await self._write(sorted(values, key=lambda value: value.source_time_ns))

    async def _write(self, values: Sequence[ReceivedValue]) -> None:
        """Store values in the spool. Retry while it is unavailable; meanwhile the buffer applies back-pressure."""
        await self._record_letters()
        for start in range(0, len(values), self.settings.batch):
            batch = values[start : start + self.settings.batch]
            await self._retried(functools.partial(self._writer.write, batch))
            self.statistics.lag_ms = (time.time_ns() - batch[-1].source_time_ns) / 1e6

    async def _retried(self, store: Callable[[], object]) -> None:
        while True:
            try:
                await asyncio.to_thread(store)
                return
            except SpoolUnavailable as error:
                self.statistics.spool_retries += 1
                self.statistics.last_error = str(error)
                _logger.error("%s; retrying", error)
                if self._stop.is_set():
                    raise
                await _wait(self._stop, _SPOOL_RETRY_S)


@dataclass(slots=True)
class _HistoryCoverage:
    """Checks that a history covers the requested range. Some servers return "good, no data" for data they do not keep.

    If `known_start`, a reading at `start_ns` exists; a reading at `end_ns` is the current value. A history that lacks
    one of them may also lack readings between them.
    """

    known_start: bool
    start_ns: int
    end_ns: int | None
    first_ns: int | None = None
    last_ns: int | None = None

    def add(self, page: Sequence[Any]) -> None:
        """Record the times of a page."""
        times = [time_ns for data in page if (time_ns := source_time_ns(data)) is not None]
        if times:
            self.first_ns = times[0] if self.first_ns is None else self.first_ns
            self.last_ns = times[-1]

    def fault(self) -> str | None:
        """Return why values may be missing, or None."""
        if self.end_ns is not None and (self.last_ns is None or self.last_ns < self.end_ns):
            return "the server's history does not contain the current value"
        if self.known_start and self.first_ns is not None and self.first_ns > self.start_ns:
            return "the server's history starts after the last stored reading"
        return None


def _letter(key: TagKey, data: Any, reason: str, received_ns: int) -> DeadLetter:
    """Return the letter of a data value that is not a valid reading."""
    return rejected_letter(
        key.source,
        key.tag,
        reason,
        received_ns,
        address=key.node_id.to_string(),
        time_ns=source_time_ns(data),
        value=None if data.Value is None else data.Value.Value,
        unit=key.unit,
        quality=0 if data.StatusCode is None else int(data.StatusCode.value),
    )


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds` or until `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
