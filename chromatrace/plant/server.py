"""Serve a simulated or recorded source over OPC UA, and over Modbus TCP and Sparkplug as well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlparse

from asyncua import Server, ua
from asyncua.common.callback import CallbackType

from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.plant.address_space import PlantNodes, build
from chromatrace.plant.alarms import LimitAlarms
from chromatrace.plant.edge_node import EdgeNode
from chromatrace.plant.endpoints import DEFAULT_ENDPOINT
from chromatrace.plant.history import ValueHistory
from chromatrace.plant.modbus import PlantRegisters
from chromatrace.plant.overflow import OverflowMarkingSubscriptions
from chromatrace.plant.security import Security
from chromatrace.plant.sources import Source, TagSample

APPLICATION_URI = "urn:chromatrace:plant:server"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_logger = logging.getLogger(__name__)


async def serve(
    source: Source,
    endpoint: str = DEFAULT_ENDPOINT,
    *,
    time_factor: float | None = 1.0,
    wait_for_client: bool = False,
    history: int = 100_000,
    security: Security | None = None,
    modbus: tuple[PlantRegisters, int] | None = None,
    sparkplug: EdgeNode | None = None,
    ready: Callable[[str, str | None], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until `stop` is set. After the last step, values and history stay available.

    endpoint         opc.tcp URL; port 0 selects a free port
    time_factor      simulated seconds per second; None: as fast as possible
    wait_for_client  write the first step after a client has subscribed
    history          number of values kept for each variable
    modbus           registers to serve over Modbus TCP as well, and the port
    sparkplug        edge node that publishes the same values; its primary host is a client, too
    ready            called with the URL, and with the Modbus address or None, once clients can connect

    Raises `InsecureEndpointError`, `InvalidInput` (endpoint, time_factor), and `Unavailable` if the port is in use.
    """
    if time_factor is not None and not 0 < time_factor < float("inf"):
        raise InvalidInput(f"{time_factor} is not a finite number above 0", field="time_factor")
    stopping = stop or asyncio.Event()
    async with AsyncExitStack() as servers:
        running = running_server(source, endpoint, history=history, security=security)
        plant, url = await servers.enter_async_context(running)
        modbus_address = None
        if modbus is not None:
            registers, port = modbus
            modbus_address = await servers.enter_async_context(registers.serving(port))
            plant.writers.append(registers.write)
        if sparkplug is not None:
            loop = asyncio.get_running_loop()
            sparkplug.on_host_online = lambda: loop.call_soon_threadsafe(plant.client_found)
            plant.writers.append(sparkplug.write)
            plant.finishers.append(sparkplug.finish)
            servers.enter_context(sparkplug.connected())
        if ready is not None:
            ready(url, modbus_address)
        playing = asyncio.create_task(plant.play(source, time_factor, wait_for_client=wait_for_client))
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({playing, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
                await waiting
        finally:
            for task in (playing, waiting):
                task.cancel()
            await asyncio.gather(playing, waiting, return_exceptions=True)


class PlantServer:
    """A running server to which steps are written."""

    def __init__(self, server: Server, nodes: PlantNodes, history: ValueHistory, alarms: LimitAlarms) -> None:
        self._server = server
        self._alarms = alarms
        self._nodes = nodes
        self._history = history
        self._steps = 0
        self.writers: list[Callable[[TagSample], None]] = []
        """Other protocols, which get each step before the nodes."""
        self.finishers: list[Callable[[], None]] = []
        self._subscribed = asyncio.Event()
        server.subscribe_server_callback(CallbackType.ItemSubscriptionCreated, self._client_subscribed)

    def _client_subscribed(self, event: Any, _: Any) -> None:
        if event.is_external:
            self.client_found()

    def client_found(self) -> None:
        """Start if the server waits for a client."""
        self._subscribed.set()

    async def play(self, source: Source, time_factor: float | None, *, wait_for_client: bool = False) -> None:
        """Write each step at its time, then set the status to finished."""
        if wait_for_client:
            await self._subscribed.wait()
        clock = asyncio.get_running_loop().time
        begun, first_ns = clock(), None
        for step in source.steps():
            first_ns = step.source_time_ns if first_ns is None else first_ns
            due_s = 0.0 if time_factor is None else (step.source_time_ns - first_ns) / 1e9 / time_factor
            await asyncio.sleep(max(0.0, begun + due_s - clock()))
            await self.write(step)
        await self._write_status(self._nodes.finished, ua.Variant(True))
        for finisher in self.finishers:
            finisher()
        _logger.info("%s: %d steps written, no more will come", source.name, self._steps)

    async def write(self, step: TagSample) -> None:
        """Write one time step to the nodes and the history, and to the other protocols."""
        for writer in self.writers:
            writer(step)
        time = _EPOCH + timedelta(microseconds=step.source_time_ns // 1000)
        for node_id, value, quality in zip(self._nodes.tags, step.values, step.qualities, strict=True):
            data = ua.DataValue(
                Value=ua.Variant(value, ua.VariantType.Double),
                StatusCode=ua.StatusCode(quality),
                SourceTimestamp=time,
                ServerTimestamp=datetime.now(UTC),
            )
            # Write the history first: a notified client must be able to find the value there.
            self._history.add(node_id, data)
            await self._server.write_attribute_value(node_id, data)
        await self._alarms.check(step, time)
        self._steps += 1
        await self._write_status(self._nodes.steps, ua.Variant(self._steps, ua.VariantType.UInt64))
        await self._write_status(self._nodes.runs_completed, ua.Variant(step.runs_completed, ua.VariantType.UInt64))

    async def _write_status(self, node_id: ua.NodeId, value: ua.Variant) -> None:
        now = datetime.now(UTC)
        await self._server.write_attribute_value(node_id, ua.DataValue(value, SourceTimestamp=now, ServerTimestamp=now))


@asynccontextmanager
async def running_server(
    source: Source, endpoint: str, *, history: int = 100_000, security: Security | None = None
) -> AsyncIterator[tuple[PlantServer, str]]:
    """Start a server with the nodes of `source`. Yield it with its URL. Raises the errors of `serve`."""
    try:
        address = urlparse(endpoint)
        host = address.hostname if address.scheme == "opc.tcp" and address.port is not None else None
    except ValueError:  # a port above 65535
        host = None
    if not host:
        raise InvalidInput(f"expected a URL such as {DEFAULT_ENDPOINT}, got {endpoint!r}", field="endpoint")
    security = security or Security()
    security.check(endpoint)
    server = Server()
    server.name = "ChromaTrace plant"
    subscriptions = OverflowMarkingSubscriptions(server.iserver.aspace, iserver=server.iserver)
    server.iserver.subscription_service = server.iserver.isession.subscription_service = subscriptions
    await server.init()
    await server.set_application_uri(APPLICATION_URI)
    server.set_endpoint(endpoint)
    await security.apply(server)
    values = ValueHistory(history)
    server.iserver.history_manager.set_storage(values)
    nodes = await build(server, source, values)
    alarms = LimitAlarms(server, values)
    await alarms.build(source, nodes.tags)
    try:
        await server.start()
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {endpoint}: {error.strerror}",
            field="endpoint",
            hint="another program may use the port",
        ) from error
    try:
        yield PlantServer(server, nodes, values, alarms), address._replace(netloc=_netloc(server, host)).geturl()
    finally:
        await server.stop()


def _netloc(server: Server, host: str) -> str:
    """Return the host and port on which the server listens."""
    listening = server.bserver._server if server.bserver else None
    port = listening.sockets[0].getsockname()[1] if listening else server.endpoint.port
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
