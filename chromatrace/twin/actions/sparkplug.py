"""Send a Sparkplug B command (NCMD or DCMD) and wait for the node to report the value.

The birth of the node, which a rebirth request repeats, gives the data type and the alias of the metric.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self

from google.protobuf.message import DecodeError
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.mqtt.payload import metric_value
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.plant.proposal_rules import WriteTarget
from chromatrace.sparkplug import BOOLEAN, REBIRTH, Metric, Payload, now_ms, topic
from chromatrace.twin.actions.machine import Value, same
from chromatrace.twin.errors import MachineRejected, MachineUnreachable

_FIELDS: tuple[tuple[tuple[int, ...], str, Callable[[Any], Any]], ...] = (
    ((1, 2, 3), "int_value", lambda value: int(value) & 0xFFFF_FFFF),
    ((4,), "long_value", lambda value: int(value) & 0xFFFF_FFFF_FFFF_FFFF),
    ((5, 6, 7), "int_value", int),
    ((8, 13), "long_value", int),
    ((9,), "float_value", float),
    ((10,), "double_value", float),
    ((BOOLEAN,), "boolean_value", lambda value: value in (True, 1, "true")),
    ((12, 14), "string_value", str),
)
"""Field of the payload by data type (Sparkplug 3.0.0, data types of metrics)."""


class SparkplugMachine:
    """A metric of an edge node or of its device."""

    def __init__(self, settings: MqttSettings, target: WriteTarget) -> None:
        self._settings, self._target = settings, target
        group, node, *device = (target.node or "").split("/")
        if not group or not node or len(device) > 1:
            raise InvalidInput(f"expected group/node or group/node/device, got {target.node!r}", field="node")
        self._group, self._node, self._device = group, node, device[0] if device else ""
        self._changed = threading.Condition()
        self._metric: Metric | None = None
        self._value: Value = None
        self._error: str | None = None
        self._subscribed = False

    def __enter__(self) -> Self:
        settings = self._settings
        client = self._client = Client(CallbackAPIVersion.VERSION2)
        if settings.security.user is not None:
            client.username_pw_set(settings.security.user, settings.security.password)
        if settings.encrypted:
            client.tls_set_context(settings.security.context())
        client.on_connect, client.on_subscribe, client.on_message = self._connected, self._on_subscribed, self._received
        try:
            client.connect(*settings.address)
        except OSError as error:
            raise MachineUnreachable(f"{settings.url} does not respond: {error}", field="url") from error
        client.loop_start()
        try:
            self._wait(lambda: self._subscribed or self._error is not None, settings.timeout_s)
            if self._error is not None or not self._subscribed:
                raise MachineUnreachable(f"{settings.url}: {self._error or 'no subscription'}", field="url")
            self._send(
                topic(self._group, "NCMD", self._node), Metric(name=REBIRTH, datatype=BOOLEAN, boolean_value=True)
            )
            if not self._wait(lambda: self._metric is not None, settings.timeout_s):
                raise MachineUnreachable(
                    f"no birth of {self._target.node} with the metric {self._target.metric!r}", field="metric"
                )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def write(self, value: Value) -> None:
        """Send the command with the data type of the birth. Raises `MachineRejected` if the value does not fit."""
        assert self._metric is not None
        kind = "DCMD" if self._device else "NCMD"
        command = Metric(name=self._metric.name, datatype=self._metric.datatype, timestamp=now_ms())
        _set(command, value)
        self._value = None
        self._send(topic(self._group, kind, self._node, self._device), command)

    def confirms(self, value: Value, wait_s: float) -> tuple[bool, Value]:
        """See `Machine`. A value that the node reported before the command does not count."""
        confirmed = self._wait(lambda: same(value, self._value, self._target.tolerance), wait_s)
        return confirmed, self._value

    def _send(self, to: str, metric: Metric) -> None:
        payload = Payload(timestamp=now_ms(), metrics=[metric]).SerializeToString()
        # QoS 0, as the specification demands for commands: the broker delivers it at most once.
        self._client.publish(to, payload, qos=0).wait_for_publish(self._settings.timeout_s)

    def _wait(self, condition: Callable[[], bool], wait_s: float) -> bool:
        deadline = time.monotonic() + wait_s
        with self._changed:
            return self._changed.wait_for(condition, max(0.0, deadline - time.monotonic()))

    def _connected(self, client: Client, _: Any, __: Any, code: Any, ___: Any) -> None:
        if code.is_failure:
            self._fail(str(code))
            return
        kinds = ("DBIRTH", "DDATA") if self._device else ("NBIRTH", "NDATA")
        client.subscribe([(topic(self._group, kind, self._node, self._device), 1) for kind in kinds])

    def _on_subscribed(self, _: Client, __: Any, ___: int, codes: list[Any], ____: Any) -> None:
        if any(code.is_failure for code in codes):
            self._fail("the subscription was rejected")
            return
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _fail(self, reason: str) -> None:
        with self._changed:
            self._error = reason
            self._changed.notify_all()

    def _received(self, _: Client, __: Any, message: MQTTMessage) -> None:
        try:
            payload = Payload.FromString(message.payload)
        except DecodeError:
            return
        with self._changed:
            for metric in payload.metrics:
                if message.topic.split("/")[2].endswith("BIRTH") and metric.name == self._target.metric:
                    self._metric = metric
                if self._is_target(metric):
                    self._read(metric)
            self._changed.notify_all()

    def _is_target(self, metric: Any) -> bool:
        born = self._metric
        if born is None or metric.is_historical:
            return False
        return bool(metric.name == born.name or (not metric.name and metric.alias and metric.alias == born.alias))

    def _read(self, metric: Any) -> None:
        assert self._metric is not None
        try:
            self._value = None if metric.is_null else metric_value(metric, self._metric.datatype)
        except ValueError:
            self._value = None


def _set(command: Any, value: Value) -> None:
    for datatypes, field, convert in _FIELDS:
        if command.datatype in datatypes:
            try:
                setattr(command, field, convert(value))
            except (TypeError, ValueError) as error:
                raise MachineRejected(
                    f"{value!r} does not fit data type {command.datatype} of {command.name}", field="value"
                ) from error
            return
    raise MachineRejected(f"data type {command.datatype} of {command.name} cannot be written", field="metric")
