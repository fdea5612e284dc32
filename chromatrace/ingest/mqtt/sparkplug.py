"""State of Sparkplug B edge nodes and devices: births, aliases, sequence numbers, deaths (Sparkplug 3.0.0)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from google.protobuf.message import DecodeError

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import GOOD, Reading, ReadingValue
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue, UnfilledGap
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.mqtt.payload import (
    BAD_NO_COMMUNICATION,
    left_out_reason,
    metric_properties,
    metric_quality,
    metric_value,
)
from chromatrace.sparkplug import BD_SEQ, BOOLEAN, DOUBLE, REBIRTH, SEQUENCE_NUMBERS, Metric, Payload, bd_seq_of, now_ms

_logger = logging.getLogger(__name__)

_REBIRTH_INTERVAL_S = 5.0
_MAX_TIME_MS = (2**63 - 1) // 10**6
_CONTROL = ("Node Control/", "Device Control/", "Node Info/", "Device Info/")
"""Commands of the protocol and descriptions of the node; they are not measurements."""
_NO_ALIAS: tuple[str, None] = ("", None)


@dataclass(slots=True)
class _Tag:
    """A metric of a birth. `key` is None if it is not read."""

    key: TagKey | None
    datatype: int


@dataclass(slots=True)
class _Node:
    """An edge node. If `complete` is false, messages are missing, so an alias may have another meaning."""

    born: bool = False
    complete: bool = True
    bd_seq: int | None = None
    next_seq: int = 0
    aliases: dict[int, tuple[str, _Tag]] = field(default_factory=dict)
    """Source and tag by alias; aliases are unique in the node and its devices."""
    tags: dict[str, dict[str, _Tag]] = field(default_factory=dict)
    """Tags by source and name, of the node and of each device that is born."""
    last_ns: int = 0
    requested_s: float = float("-inf")

    def is_other_session(self, bd_seq: int | None) -> bool:
        """Return whether a birth or death with this `bdSeq` belongs to another session than the last birth."""
        return None not in (bd_seq, self.bd_seq) and bd_seq != self.bd_seq

    def die(self, received_ns: int) -> list[ReceivedValue]:
        """End the session of the node and its devices. Return the bad readings of their tags."""
        values = [value for tags in self.tags.values() for value in _stale(tags, received_ns)]
        self.born, self.tags, self.aliases = False, {}, {}
        return values

    def forget_aliases(self, source: str) -> None:
        """Remove the aliases of the node or of one device."""
        self.aliases = {alias: entry for alias, entry in self.aliases.items() if entry[0] != source}


class SparkplugNodes:
    """Decodes the messages of all edge nodes. `request_rebirth(group, node)` sends the command."""

    def __init__(self, statistics: GatewayStatistics, request_rebirth: Callable[[str, str], None]) -> None:
        self._statistics = statistics
        self._request_rebirth = request_rebirth
        self._nodes: dict[tuple[str, str], _Node] = {}
        self._left_out: set[str] = set()

    def request_births(self, sources: Iterable[str]) -> None:
        """Request the births of the nodes of these sources, from which an earlier run stored readings."""
        for group, name in sorted(
            {(group, rest[0]) for group, *rest in (source.split("/") for source in sources) if rest}
        ):
            self._ask(group, name, self._nodes.setdefault((group, name), _Node()))

    def keys(self) -> list[TagKey]:
        """Return the tags of all nodes and devices that are born."""
        tags = [tag for node in self._nodes.values() for tags in node.tags.values() for tag in tags.values()]
        return [tag.key for tag in tags if tag.key is not None]

    def reconnected(self, *, nodes_waited: bool) -> None:
        """Request the births again after a lost connection. Messages may be missing, unless the nodes waited."""
        for (group, name), node in self._nodes.items():
            if node.born and not nodes_waited:
                self._gap(group, name, node, "the gateway was not connected; messages may be missing")
            elif node.born:
                node.complete = False
                self._ask(group, name, node)

    def report_to(self, statistics: GatewayStatistics) -> None:
        """Count and list in other statistics from now on."""
        self._statistics = statistics

    def trust_aliases(self, topic: str, seq: int) -> None:
        """Take the message of `topic` with sequence number `seq` as the next one after the births of its node."""
        _, group, _, name, *_ = topic.split("/")
        node = self._nodes.get((group, name))
        if node is not None:
            node.complete, node.next_seq = True, seq

    def receive(self, topic: str, payload: bytes, received_ns: int) -> list[ReceivedValue]:
        """Return the values of a message. What is not a valid value is counted and listed."""
        _, group, kind, name, *device = topic.split("/")
        source = "/".join((group, name, *device))
        try:
            message = Payload.FromString(payload)
            is_birth = kind in ("NBIRTH", "DBIRTH")
            if is_birth and not all(isinstance(metric.name, str) for metric in message.metrics):
                raise DecodeError("a name is not UTF-8")  # protobuf returns bytes
        except DecodeError:
            self._reject(source, "", f"{kind} is not a valid Sparkplug B payload")
            return []
        node = self._nodes.setdefault((group, name), _Node())
        if kind == "NDEATH":
            return self._node_death(source, node, message, received_ns)
        values: list[ReceivedValue] = []
        if kind == "NBIRTH":
            if node.born and node.is_other_session(bd_seq_of(message)):
                values = node.die(received_ns)  # the death of the earlier session was lost, or follows
            node.born = node.complete = True
            node.aliases, node.tags, node.requested_s = {}, {}, float("-inf")
            node.bd_seq, node.next_seq = bd_seq_of(message), message.seq
        elif not node.born:
            self._reject(source, "", f"{kind} with {len(message.metrics)} values before the birth of the node")
            self._ask(group, name, node)
            return []
        if node.complete and message.seq != node.next_seq:
            missing = (message.seq - node.next_seq) % SEQUENCE_NUMBERS
            self._gap(group, name, node, f"sequence number {message.seq} instead of {node.next_seq}: {missing} missing")
        node.next_seq = (message.seq + 1) % SEQUENCE_NUMBERS
        node.last_ns = received_ns
        if is_birth:
            self._birth(source, node, message)
        elif kind == "DDEATH":
            node.forget_aliases(source)
            return _stale(node.tags.pop(source, {}), received_ns)
        elif source not in node.tags:
            self._reject(source, "", f"{kind} with {len(message.metrics)} values before the birth of the device")
            self._ask(group, name, node)
            return []
        payload_ms = message.timestamp
        for metric in message.metrics:
            value = self._value(source, node, payload_ms, metric, received_ns)
            if value.__class__ is ReceivedValue:
                values.append(value)
            elif isinstance(value, str):
                named = metric.name if isinstance(metric.name, str) else ""
                self._reject(source, named or f"alias {metric.alias}", value)
                if value.startswith("unknown"):
                    self._ask(group, name, node)
        return values

    def _birth(self, source: str, node: _Node, message: Any) -> None:
        """Record the tags and aliases of a node or device."""
        node.forget_aliases(source)
        tags = node.tags[source] = {}
        for metric in message.metrics:
            if not metric.name or metric.name == BD_SEQ or metric.name.startswith(_CONTROL):
                tag = _Tag(None, metric.datatype)
            else:
                tag = _Tag(self._key(source, metric), metric.datatype)
            if metric.name:
                tags[metric.name] = tag
            if metric.HasField("alias"):
                if metric.alias in node.aliases:
                    self._reject(source, metric.name, f"alias {metric.alias} is in use for another metric of the node")
                    continue
                node.aliases[metric.alias] = (source, tag)

    def _key(self, source: str, metric: Any) -> TagKey | None:
        """Return the key of a metric, or None if it is left out, which is listed once."""
        reason = "transient" if metric.is_transient else left_out_reason(metric.datatype)
        unit = metric_properties(metric).get("engUnit", "")
        if reason is None:
            try:
                Reading(source, metric.name, 1, 1, 0.0, unit)
            except InvalidInput as error:
                reason = f"{error.field}: {error.message}"
        if reason is not None:
            listed = f"{source}/{metric.name}: {reason}"
            if listed not in self._left_out:
                self._left_out.add(listed)
                self._statistics.left_out.append(listed)
            return None
        return TagKey(source, metric.name, unit)

    def _value(
        self, source: str, node: _Node, payload_ms: int, metric: Any, received_ns: int
    ) -> ReceivedValue | str | None:
        """Return the value of a metric, the reason why it is not valid, or None if it is left out.

        This runs a hundred thousand times a second, so each field of the message is read once.
        """
        name = metric.name
        if name:
            if not isinstance(name, str):  # protobuf returns bytes
                return "a name is not UTF-8"
            tag = node.tags[source].get(name)
            if tag is None:
                return "unknown metric: it is not in the birth"
        else:
            alias = metric.alias
            of, tag = node.aliases.get(alias, _NO_ALIAS)
            if tag is None or of != source or (alias == 0 and not metric.HasField("alias")):
                return f"unknown alias {alias}"
            if not node.complete:
                return "messages are missing, so the alias may have another meaning; a rebirth is requested"
        if tag.key is None:
            return None
        datatype = metric.datatype
        if datatype != tag.datatype and metric.HasField("datatype"):
            return f"data type {datatype} instead of {tag.datatype}, which the birth declares"
        time_ms = metric.timestamp or payload_ms
        if not 0 < time_ms <= _MAX_TIME_MS:
            return "no source time"
        is_null, quality = metric.is_null, GOOD
        if is_null or metric.HasField("properties"):
            quality = metric_quality(metric_properties(metric), is_null=is_null)
        value: ReadingValue = None
        if not is_null:
            # A double other than 0 is set, and its field is the one of the type.
            value = metric.double_value if tag.datatype == DOUBLE else None
            if not value or not isfinite(value):
                try:
                    value = metric_value(metric, tag.datatype)
                except ValueError as error:
                    return str(error)
        return ReceivedValue(tag.key, time_ms * 10**6, received_ns, value, quality, metric.is_historical)

    def _node_death(self, source: str, node: _Node, message: Any, received_ns: int) -> list[ReceivedValue]:
        bd_seq = bd_seq_of(message)
        if node.born and node.is_other_session(bd_seq):
            _logger.info(
                "%s: death of the earlier session %s ignored; the current one is %s", source, bd_seq, node.bd_seq
            )
            self._statistics.ignored_deaths += 1
            return []
        return node.die(received_ns)

    def _gap(self, group: str, name: str, node: _Node, reason: str) -> None:
        self._statistics.add_gap(UnfilledGap(f"{group}/{name}", "", node.last_ns, reason))
        node.complete = False
        self._ask(group, name, node)

    def _ask(self, group: str, name: str, node: _Node) -> None:
        """Request a rebirth, at most once in `_REBIRTH_INTERVAL_S`."""
        now_s = time.monotonic()
        if now_s - node.requested_s >= _REBIRTH_INTERVAL_S:
            node.requested_s = now_s
            self._statistics.rebirth_requests += 1
            self._request_rebirth(group, name)

    def _reject(self, source: str, tag: str, reason: str) -> None:
        self._statistics.reject(RejectedTagValue(source, tag, reason))


def rebirth_command() -> bytes:
    """Return the payload of the command Node Control/Rebirth."""
    now = now_ms()
    rebirth = Metric(name=REBIRTH, timestamp=now, datatype=BOOLEAN, boolean_value=True)
    command: bytes = Payload(timestamp=now, metrics=[rebirth]).SerializeToString()
    return command


def _stale(tags: dict[str, _Tag], received_ns: int) -> list[ReceivedValue]:
    """Return a bad reading without a value for each tag: a dead node or device is visible in the log.

    The time is that of the receipt. A time in milliseconds could be that of the last value, which would be a conflict.
    """
    return [
        ReceivedValue(tag.key, received_ns, received_ns, None, BAD_NO_COMMUNICATION, replayed=False)
        for tag in tags.values()
        if tag.key is not None
    ]
