"""Decode OPC UA data values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua

from chromatrace.domain.reading import BAD, MAX_VALUE_TEXT, ReadingValue, normalised
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey

OVERFLOW_BITS = 0x0480
"""InfoType DataValue (bit 10) with the overflow bit (bit 7): OPC UA Part 4, 7.39."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WAITING = int(ua.StatusCodes.BadWaitingForInitialData)


def decode_value(key: TagKey, data: Any, received_ns: int, *, replayed: bool) -> ReceivedValue | str | None:
    """Return the value, the reason why it is not a valid reading, or None if the server has no value yet.

    The overflow bit is removed from the quality because it describes the transport, not the measurement.
    """
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    value = None if data.Value is None else data.Value.Value
    overflow = status & OVERFLOW_BITS == OVERFLOW_BITS
    quality = status & ~OVERFLOW_BITS if overflow else status
    time_ns = source_time_ns(data)
    if value is None:
        if status == _WAITING:
            return None
        if not quality & BAD:
            return f"no value, status {ua.StatusCode(status).name}"
        # A dead sensor must be visible in the log, also if its server states no time.
        return ReceivedValue(key, time_ns or received_ns, received_ns, None, quality, replayed, overflow)
    if time_ns is None:
        return "no source time"
    try:
        converted = _converted(value, key.states)
    except ValueError as error:
        return str(error)
    return ReceivedValue(key, time_ns, received_ns, converted, quality, replayed, overflow)


def _converted(value: Any, states: Mapping[int, str] | None) -> ReadingValue:
    """Return a value as a number or text: a Boolean as true or false, a time in RFC 3339. Raises `ValueError`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if states is not None:
            return states.get(int(value)) or str(int(value))
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{value} is outside the range of a 64-bit integer")
        return normalised(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"not a finite number: {value}")
        return value
    if isinstance(value, ua.LocalizedText):
        value = value.Text or ""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return aware.isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        if len(value) > MAX_VALUE_TEXT:
            raise ValueError(f"a text of {len(value)} characters; the maximum is {MAX_VALUE_TEXT}")
        return value
    raise ValueError(f"neither a number nor a text: {value!r:.60}")


def source_time_ns(data: Any) -> int | None:
    """Return the source time in Unix nanoseconds, or None if missing or before 1970."""
    # SourcePicoseconds counts intervals of 10 ps (OPC UA Part 4, 7.11).
    return time_ns_of(data.SourceTimestamp, (data.SourcePicoseconds or 0) * 10 // 1000)


def time_ns_of(time: datetime | None, nanoseconds: int = 0) -> int | None:
    """Return a UTC time plus `nanoseconds` in Unix nanoseconds, or None if missing or before 1970."""
    if time is None:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    time_ns = (aware - _EPOCH) // _MICROSECOND * 1000 + nanoseconds
    return time_ns if time_ns > 0 else None


def to_datetime(time_ns: int) -> datetime:
    """Return `time_ns` as a datetime for a request, truncated to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)
