"""A full buffer follows its policy: nothing is lost without a record, and a dead letter can be replayed."""

from __future__ import annotations

import json
import threading

import pytest
from gateway_process import wait_for, write_plant
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.replay import Replay
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.mqtt.gateway import MqttGateway
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.mqtt.topics import parse_mappings
from chromatrace.ingest.spool import Spool
from chromatrace.plant import load_plant

MS = 1_772_352_000_000
MESSAGES, BUFFER = 200, 10
SOURCE = """
id = "broker"
protocol = "mqtt"
channel = "line"
url = "mqtt://127.0.0.1:1883"
[[sources.topics]]
topic = "t"
source = "press"
tag = "force"
"""


class SlowSpool(Spool):
    """Stores nothing until `ready` is set, as on a slow disk."""

    def __init__(self, path):
        super().__init__(path)
        self.ready = threading.Event()

    def append_fields(self, channel, readings):
        assert self.ready.wait(120)
        return super().append_fields(channel, readings)


@pytest.fixture
def publisher(broker):
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_for(client.is_connected)
    yield client
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("overflow", ["block", "drop-oldest", "dead-letter"])
def test_what_a_full_buffer_drops_is_recorded(tmp_path, broker, publisher, overflow):
    settings = MqttSettings(
        broker.url, "line", json_tags=parse_mappings(["t=press/force"]), buffer=BUFFER, batch=5, client_id=overflow
    )
    with SlowSpool(tmp_path / "spool.db") as spool, GatewayStore(tmp_path / "gateway.db") as store:
        letters, stop = DeadLetters(store), threading.Event()
        gateway = MqttGateway(settings, spool, letters.recorder("broker", "line"), overflow=overflow)
        thread = threading.Thread(target=gateway.run, args=(stop,))
        thread.start()
        wait_for(lambda: gateway.statistics.connected, thread.is_alive)
        for number in range(MESSAGES):
            publisher.publish("t", json.dumps({"timestamp": MS + number, "value": number}), qos=1)
        # mosquitto sends 20 messages before the first acknowledgement, which are more than fit into the buffer.
        full = MESSAGES - BUFFER - 2 * settings.batch
        if overflow != "block":
            wait_for(lambda: gateway.statistics.dropped >= full)
        spool.ready.set()
        wait_for(lambda: gateway.statistics.stored + gateway.statistics.dropped >= MESSAGES)
        stop.set()
        thread.join()
        counted = sum(letter.count for letter in letters.letters())
        stored = [reading.value for reading in spool.entries("line")]
        assert gateway.statistics.dropped == counted
        assert (overflow == "block") == (counted == 0)
        assert stored == sorted(set(stored))
        if overflow == "drop-oldest":
            assert {(letter.state, letter.reason) for letter in letters.letters()} == {
                ("counted", "the buffer was full")
            }
        if overflow == "dead-letter":
            plant = load_plant(write_plant(tmp_path, SOURCE))
            results = list(Replay(plant, spool, store).replay(letters.letters()))
            assert [result.error for result in results] == [None] * len(results)
        if overflow != "drop-oldest":
            assert {reading.value for reading in spool.entries("line")} == {float(n) for n in range(MESSAGES)}
            assert spool.size("line") == MESSAGES
