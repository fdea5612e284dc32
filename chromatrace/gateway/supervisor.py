"""The thread of a source: it restarts a source that fails, with backoff."""

from __future__ import annotations

import logging
import random
import threading
import time

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.gateway.runners import Runner

CONNECTED, CONNECTING, FAILED, STOPPED = "connected", "connecting", "failed", "stopped"
_BACKOFF_S = (1.0, 60.0)
_STABLE_S = 60.0
_logger = logging.getLogger(__name__)


class SupervisedSource:
    """Runs one source until `stop` is set. An error of the source is reported and never ends another source."""

    def __init__(self, source: Runner, stop: threading.Event, *, backoff_s: tuple[float, float] = _BACKOFF_S) -> None:
        self.source = source
        self.failures = 0
        self.error: str | None = None
        self._backoff_s = backoff_s
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name=f"source-{source.id}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the source has ended."""
        self._thread.join()

    @property
    def state(self) -> str:
        """Return connected, connecting (the source itself retries), failed (restarted after a pause) or stopped."""
        if not self._thread.is_alive():
            return STOPPED
        if self.error is not None:
            return FAILED
        return CONNECTED if self.source.statistics.connected else CONNECTING

    def _run(self) -> None:
        pause_s, maximum_s = self._backoff_s
        while not self._stop.is_set():
            started_s = time.monotonic()
            self.error = None
            try:
                self.source.run(self._stop)
            except Exception as error:  # noqa: BLE001 - of one source, which must not stop the others
                self._failed(error)
            if time.monotonic() - started_s > _STABLE_S:
                pause_s = self._backoff_s[0]
            # Jitter, so many gateways do not reconnect to a restarted server at the same time.
            self._stop.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
            pause_s = min(2 * pause_s, maximum_s)

    def _failed(self, error: Exception) -> None:
        expected = isinstance(error, ChromaTraceError | OSError)
        reason = str(error) or type(error).__name__
        self.error = reason if expected else f"{type(error).__name__}: {reason}"
        self.failures += 1
        _logger.error("source %s: %s; it restarts after a pause", self.source.id, self.error, exc_info=not expected)
