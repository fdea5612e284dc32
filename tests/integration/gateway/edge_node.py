"""A Sparkplug edge node that keeps its values for its primary host."""

from __future__ import annotations

import json
import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from chromatrace.sparkplug import Metric, Payload

MS = 1_772_352_000_000
RESENT = 100


class EdgeNode:
    """Publishes `values` in order. At each STATE "online", it sends its birth and the last values again, as history."""

    def __init__(self, port, host):
        self._lock = threading.Lock()
        self._online = False
        self._sent = 0
        self._seq = 0
        self.values = []
        client = self.client = Client(CallbackAPIVersion.VERSION2)
        client.on_connect = lambda *_: client.subscribe([(f"spBv1.0/STATE/{host}", 1), ("spBv1.0/hall/NCMD/node", 1)])
        client.on_message = self._received
        client.connect("127.0.0.1", port)
        client.loop_start()

    def add(self, value):
        with self._lock:
            self.values.append(value)
            if self._online:
                self._send(len(self.values) - 1, historical=False)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def _received(self, _client, _data, message):
        with self._lock:
            if message.topic.startswith("spBv1.0/STATE/"):
                self._online = json.loads(message.payload)["online"]
            if self._online:
                self._birth()
                for number in range(max(0, min(self._sent, len(self.values)) - RESENT), len(self.values)):
                    self._send(number, historical=True)

    def _birth(self):
        self._seq = 0
        self._publish(
            "NBIRTH",
            Metric(name="bdSeq", timestamp=MS, datatype=4, long_value=0),
            Metric(name="force", alias=7, timestamp=MS, datatype=10, is_null=True),
        )

    def _send(self, number, *, historical):
        self._sent = max(self._sent, number + 1)
        metric = Metric(alias=7, timestamp=MS + 1 + number, double_value=self.values[number])
        if historical:
            metric.is_historical = True
        self._publish("NDATA", metric)

    def _publish(self, kind, *metrics):
        payload = Payload(timestamp=MS, seq=self._seq, metrics=metrics).SerializeToString()
        self.client.publish(f"spBv1.0/hall/{kind}/node", payload, qos=0)
        self._seq = (self._seq + 1) % 256
