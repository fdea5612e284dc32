"""Decode OPC UA data values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua

OVERFLOW_BITS = 0x0480
"""InfoType DataValue (bit 10) with the overflow bit (bit 7): OPC UA Part 4, 7.39."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WAITING = int(ua.StatusCodes.BadWaitingForInitialData)


@dataclass(frozen=True, slots=True)
class TagKey:
    """A tag of a source, with its unit and its node on the server."""

    source: str
    tag: str
    unit: str
    node_id: Any


@dataclass(frozen=True, slots=True)
class ReceivedValue:
    """A value received from a server: `source_time_ns` > 0, `value` finite. `overflow`: earlier values were lost."""

    key: TagKey
    source_time_ns: int
    received_ns: int
    value: float
    quality: int
    replayed: bool
    overflow: bool = False


def decode_value(key: TagKey, data: Any, received_ns: int, *, replayed: bool) -> ReceivedValue | str | None:
    """Return the value, the reason why it is not a valid reading, or None if the server has no value yet.

    The overflow bit is removed from the quality because it describes the transport, not the measurement.
    """
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    value = None if data.Value is None else data.Value.Value
    if value is None:
        if status == _WAITING:
            return None
        return f"no value, status {ua.StatusCode(status).name}"
    time_ns = source_time_ns(data)
    if time_ns is None:
        return "no source time"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"not a number: {value!r:.60}"
    if not math.isfinite(value):
        return f"not a finite number: {value}"
    overflow = status & OVERFLOW_BITS == OVERFLOW_BITS
    quality = status & ~OVERFLOW_BITS if overflow else status
    return ReceivedValue(key, time_ns, received_ns, float(value), quality, replayed, overflow)


def source_time_ns(data: Any) -> int | None:
    """Return the source time in Unix nanoseconds, or None if missing or before 1970."""
    time = data.SourceTimestamp
    if time is None:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    # SourcePicoseconds counts intervals of 10 ps (OPC UA Part 4, 7.11).
    nanoseconds = (aware - _EPOCH) // _MICROSECOND * 1000 + (data.SourcePicoseconds or 0) * 10 // 1000
    return nanoseconds if nanoseconds > 0 else None


def to_datetime(time_ns: int) -> datetime:
    """Return `time_ns` as a datetime for a request, truncated to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)
