"""Readings per second from Sparkplug payloads of 100 metrics to spooled and hashed, next to paho and protobuf alone.

An edge node publishes through mosquitto. One process stores the readings (`MqttGateway`), another one hashes them
(`Anchorer.extend`), as in production. The time runs from the first message to the last reading that is stored and
hashed. The baseline is a paho client that decodes the same messages and reads alias, time and value of each metric.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from bench.broker import broker
from bench.figure import Figure
from chromatrace.anchor import Anchorer
from chromatrace.ingest.mqtt.gateway import MqttGateway
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.spool import Spool
from chromatrace.sparkplug import BD_SEQ, DOUBLE, INT64, SEQUENCE_NUMBERS, Metric, Payload, topic

METRICS, MESSAGES, ROUNDS = 100, 5_000, 3
READINGS = METRICS * MESSAGES
TARGET_PER_S = 100_000
CHANNEL, GROUP, NODE, DEVICE = "line", "bench", "node", "device"
_START_MS = 1_767_225_600_000
_ROOT = Path(__file__).resolve().parent.parent


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure in alternating rounds and return the best of each, because other load disturbs single runs."""
    rates, baseline_rates = [], []
    with tempfile.TemporaryDirectory() as name, broker(Path(name)) as port:
        for turn in range(ROUNDS):
            folder = Path(name) / str(turn)
            folder.mkdir()
            rates.append(READINGS / gateway_seconds(port, folder))
            baseline_rates.append(READINGS / client_seconds(port))
            progress(f"{rates[-1]:,.0f} readings/s; paho and protobuf alone: {baseline_rates[-1]:,.0f}")
    return [
        Figure(
            "Sparkplug: readings from payload to spooled and hashed, 100 metrics a message",
            max(rates),
            "readings/s",
            "higher",
            TARGET_PER_S,
            "paho, protobuf decode and access to each value",
            max(baseline_rates),
        )
    ]


def gateway_seconds(port: int, folder: Path) -> float:
    """Return the time until every reading is stored and hashed."""
    stop = threading.Event()
    with Spool(folder / "spool.db") as spool:
        gateway = MqttGateway(MqttSettings(f"mqtt://127.0.0.1:{port}", CHANNEL), spool)
        thread = threading.Thread(target=gateway.run, args=(stop,))
        thread.start()
        while not gateway.statistics.connected:
            time.sleep(0.01)
        with _process("hash", str(folder)) as hashing, _publisher(port):
            begun = time.perf_counter()
            if hashing.wait() != 0:
                raise RuntimeError("the hashing process failed")
            seconds = time.perf_counter() - begun
        stop.set()
        thread.join()
    if gateway.statistics.rejected or gateway.statistics.gaps_unfilled or gateway.statistics.stored != READINGS:
        raise RuntimeError(f"readings are missing: {gateway.statistics.as_dict()}")
    return seconds


def client_seconds(port: int) -> float:
    """Return the time of a paho client that decodes the same messages."""
    done, count = threading.Event(), 0
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: subscribed.set()

    def received(_: Client, __: object, message: MQTTMessage) -> None:
        nonlocal count
        if "DDATA" in message.topic:
            values = [(m.alias, m.timestamp, m.double_value) for m in Payload.FromString(message.payload).metrics]
            count += len(values)
        if count == READINGS - METRICS:  # the births have the first value of each metric
            done.set()

    client.on_message = received
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("spBv1.0/#")
    subscribed.wait()
    with _publisher(port):
        begun = time.perf_counter()
        done.wait()
        seconds = time.perf_counter() - begun
    client.disconnect()
    client.loop_stop()
    return seconds


def payloads() -> Iterator[tuple[str, bytes]]:
    """Yield the messages of an edge node: births, then data with aliases."""
    bd_seq = Metric(name=BD_SEQ, timestamp=_START_MS, datatype=INT64, long_value=0)
    yield _message("NBIRTH", "", 0, [bd_seq])
    names = [Metric(name=f"tag {n}", alias=n, datatype=DOUBLE, double_value=n / 7) for n in range(METRICS)]
    yield _message("DBIRTH", DEVICE, 1, names)
    for number in range(1, MESSAGES):
        time_ms = _START_MS + number
        data = [Metric(alias=n, timestamp=time_ms, double_value=number + n / 7) for n in range(METRICS)]
        yield _message("DDATA", DEVICE, (number + 1) % SEQUENCE_NUMBERS, data)


def _message(kind: str, device: str, seq: int, metrics: list[Metric]) -> tuple[str, bytes]:
    payload = Payload(timestamp=_START_MS, seq=seq, metrics=metrics)
    return topic(GROUP, kind, NODE, device), payload.SerializeToString()


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run this module in a process; yield it when it is ready."""
    command = [sys.executable, "-m", "bench.sparkplug", *arguments]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None or not process.stdout.readline():
            raise RuntimeError("the process ended")
        yield process


@contextmanager
def _publisher(port: int) -> Iterator[None]:
    """Start to publish within the block."""
    with _process("publish", str(port)) as process:
        process.stdin.write("start\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        yield


def _publish(port: int) -> None:
    messages = list(payloads())
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    print("ready", flush=True)
    sys.stdin.readline()
    for name, payload in messages:
        sent = client.publish(name, payload)
    sent.wait_for_publish()
    client.disconnect()
    client.loop_stop()


def _hash(folder: Path) -> None:
    """Hash the spooled readings until there are all."""

    class NoPublisher:
        def publish(self, head: object) -> None: ...

        def anchored_size(self, channel: str) -> int:
            return 0

    with Spool(folder / "spool.db") as spool, Anchorer(spool, NoPublisher(), folder / "log.db") as anchorer:
        print("ready", flush=True)
        while anchorer.extend(CHANNEL) < READINGS:
            time.sleep(0.05)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["publish", "hash"])
    parser.add_argument("argument")
    options = parser.parse_args()
    if options.task == "publish":
        _publish(int(options.argument))
    else:
        _hash(Path(options.argument))
