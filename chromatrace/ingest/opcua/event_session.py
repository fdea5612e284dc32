"""The events of one connection: subscription, history and names of types."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncua import Client, ua

from chromatrace.ingest.opcua.browse import Browser, Request
from chromatrace.ingest.opcua.events import event_filter
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.opcua.values import to_datetime

SERVER = ua.NodeId(int(ua.ObjectIds.Server))
_SUBSCRIBE, _HISTORY = 0b001, 0b100
"""Bits of the attribute EventNotifier (OPC UA Part 3, 5.5.1)."""
_END = datetime(2100, 1, 1, tzinfo=UTC)


class EventSession:
    """The events of the Server object, which reports those of all other nodes (OPC UA Part 5)."""

    def __init__(self, client: Client, browser: Browser, request: Request, settings: OpcUaSettings) -> None:
        self._client, self._browser, self._request = client, browser, request
        self._settings = settings
        self._type_names: dict[Any, str] = {}
        self.has_history = False

    async def available(self) -> bool:
        """Return whether the server has events."""
        (data,) = await self._browser.read([SERVER], ua.AttributeIds.EventNotifier)
        notifier = data.Value.Value if data.Value is not None else None
        if not isinstance(notifier, int):
            return False
        self.has_history = bool(notifier & _HISTORY)
        return bool(notifier & _SUBSCRIBE)

    def item(self, *, conditions: bool = True) -> ua.MonitoredItemCreateRequest:
        """Return the monitored item of all events. See `event_filter`."""
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor.NodeId = SERVER
        item.ItemToMonitor.AttributeId = ua.AttributeIds.EventNotifier
        item.MonitoringMode = ua.MonitoringMode.Reporting
        item.RequestedParameters.QueueSize = self._settings.queue_size
        item.RequestedParameters.DiscardOldest = True
        item.RequestedParameters.Filter = event_filter(conditions=conditions)
        return item

    async def refresh(self, subscription: int) -> None:
        """Ask the server to send the current states of its conditions. A server without that method ignores it."""
        request = ua.CallMethodRequest()
        request.ObjectId = ua.NodeId(int(ua.ObjectIds.ConditionType))
        request.MethodId = ua.NodeId(int(ua.ObjectIds.ConditionType_ConditionRefresh))
        request.InputArguments = [ua.Variant(subscription, ua.VariantType.UInt32)]
        await self._request(self._client.uaclient.call([request]))

    async def history(self, start_ns: int) -> AsyncIterator[list[Sequence[Any]]]:
        """Yield pages of the fields of the events from `start_ns`, oldest first. Raises the errors of `ua.UaError`."""
        details = ua.ReadEventDetails()
        details.StartTime = to_datetime(max(start_ns, 1_000))
        details.EndTime = _END
        details.NumValuesPerNode = 0  # the server divides the response into pages
        details.Filter = event_filter(conditions=True)
        continuation = None
        while True:
            parameters = ua.HistoryReadParameters(
                HistoryReadDetails=details,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ReleaseContinuationPoints=False,
                NodesToRead=[ua.HistoryReadValueId(NodeId=SERVER, ContinuationPoint=continuation)],
            )
            (result,) = await self._request(self._client.uaclient.history_read(parameters))
            result.StatusCode.check()
            if result.HistoryData is not None and result.HistoryData.Events:
                yield [event.EventFields for event in result.HistoryData.Events]
            continuation = result.ContinuationPoint
            if not continuation:
                return

    async def type_name(self, event_type: Any) -> str:
        """Return the browse name of an event type, or "" if it has none."""
        if event_type not in self._type_names:
            name = ""
            if event_type is not None:
                (data,) = await self._browser.read([event_type], ua.AttributeIds.BrowseName)
                name = data.Value.Value.Name if data.Value is not None and data.Value.Value is not None else ""
            self._type_names[event_type] = name
        return self._type_names[event_type]
