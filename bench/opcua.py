"""Values per second from an OPC UA server to the spool without loss, and the time to subscribe to 10,000 nodes.

The server (asyncua) runs in a process of its own and writes values as fast as it can. The baseline is an asyncua client
with a handler that counts the values.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import Client, Server, ua

from bench.figure import Figure
from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool

NODES, ROUNDS_OF_VALUES, TURNS = 200, 150, 3
VALUES = NODES * ROUNDS_OF_VALUES
MANY_NODES, TARGET_S = 10_000, 30
NAMESPACE, CHANNEL = "urn:bench", "line"
_ROOT = Path(__file__).resolve().parent.parent
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure in alternating rounds and return the best of each, because other load disturbs single runs."""
    rates, baseline_rates, lost = [], [], 0
    for turn in range(TURNS):
        baseline_rates.append(VALUES / client_seconds())
        seconds, missing = gateway_seconds()
        rates.append(VALUES / seconds)
        lost += missing
        progress(f"{rates[-1]:,.0f} values/s stored, {missing} lost; asyncua client: {baseline_rates[-1]:,.0f}")
        if turn == 0:
            subscribed = subscribe_seconds()
            progress(f"{MANY_NODES:,} nodes subscribed in {subscribed:.1f} s")
    return [
        Figure("OPC UA: values stored", max(rates), "values/s", "higher", None, "asyncua client", max(baseline_rates)),
        Figure("OPC UA: values lost at the rate of the server", lost, "values", "lower", 0),
        Figure(f"OPC UA: browse and subscribe to {MANY_NODES:,} nodes", subscribed, "s", "lower", TARGET_S),
    ]


def client_seconds() -> float:
    """Return the time in which an asyncua client receives all values."""

    class Handler:
        def __init__(self) -> None:
            self.count, self.done = 0, asyncio.Event()

        def datachange_notification(self, *_: object) -> None:
            self.count += 1
            if self.count >= VALUES + NODES:  # the first value of each node and all that are written
                self.done.set()

    async def receive(server: _ServerProcess) -> float:
        async with Client(server.url, timeout=60) as client:
            handler = Handler()
            subscription = await client.create_subscription(200, handler)
            nodes = [client.get_node(f"ns=2;s={number}") for number in range(NODES)]
            await subscription.subscribe_data_change(nodes, queuesize=ROUNDS_OF_VALUES + 1)
            begun = time.perf_counter()
            server.write()
            await handler.done.wait()
            return time.perf_counter() - begun

    with _server(NODES) as server:
        return asyncio.run(receive(server))


def gateway_seconds() -> tuple[float, int]:
    """Return the time in which the gateway stores all values, and how many are lost."""
    with tempfile.TemporaryDirectory() as name, _server(NODES) as server, Spool(Path(name) / "spool.db") as spool:
        settings = OpcUaSettings(server.url, CHANNEL, namespace=NAMESPACE, queue_size=ROUNDS_OF_VALUES + 1)
        with BackgroundGateway(settings, spool) as gateway:
            _until(lambda: gateway.statistics.stored >= NODES)
            begun = time.perf_counter()
            server.write()
            _until(lambda: gateway.statistics.stored >= VALUES + NODES or gateway.statistics.gaps_unfilled > 0)
            return time.perf_counter() - begun, VALUES + NODES - gateway.statistics.stored


def subscribe_seconds() -> float:
    """Return the time from the start of the gateway until all of many nodes are subscribed."""
    with tempfile.TemporaryDirectory() as name, _server(MANY_NODES) as server, Spool(Path(name) / "spool.db") as spool:
        begun = time.perf_counter()
        settings = OpcUaSettings(server.url, CHANNEL, namespace=NAMESPACE, timeout_s=60)
        with BackgroundGateway(settings, spool) as gateway:
            _until(lambda: gateway.statistics.connected and gateway.statistics.stored >= MANY_NODES)
            return time.perf_counter() - begun


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


class _ServerProcess:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = process.stdout.readline().strip() if process.stdout else ""
        if not self.url:
            raise RuntimeError("the server did not start")

    def write(self) -> None:
        """Start to write values."""
        if self._process.stdin is not None:
            self._process.stdin.write("write\n")
            self._process.stdin.flush()


@contextmanager
def _server(nodes: int) -> Iterator[_ServerProcess]:
    command = [sys.executable, "-m", "bench.opcua", str(nodes)]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _ServerProcess(process)
        finally:
            process.kill()


async def _serve(count: int) -> None:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/bench")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NAMESPACE)
    device = await server.nodes.objects.add_object(index, "device")
    ids = [ua.NodeId(str(number), index) for number in range(count)]
    for number, node_id in enumerate(ids):
        await device.add_variable(node_id, ua.QualifiedName(f"tag {number}", index), 0.0)
    await server.start()
    listening: Any = server.bserver
    print(f"opc.tcp://127.0.0.1:{listening._server.sockets[0].getsockname()[1]}/bench", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        for turn in range(1, ROUNDS_OF_VALUES + 1):
            time_of_turn = _BEGIN + timedelta(seconds=turn)
            for number, node_id in enumerate(ids):
                value = ua.Variant(turn + number / 7, ua.VariantType.Double)
                await server.write_attribute_value(node_id, ua.DataValue(value, SourceTimestamp=time_of_turn))
            await asyncio.sleep(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("nodes", type=int)
    asyncio.run(_serve(parser.parse_args().nodes))
