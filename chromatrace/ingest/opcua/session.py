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
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.opcua.values import TagKey, to_datetime

_KEEP_ALIVE_COUNT = 10
_LIFETIME_COUNT = 3_000
_AT_ONCE = 50
"""Requests under way while browsing: servers limit how many they queue for a connection."""
_NO_TIME = ua.get_win_epoch()
_NOT_LET_IN = (
    ua.uaerrors.BadUserAccessDenied,
    ua.uaerrors.BadIdentityTokenRejected,
    ua.uaerrors.BadIdentityTokenInvalid,
)
_Answer = TypeVar("_Answer")
_logger = logging.getLogger(__name__)

CONNECTION_ERRORS = (OSError, asyncio.TimeoutError, ua.UaError)
"""What asyncua raises when a connection fails or breaks."""


class ServerUnavailable(Unavailable):
    """The OPC UA server does not answer, or refuses what is needed; connecting again may help."""


class HistoryUnavailable(Unavailable):
    """The server keeps no history of a variable, or refuses to give it."""


class Session:
    """A connected session. `lost` is set when the connection breaks."""

    def __init__(self, client: Client, settings: OpcUaSettings) -> None:
        self._client = client
        self._settings = settings
        self._last_heard = time.monotonic()
        self._finished: list[Node] = []
        self._silence_s = float("inf")
        self.lost = asyncio.Event()

    async def browse(self) -> list[TagKey]:
        """The tags, by the settings. Raises `InvalidInput` where there are none."""
        if self._settings.nodes:
            found = [await self._named_node(node_id) for node_id in self._settings.nodes]
        else:
            found = await self._browse_namespace()
        if not found:
            raise InvalidInput(f"there are no tags in {self._settings.namespace}", field="namespace")
        return found

    async def _named_node(self, node_id: str) -> TagKey:
        try:
            return await self._tag(str(self._settings.source), self._client.get_node(node_id))
        except (ua.UaStringParsingError, ua.uaerrors.BadNodeIdUnknown, ua.uaerrors.BadNodeIdInvalid) as error:
            raise InvalidInput(f"{node_id!r}: {error}", field="nodes") from error

    async def _browse_namespace(self) -> list[TagKey]:
        namespaces = await self._client.get_namespace_array()
        if self._settings.namespace not in namespaces:
            raise InvalidInput(
                f"the server has no namespace {self._settings.namespace!r}",
                field="namespace",
                hint=f"it has: {', '.join(namespaces)}",
            )
        index = namespaces.index(self._settings.namespace)
        found: list[TagKey] = []
        for node in await self._client.nodes.objects.get_children():
            if node.nodeid.NamespaceIndex == index:
                source = self._settings.source or (await node.read_browse_name()).Name
                variables = await _numbers_below(node)
                for start in range(0, len(variables), _AT_ONCE):
                    some = variables[start : start + _AT_ONCE]
                    found += await asyncio.gather(*(self._tag(source, variable) for variable in some))
        if f"{self._settings.namespace}:status" in namespaces:
            self._finished = await self._find_finished(namespaces.index(f"{self._settings.namespace}:status"))
        return found

    async def _find_finished(self, index: int) -> list[Node]:
        found: list[Node] = []
        for node in await self._client.nodes.objects.get_children():
            if node.nodeid.NamespaceIndex == index:
                found.append(await node.get_child(ua.QualifiedName("Finished", index)))
        return found

    async def _tag(self, source: str, node: Node) -> TagKey:
        name = (await node.read_browse_name()).Name
        unit = ""
        for child in await node.get_properties():
            if (await child.read_browse_name()).Name == "EngineeringUnits":
                unit = (await child.read_value()).DisplayName.Text or ""
        return TagKey(source, name, unit, node.nodeid)

    async def subscribe(
        self, keys: Sequence[TagKey], notified: Callable[[list[Any], bool], Awaitable[None]]
    ) -> list[tuple[TagKey, str]]:
        """Subscribes all tags; `notified(items, missed)` is awaited for each message; meanwhile no other is asked for.

        `items` are MonitoredItemNotification with the tag's position as client handle; `missed`: a message
        before this one was lost. The tags that the server refuses, with the reason, are returned.
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
            for part in message.NotificationData or ():
                if isinstance(part, ua.StatusChangeNotification):
                    self.lost.set()
                elif isinstance(part, ua.DataChangeNotification):
                    items += part.MonitoredItems
            if items:
                missed = message.SequenceNumber != expected
                # Sequence numbers run from 1 to 2^32 - 1 and begin again (OPC UA Part 4, 7.26).
                expected = message.SequenceNumber % (2**32 - 1) + 1
                await notified(items, missed)
                self._last_heard = time.monotonic()

        subscription = await self._request(self._client.uaclient.create_subscription(parameters, published))
        self._silence_s = (
            3 * _KEEP_ALIVE_COUNT * subscription.RevisedPublishingInterval / 1000 + self._settings.timeout_s
        )
        request = ua.CreateMonitoredItemsParameters()
        request.SubscriptionId = subscription.SubscriptionId
        request.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.ItemsToCreate = [self._item(key, handle) for handle, key in enumerate(keys)]
        results = await self._request(self._client.uaclient.create_monitored_items(request))
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
        """The present data values, in the order of `keys`."""
        values: list[Any] = await self._request(
            self._client.uaclient.read_attributes([key.node_id for key in keys], ua.AttributeIds.Value)
        )
        return values

    async def history(self, key: TagKey, start_ns: int, end_ns: int | None) -> AsyncIterator[list[Any]]:
        """Pages of the data values from `start_ns` to `end_ns` (both included; None: no end), oldest first.

        Raises `HistoryUnavailable`.
        """
        details = ua.ReadRawModifiedDetails()
        details.IsReadModified = False
        details.StartTime = to_datetime(max(start_ns, 1_000))
        # A client must give two of start, end and number: without an end, the number makes the second.
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
            # As many as were asked for: there may be more. The last one comes again and is known as a duplicate.
            last = values[-1].SourceTimestamp
            if last is None or last <= details.StartTime:
                raise HistoryUnavailable(
                    f"history of {key.tag} does not go on after {details.StartTime}",
                    hint="ask for a larger history_page",
                )
            details.StartTime = last

    async def finished(self) -> bool:
        """Whether the server says that no further value will come. Raises `InvalidInput` where it does not say."""
        if not self._finished:
            raise InvalidInput("this server never says that it has finished", field="once", hint="leave it out")
        for node in self._finished:
            if not await self._request(node.read_value()):
                return False
        return True

    def silent(self) -> bool:
        """Whether neither values nor a keep-alive have come for longer than the server promised."""
        return time.monotonic() - self._last_heard > self._silence_s

    async def _request(self, answer: Awaitable[_Answer]) -> _Answer:
        """An answer, or `ConnectionError` as soon as the connection is known to be lost."""
        task = asyncio.ensure_future(answer)
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
    """A session, closed at the end. Raises `ServerUnavailable`; within, what `CONNECTION_ERRORS` names."""
    client = Client(settings.url, timeout=settings.timeout_s, watchdog_intervall=min(2.0, settings.timeout_s))
    session = Session(client, settings)

    async def lost(error: Exception) -> None:
        _logger.warning("connection to %s lost: %s", settings.url, error or type(error).__name__)
        session.lost.set()

    client.connection_lost_callback = lost
    try:
        await _secure(client, settings)
        await asyncio.wait_for(client.connect(), settings.timeout_s)
    except _NOT_LET_IN as error:
        raise NotAuthorised(f"{settings.url} does not let us in: {error}", field="user") from error
    except CONNECTION_ERRORS as error:
        raise ServerUnavailable(
            f"{settings.url} does not answer: {error or type(error).__name__}",
            field="url",
            hint="is the server running?",
        ) from error
    try:
        yield session
    finally:
        try:
            await asyncio.wait_for(client.disconnect(), 2.0)
        except CONNECTION_ERRORS as error:
            _logger.debug("while closing: %s", error)
            client.disconnect_socket()


async def _secure(client: Client, settings: OpcUaSettings) -> None:
    security = settings.security
    if security.user is not None:
        client.set_user(security.user)
        client.set_password(security.password or "")
    if security.certificate is not None and security.private_key is not None:
        server = str(security.server_certificate) if security.server_certificate is not None else None
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            str(security.certificate),
            str(security.private_key),
            server_certificate=server,
            mode=getattr(ua.MessageSecurityMode, security.mode),
        )


async def _numbers_below(node: Node) -> list[Node]:
    """The variables below an object that have a numeric type, depth first."""
    found: list[Node] = []
    for child in await node.get_children(nodeclassmask=ua.NodeClass.Object | ua.NodeClass.Variable):
        if await child.read_node_class() == ua.NodeClass.Object:
            found += await _numbers_below(child)
        elif await child.read_data_type_as_variant_type() in _NUMERIC:
            found.append(child)
    return found


_NUMERIC = frozenset(
    {
        ua.VariantType.SByte,
        ua.VariantType.Byte,
        ua.VariantType.Int16,
        ua.VariantType.UInt16,
        ua.VariantType.Int32,
        ua.VariantType.UInt32,
        ua.VariantType.Int64,
        ua.VariantType.UInt64,
        ua.VariantType.Float,
        ua.VariantType.Double,
    }
)
