"""Register maps (TOML): the devices behind one address, and the tags of each device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast, get_args

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.times import parse_duration
from chromatrace.storage.toml import REQUIRED, TomlDocument, TomlError, TomlTable

Table = Literal["coil", "discrete", "input", "holding"]
Order = Literal["big", "little"]
ValueType = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bool", "string"
]  # fmt: skip

BIT_TABLES: tuple[Table, ...] = ("coil", "discrete")
MAX_REGISTERS = 125
MAX_BITS = 2000
"""Limits of one request (Modbus Application Protocol 1.1b3, 6.1 to 6.4)."""

_REGISTERS = {"16": 1, "32": 2, "64": 4}
_ADDRESSES = 65_536
_MAX_DIGITS, _MAX_EXPONENT = 50, 300
"""Limits of scale and offset."""
DEFAULT_POLL = "1s"


class MapError(TomlError):
    """The register map has mistakes. The message lists each with file, line and key."""


@dataclass(frozen=True, slots=True)
class ModbusTag:
    """A value of a device.

    address     address of the first register or bit in a request, from 0
    bit         bit of a register (0: least significant), for a bool in a register
    size        number of registers, or 1 bit
    scale       the value is raw * scale + offset, in exact decimal arithmetic; None: the raw value
    poll_ns     interval between two polls
    """

    unit_id: int
    source: str
    tag: str
    table: Table
    address: int
    type: ValueType
    size: int
    bit: int | None
    word_order: Order
    byte_order: Order
    scale: Decimal | None
    offset: Decimal
    unit: str
    poll_ns: int
    max_registers: int

    @property
    def end(self) -> int:
        """Return the address after the last register or bit."""
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """The tags of all devices."""

    tags: tuple[ModbusTag, ...]

    def summary(self) -> dict[str, Any]:
        """Return the number of devices and tags, and each request of a poll."""
        from chromatrace.ingest.modbus.blocks import blocks_of

        return {
            "devices": len({tag.unit_id for tag in self.tags}),
            "tags": len(self.tags),
            "requests": [
                f"unit {block.unit_id}, {block.table} {block.address} to {block.address + block.count - 1}, "
                f"{len(block.tags)} tags every {block.poll_ns / 1e9:g} s"
                for block in blocks_of(self.tags)
            ],
        }


def load_map(path: Path) -> RegisterMap:
    """Read a register map. Raises `MapError`, which lists every mistake with file, line and key."""
    document = TomlDocument.read(path, MapError, field="map")
    table = TomlTable(document.content, "", document)
    register_map = read_map(table)
    table.finish()
    if document.mistakes:
        raise document.error(MapError, "mistakes in the map", "map")
    return register_map


def read_map(table: TomlTable) -> RegisterMap:
    """Read the keys `poll` and `devices` of a table. Mistakes are added to the document of the table."""
    poll_ns = _poll(table, parse_duration(DEFAULT_POLL))
    names: dict[tuple[str, str], str] = {}
    tags = [tag for device in table.tables("devices", required=True) for tag in _device(device, poll_ns, names)]
    return RegisterMap(tuple(tags))


@dataclass(frozen=True, slots=True)
class _Device:
    """Values of a device that its tags inherit."""

    unit_id: int
    source: str
    word_order: Order
    byte_order: Order
    poll_ns: int
    max_registers: int


def _device(table: TomlTable, poll_ns: int, names: dict[tuple[str, str], str]) -> Iterator[ModbusTag]:
    device = _Device(
        unit_id=table.integer("unit_id", at_most=255),
        source=table.text("source", maximum=120),
        word_order=_order(table, "word_order", "big"),
        byte_order=_order(table, "byte_order", "big"),
        poll_ns=_poll(table, poll_ns),
        max_registers=table.integer("max_registers", MAX_REGISTERS, at_least=1, at_most=MAX_REGISTERS),
    )
    for tag_table in table.tables("tags", required=True):
        tag = _tag(tag_table, device, names)
        if tag is not None:
            yield tag
    table.finish()


def _tag(table: TomlTable, device: _Device, names: dict[tuple[str, str], str]) -> ModbusTag | None:
    name = table.text("tag", maximum=120)
    registers = cast(Table, table.choice("table", get_args(Table)))
    bits = registers in BIT_TABLES
    kind = cast(ValueType, table.choice("type", get_args(ValueType), "bool" if bits else REQUIRED))
    address = table.integer("address", at_most=_ADDRESSES - 1)
    length = table.integer("length", 0, at_least=1, at_most=MAX_REGISTERS)
    bit = table.integer("bit", -1, at_most=15)
    scale, offset = _number(table, "scale"), _number(table, "offset")
    size = 1 if kind == "bool" else length or _REGISTERS.get(kind[-2:], 0)
    if table.valid:
        _check_type(table, kind, bits, length, bit, {"scale": scale, "offset": offset})
        if address + size > _ADDRESSES:
            table.mistake("address", f"{size} registers from {address} end after {_ADDRESSES - 1}")
        if not bits and size > device.max_registers:
            table.mistake("type", f"{size} registers; max_registers of the device is {device.max_registers}")
        first = names.setdefault((device.source, name), table.path())
        if first != table.path():
            table.mistake("tag", f"{name!r} of source {device.source!r} occurs twice; first: {first}")
    scaled = scale is not None or offset is not None
    return table.build(
        ModbusTag,
        unit_id=device.unit_id,
        source=device.source,
        tag=name,
        table=registers,
        address=address,
        type=kind,
        size=size,
        bit=None if bit < 0 else bit,
        word_order=_order(table, "word_order", device.word_order),
        byte_order=_order(table, "byte_order", device.byte_order),
        scale=(scale or Decimal(1)) if scaled else None,
        offset=offset or Decimal(0),
        unit=table.text("unit", "", maximum=120),
        poll_ns=_poll(table, device.poll_ns),
        max_registers=device.max_registers,
    )


def _check_type(
    table: TomlTable, kind: ValueType, bits: bool, length: int, bit: int, factors: Mapping[str, Decimal | None]
) -> None:
    """Check that the keys fit the type of the value."""
    if bits and kind != "bool":
        table.mistake("type", f"{kind} does not fit a table of bits; it must be bool")
    if kind == "string" and not length:
        table.mistake("length", "missing; a string needs its number of registers")
    if kind != "string" and length:
        table.mistake("length", f"only a string has a length; {kind} does not")
    if kind == "bool" and not bits and bit < 0:
        table.mistake("bit", "missing; a bool in a register needs its bit, 0 to 15")
    if bit >= 0 and (bits or kind != "bool"):
        table.mistake("bit", "only a bool in a register has a bit")
    for name, value in factors.items():
        if value is None:
            continue
        if kind in ("bool", "string"):
            table.mistake(name, f"only a number has a {name}; {kind} does not")
        elif not value.is_finite() or (name == "scale" and not value):
            table.mistake(name, f"{value} is not a finite number" + " except 0" * (name == "scale"))
        elif abs(value.adjusted()) > _MAX_EXPONENT or len(value.as_tuple().digits) > _MAX_DIGITS:
            table.mistake(
                name, f"{value!s:.60} has more than {_MAX_DIGITS} digits or an exponent above {_MAX_EXPONENT}"
            )


def _number(table: TomlTable, name: str) -> Decimal | None:
    """Return an exact number, or None if the key is absent."""
    value = table.value(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        table.mistake(name, f"expected a number, got {value!r:.60}")
        return None
    return Decimal(value)


def _order(table: TomlTable, name: str, default: Order) -> Order:
    return cast(Order, table.choice(name, get_args(Order), default))


def _poll(table: TomlTable, default_ns: int) -> int:
    """Return the interval `poll` in nanoseconds."""
    text = table.optional_text("poll")
    if text is None:
        return default_ns
    try:
        return parse_duration(text, field="poll")
    except InvalidInput as error:
        table.mistake("poll", error.message, error.hint)
        return default_ns
