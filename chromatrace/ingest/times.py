"""Parse times and durations of recorded files, exact to the nanosecond."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal, InvalidOperation

from chromatrace.domain.errors import InvalidInput

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:([Zz])|([+-])(\d\d):?(\d\d))?", re.ASCII
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|min|h|d)", re.ASCII)
NS_PER_UNIT = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
NS_PER_UNIT["d"] = 24 * NS_PER_UNIT["h"]
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
TIME_UNITS = ("s", "ms", "us", "ns")


def parse_time(text: str, *, field: str = "time") -> int:
    """Return the Unix nanoseconds of an RFC 3339 time such as `2026-01-01T00:00:00.25+01:00` (up to nine decimals).

    Raises `InvalidInput` for anything else. A time without an offset is rejected because it is ambiguous.
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(
            f"{text!r} is not a valid RFC 3339 time", field=field, hint="for example 2026-01-01T00:00:00Z"
        )
    year, month, day, hour, minute, second, decimals, zulu, sign, offset_hours, offset_minutes = match.groups()
    if not zulu and not sign:
        raise InvalidInput(f"{text!r} has no offset from UTC", field=field, hint="append Z or an offset such as +01:00")
    try:
        moment = datetime.datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=datetime.UTC
        )
        offset = datetime.timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
        if offset >= datetime.timedelta(days=1) or int(offset_minutes or 0) > 59:
            raise ValueError("the offset is out of range")
        moment = moment + offset if sign == "-" else moment - offset
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{text!r} is not a valid time: {error}", field=field) from error
    seconds = (moment - _EPOCH) // datetime.timedelta(seconds=1)
    return seconds * 10**9 + int((decimals or "").ljust(9, "0"))


def parse_epoch(text: str, unit: str, *, field: str = "time") -> int:
    """Return the Unix nanoseconds of a number of `unit` (s, ms, us, ns) since 1970. Raises `InvalidInput`."""
    try:
        ns = Decimal(text.strip()) * NS_PER_UNIT[unit]
        if not ns.is_finite() or ns != int(ns):
            raise ValueError("not a whole number of nanoseconds")
    except (InvalidOperation, ValueError) as error:
        raise InvalidInput(f"expected a number of {unit} since 1970, got {text!r}", field=field) from error
    return int(ns)


def parse_duration(text: str, *, field: str = "step") -> int:
    """Return the nanoseconds (at least 1) of a duration such as `180s`, `0.5 ms`, `3min`, `1h`."""
    match = _DURATION.fullmatch(text.strip())
    ns = Decimal(match[1]) * NS_PER_UNIT[match[2]] if match else Decimal(0)
    if ns <= 0 or ns != int(ns):
        raise InvalidInput(
            f"expected a duration of at least 1 ns, got {text!r}",
            field=field,
            hint=f"write a number and one of {', '.join(NS_PER_UNIT)}, for example 180s",
        )
    return int(ns)


def rfc3339(ns: int) -> str:
    """Return Unix nanoseconds as an RFC 3339 time in UTC, with as many decimals as needed."""
    seconds, rest = divmod(ns, 10**9)
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
