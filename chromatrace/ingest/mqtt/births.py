"""Listen for Sparkplug births, without storing readings."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from dataclasses import replace

from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.gateway.values import TagKey
from chromatrace.ingest.mqtt.gateway import BrokerUnavailable, Connection
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.mqtt.sparkplug import SparkplugNodes, rebirth_command

_POLL_S = 0.2


def listen_for_births(settings: MqttSettings, seconds: float, stop: threading.Event) -> tuple[list[TagKey], list[str]]:
    """Return the tags of the nodes that are born within `seconds`, and the metrics that are left out.

    A node that sends data is asked for its birth. Ends early if `stop` is set. Raises `BrokerUnavailable` and
    `NotAuthorised`.
    """
    # Another client id than that of a gateway, which the broker would disconnect.
    connection = Connection(
        replace(settings, client_id=f"chromatrace-init-{secrets.token_hex(4)}", primary_host=None),
        lambda _message: False,
    )
    statistics = GatewayStatistics()

    def request_rebirth(group: str, node: str) -> None:
        connection.client.publish(f"spBv1.0/{group}/NCMD/{node}", rebirth_command())

    nodes = SparkplugNodes(statistics, request_rebirth)
    try:
        connection.open()
        end = time.monotonic() + seconds
        while not stop.is_set() and (remaining := end - time.monotonic()) > 0:
            if connection.lost.is_set():
                raise BrokerUnavailable(f"{settings.url} closed the connection", field="url")
            try:
                message = connection.messages.get(timeout=min(_POLL_S, remaining))
            except queue.Empty:
                continue
            nodes.receive(message.topic, message.payload, message.received_ns)
            if message.qos:
                connection.client.ack(message.mid, message.qos)
    finally:
        connection.close()
    return nodes.keys(), statistics.left_out
