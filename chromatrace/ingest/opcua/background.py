"""Run a gateway in a thread, for callers without an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType

from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.opcua.gateway import OpcUaGateway
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool


class BackgroundGateway:
    """Stores readings until the `with` block ends: `with BackgroundGateway(settings, spool) as gateway:`.

    At the end of the block, all received values are in the spool. `wait` and the end of the block raise the errors of
    `OpcUaGateway.run`.
    """

    def __init__(self, settings: OpcUaSettings, spool: Spool) -> None:
        self._settings = settings
        self._spool = spool
        self._gateway: OpcUaGateway | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opcua-gateway", daemon=True)

    @property
    def statistics(self) -> GatewayStatistics:
        """Return the statistics so far."""
        return self._gateway.statistics if self._gateway is not None else GatewayStatistics()

    @property
    def running(self) -> bool:
        """Return whether the gateway is running. It ends by itself with `once` or after an error."""
        return self._thread.is_alive()

    def __enter__(self) -> BackgroundGateway:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None:
            self._raise()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait up to `timeout_s` for the gateway to end (see `once`). Return whether it ended."""
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._raise()
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Stop the gateway and wait until all received values are in the spool."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop may just have ended
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            self._error = error
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._gateway = OpcUaGateway(self._settings, self._spool)
        self._started.set()
        await self._gateway.run(self._stop)
