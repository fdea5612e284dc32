"""One connection to an OPC UA server: browse, subscribe, read history."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.common.node import Node
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from chromatrace.domain.errors import InvalidInput, NotAuthorised, Unavailable
from chromatrace.ingest.gateway.values import TagKey
from chromatrace.ingest.opcua.browse import Browser, Found, LeftOut
from chromatrace.ingest.opcua.event_session import EventSession
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.opcua.trust import require_trusted, server_certificate
from chromatrace.ingest.opcua.values import to_datetime

_KEEP_ALIVE_COUNT = 10
_LIFETIME_COUNT = 3_000
_NO_TIME = ua.get_win_epoch()
_AUTHENTICATION_ERRORS = (
    ua.uaerrors.BadUserAccessDenied,
    ua.uaerrors.BadIdentityTokenRejected,
    ua.uaerrors.BadIdentityTokenInvalid,
)
_Response = TypeVar("_Response")
_logger = logging.getLogger(__name__)

CONNECTION_ERRORS = (OSError, asyncio.TimeoutError, ua.UaError)
"""Errors that asyncua raises if a connection fails or breaks."""


class ServerUnavailable(Unavailable):
    """The OPC UA server does not respond or rejects a required request. Reconnecting may help."""


class HistoryUnavailable(Unavailable):
    """The server keeps no history of a variable or rejects the request for it."""


class Session:
    """A connected session. `lost` is set if the connection breaks."""

    def __init__(self, client: Client, settings: OpcUaSettings) -> None:
        self._client = client
        self._settings = settings
        self._last_heard = time.monotonic()
        self._finished: list[Node] = []
        self._silence_s = float("inf")
        self.lost = asyncio.Event()
        self.has_events = False
        self.left_out: list[LeftOut] = []
        self._browser = Browser(client, self._request)
        self.events = EventSession(client, self._browser, self._request, settings)

    async def browse(self) -> list[TagKey]:
        """Return the tags that the settings select. Raises `InvalidInput` if there are none, or if two have one name.

        `left_out` then lists the variables that are not read.
        """
        await self._browser.read_limits()
        found = await (self._named_nodes() if self._settings.nodes else self._browse_namespace())
        self.left_out = found.left_out
        if not found.keys:
            raise InvalidInput(f"no tags in the namespace {self._settings.namespace}", field="namespace")
        return found.keys

    async def namespaces(self) -> list[str]:
        """Return the namespaces that the server adds to the standard one."""
        listed: list[str] = await self._request(self._client.get_namespace_array())
        return listed[1:]

    async def ranges(self, keys: Sequence[TagKey]) -> list[tuple[float, float] | None]:
        """Return the range of the instrument of each tag, if the server states it."""
        return await self._browser.ranges([key.node_id for key in keys])

    async def _named_nodes(self) -> Found:
        try:
            node_ids = [ua.NodeId.from_string(text) for text in self._settings.nodes]
        except ua.UaStringParsingError as error:
            raise InvalidInput(str(error), field="nodes") from error
        return await self._browser.named(str(self._settings.source), node_ids)

    async def _browse_namespace(self) -> Found:
        namespaces = await self._request(self._client.get_namespace_array())
        if self._settings.namespace not in namespaces:
            raise InvalidInput(
                f"the server has no namespace {self._settings.namespace!r}",
                field="namespace",
                hint=f"its namespaces are {', '.join(namespaces)}",
            )
        index = namespaces.index(self._settings.namespace)
        (references,) = await self._browser.children([self._client.nodes.objects.nodeid])
        own = [reference for reference in references if reference.NodeId.NamespaceIndex == index]
        roots = [
            (self._settings.source or reference.BrowseName.Name, _node_id(reference))
            for reference in own
            if reference.NodeClass == ua.NodeClass.Object
        ]
        loose = [
            (self._settings.source or reference.BrowseName.Name, reference.BrowseName.Name, _node_id(reference))
            for reference in own
            if reference.NodeClass == ua.NodeClass.Variable
        ]
        found = await self._browser.tags(roots, loose)
        if f"{self._settings.namespace}:status" in namespaces:
            self._finished = await self._find_finished(namespaces.index(f"{self._settings.namespace}:status"))
        return found

    async def _find_finished(self, index: int) -> list[Node]:
        nodes: list[Node] = []
        for node in await self._client.nodes.objects.get_children():
            if node.nodeid.NamespaceIndex == index:
                nodes.append(await node.get_child(ua.QualifiedName("Finished", index)))
        return nodes

    async def subscribe(
        self, keys: Sequence[TagKey], notified: Callable[[list[Any], list[Any], bool], Awaitable[None]]
    ) -> list[tuple[TagKey, str]]:
        """Subscribe to all tags, and to the events if the server has them. Return the rejected tags with the reason.

        `notified(items, events, missed)` is awaited for each message before the next one is requested. `items` are
        MonitoredItemNotification objects whose client handle is the position of the tag. `events` are the fields of
        events. `missed`: an earlier message was lost.
        """
        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = self._settings.publishing_interval_ms
        parameters.RequestedMaxKeepAliveCount = _KEEP_ALIVE_COUNT
        parameters.RequestedLifetimeCount = _LIFETIME_COUNT
        parameters.MaxNotificationsPerPublish = self._settings.batch
        parameters.PublishingEnabled = True
        expected = 1

        async def published(result: Any) -> None:
            nonlocal expected
            self._last_heard = time.monotonic()
            message = result.NotificationMessage
            items: list[Any] = []
            events: list[Any] = []
            for part in message.NotificationData or ():
                if isinstance(part, ua.StatusChangeNotification):
                    self.lost.set()
                elif isinstance(part, ua.DataChangeNotification):
                    items += part.MonitoredItems
                elif isinstance(part, ua.EventNotificationList):
                    events += [event.EventFields for event in part.Events]
            if items or events:
                missed = message.SequenceNumber != expected
                # Sequence numbers run from 1 to 2^32 - 1 and wrap around (OPC UA Part 4, 7.26).
                expected = message.SequenceNumber % (2**32 - 1) + 1
                await notified(items, events, missed)
                self._last_heard = time.monotonic()

        subscription = await self._request(self._client.uaclient.create_subscription(parameters, published))
        self._silence_s = (
            3 * _KEEP_ALIVE_COUNT * subscription.RevisedPublishingInterval / 1000 + self._settings.timeout_s
        )

        def monitor(items: Sequence[Any]) -> Awaitable[Any]:
            request = ua.CreateMonitoredItemsParameters()
            request.SubscriptionId = subscription.SubscriptionId
            request.TimestampsToReturn = ua.TimestampsToReturn.Both
            request.ItemsToCreate = list(items)
            response: Awaitable[Any] = self._client.uaclient.create_monitored_items(request)
            return response

        items = [self._item(key, handle) for handle, key in enumerate(keys)]
        self.has_events = self._settings.events and await self.events.available()
        if self.has_events:
            # In the request of the first tags: a server that waits for a client then loses no event.
            event_result, *results = await self._browser.monitor([self.events.item(), *items], monitor)
            if not event_result.StatusCode.is_good():
                (event_result,) = await self._browser.monitor([self.events.item(conditions=False)], monitor)
            self.has_events = event_result.StatusCode.is_good()
        else:
            results = await self._browser.monitor(items, monitor)
        if self.has_events:
            await self.events.refresh(subscription.SubscriptionId)
        return [
            (key, result.StatusCode.name)
            for key, result in zip(keys, results, strict=True)
            if not result.StatusCode.is_good()
        ]

    def _item(self, key: TagKey, handle: int) -> ua.MonitoredItemCreateRequest:
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor.NodeId = key.node_id
        item.ItemToMonitor.AttributeId = ua.AttributeIds.Value
        item.MonitoringMode = ua.MonitoringMode.Reporting
        item.RequestedParameters.ClientHandle = handle
        item.RequestedParameters.SamplingInterval = 0
        item.RequestedParameters.QueueSize = self._settings.queue_size
        item.RequestedParameters.DiscardOldest = True
        item.RequestedParameters.Filter = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)
        return item

    async def current(self, keys: Sequence[TagKey]) -> list[Any]:
        """Return the current data values, in the order of `keys`."""
        return await self._browser.read([key.node_id for key in keys], ua.AttributeIds.Value)

    async def history(self, key: TagKey, start_ns: int, end_ns: int | None) -> AsyncIterator[list[Any]]:
        """Yield pages of the data values from `start_ns` to `end_ns` (both included; None: no end), oldest first.

        Raises `HistoryUnavailable`.
        """
        details = ua.ReadRawModifiedDetails()
        details.IsReadModified = False
        details.StartTime = to_datetime(max(start_ns, 1_000))
        # The request must contain two of start, end and count (OPC UA Part 11, 6.4.3).
        details.EndTime = _NO_TIME if end_ns is None else to_datetime(end_ns)
        details.NumValuesPerNode = self._settings.history_page
        details.ReturnBounds = False
        continuation = None
        while True:
            wanted = ua.HistoryReadValueId(NodeId=key.node_id, ContinuationPoint=continuation)
            parameters = ua.HistoryReadParameters(
                HistoryReadDetails=details,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ReleaseContinuationPoints=False,
                NodesToRead=[wanted],
            )
            try:
                result = (await self._request(self._client.uaclient.history_read(parameters)))[0]
            except ua.UaStatusCodeError as error:
                if self.lost.is_set():
                    raise
                raise HistoryUnavailable(f"history of {key.tag}: {error}", field=key.tag) from error
            if not result.StatusCode.is_good():
                raise HistoryUnavailable(f"history of {key.tag}: {result.StatusCode.name}", field=key.tag)
            values = list(result.HistoryData.DataValues or ()) if result.HistoryData is not None else []
            if values:
                yield values
            continuation = result.ContinuationPoint
            if continuation:
                continue
            if len(values) < self._settings.history_page:
                return
            # The page is full, so there may be more values. The last value is read again and is a duplicate.
            last = values[-1].SourceTimestamp
            if last is None or last <= details.StartTime:
                raise HistoryUnavailable(
                    f"history of {key.tag} does not advance beyond {details.StartTime}",
                    hint="increase history_page",
                )
            details.StartTime = last

    async def finished(self) -> bool:
        """Return whether the server reports that it has finished. Raises `InvalidInput` if it has no such status."""
        if not self._finished:
            raise InvalidInput('the server exposes no "finished" status', field="once", hint="remove this option")
        for node in self._finished:
            if not await self._request(node.read_value()):
                return False
        return True

    async def read(self, node_id: str) -> Any:
        """Return the value of a variable. Raises `InvalidInput` for an invalid node id."""
        return await self._request(self._node(node_id).read_value())

    async def write(self, node_id: str, value: Any) -> None:
        """Write a variable once, in its own type. Raises `InvalidInput` if the value does not fit the type."""
        node = self._node(node_id)
        kind = await self._request(node.read_data_type_as_variant_type())
        # A server may reject a value with a time of its own (Part 4, 5.11.4), so only the value is sent.
        await self._request(node.write_attribute(ua.AttributeIds.Value, ua.DataValue(_variant(value, kind))))

    async def call(self, object_id: str, method_id: str, arguments: Sequence[Any]) -> Any:
        """Call a method of an object once."""
        return await self._request(self._node(object_id).call_method(self._node(method_id), *arguments))

    def _node(self, node_id: str) -> Node:
        try:
            return self._client.get_node(ua.NodeId.from_string(node_id))
        except ua.UaStringParsingError as error:
            raise InvalidInput(f"{node_id!r} is not a node id", field="node") from error

    def silent(self) -> bool:
        """Return whether the server has sent no value and no keep-alive for longer than agreed."""
        return time.monotonic() - self._last_heard > self._silence_s

    async def _request(self, response: Awaitable[_Response]) -> _Response:
        """Wait for a response. Raises `ConnectionError` as soon as the connection is lost."""
        task = asyncio.ensure_future(response)
        lost = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ConnectionError("the connection was lost")
            return task.result()
        finally:
            task.cancel()
            lost.cancel()


@asynccontextmanager
async def connected(settings: OpcUaSettings) -> AsyncIterator[Session]:
    """Open a session and close it at the end. Raises `ServerUnavailable`, `NotAuthorised` and `CONNECTION_ERRORS`."""
    client = Client(settings.url, timeout=settings.timeout_s, watchdog_intervall=min(2.0, settings.timeout_s))
    session = Session(client, settings)

    async def lost(error: Exception) -> None:
        _logger.warning("connection to %s lost: %s", settings.url, error or type(error).__name__)
        session.lost.set()

    client.connection_lost_callback = lost
    try:
        await _secure(client, settings)
        await asyncio.wait_for(client.connect(), settings.timeout_s)
    except _AUTHENTICATION_ERRORS as error:
        raise NotAuthorised(f"{settings.url}: authentication rejected: {error}", field="user") from error
    except CONNECTION_ERRORS as error:
        raise ServerUnavailable(
            f"{settings.url} does not respond: {error or type(error).__name__}",
            field="url",
            hint="check that the server is running",
        ) from error
    try:
        yield session
    finally:
        try:
            await asyncio.wait_for(client.disconnect(), 2.0)
        except CONNECTION_ERRORS as error:
            _logger.debug("error while closing the connection: %s", error)
            client.disconnect_socket()


async def _secure(client: Client, settings: OpcUaSettings) -> None:
    """Set up encryption with a trusted server, then the password. Raises `NotAuthorised` if it is not trusted."""
    security = settings.security
    if security.certificate is not None and security.private_key is not None:
        mode = getattr(ua.MessageSecurityMode, security.mode)
        certificate = await server_certificate(settings.url, settings.timeout_s, mode)
        require_trusted(certificate, security.trusted, settings.url)
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            str(security.certificate),
            str(security.private_key),
            server_certificate=certificate,
            mode=mode,
        )
    if security.user is not None:
        client.set_user(security.user)
        client.set_password(security.password or "")


def _variant(value: Any, kind: ua.VariantType) -> ua.Variant:
    """Return a value in the type of a variable. Raises `InvalidInput`."""
    if kind == ua.VariantType.Boolean:
        fits = value in (True, False, "true", "false")
        value = value in (True, "true")
    elif kind in (ua.VariantType.Float, ua.VariantType.Double):
        fits = isinstance(value, float | int)
    elif kind == ua.VariantType.String:
        fits, value = value is not None, str(value)
    elif kind == ua.VariantType.ByteString:
        fits = isinstance(value, bytes)
    else:
        fits = isinstance(value, float | int) and value == int(value)
        value = int(value) if fits else value
    if not fits:
        raise InvalidInput(f"{value!r} does not fit the type {kind.name} of the variable", field="value")
    return ua.Variant(value, kind)


def _node_id(reference: Any) -> Any:
    """Return the local node id of a reference."""
    return ua.NodeId(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex)
