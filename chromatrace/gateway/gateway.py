"""All sources of a plant, the spool that they share, and the HTTP server."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from chromatrace.gateway.answers import Answers
from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.http_server import HttpServer, PushSource
from chromatrace.gateway.runners import HttpRunner, Runner
from chromatrace.gateway.store import GatewayStore
from chromatrace.gateway.supervisor import FAILED, SupervisedSource
from chromatrace.ingest.shared_spool import SharedSpool

_LISTED = 5


class PlantGateway:
    """Runs the sources until the `with` block ends. At its end, all received readings are in the spool.

    Raises `Unavailable` at the start of the block if the HTTP server cannot listen on its address.
    """

    def __init__(
        self,
        plant: str,
        runners: Sequence[Runner],
        spool: SharedSpool,
        store: GatewayStore,
        http: tuple[str, int],
    ) -> None:
        self.plant = plant
        self._spool = spool
        self._letters = DeadLetters(store)
        self._stop = threading.Event()
        self._started_s = time.monotonic()
        self._sources = [SupervisedSource(runner, self._stop) for runner in runners]
        self._http_runners = [runner for runner in runners if isinstance(runner, HttpRunner)]
        pushed = {runner.id: PushSource(runner.tokens, runner.readings) for runner in self._http_runners}
        self._server = HttpServer(http, self.report, pushed, Answers(store))

    @property
    def http(self) -> str:
        """Return HOST:PORT of the HTTP server."""
        host, port = self._server.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def channels(self) -> list[str]:
        """Return the channels of the sources."""
        return sorted({supervised.source.channel for supervised in self._sources})

    def __enter__(self) -> PlantGateway:
        self._started_s = time.monotonic()
        self._server.start()
        for runner in self._http_runners:
            runner.address = self.http  # with the port that was selected
        for supervised in self._sources:
            supervised.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._stop.set()
        for supervised in self._sources:
            supervised.join()

    @property
    def unwritable(self) -> list[str]:
        """Return the channels whose last commit failed."""
        return sorted(self._spool.faults())

    @property
    def stored(self) -> int:
        """Return the number of readings that this run stored."""
        return sum(supervised.source.statistics.stored for supervised in self._sources)

    def report(self) -> dict[str, Any]:
        """Return the state of each source and channel, as JSON values.

        status  ok, or degraded if a source has failed or a channel cannot be written
        """
        faults = self._spool.faults()
        sources = [_described(supervised) for supervised in self._sources]
        degraded = bool(faults) or any(source["state"] == FAILED for source in sources)
        return {
            "plant": self.plant,
            "status": "degraded" if degraded else "ok",
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "http": self.http,
            "stored": self.stored,
            "channels": [
                {
                    "channel": channel,
                    "size": self._spool.size(channel),
                    "waiting": self._spool.waiting(channel),
                    "error": faults.get(channel),
                }
                for channel in self.channels
            ],
            "sources": sources,
            "dead_letters": [
                {"origin": origin, "state": state, "count": count}
                for (origin, state), count in sorted(self._letters.counts().items())
            ],
        }


def _described(supervised: SupervisedSource) -> dict[str, Any]:
    source = supervised.source
    statistics = source.statistics
    counters = statistics.as_dict()
    for name in ("refusals", "gaps", "left_out"):
        if name in counters:
            counters[name] = counters[name][-_LISTED:]
    return {
        "source": source.id,
        "protocol": source.protocol,
        "channel": source.channel,
        "address": source.address,
        "state": supervised.state,
        "error": supervised.error or (None if statistics.connected else statistics.last_error),
        "failures": supervised.failures,
        "statistics": counters,
    }
