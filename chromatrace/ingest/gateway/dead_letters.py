"""Rejected and lost input of a gateway, on its way to a store from which it can be read and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import orjson

from chromatrace.ingest.gateway.values import ReceivedValue

Form = Literal["mqtt", "reading", "pushed", "registers", "file", "lost"]

Overflow = Literal["block", "drop-oldest", "dead-letter"]
BLOCK, DROP_OLDEST, DEAD_LETTER = get_args(Overflow)
"""Reactions of a full buffer to the next value: wait, drop the oldest value, or move it to the dead letters."""

MAX_PAYLOAD = 64 * 1024
MAX_REASON = 1_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Input that was not stored in the spool.

    source       source of the reading, or the topic or file if it is not known
    tag          tag, or "" if several or none are known
    reason       why it was not stored
    received_ns  time of receipt, Unix nanoseconds
    form         what the payload is: an MQTT message, a reading, a pushed element, registers, or a file; "lost" has no
                 payload and is counted only
    address      topic, node id, register or path
    payload      at most `MAX_PAYLOAD` bytes
    size         size of the whole payload; it can be replayed only if it is complete
    """

    source: str
    tag: str
    reason: str
    received_ns: int
    form: Form
    address: str = ""
    payload: bytes = b""
    size: int = 0


class Recorder(Protocol):
    """Stores dead letters durably. Its methods raise `SpoolUnavailable` if the store cannot be written."""

    def record(self, letters: Sequence[DeadLetter]) -> None: ...
    def remember_birth(self, topic: str, payload: bytes) -> None:
        """Keep the last Sparkplug birth of a topic, which a replay needs."""

    def resolve(self, address: str) -> None:
        """Mark the letters of a file as replayed: it was read again without an error."""

    def accepts_type(self, source: str, tag: str, kind: str) -> bool:
        """Return whether an operator accepted that values of the tag are now of this kind: number or text."""


class NoRecorder:
    """Keeps no dead letters: rejections are only counted and listed."""

    def record(self, letters: Sequence[DeadLetter]) -> None:
        """Do nothing."""

    def remember_birth(self, topic: str, payload: bytes) -> None:
        """Do nothing."""

    def resolve(self, address: str) -> None:
        """Do nothing."""

    def accepts_type(self, source: str, tag: str, kind: str) -> bool:
        """Return True: without a store, an operator cannot accept a change."""
        return True


def message_letter(
    source: str, tag: str, reasons: Sequence[str], received_ns: int, topic: str, payload: bytes
) -> DeadLetter:
    """Return the letter of an MQTT message of which values were rejected."""
    reason = "; ".join(dict.fromkeys(reasons))[:MAX_REASON]
    return DeadLetter(source, tag, reason, received_ns, "mqtt", topic, payload[:MAX_PAYLOAD], len(payload))


def lost_letter(source: str, tag: str, reason: str, received_ns: int) -> DeadLetter:
    """Return the letter of input that was dropped without its payload. Equal ones are counted together."""
    return DeadLetter(source, tag, reason, received_ns, "lost")


def reading_letter(value: ReceivedValue, reason: str) -> DeadLetter:
    """Return the letter of a decoded value."""
    key = value.key
    return rejected_letter(
        key.source,
        key.tag,
        reason,
        value.received_ns,
        address="" if key.node_id is None else _text(key.node_id),
        time_ns=value.source_time_ns,
        value=value.value,
        unit=key.unit,
        quality=value.quality,
    )


def rejected_letter(
    source: str,
    tag: str,
    reason: str,
    received_ns: int,
    *,
    address: str = "",
    time_ns: int | None,
    value: Any,
    unit: str,
    quality: int,
) -> DeadLetter:
    """Return the letter of a value with its parts as they were received."""
    parts = {"source": source, "tag": tag, "time_ns": time_ns, "value": value, "unit": unit, "quality": quality}
    payload = orjson.dumps(_encodable(parts), default=repr)
    return DeadLetter(
        source, tag, reason[:MAX_REASON], received_ns, "reading", address, payload[:MAX_PAYLOAD], len(payload)
    )


def registers_letter(
    source: str, tag: str, reason: str, received_ns: int, address: str, words: Sequence[int]
) -> DeadLetter:
    """Return the letter of a Modbus value, of which the log has a bad reading. `words` is empty without a response."""
    payload = orjson.dumps(list(words)) if words else b""
    return DeadLetter(source, tag, reason[:MAX_REASON], received_ns, "registers", address, payload, len(payload))


def _encodable(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the parts with a value that JSON can represent exactly; others are text, such as nan."""
    value = parts["value"]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return parts | {"value": None, "unusable": repr(value)}
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return parts | {"value": None, "unusable": repr(value)}
    if value is not None and not isinstance(value, str | int | float):
        return parts | {"value": None, "unusable": repr(value)[:MAX_REASON]}
    if isinstance(value, str):
        return parts | {"value": value.encode("utf-8", "backslashreplace").decode()}
    return parts


def _text(node_id: Any) -> str:
    to_string = getattr(node_id, "to_string", None)
    return str(to_string()) if to_string is not None else str(node_id)
