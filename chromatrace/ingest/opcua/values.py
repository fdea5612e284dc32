"""An OPC UA data value as a reading, or the reason why it is none."""

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
    """A tag of a source, its node on the server and its unit."""

    source: str
    tag: str
    unit: str
    node_id: Any


@dataclass(frozen=True, slots=True)
class Arrival:
    """A value as it arrived. `source_time_ns` is above 0, `value` finite; `overflow`: values before it were lost."""

    key: TagKey
    source_time_ns: int
    received_ns: int
    value: float
    quality: int
    replayed: bool
    overflow: bool = False


def read_value(key: TagKey, data: Any, received_ns: int, *, replayed: bool) -> Arrival | str | None:
    """The arrival; the reason why it is no reading; or None where the server says that there is no value yet.

    The overflow bit says something about the way here, not about the measurement: it is taken out of the quality.
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
    return Arrival(key, time_ns, received_ns, float(value), quality, replayed, overflow)


def source_time_ns(data: Any) -> int | None:
    """Source time in Unix nanoseconds; None where there is none after 1970. Picoseconds come in steps of ten."""
    time = data.SourceTimestamp
    if time is None:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    nanoseconds = (aware - _EPOCH) // _MICROSECOND * 1000 + (data.SourcePicoseconds or 0) * 10 // 1000
    return nanoseconds if nanoseconds > 0 else None


def to_datetime(time_ns: int) -> datetime:
    """For a request; the part below a microsecond is cut off."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)
