"""Clients of a broker, and a gateway in a thread."""

import threading
import time
from contextlib import contextmanager

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from chromatrace.ingest.mqtt.gateway import MqttGateway

WAIT_S = 60


def wait_for(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.02)


@contextmanager
def client_of(broker, **options):
    """Connect a client that records the received messages."""
    client = Client(CallbackAPIVersion.VERSION2, **options)
    received = client.user_data_set([]) or []
    client.on_message = lambda _client, _data, message: received.append((message.topic, message.payload))
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_for(client.is_connected)
    client.received = received
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish(client, topic, data, qos=1):
    client.publish(topic, data, qos=qos).wait_for_publish(WAIT_S)


def subscribe(client, topic):
    done = threading.Event()
    client.on_subscribe = lambda *_: done.set()
    client.subscribe(topic, 1)
    assert done.wait(WAIT_S)


@contextmanager
def running(settings, spool):
    """Run a gateway in a thread, connected."""
    gateway, stop, errors = MqttGateway(settings, spool), threading.Event(), []

    def run():
        try:
            gateway.run(stop)
        except Exception as error:  # noqa: BLE001 - checked below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: gateway.statistics.connected or errors)
        yield gateway
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert not errors
