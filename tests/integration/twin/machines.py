"""Machines that tests write to: OPC UA, Modbus TCP and Sparkplug, each counts the commands that it receives."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

from asyncua import Server, ua, uamethod
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from chromatrace.sparkplug import DOUBLE, Metric, Payload, now_ms, topic

NAMESPACE = "urn:test:machine"


@contextmanager
def _running(start):
    """Run `start(loop)` in a thread's event loop; it returns an object and a coroutine function that ends it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started, stop = asyncio.run_coroutine_threadsafe(start(), loop).result(120)
    try:
        yield started
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(120)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class OpcUaPress:
    """Variables `speed` (Double), `count` (Int16), `ready` (Boolean); `serial` is read-only; a method `halt`."""

    def __init__(self):
        self.writes = []
        self.halted = 0
        self.deaf = False

    def reset(self):
        """Forget the commands, and set the values of the start."""
        self.deaf, self.halted = False, 0
        asyncio.run_coroutine_threadsafe(self._reset(), self._loop).result(60)
        self.writes.clear()

    async def _reset(self):
        for name, value in (("speed", 1.0), ("ready", True)):
            await self._server.get_node(ua.NodeId(name, self._index)).write_value(value)

    @contextmanager
    def serving(self):
        """Serve on a free port; `url` is the endpoint."""
        with _running(self._start) as self.url:
            yield self

    async def _start(self):
        server = Server()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:0")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = self._index = await server.register_namespace(NAMESPACE)
        self._server, self._loop = server, asyncio.get_running_loop()
        press = await server.nodes.objects.add_object(ua.NodeId("press", index), ua.QualifiedName("press", index))
        for name, value, kind in (
            ("speed", 1.0, ua.VariantType.Double),
            ("count", 0, ua.VariantType.Int16),
            ("ready", True, ua.VariantType.Boolean),
            ("serial", "P-1", ua.VariantType.String),
        ):
            node = await press.add_variable(ua.NodeId(name, index), ua.QualifiedName(name, index), value, kind)
            if name != "serial":
                await node.set_writable()

        @uamethod
        async def halt(parent):
            self.halted += 1
            await server.get_node(ua.NodeId("ready", index)).write_value(False)

        await press.add_method(ua.NodeId("halt", index), ua.QualifiedName("halt", index), halt)
        original = server.iserver.attribute_service.write
        server.iserver.attribute_service.write = lambda *given, **options: self._write(original, *given, **options)
        await server.start()
        port = server.bserver._server.sockets[0].getsockname()[1]
        return f"opc.tcp://127.0.0.1:{port}", server.stop

    async def _write(self, original, parameters, *given, **options):
        own = [item for item in parameters.NodesToWrite if isinstance(item.NodeId.Identifier, str)]
        self.writes += [(item.NodeId.Identifier, item.Value.Value.Value) for item in own]
        if own and self.deaf:
            return [ua.StatusCode(ua.StatusCodes.Good) for _ in parameters.NodesToWrite]
        return await original(parameters, *given, **options)


class ModbusPress:
    """Device 1 with 100 holding registers and coils. `rejects`: answer every write with an exception."""

    def __init__(self):
        self.writes = []
        self.rejects = False

    @contextmanager
    def serving(self):
        """Serve on a free port; `address` is HOST:PORT."""
        with _running(self._start) as self.address:
            yield self

    async def _start(self):
        registers, bits = ([SimData(0, count=100, datatype=kind)] for kind in (DataType.REGISTERS, DataType.BITS))
        device = SimDevice(1, simdata=(bits, bits, registers, registers), action=self._act)
        server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        port = server.transport.sockets[0].getsockname()[1]
        return f"127.0.0.1:{port}", server.shutdown

    async def _act(self, function, start, address, count, registers, written):
        if function in (5, 6, 15, 16) and written:
            self.writes.append((function, address, list(written or ())))
            if self.rejects:
                return ExcCodes.ILLEGAL_VALUE
        return None


class SparkplugPress:
    """The edge node hall/press with the metrics `speed` (alias 7) of its device `axis`. `deaf`: ignore commands."""

    def __init__(self, port):
        self.commands = []
        self.deaf = False
        self._speed = 1.0
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._received
        self._client.connect("127.0.0.1", port)
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.subscribe([(topic("hall", "NCMD", "press"), 1), (topic("hall", "DCMD", "press", "axis"), 1)])
        self._client.loop_start()
        assert ready.wait(60)

    def close(self):
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _received(self, _, __, message):
        for metric in Payload.FromString(message.payload).metrics:
            if metric.name == "Node Control/Rebirth":
                self._publish("DBIRTH", Metric(name="speed", alias=7, datatype=DOUBLE, double_value=self._speed))
            else:
                self.commands.append((metric.name, metric.datatype, metric.double_value))
                if not self.deaf:
                    self._speed = metric.double_value
                    self._publish("DDATA", Metric(alias=7, double_value=self._speed))

    def _publish(self, kind, metric):
        metric.timestamp = now_ms()
        payload = Payload(timestamp=now_ms(), metrics=[metric])
        self._client.publish(topic("hall", kind, "press", "axis"), payload.SerializeToString())
