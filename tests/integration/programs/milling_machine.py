"""A simulated milling machine with an OPC UA server: it runs the program that it has, and counts pieces."""

from __future__ import annotations

import asyncio
import threading

from asyncua import Server, ua, uamethod

NAMESPACE = "urn:example:mill"
RUNNING, STOPPED = 1, 3


class MillingMachine:
    """Runs in a thread of its own. Each line `M30` of a program ends a piece."""

    def __init__(self):
        self.url = None
        self.started_programs = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def _main(self):
        self._loop.run_until_complete(self._serve())

    async def _serve(self):
        self._stop = asyncio.Event()
        server = Server()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:0/mill")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await server.register_namespace(NAMESPACE)
        mill = await server.nodes.objects.add_object(ua.NodeId("mill", index), "mill")
        kinds = {
            "Program": (b"", ua.VariantType.ByteString),
            "ProgramName": ("", ua.VariantType.String),
            "Running": (False, ua.VariantType.Boolean),
            "State": (STOPPED, ua.VariantType.Int32),
            "Count": (0, ua.VariantType.Int32),
            "Reason": ("", ua.VariantType.String),
        }
        self.nodes = {}
        for name, (value, kind) in kinds.items():
            node = await mill.add_variable(ua.NodeId(name, index), name, value, kind)
            await node.set_writable()
            self.nodes[name] = node

        @uamethod
        async def start(_parent):
            content = await self.nodes["Program"].read_value()
            if not content:
                raise ua.UaStatusCodeError(ua.StatusCodes.BadInvalidState)
            self.started_programs.append(bytes(content))
            await self._set("Running", True)
            await self._set("State", RUNNING)
            count = await self.nodes["Count"].read_value()
            for line in bytes(content).splitlines():
                if line.strip() == b"M30":
                    count += 1
                    await self._set("Count", count)

        @uamethod
        async def stop(_parent):
            await self._set("Running", False)
            await self._set("State", STOPPED)

        await mill.add_method(ua.NodeId("Start", index), "Start", start, [], [])
        await mill.add_method(ua.NodeId("Stop", index), "Stop", stop, [], [])
        async with server:
            port = server.bserver._server.sockets[0].getsockname()[1]
            self.url = f"opc.tcp://127.0.0.1:{port}/mill"
            self._ready.set()
            await self._stop.wait()

    async def _set(self, name, value):
        node = self.nodes[name]
        kind = await node.read_data_type_as_variant_type()
        await node.write_value(ua.Variant(value, kind))

    def set(self, name, value):
        """Write a variable at the machine's own panel."""
        asyncio.run_coroutine_threadsafe(self._set(name, value), self._loop).result(30)

    def get(self, name):
        return asyncio.run_coroutine_threadsafe(self.nodes[name].read_value(), self._loop).result(30)
