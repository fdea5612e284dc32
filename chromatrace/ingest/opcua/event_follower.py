"""Follow the events of a server across interruptions."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from asyncua import ua

from chromatrace.ingest.gateway.dead_letters import DeadLetter, rejected_letter
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue, UnfilledGap
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.opcua.event_session import EventSession
from chromatrace.ingest.opcua.events import EVENT_TAG, event_value, read_event
from chromatrace.ingest.opcua.settings import OpcUaSettings

_logger = logging.getLogger(__name__)


class EventFollower:
    """Decodes the events of a server, and reads those that an interruption prevented."""

    def __init__(
        self,
        settings: OpcUaSettings,
        writer: SpoolWriter,
        statistics: GatewayStatistics,
        letters: list[DeadLetter] | None = None,
    ) -> None:
        """`letters` receives the events that are not valid readings."""
        self._settings, self._writer, self._statistics = settings, writer, statistics
        self._letters = [] if letters is None else letters
        self._session: EventSession | None = None
        self._sources: dict[Any, str] = {}
        self.incomplete = False
        """Whether events were lost since the last call of `missed`."""

    def start(self, session: EventSession, keys: Sequence[TagKey]) -> None:
        """Follow the events of a new connection."""
        self._sources = {key.node_id: key.source for key in keys}
        self._session = session

    def stop(self) -> None:
        """Stop, because the server has no events."""
        self._session = None

    async def received(self, events: Sequence[Sequence[Any]], *, missed: bool) -> list[ReceivedValue]:
        """Return the events of a message. `missed`: an earlier message was lost."""
        self.incomplete |= missed
        return [] if self._session is None else await self._values(self._session, events, replayed=False)

    async def missed(self) -> list[ReceivedValue]:
        """Return the events since the newest stored one. Events that the server does not keep are a gap."""
        self.incomplete = False
        if self._session is None:
            return []
        newest_ns = self._writer.newest_of(set(self._sources.values()), EVENT_TAG)
        start_ns = self._settings.since_ns if newest_ns is None else newest_ns
        if start_ns is None:
            return []
        values: list[ReceivedValue] = []
        try:
            if not self._session.has_history:
                raise ua.UaError("the server keeps no history of events")
            async for page in self._session.history(start_ns):
                values += await self._values(self._session, page, replayed=True)
        except ua.UaError as error:
            if newest_ns is not None:
                source = min(self._sources.values())
                _logger.error("events of %s after %d ns may be missing: %s", source, start_ns, error)
                self._statistics.add_gap(UnfilledGap(source, EVENT_TAG, start_ns, str(error)))
        return values

    async def _values(
        self, session: EventSession, events: Sequence[Sequence[Any]], *, replayed: bool
    ) -> list[ReceivedValue]:
        received_ns = time.time_ns()
        values = []
        for fields in events:
            event = read_event(fields)
            if event.is_refresh:
                continue
            if event.is_overflow:
                self.incomplete = True
                continue
            name = await session.type_name(event.event_type)
            value = event_value(event, name, self._sources, received_ns, replayed=replayed)
            if isinstance(value, str):
                source = min(self._sources.values())
                self._statistics.reject(RejectedTagValue(source, event.source_name, value))
                self._letters.append(
                    rejected_letter(
                        source,
                        event.source_name,
                        value,
                        received_ns,
                        time_ns=None,
                        value=list(fields),
                        unit="",
                        quality=0,
                    )
                )
                continue
            self._statistics.events += 1
            values.append(value)
        return values
