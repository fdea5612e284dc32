"""Publish the steps of a source to an MQTT broker as a Sparkplug B 3.0 edge node.

Data messages have QoS 0, so neither the broker nor the host application acknowledges them. After each birth, the node
therefore sends the values of the last `_RESENT_S` again, as historical values, and before them all values that it could
not send. A host application recognises a repeated value by its tag and time.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from chromatrace.domain.errors import InvalidInput
from chromatrace.plant.sources import Source, TagSample
from chromatrace.plant.sparkplug_messages import Message, SparkplugMessages, check_level, death
from chromatrace.sparkplug import REBIRTH, SEQUENCE_NUMBERS, Payload, state_topic, topic

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_RESENT_S = 60.0
_PAUSE_S = (0.1, 5.0)
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    """A step that the host application may not have. `sent_s` is the time of its last sending."""

    step: TagSample
    sent_s: float | None = None


class EdgeNode:
    """An edge node: `with node.connected(): node.write(step)`. Thread-safe.

    url           mqtt://host:port on the loopback interface, or mqtts://host:port
    group         group id; the node id is the name of the source
    primary_host  publish only while this host application is online; None: always
    history       maximum number of steps that wait for the broker or the host application; then the oldest are lost

    Raises `InvalidInput`, which names the option.
    """

    def __init__(
        self, source: Source, url: str, *, group: str = "plant", primary_host: str | None = None, history: int = 100_000
    ) -> None:
        self._scheme, self._host, self._port = _address(url)
        check_level(group, "sparkplug_group")
        check_level(source.name, "name")
        if primary_host is not None:
            check_level(primary_host, "primary_host")
        self.url, self.group, self.name = url, group, source.name
        self.on_host_online: Callable[[], object] = lambda: None
        self._primary_host = primary_host
        self._messages = SparkplugMessages(source)
        self._kept: deque[_Kept] = deque(maxlen=history)
        self._last: TagSample | None = None
        self._finished = False
        self._lock = threading.RLock()
        self._stop, self._lost = threading.Event(), threading.Event()
        self._client: Client | None = None
        self._bd_seq = self._next_bd_seq = self._seq = 0
        self._born = False
        self._host_ms: int | None = None
        """Timestamp of the last STATE message of this connection with the state online."""

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connect in a thread, and again whenever the connection is lost. At the end, publish the death."""
        thread = threading.Thread(target=self._run, name="edge-node", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._lost.set()
            thread.join()

    def write(self, step: TagSample) -> None:
        """Publish a step, or keep it until the node is born."""
        with self._lock:
            runs = 0 if self._last is None else self._last.runs_completed
            self._last = step
            kept = _Kept(step)
            self._kept.append(kept)
            if not self._born:
                self._give_birth()
                return
            self._send_step(kept, historical=False)
            if step.runs_completed != runs:
                self._publish(self._messages.state(step.runs_completed, finished=False))
            now_s = time.monotonic()
            while (sent_s := self._kept[0].sent_s) is not None and now_s - sent_s > _RESENT_S and len(self._kept) > 1:
                self._kept.popleft()

    def finish(self) -> None:
        """Publish that no further values will follow."""
        with self._lock:
            self._finished = True
            if self._born and self._last is not None:
                self._publish(self._messages.state(self._last.runs_completed, finished=True))

    def _run(self) -> None:
        pause_s, logged = _PAUSE_S[0], ""
        while not self._stop.is_set():
            try:
                self._connect()
                pause_s = _PAUSE_S[0]
                self._lost.wait()
                reason = "the connection was lost"
            except (OSError, ValueError) as error:
                reason = str(error)
            finally:
                self._disconnect()
            if reason != logged and not self._stop.is_set():
                _logger.warning("%s: %s; retrying", self.url, reason)
            logged = reason
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_S[1])

    def _connect(self) -> None:
        self._lost.clear()
        client = Client(CallbackAPIVersion.VERSION2, clean_session=True, reconnect_on_failure=False)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_message, client.on_disconnect = self._on_message, self._on_disconnect
        if self._scheme == "mqtts":
            client.tls_set()
        with self._lock:
            self._client = client
            self._bd_seq = self._next_bd_seq
            client.will_set(topic(self.group, "NDEATH", self.name), death(self._bd_seq), qos=1)
        client.connect(self._host, self._port)
        self._next_bd_seq = (self._bd_seq + 1) % SEQUENCE_NUMBERS
        client.loop_start()

    def _disconnect(self) -> None:
        """End the session, if there is one."""
        with self._lock:
            client, self._client = self._client, None
            if client is None:
                return
            if self._born:
                client.publish(topic(self.group, "NDEATH", self.name), death(self._bd_seq), qos=1)
            self._born, self._host_ms = False, None
        client.disconnect()
        client.loop_stop()

    def _on_connect(self, client: Client, _: Any, __: Any, code: ReasonCode, ___: Any) -> None:
        if code.is_failure:
            _logger.warning("%s rejected the connection: %s", self.url, code)
            return
        topics = [(topic(self.group, "NCMD", self.name), 1)]
        if self._primary_host is not None:
            topics.append((state_topic(self._primary_host), 1))
        client.subscribe(topics)

    def _on_subscribe(self, client: Client, _: Any, __: Any, ___: Any, ____: Any) -> None:
        if self._primary_host is None:
            with self._lock:
                self._host_ms = 0
                self._give_birth()

    def _on_disconnect(self, _: Client, __: Any, ___: Any, ____: Any, _____: Any) -> None:
        with self._lock:
            self._born = False
        self._lost.set()

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        if self._primary_host is not None and message.topic == state_topic(self._primary_host):
            self._host_state(message.payload)
        elif _requests_rebirth(message.payload):
            with self._lock:
                self._give_birth()

    def _host_state(self, payload: bytes | bytearray) -> None:
        """Give birth if the primary host is online. End the session if it goes offline (Sparkplug 3.0.0)."""
        try:
            state = json.loads(payload)
            online, time_ms = state["online"], int(state["timestamp"])
        except (ValueError, KeyError, TypeError):
            _logger.warning("%s: invalid STATE message", self.url)
            return
        with self._lock:
            if self._host_ms is not None and time_ms < self._host_ms:
                return  # of an earlier connection of the host
            if online is True and self._host_ms is None:
                self._host_ms = time_ms
                self._give_birth()
            elif online is True:
                self._host_ms = time_ms
            elif self._host_ms is not None:
                self._lost.set()
        if online is True:
            self.on_host_online()

    def _give_birth(self) -> None:
        """Publish the births with the current values, then the values that the host application may not have."""
        if self._client is None or self._host_ms is None or self._last is None:
            return
        self._seq, self._born = 0, True
        for message in self._messages.births(self._bd_seq, self._last, finished=self._finished):
            self._publish(message)
        for kept in self._kept:
            if kept.step is not self._last:
                self._send_step(kept, historical=True)
            kept.sent_s = time.monotonic()

    def _send_step(self, kept: _Kept, *, historical: bool) -> None:
        for message in self._messages.data(kept.step, historical=historical):
            self._publish(message)
        kept.sent_s = time.monotonic()

    def _publish(self, message: Message) -> None:
        if self._client is None:
            return
        message.payload.seq = self._seq
        self._seq = (self._seq + 1) % SEQUENCE_NUMBERS
        self._client.publish(
            topic(self.group, message.kind, self.name, message.device), message.payload.SerializeToString()
        )


def _address(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port. Raises `InvalidInput`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{url!r} is not a valid URL: {error}", field="sparkplug") from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or parts.path not in ("", "/") or parts.username:
        raise InvalidInput(f"expected mqtt://host:port or mqtts://host:port, got {url!r}", field="sparkplug")
    if parts.scheme == "mqtt" and parts.hostname not in _LOOPBACK:
        raise InvalidInput(
            f"values sent to {parts.hostname} without encryption can be read and changed by anyone",
            field="sparkplug",
            hint="use mqtts://, or a broker on the loopback interface",
        )
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def _requests_rebirth(payload: bytes | bytearray) -> bool:
    try:
        metrics = Payload.FromString(bytes(payload)).metrics
    except DecodeError:
        return False
    return any(metric.name == REBIRTH and metric.boolean_value for metric in metrics)
