"""Template filters that format times, numbers and hashes."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from flask import Flask

from app.presenters.inspection import format_number
from app.presenters.notation import format_formula, format_unit

_FORMAT = "%-d %b %Y, %H:%M UTC"
_MAXIMUM_S = 253_402_300_799
"""The last second of the year 9999."""


def unlimited(seconds: int) -> bool:
    """Return whether a validity has no end: it is after the year 9999."""
    return seconds > _MAXIMUM_S


def format_time(seconds: int) -> str:
    """Format Unix seconds as "22 Nov 2026, 05:04 UTC"."""
    if unlimited(seconds):
        return "no end"
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)


def iso_time(seconds: int) -> str:
    """Format Unix seconds as an RFC 3339 time."""
    return datetime.fromtimestamp(min(seconds, _MAXIMUM_S), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_rfc3339(text: str) -> str:
    """Format an RFC 3339 time in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).strftime(_FORMAT)


def duration(seconds: int) -> str:
    """Format a duration in its largest unit: "12 s", "5 min", "3 h", "4 d"."""
    for limit, divisor, unit in ((60, 1, "s"), (3600, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{max(0, seconds) // divisor} {unit}"
    return f"{seconds // 86400} d"


def short_hash(text: str) -> str:
    """Abbreviate a hash or an address: "0x12ab34…c0de"."""
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


def format_tag(tag: str) -> str:
    """Format a machine tag: "Line1.Chamber.working_pressure" as "Working pressure"."""
    name = tag.replace("/", ".").split(".")[-1].replace("_", " ")
    return format_formula(name[:1].upper() + name[1:])


def sentence(text: str) -> str:
    """Format an error message or hint as a sentence: capitalised, with a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def shell_quote(text: object) -> str:
    """Quote one word of a shell command. A lot is free text and may contain shell metacharacters."""
    return shlex.quote(str(text))


_FILTERS = (
    format_time,
    iso_time,
    format_rfc3339,
    duration,
    short_hash,
    format_tag,
    format_unit,
    format_formula,
    format_number,
    sentence,
    shell_quote,
)


def register_filters(app: Flask) -> None:
    """Register the filters."""
    for function in _FILTERS:
        app.add_template_filter(function, function.__name__)
    app.add_template_test(unlimited, "unlimited")
