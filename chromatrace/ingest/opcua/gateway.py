"""The gateway: connect, fetch what was missed, take what comes, and again when the connection breaks."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.opcua.buffer import Buffer
from chromatrace.ingest.opcua.session import (
    CONNECTION_ERRORS,
    HistoryUnavailable,
    ServerUnavailable,
    Session,
    connected,
)
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.opcua.statistics import Refusal, Statistics, UnfilledGap
from chromatrace.ingest.opcua.values import Arrival, TagKey, read_value, source_time_ns
from chromatrace.ingest.opcua.writer import Writer
from chromatrace.ingest.spool import Spool

_POLL_S = 0.2
_SPOOL_RETRY_S = 1.0
_logger = logging.getLogger(__name__)


class OpcUaGateway:
    """Takes the readings of one server into one channel. `statistics` may be read at any time."""

    def __init__(self, settings: OpcUaSettings, spool: Spool) -> None:
        self.settings = settings
        self.statistics = Statistics()
        self._writer = Writer(spool, settings.channel, self.statistics)
        self._keys: list[TagKey] = []
        self._stop = asyncio.Event()
        self._told = ""

    async def run(self, stop: asyncio.Event) -> Statistics:
        """Runs until `stop` is set; with `once` in the settings, until the server has finished and all is spooled.

        What had arrived when it was stopped is written first. A server that is away is waited for, and what is the
        matter is logged when it changes. Raises `ServerUnavailable` where it is away for longer than the settings
        allow, `InvalidInput` or `NotAuthorised` where they do not fit the server, `SpoolCorrupt`, and
        `SpoolUnavailable` where the spool cannot be written when it is stopped.
        """
        self._stop = stop
        away_since = time.monotonic()
        pause_s, longest_s = self.settings.backoff_s
        while not stop.is_set():
            connects = self.statistics.connects
            try:
                async with connected(self.settings) as session:
                    if await self._serve(session):
                        break
            except (ServerUnavailable, *CONNECTION_ERRORS) as error:
                self.statistics.failed_attempts += self.statistics.connects == connects
                self._trouble(getattr(error, "message", "") or str(error) or type(error).__name__)
            finally:
                self.statistics.connected = False
            if self.statistics.connects > connects:
                pause_s, away_since = self.settings.backoff_s[0], time.monotonic()
            # A share of chance, so that many gateways do not come back to a restarted server at the same moment.
            await _wait(stop, min(pause_s * random.uniform(0.5, 1.0), self._patience_s(away_since)))  # noqa: S311
            pause_s = min(2 * pause_s, longest_s)
        return self.statistics

    def _trouble(self, reason: str) -> None:
        self.statistics.last_error = reason
        if reason != self._told:
            _logger.warning("%s; trying again, ever less often", reason)
        self._told = reason

    def _patience_s(self, away_since: float) -> float:
        """For how long the server may still be away. Raises `ServerUnavailable` where that is over."""
        limit_s = self.settings.give_up_s
        if limit_s is None:
            return float("inf")
        left_s = away_since + limit_s - time.monotonic()
        if left_s <= 0:
            raise ServerUnavailable(
                f"{self.settings.url} was away for {limit_s:g} s, {self.statistics.taken:,} readings taken before: "
                f"{self.statistics.last_error}",
                field="url",
                hint="is the server running? run this again then: it goes on where it stopped",
            )
        return left_s

    async def _serve(self, session: Session) -> bool:
        """Serves one connection; whether the gateway is done. Raises what `CONNECTION_ERRORS` names when it is lost."""
        buffer = Buffer(self.settings.buffer)
        self._keys = await session.browse()
        await asyncio.to_thread(self._writer.resume, self._keys)

        async def notified(items: list[Any], missed: bool) -> None:
            received_ns = time.time_ns()
            arrivals = [
                arrival
                for item in items
                if (arrival := self._arrival(self._keys[item.ClientHandle], item.Value, received_ns)) is not None
            ]
            await buffer.put(arrivals, missed)
            self.statistics.buffered = len(buffer)

        for key, reason in await session.subscribe(self._keys, notified):
            self.statistics.refuse(Refusal(key.source, key.tag, f"cannot be subscribed: {reason}"))
        # Subscribed first and caught up then: what comes meanwhile waits in the buffer, so that there is no hole.
        if not await self._catch_up(session):
            return True  # what waits in the buffer comes after a gap: it is left for the next gateway to fetch
        self.statistics.reconnects += self.statistics.connects > 0
        self.statistics.connects += 1
        self.statistics.connected = True
        _logger.log(
            logging.WARNING if self._told else logging.INFO,
            "%s: %d tags subscribed",
            self.settings.url,
            len(self._keys),
        )
        self._told = ""
        return await self._take(session, buffer)

    async def _take(self, session: Session, buffer: Buffer) -> bool:
        """Takes from the buffer until stopped or finished (True), or until the connection is lost."""
        while True:
            arrivals, missed = await buffer.take(self.settings.batch, timeout_s=_POLL_S)
            if arrivals:
                await self._fill_overflows(session, arrivals, missed)
                await self._write(arrivals)
                self.statistics.buffered = len(buffer)
            elif session.lost.is_set():
                raise ConnectionError("the connection was lost")
            elif session.silent():
                raise ConnectionError("the server has fallen silent")
            elif self._stop.is_set() or (self.settings.once and await self._complete(session)):
                return True
            if self._stop.is_set():
                buffer.close()

    async def _complete(self, session: Session) -> bool:
        """Whether the server has finished and the newest value of each tag is in the spool."""
        if not await session.finished():
            return False
        for key, data in zip(self._keys, await session.current(self._keys), strict=True):
            current_ns, newest_ns = source_time_ns(data), self._writer.newest_ns(key)
            if current_ns is not None and (newest_ns is None or newest_ns < current_ns):
                return False
        return True

    async def _catch_up(self, session: Session) -> bool:
        """Fetches each tag from its newest reading in the spool up to its present value; False where stopped before."""
        collected: list[Arrival] = []
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
        """Where to begin with a tag that the spool does not have."""
        if self.settings.since_ns is not None:
            return self.settings.since_ns
        # Its first value may have come while the connection was down: not before the other tags were last seen.
        return self._writer.oldest_of_newest_ns(key.source) if self.statistics.connects else None

    async def _fill_overflows(self, session: Session, arrivals: Sequence[Arrival], missed: bool) -> None:
        """Fetches what a queue on the server, or a lost message, swallowed, before what came after it is written."""
        overflown: dict[str, Arrival] = {}
        for arrival in arrivals:
            if arrival.overflow or missed:
                overflown[arrival.key.tag] = arrival
        for arrival in overflown.values():
            self.statistics.overflows += 1
            start_ns = self._writer.newest_ns(arrival.key) or self._since_ns(arrival.key) or 0
            await self._write(await self._fetch(session, arrival.key, start_ns, arrival.source_time_ns))

    async def _fetch(self, session: Session, key: TagKey, start_ns: int, end_ns: int | None) -> list[Arrival]:
        """The history of a tag. Where it does not help, the gap is counted and stays."""
        if end_ns is not None and end_ns <= start_ns:
            return []
        found: list[Arrival] = []
        span = _Span(self._writer.newest_ns(key) == start_ns, start_ns, end_ns)
        try:
            async for page in session.history(key, start_ns, end_ns):
                received_ns = time.time_ns()
                span.seen(page)
                arrivals = (self._arrival(key, data, received_ns, replayed=True) for data in page)
                found += [arrival for arrival in arrivals if arrival is not None]
                if len(found) >= self.settings.buffer:
                    await self._write(found)
                    found = []
            reason = span.fault()
        except HistoryUnavailable as error:
            reason = error.message
        if reason is not None:
            _logger.error("%s of %s: values after %d ns may be missing: %s", key.tag, key.source, start_ns, reason)
            self.statistics.leave_gap(UnfilledGap(key.source, key.tag, start_ns, reason))
        return found

    def _arrival(self, key: TagKey, data: Any, received_ns: int, *, replayed: bool = False) -> Arrival | None:
        arrival = read_value(key, data, received_ns, replayed=replayed)
        if isinstance(arrival, str):
            _logger.warning("%s of %s refused: %s", key.tag, key.source, arrival)
            self.statistics.refuse(Refusal(key.source, key.tag, arrival))
            return None
        return arrival

    async def _write_sorted(self, arrivals: list[Arrival]) -> None:
        await self._write(sorted(arrivals, key=lambda arrival: arrival.source_time_ns))

    async def _write(self, arrivals: Sequence[Arrival]) -> None:
        """Into the spool; where it cannot write just now, again until it can: meanwhile the buffer fills and holds back
        the server.
        """
        for start in range(0, len(arrivals), self.settings.batch):
            batch = arrivals[start : start + self.settings.batch]
            while True:
                try:
                    await asyncio.to_thread(self._writer.write, batch)
                    break
                except SpoolUnavailable as error:
                    self.statistics.spool_retries += 1
                    self.statistics.last_error = str(error)
                    _logger.error("%s; trying again", error)
                    if self._stop.is_set():
                        raise
                    await _wait(self._stop, _SPOOL_RETRY_S)
            self.statistics.lag_ms = (time.time_ns() - batch[-1].source_time_ns) / 1e6


@dataclass(slots=True)
class _Span:
    """Whether a history covers what was asked for: some servers answer "good, nothing" for what they do not keep.

    The reading at the start was taken before (where `known_start`), that at the end is the present one: a history that
    has neither has not what lies between, either.
    """

    known_start: bool
    start_ns: int
    end_ns: int | None
    first_ns: int | None = None
    last_ns: int | None = None

    def seen(self, page: Sequence[Any]) -> None:
        """Takes note of a page."""
        times = [time_ns for data in page if (time_ns := source_time_ns(data)) is not None]
        if times:
            self.first_ns = times[0] if self.first_ns is None else self.first_ns
            self.last_ns = times[-1]

    def fault(self) -> str | None:
        """Why something may be missing; None where all is there."""
        if self.end_ns is not None and (self.last_ns is None or self.last_ns < self.end_ns):
            return "the server's history does not have the present value"
        if self.known_start and self.first_ns is not None and self.first_ns > self.start_ns:
            return "the server's history does not reach back to the last reading"
        return None


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Waits, but no longer than until `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
