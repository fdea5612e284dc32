"""The bounded buffer between the network and the spool."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from chromatrace.ingest.gateway.values import ReceivedValue

Dropped = Callable[[list[ReceivedValue]], Awaitable[bool]]


class Buffer:
    """Holds whole messages. `put` waits while the buffer holds `limit` values or more.

    The task that calls `put` is the only reader of the connection. While it waits, no publish request is sent.
    `dropped` is awaited with the oldest message of a full buffer. If it returns True, the message is removed instead of
    waiting; without it, the buffer never drops values.
    """

    def __init__(self, limit: int, dropped: Dropped | None = None) -> None:
        self._limit = limit
        self._dropped = dropped
        self._messages: deque[tuple[list[ReceivedValue], bool]] = deque()
        self._size = 0
        self._changed = asyncio.Condition()
        self._closed = False

    def __len__(self) -> int:
        return self._size

    async def put(self, values: list[ReceivedValue], missed: bool) -> None:
        """Add a message. `missed`: earlier messages were lost. After `close`, this call waits until cancelled."""
        async with self._changed:
            while self._dropped is not None and self._messages and self._size >= self._limit and not self._closed:
                oldest, _ = self._messages[0]
                if not await self._dropped(oldest):
                    break
                self._messages.popleft()
                self._size -= len(oldest)
            await self._changed.wait_for(lambda: self._size < self._limit and not self._closed)
            self._messages.append((values, missed))
            self._size += len(values)
            self._changed.notify_all()

    async def get(self, minimum: int, timeout_s: float) -> tuple[list[ReceivedValue], bool]:
        """Remove and return whole messages up to at least `minimum` values, and whether messages were lost.

        The list is empty if no message arrives within `timeout_s`.
        """
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: bool(self._messages)), timeout_s)
            except TimeoutError:
                return [], False
            values: list[ReceivedValue] = []
            missed = False
            while self._messages and len(values) < minimum:
                message, lost_before = self._messages.popleft()
                values += message
                missed |= lost_before
            self._size -= len(values)
            self._changed.notify_all()
            return values, missed

    def close(self) -> None:
        """Accept no more messages. Values in the buffer can still be read."""
        self._closed = True
