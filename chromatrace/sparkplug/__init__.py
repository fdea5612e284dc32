"""The payload and the names of Sparkplug B 3.0, shared by the gateway (host application) and the plant (edge node)."""

from __future__ import annotations

import time

from chromatrace.sparkplug.sparkplug_pb2 import Metric, Payload, PropertySet, PropertyValue

__all__ = [
    "BD_SEQ",
    "BOOLEAN",
    "DOUBLE",
    "INT32",
    "INT64",
    "NAMESPACE",
    "REBIRTH",
    "SEQUENCE_NUMBERS",
    "STRING",
    "Metric",
    "Payload",
    "PropertySet",
    "PropertyValue",
    "bd_seq_of",
    "now_ms",
    "state_topic",
    "topic",
]

NAMESPACE = "spBv1.0"
BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"
SEQUENCE_NUMBERS = 256
"""`seq` and `bdSeq` count from 0 to 255 and wrap around."""
INT32, INT64, DOUBLE, BOOLEAN, STRING = 3, 4, 10, 11, 12
"""Numbers of data types."""


def topic(group: str, kind: str, node: str, device: str = "") -> str:
    """Return the topic of a message, such as `spBv1.0/hall/DDATA/line/press`."""
    return "/".join((NAMESPACE, group, kind, node, *((device,) if device else ())))


def state_topic(host: str) -> str:
    """Return the topic of the STATE message of a host application."""
    return f"{NAMESPACE}/STATE/{host}"


def now_ms() -> int:
    """Return the time of the clock in the unit of all timestamps."""
    return time.time_ns() // 10**6


def bd_seq_of(message: Payload) -> int | None:
    """Return the number of the session in a birth or death, or None if it has none."""
    for metric in message.metrics:
        if metric.name == BD_SEQ:
            number: int = metric.long_value if metric.WhichOneof("value") == "long_value" else metric.int_value
            return number
    return None
