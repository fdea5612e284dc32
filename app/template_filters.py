"""Template filters: times, numbers, hashes as people read them."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from flask import Flask

from app.presenters.inspection import format_number
from app.presenters.notation import format_formula, format_unit

_FORMAT = "%-d %b %Y, %H:%M UTC"
_LAST = 253_402_300_799
"""The last second of the year 9999."""


def endless(seconds: int) -> bool:
    """Whether a validity does not end (in years of four digits)."""
    return seconds > _LAST


def format_time(seconds: int) -> str:
    """As in "22 Nov 2026, 05:04 UTC"; a validity that does not end is said to be so."""
    if endless(seconds):
        return "no end"
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)


def iso_time(seconds: int) -> str:
    """RFC 3339, for machines."""
    return datetime.fromtimestamp(min(seconds, _LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_rfc3339(text: str) -> str:
    """A document's time, in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).strftime(_FORMAT)


def short_hash(text: str) -> str:
    """Both ends of a hash or address: "0x12ab34…c0de"."""
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


def format_tag(tag: str) -> str:
    """A machine's tag without its path and underscores: "Line1.Chamber.working_pressure" is "Working pressure"."""
    words = tag.replace("/", ".").split(".")[-1].replace("_", " ")
    return format_formula(words[:1].upper() + words[1:])


def shell_quote(text: object) -> str:
    """One word of a command to copy: lots are other people's, and may hold what a shell acts on."""
    return shlex.quote(str(text))


def register_filters(app: Flask) -> None:
    """Makes the filters known to the templates."""
    for function in (
        format_time,
        iso_time,
        format_rfc3339,
        short_hash,
        format_tag,
        format_unit,
        format_formula,
        shell_quote,
    ):
        app.add_template_filter(function, function.__name__)
    app.add_template_filter(format_number, "number")
    app.add_template_test(endless, "endless")
