"""Server-sent events (WHATWG HTML, 9.2): a response that stays open and sends each change.

A stream occupies a thread of the worker, so a worker has at most half of its threads in streams; further clients get
503 and ask again. A stream ends after `STREAM_S`. The browser then connects again, which checks the rights again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from flask import Response

from app.errors import BusyError

STREAM_S = 30
POLL_S = 0.25
_HEARTBEAT_S = 10

Revision = object
"""Equal if nothing changed."""


class Streams:
    """The open streams of a worker."""

    def __init__(self, maximum: int) -> None:
        self._free = threading.BoundedSemaphore(maximum)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End all streams."""
        self._stopping.set()

    def response(self, revision: Callable[[], Revision], content: Callable[[], object]) -> Response:
        """Return a stream that sends `content` as JSON at once and after each change of `revision`.

        Both are called outside of the request. Raises `BusyError` if the worker has too many streams.
        """
        if not self._free.acquire(blocking=False):
            raise BusyError("too many pages are open", hint="the page asks again by itself")
        events = _Events(self._events(revision, content), self._free.release)
        headers = {"X-Accel-Buffering": "no"}  # nginx must not collect the events
        return Response(events, mimetype="text/event-stream", headers=headers)

    def _events(self, revision: Callable[[], Revision], content: Callable[[], object]) -> Iterator[str]:
        yield "retry: 500\n\n"
        end = time.monotonic() + STREAM_S
        sent: list[Revision] = []
        beat = time.monotonic()
        while time.monotonic() < end and not self._stopping.is_set():
            if [current := revision()] != sent:
                sent = [current]
                yield f"data: {json.dumps(content(), separators=(',', ':'))}\n\n"
                beat = time.monotonic()
            elif time.monotonic() - beat > _HEARTBEAT_S:
                yield ":\n\n"  # finds out whether the client is still there
                beat = time.monotonic()
            self._stopping.wait(POLL_S)


class _Events:
    """An iterator that calls `closed` once, also if it was never started."""

    def __init__(self, events: Iterator[str], closed: Callable[[], None]) -> None:
        self._events, self._closed = events, closed

    def __iter__(self) -> Iterator[str]:
        return self._events

    def close(self) -> None:
        """Close the stream; the server calls this at the end of the response."""
        with suppress(AttributeError):
            self._events.close()  # type: ignore[attr-defined]
        closed, self._closed = self._closed, lambda: None
        closed()
