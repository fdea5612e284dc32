"""Channels, layouts and the gateway of a plant file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.errors import LayoutError
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.times import parse_duration
from chromatrace.storage.toml import TomlTable

Overflow = Literal["block", "drop-oldest", "dead-letter"]
DEFAULT_HTTP = ("127.0.0.1", 9464)
_MAX_BUFFER = 100_000_000


@dataclass(frozen=True, slots=True)
class Channel:
    """A log channel. The entries of a public one have no salt."""

    name: str
    description: str = ""
    public: bool = False


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Options of `chromatrace gateway run`.

    http                address of /metrics, /healthz and pushed readings
    buffer_readings     maximum number of readings between a source and the spool
    overflow            what happens if the buffer is full
    clock_tolerance_ns  a source time further in the future is reported
    """

    http: tuple[str, int] = DEFAULT_HTTP
    buffer_readings: int = 50_000
    overflow: Overflow = "block"
    clock_tolerance_ns: int = 60 * 10**9


def read_channel(table: TomlTable) -> Channel | None:
    """Read one of [[channels]]."""
    return table.build(
        Channel,
        name=table.text("name", maximum=120),
        description=table.text("description", ""),
        public=table.boolean("public", False),
    )


def read_layout(table: TomlTable) -> tuple[str, Layout] | None:
    """Read one of [[layouts]]: its name and the members of `Layout`."""
    name = table.text("name", maximum=120)
    options = table.rest()
    for option, value in options.items():
        try:
            Layout.from_table({option: value})
        except LayoutError as error:
            if error.field == option:  # else it needs another option
                table.error(error)
    layout = table.build(Layout.from_table, options)
    return None if layout is None else (name, layout)


def read_gateway(table: TomlTable) -> GatewayOptions | None:
    """Read [gateway]."""
    default = GatewayOptions()
    return table.build(
        GatewayOptions,
        http=_address(table),
        buffer_readings=table.integer("buffer_readings", default.buffer_readings, at_least=1, at_most=_MAX_BUFFER),
        overflow=cast(Overflow, table.choice("overflow", get_args(Overflow), default.overflow)),
        clock_tolerance_ns=read_duration(table, "clock_tolerance", default.clock_tolerance_ns),
    )


def read_duration(table: TomlTable, name: str, default_ns: int) -> int:
    """Return the nanoseconds of a duration such as "5s"."""
    text = table.optional_text(name)
    if text is None:
        return default_ns
    try:
        return parse_duration(text, field=name)
    except InvalidInput as error:
        table.mistake(name, error.message, error.hint)
        return default_ns


def _address(table: TomlTable) -> tuple[str, int]:
    text = table.optional_text("http")
    if text is None:
        return DEFAULT_HTTP
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        table.mistake("http", f"expected HOST:PORT, got {text!r:.60}", "such as 127.0.0.1:9464")
        return DEFAULT_HTTP
    return host.strip("[]"), int(port)
