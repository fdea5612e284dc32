"""The bounded buffer between the network and the spool."""

from __future__ import annotations

import asyncio
from collections import deque

from chromatrace.ingest.opcua.values import Arrival


class Buffer:
    """Takes whole messages; `put` waits while it holds `limit` arrivals or more: it holds at most a message more.

    Overflow policy: back-pressure. Whoever puts is the connection's only reader, so that while it waits nothing more is
    asked of the server. Nothing is ever dropped here.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[tuple[list[Arrival], bool]] = deque()
        self._size = 0
        self._changed = asyncio.Condition()
        self._closed = False

    def __len__(self) -> int:
        return self._size

    async def put(self, arrivals: list[Arrival], missed: bool) -> None:
        """`missed`: messages before this one were lost. After `close` it waits for ever: the connection ends."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._size < self._limit and not self._closed)
            self._messages.append((arrivals, missed))
            self._size += len(arrivals)
            self._changed.notify_all()

    async def take(self, wanted: int, timeout_s: float) -> tuple[list[Arrival], bool]:
        """Whole messages until `wanted` arrivals, and whether messages were lost before any of them.

        Empty when none came within `timeout_s`.
        """
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: bool(self._messages)), timeout_s)
            except TimeoutError:
                return [], False
            found: list[Arrival] = []
            missed = False
            while self._messages and len(found) < wanted:
                arrivals, lost_before = self._messages.popleft()
                found += arrivals
                missed |= lost_before
            self._size -= len(found)
            self._changed.notify_all()
            return found, missed

    def close(self) -> None:
        """Takes no more; what it holds can still be taken."""
        self._closed = True
