"""The gateway loop: connect, subscribe, store, acknowledge, and reconnect."""

from __future__ import annotations

import functools
import json
import logging
import queue
import random
import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from chromatrace.domain.errors import NotAuthorised, Unavailable
from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.gateway.clock import CLOCK_TOLERANCE_NS
from chromatrace.ingest.gateway.dead_letters import (
    BLOCK,
    DEAD_LETTER,
    DeadLetter,
    NoRecorder,
    Overflow,
    Recorder,
    lost_letter,
    message_letter,
)
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue, UnfilledGap
from chromatrace.ingest.gateway.values import ReceivedValue
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.mqtt.sparkplug import SparkplugNodes, rebirth_command
from chromatrace.ingest.mqtt.topics import JsonTopics
from chromatrace.ingest.spool import Spool

_POLL_S = 0.2
_SPOOL_RETRY_S = 1.0
_RESUME_READINGS = 8_192
_DROPPED_PART = 10
_BIRTH = re.compile(r"spBv1\.0/[^/]+/[ND]BIRTH/")
_AUTHENTICATION_CODES = ("Bad user name or password", "Not authorized")
_logger = logging.getLogger(__name__)


class BrokerUnavailable(Unavailable):
    """The MQTT broker does not respond or closed the connection. Reconnecting may help."""


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    payload: bytes
    received_ns: int
    mid: int
    qos: int


class Connection:
    """One connection. Paho's thread puts messages into a bounded queue and waits while the queue is full.

    A connection is never used again after it is lost, so a message is acknowledged on the connection that delivered it.
    """

    def __init__(self, settings: MqttSettings, overflowed: Callable[[list[_Message]], bool] | None) -> None:
        """Prepare a connection. `overflowed` records messages that a full queue drops, or returns False to wait.

        None: a full queue always waits.
        """
        self._settings = settings
        self._overflowed = overflowed
        self.messages: queue.Queue[_Message] = queue.Queue(settings.buffer)
        self.lost = threading.Event()
        self.session_present = False
        self.dropped = 0
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._error: Exception | None = None
        self._state_ms = time.time_ns() // 10**6
        client = self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id or f"chromatrace-{settings.channel}",
            clean_session=not settings.persistent,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = settings.timeout_s
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        if settings.encrypted:
            client.tls_set_context(settings.security.context())
        if settings.security.user is not None:
            client.username_pw_set(settings.security.user, settings.security.password)
        if settings.primary_host is not None:
            client.will_set(settings.state_topic, self._state(online=False), qos=1, retain=True)

    def open(self) -> None:
        """Connect and subscribe. Raises `BrokerUnavailable` or `NotAuthorised`."""
        try:
            self.client.connect(*self._settings.address, keepalive=self._settings.keep_alive_s)
        except ssl.SSLCertVerificationError as error:
            raise NotAuthorised(
                f"the certificate of {self._settings.url} is not trusted: {error.verify_message}",
                field="ca",
                hint="give the CA of the broker",
            ) from error
        except (OSError, ValueError) as error:
            raise BrokerUnavailable(f"{self._settings.url} does not respond: {error}", field="url") from error
        self.client.loop_start()
        if not self._ready.wait(self._settings.timeout_s):
            raise BrokerUnavailable(f"{self._settings.url} does not respond", field="url")
        if self._error is not None:
            raise self._error

    def publish_online(self) -> None:
        """Publish the STATE message of the primary host, if there is one."""
        if self._settings.primary_host is not None:
            self.client.publish(self._settings.state_topic, self._state(online=True), qos=1, retain=True)

    def close(self) -> None:
        """Disconnect. Messages in the queue can still be read."""
        self._closing.set()
        if self._settings.primary_host is not None and not self.lost.is_set():
            offline = self.client.publish(self._settings.state_topic, self._state(online=False), qos=1, retain=True)
            try:
                offline.wait_for_publish(self._settings.timeout_s)
            except (RuntimeError, ValueError):
                _logger.warning("the STATE message was not sent")
        self.client.disconnect()
        self.client.loop_stop()

    def _state(self, *, online: bool) -> str:
        return json.dumps({"online": online, "timestamp": self._state_ms})

    def _connected(self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, __: Any) -> None:
        if code.is_failure:
            kind = NotAuthorised if str(code) in _AUTHENTICATION_CODES else BrokerUnavailable
            self._fail(kind(f"{self._settings.url} rejected the connection: {code}", field="url"))
            return
        self.session_present = flags.session_present
        client.subscribe(self._settings.subscriptions)

    def _subscribed(self, _: Client, __: Any, ___: int, codes: list[ReasonCode], ____: Any) -> None:
        for (topic, _qos), code in zip(self._settings.subscriptions, codes, strict=False):
            if code.is_failure:
                self._fail(NotAuthorised(f"the broker rejected the subscription to {topic}: {code}", field="topic"))
                return
        self._ready.set()

    def _disconnected(self, _: Client, __: Any, ___: DisconnectFlags, code: ReasonCode, ____: Any) -> None:
        self._fail(BrokerUnavailable(f"{self._settings.url} closed the connection: {code}", field="url"))

    def _fail(self, error: Exception) -> None:
        if not self._ready.is_set():
            self._error = error
        self.lost.set()
        self._ready.set()

    def _received(self, client: Client, _: Any, message: MQTTMessage) -> None:
        if self._settings.primary_host is not None and message.topic == self._settings.state_topic:
            if b"false" in message.payload and not self._closing.is_set():
                self.publish_online()  # the will of an earlier connection of this host
            client.ack(message.mid, message.qos)
            return
        if self._closing.is_set() and self._settings.primary_host is not None and "/NDEATH/" in message.topic:
            client.ack(message.mid, message.qos)  # the node ends its session because this host goes offline
            return
        item = _Message(message.topic, bytes(message.payload), time.time_ns(), message.mid, message.qos)
        if self._overflowed is not None and self.messages.full():
            self._drop_oldest(self._overflowed)
        while True:
            try:
                self.messages.put(item, timeout=_POLL_S)
                return
            except queue.Full:
                if self._closing.is_set():
                    self.dropped += 1  # of QoS 1: the broker delivers it again
                    return

    def _drop_oldest(self, overflowed: Callable[[list[_Message]], bool]) -> None:
        """Remove the oldest messages after their loss is recorded. A part of the queue shares one record."""
        with self.messages.mutex:
            oldest = list(islice(self.messages.queue, max(1, self.messages.maxsize // _DROPPED_PART)))
        if not oldest or not overflowed(oldest):
            return
        for message in oldest:
            with self.messages.mutex:
                # The storing thread may have taken it meanwhile. Then it is stored, and a replay finds a duplicate.
                if not self.messages.queue or self.messages.queue[0] is not message:
                    continue
                self.messages.queue.popleft()
                self.messages.not_full.notify()
            if message.qos:
                self.client.ack(message.mid, message.qos)


class MqttGateway:
    """Stores the readings of one broker in one channel. `statistics` can be read at any time."""

    def __init__(
        self,
        settings: MqttSettings,
        spool: Spool,
        recorder: Recorder | None = None,
        *,
        overflow: Overflow = BLOCK,
        clock_tolerance_ns: int = CLOCK_TOLERANCE_NS,
    ) -> None:
        self.settings = settings
        self.statistics = GatewayStatistics()
        self._spool = spool
        self._recorder = recorder or NoRecorder()
        self._overflow = overflow
        self._writer = SpoolWriter(spool, settings.channel, self.statistics, self._recorder, clock_tolerance_ns)
        self._stop = threading.Event()
        self._logged_reason = ""
        self._connection: Connection | None = None
        self._nodes = SparkplugNodes(self.statistics, self._request_rebirth)
        self._topics = JsonTopics(
            settings.json_tags, self.statistics, time_member=settings.time_member, time_unit=settings.time_unit
        )
        self._receive = self._topics.receive if settings.json_tags else self._nodes.receive

    def run(self, stop: threading.Event, progress: Callable[[int], None] = lambda stored: None) -> GatewayStatistics:
        """Run until `stop` is set. Received values are stored before the return.

        If the broker is unavailable, the gateway waits for it and logs the reason each time it changes. Raises
        `BrokerUnavailable` after `give_up_s`, `NotAuthorised` if the broker rejects the credentials, `InvalidInput`,
        `SpoolCorrupt`, and `SpoolUnavailable` if the spool cannot be written at the end.
        """
        self._stop = stop
        overflowed = None if self._overflow == BLOCK else self._overflowed
        pause_s, maximum_pause_s = self.settings.backoff_s
        unavailable_since = time.monotonic()
        while not stop.is_set():
            connection = self._connection = Connection(self.settings, overflowed)
            try:
                try:
                    connection.open()
                    self._opened(connection)
                    pause_s = self.settings.backoff_s[0]
                    while not (stop.is_set() or connection.lost.is_set()):
                        self._store(connection, _POLL_S)
                        progress(self.statistics.stored)
                    unavailable_since = time.monotonic()
                finally:
                    self.statistics.connected = False
                    connection.close()
                    while not connection.messages.empty():
                        self._store(connection, 0)
                    self.statistics.overflows += connection.dropped
                if connection.lost.is_set() and not stop.is_set():
                    self._failed(f"{self.settings.url} closed the connection")
            except BrokerUnavailable as error:
                self.statistics.failed_attempts += 1
                self._failed(error.message)
            if stop.is_set():
                break
            self._give_up(unavailable_since)
            # Jitter, so many gateways do not reconnect to a restarted broker at the same time.
            stop.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
            pause_s = min(2 * pause_s, maximum_pause_s)
        return self.statistics

    def _opened(self, connection: Connection) -> None:
        """Count the connection, report what may be missing, and announce the primary host."""
        again = self.statistics.connects > 0
        self.statistics.connects += 1
        self.statistics.reconnects += again
        connection.publish_online()
        if again and not self.settings.persistent:
            self._nodes.reconnected(nodes_waited=self.settings.primary_host is not None)
        elif again or (last := self._last_readings()):
            self._resumed(connection, [] if again else last)
        self.statistics.connected = True
        _logger.log(logging.WARNING if self._logged_reason else logging.INFO, "%s: subscribed", self.settings.url)
        self._logged_reason = ""

    def _last_readings(self) -> list[Reading]:
        """Return those of the last readings of the channel that may be of this broker, which an earlier run stored."""
        size = self._spool.size(self.settings.channel)
        last = self._spool.entries(self.settings.channel, max(0, size - _RESUME_READINGS))
        return [reading for reading in last if self.settings.may_have(reading.source)]

    def _resumed(self, connection: Connection, last: list[Reading]) -> None:
        """Report that messages may be missing, unless the broker or the nodes kept them."""
        if not connection.session_present and self.settings.primary_host is None:
            start_ns = last[-1].received_ns if last else 0
            reason = "the broker kept no session; messages since the last connection may be missing"
            self.statistics.add_gap(UnfilledGap(self.settings.url, "", start_ns, reason))
        if not self.settings.persistent:
            self._nodes.request_births(reading.source for reading in last)

    def _failed(self, reason: str) -> None:
        self.statistics.last_error = reason
        if reason != self._logged_reason:
            _logger.warning("%s; retrying with increasing delay", reason)
        self._logged_reason = reason

    def _give_up(self, unavailable_since: float) -> None:
        limit_s = self.settings.give_up_s
        if limit_s is not None and time.monotonic() - unavailable_since >= limit_s:
            raise BrokerUnavailable(
                f"{self.settings.url} was unavailable for {limit_s:g} s; {self.statistics.stored:,} readings stored "
                f"before: {self.statistics.last_error}",
                field="url",
            )

    def _request_rebirth(self, group: str, node: str) -> None:
        if self._connection is not None:
            _logger.warning("%s/%s: rebirth requested", group, node)
            self._connection.client.publish(f"spBv1.0/{group}/NCMD/{node}", rebirth_command())

    def _store(self, connection: Connection, timeout_s: float) -> None:
        """Store the next messages and then acknowledge them."""
        messages = _taken(connection.messages, self.settings.batch, timeout_s)
        values: list[ReceivedValue] = []
        letters: list[DeadLetter] = []
        births: dict[str, bytes] = {}
        for message in messages:
            before = self.statistics.rejected
            if len(message.payload) > self.settings.max_payload:
                reason = f"a payload of {len(message.payload):,} bytes; the maximum is {self.settings.max_payload:,}"
                self.statistics.reject(RejectedTagValue(message.topic, "", reason))
            else:
                values += self._receive(message.topic, message.payload, message.received_ns)
            if rejected := self.statistics.rejected - before:
                letters.append(self._letter(message, rejected))
            if _BIRTH.match(message.topic) and not self._topics.maps(message.topic):
                births[message.topic] = message.payload
            if self.settings.persistent and not self._topics.maps(message.topic):
                connection.client.unsubscribe(message.topic)  # a subscription of an earlier run
        for topic, payload in births.items():
            self._retried(functools.partial(self._recorder.remember_birth, topic, payload))
        self._retried(lambda: self._recorder.record(letters))
        if values:
            self._retried(lambda: self._writer.write(values))
            self.statistics.lag_ms = (time.time_ns() - values[-1].source_time_ns) / 1e6
        for message in messages:
            if message.qos:
                connection.client.ack(message.mid, message.qos)
        self.statistics.buffered = connection.messages.qsize()

    def _letter(self, message: _Message, rejected: int) -> DeadLetter:
        """Return the letter of a message with the last `rejected` rejections."""
        rejections = list(self.statistics.rejections)[-rejected:]
        tags = {rejection.tag for rejection in rejections}
        return message_letter(
            rejections[-1].source,
            rejections[-1].tag if len(tags) == 1 else "",
            [rejection.reason for rejection in rejections],
            message.received_ns,
            message.topic,
            message.payload,
        )

    def _overflowed(self, messages: list[_Message]) -> bool:
        """Record messages that the full buffer drops. Return False if the gateway must wait instead."""
        reason = "the buffer was full"
        letters = [
            message_letter(message.topic, "", [reason], message.received_ns, message.topic, message.payload)
            if self._overflow == DEAD_LETTER
            else lost_letter(message.topic, "", reason, message.received_ns)
            for message in messages
        ]
        try:
            self._recorder.record(letters)
        except SpoolUnavailable as error:
            self.statistics.last_error = str(error)
            return False
        self.statistics.dropped += len(messages)
        return True

    def _retried(self, store: Callable[[], object]) -> None:
        """Store something. Retry while the spool is unavailable; meanwhile the queue applies back-pressure."""
        while True:
            try:
                store()
                return
            except SpoolUnavailable as error:
                self.statistics.spool_retries += 1
                self.statistics.last_error = str(error)
                _logger.error("%s; retrying", error)
                if self._stop.is_set():
                    raise
                self._stop.wait(_SPOOL_RETRY_S)


def _taken(messages: queue.Queue[_Message], maximum: int, timeout_s: float) -> list[_Message]:
    """Remove and return up to `maximum` messages. Wait up to `timeout_s` for the first one."""
    taken: list[_Message] = []
    try:
        taken.append(messages.get(timeout=timeout_s) if timeout_s else messages.get_nowait())
        while len(taken) < maximum:
            taken.append(messages.get_nowait())
    except queue.Empty:
        pass
    return taken
