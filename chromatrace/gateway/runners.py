"""The sources of a plant file, as the supervisor runs them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Protocol

from chromatrace.gateway.dead_letters import OriginRecorder
from chromatrace.gateway.folder import FolderReader
from chromatrace.gateway.push import PushedReadings
from chromatrace.gateway.store import GatewayStore
from chromatrace.gateway.tokens import TokenFile
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.modbus.gateway import ModbusGateway
from chromatrace.ingest.modbus.statistics import ModbusStatistics
from chromatrace.ingest.mqtt.gateway import MqttGateway
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.opcua.gateway import OpcUaGateway
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool
from chromatrace.plant.gateway_options import GatewayOptions
from chromatrace.plant.plant_sources import FolderSource, HttpSource, ModbusSource, MqttSource, OpcUaSource

_STOP_POLL_S = 0.1

Statistics = GatewayStatistics | ModbusStatistics


class Runner(Protocol):
    """Runs one source of any protocol. `run` may be called again after an error; the statistics continue.

    id        of the source in the plant file
    protocol  opcua, mqtt, modbus, http or folder
    channel   log channel of its readings
    address   what it is connected to
    """

    id: str
    protocol: str
    channel: str
    address: str

    @property
    def statistics(self) -> Statistics: ...

    def run(self, stop: threading.Event) -> None:
        """Store readings until `stop` is set. Received readings are in the spool before the return."""


class OpcUaRunner:
    """Runs the gateway of an OPC UA server."""

    protocol = "opcua"

    def __init__(
        self,
        source: OpcUaSource,
        settings: OpcUaSettings,
        spool: Spool,
        recorder: OriginRecorder,
        options: GatewayOptions,
    ) -> None:
        self.id, self.channel, self.address = source.id, source.channel, settings.url
        self._gateway = OpcUaGateway(
            replace(settings, buffer=min(settings.buffer, options.buffer_readings)),
            spool,
            recorder,
            overflow=options.overflow,
            clock_tolerance_ns=options.clock_tolerance_ns,
        )

    @property
    def statistics(self) -> Statistics:
        return self._gateway.statistics

    def run(self, stop: threading.Event) -> None:
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        stopping = asyncio.Event()

        async def forward() -> None:
            while not stop.is_set():
                await asyncio.sleep(_STOP_POLL_S)
            stopping.set()

        forwarding = asyncio.create_task(forward())
        try:
            await self._gateway.run(stopping)
        finally:
            forwarding.cancel()


class MqttRunner:
    """Runs the gateway of an MQTT broker."""

    protocol = "mqtt"

    def __init__(
        self,
        source: MqttSource,
        settings: MqttSettings,
        spool: Spool,
        recorder: OriginRecorder,
        options: GatewayOptions,
    ) -> None:
        self.id, self.channel, self.address = source.id, source.channel, settings.url
        self._gateway = MqttGateway(
            replace(
                settings,
                # Two clients of one id would disconnect each other.
                client_id=settings.client_id or f"chromatrace-{source.channel}-{source.id}",
                buffer=min(settings.buffer, options.buffer_readings),
            ),
            spool,
            recorder,
            overflow=options.overflow,
            clock_tolerance_ns=options.clock_tolerance_ns,
        )

    @property
    def statistics(self) -> Statistics:
        return self._gateway.statistics

    def run(self, stop: threading.Event) -> None:
        self._gateway.run(stop)


class ModbusRunner:
    """Runs the gateway of the Modbus devices at one address."""

    protocol = "modbus"

    def __init__(self, source: ModbusSource, spool: Spool, recorder: OriginRecorder) -> None:
        self.id, self.channel, self.address = source.id, source.channel, source.settings.address
        self._gateway = ModbusGateway(source.settings, spool, recorder)

    @property
    def statistics(self) -> Statistics:
        return self._gateway.statistics

    def run(self, stop: threading.Event) -> None:
        self._gateway.run(stop)


class HttpRunner:
    """Stores what programs push. The gateway's HTTP server receives the requests."""

    protocol = "http"

    def __init__(
        self, source: HttpSource, address: str, spool: Spool, recorder: OriginRecorder, options: GatewayOptions
    ) -> None:
        self.id, self.channel, self.address = source.id, source.channel, address
        self.tokens = TokenFile(source.token_file)
        self.readings = PushedReadings(source.id, source.channel, spool, recorder, options.clock_tolerance_ns)

    @property
    def statistics(self) -> Statistics:
        return self.readings.statistics

    def run(self, stop: threading.Event) -> None:
        self.tokens.tokens()  # an unreadable file is reported as the state of the source
        self.readings.statistics.connected = True
        stop.wait()
        self.readings.statistics.connected = False


class FolderRunner:
    """Reads the files of a folder."""

    protocol = "folder"

    def __init__(
        self, source: FolderSource, layout: Layout, spool: Spool, store: GatewayStore, recorder: OriginRecorder
    ) -> None:
        self.id, self.channel, self.address = source.id, source.channel, str(source.path)
        self._reader = FolderReader(source, layout, spool, store, recorder)

    @property
    def statistics(self) -> Statistics:
        return self._reader.statistics

    def run(self, stop: threading.Event) -> None:
        self._reader.run(stop)
