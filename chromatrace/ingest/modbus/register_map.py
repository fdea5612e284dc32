"""Register maps (TOML): the devices behind one address, and the tags of each device."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.times import parse_duration

Table = Literal["coil", "discrete", "input", "holding"]
Order = Literal["big", "little"]
ValueType = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bool", "string"
]  # fmt: skip

BIT_TABLES: tuple[Table, ...] = ("coil", "discrete")
MAX_REGISTERS = 125
MAX_BITS = 2000
"""Limits of one request (Modbus Application Protocol 1.1b3, 6.1 to 6.4)."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "table": get_args(Table),
    "type": get_args(ValueType),
    "word_order": get_args(Order),
    "byte_order": get_args(Order),
}
_REGISTERS = {"16": 1, "32": 2, "64": 4}
_ADDRESSES = 65_536
_MAX_DIGITS, _MAX_EXPONENT = 50, 300
"""Limits of scale and offset."""
_SYNTAX_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_DEVICE, _TAG = re.compile(r"\s*\[\[\s*devices\s*\]\]"), re.compile(r"\s*\[\[\s*devices\s*\.\s*tags\s*\]\]")
_KEY = re.compile(r"""\s*["']?([\w-]+)["']?\s*=""")

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
_Unit = Annotated[str, msgspec.Meta(max_length=120)]
_Address = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class MapError(InvalidInput):
    """The register map has mistakes. The message lists each with file, line and key."""


class _TagFields(msgspec.Struct):
    tag: _Name
    table: Table
    address: _Address
    type: ValueType | None = None
    bit: Annotated[int, msgspec.Meta(ge=0, le=15)] | None = None
    length: Annotated[int, msgspec.Meta(ge=1, le=MAX_REGISTERS)] | None = None
    word_order: Order | None = None
    byte_order: Order | None = None
    scale: Decimal | None = None
    offset: Decimal | None = None
    unit: _Unit = ""
    poll: str | None = None


class _DeviceFields(msgspec.Struct):
    unit_id: Annotated[int, msgspec.Meta(ge=0, le=255)]
    source: _Name
    tags: list[Any]
    word_order: Order = "big"
    byte_order: Order = "big"
    poll: str | None = None
    max_registers: Annotated[int, msgspec.Meta(ge=1, le=MAX_REGISTERS)] = MAX_REGISTERS


class _MapFields(msgspec.Struct):
    devices: list[Any]
    poll: str = "1s"


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
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MapError(f"{path} cannot be read: {error.strerror}", field="map") from error
    except UnicodeDecodeError as error:
        raise MapError(f"{path} is not UTF-8 text", field="map") from error
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        at = _SYNTAX_LINE.search(str(error))
        line = at[1] if at else str(text.count("\n") + 1)
        raise MapError(f"{path}:{line}: not valid TOML: {error}", field="map") from error
    reader = _Reader(text)
    tags = tuple(reader.tags(content))
    if reader.mistakes:
        mistakes = sorted(reader.mistakes)
        listed = "\n".join(f"{path}:{line}: {key}: {reason}" for line, key, reason in mistakes)
        raise MapError(f"mistakes in the map: {len(mistakes)}\n{listed}", field="map")
    return RegisterMap(tags)


class _Reader:
    """Checks the tables of a map and collects the mistakes: line, key and reason."""

    def __init__(self, text: str) -> None:
        self._lines = _lines(text)
        self.mistakes: list[tuple[int, str, str]] = []
        self._names: dict[tuple[str, str], str] = {}

    def tags(self, content: Mapping[str, Any]) -> Iterator[ModbusTag]:
        """Yield the tags without mistakes."""
        top = self._fields(content, _MapFields, "")
        if top is None:
            return
        poll_ns = self._poll("", top.poll, 0)
        if not top.devices:
            self._mistake("", "devices", "a map has at least one device")
        for position, table in enumerate(top.devices):
            path = f"devices[{position}]"
            device = self._fields(table, _DeviceFields, path)
            if device is None:
                continue
            device_poll_ns = self._poll(path, device.poll, poll_ns)
            if not device.tags:
                self._mistake(path, "tags", "a device has at least one tag")
            for tag_position, tag_table in enumerate(device.tags):
                tag_path = f"{path}.tags[{tag_position}]"
                fields = self._fields(tag_table, _TagFields, tag_path)
                if fields is not None:
                    yield from self._tag(tag_path, device, fields, device_poll_ns)

    def _tag(self, path: str, device: _DeviceFields, fields: _TagFields, poll_ns: int) -> Iterator[ModbusTag]:
        count = len(self.mistakes)
        bits = fields.table in BIT_TABLES
        kind = fields.type or ("bool" if bits else None)
        if kind is None:
            self._mistake(path, "type", f"missing; a register needs one of {', '.join(get_args(ValueType))}")
            return
        if bits and kind != "bool":
            self._mistake(path, "type", f"{kind} does not fit table {fields.table}; it must be bool")
        size = 1 if kind == "bool" else fields.length or _REGISTERS.get(kind[-2:], 0)
        if kind == "string" and fields.length is None:
            self._mistake(path, "length", "missing; a string needs its number of registers")
        if kind != "string" and fields.length is not None:
            self._mistake(path, "length", f"only a string has a length; {kind} does not")
        if kind == "bool" and not bits and fields.bit is None:
            self._mistake(path, "bit", "missing; a bool in a register needs its bit, 0 to 15")
        if fields.bit is not None and (bits or kind != "bool"):
            self._mistake(path, "bit", "only a bool in a register has a bit")
        for name in ("scale", "offset"):
            value = getattr(fields, name)
            if value is None:
                continue
            if kind in ("bool", "string"):
                self._mistake(path, name, f"only a number has a {name}; {kind} does not")
            elif not value.is_finite() or (name == "scale" and not value):
                self._mistake(path, name, f"{value} is not a finite number" + " except 0" * (name == "scale"))
            elif abs(value.adjusted()) > _MAX_EXPONENT or len(value.as_tuple().digits) > _MAX_DIGITS:
                self._mistake(
                    path, name, f"{value!s:.60} has more than {_MAX_DIGITS} digits or an exponent above {_MAX_EXPONENT}"
                )
        if fields.address + size > _ADDRESSES:
            self._mistake(path, "address", f"{size} registers from {fields.address} end after {_ADDRESSES - 1}")
        if not bits and size > device.max_registers:
            self._mistake(path, "type", f"{size} registers; max_registers of the device is {device.max_registers}")
        first = self._names.setdefault((device.source, fields.tag), path)
        if first != path:
            self._mistake(path, "tag", f"{fields.tag!r} of source {device.source!r} occurs twice; first: {first}")
        poll_ns = self._poll(path, fields.poll, poll_ns)
        if len(self.mistakes) == count:
            scaled = fields.scale is not None or fields.offset is not None
            yield ModbusTag(
                unit_id=device.unit_id,
                source=device.source,
                tag=fields.tag,
                table=fields.table,
                address=fields.address,
                type=kind,
                size=size,
                bit=fields.bit,
                word_order=fields.word_order or device.word_order,
                byte_order=fields.byte_order or device.byte_order,
                scale=(fields.scale or Decimal(1)) if scaled else None,
                offset=fields.offset or Decimal(0),
                unit=fields.unit,
                poll_ns=poll_ns,
                max_registers=device.max_registers,
            )

    def _fields(self, table: Any, kind: type[Any], path: str) -> Any:
        """Return the fields of a table, or None after a mistake in one of them."""
        if not isinstance(table, Mapping):
            self._mistake(path, "", f"expected a table, got {table!r:.60}")
            return None
        count = len(self.mistakes)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for name in table.keys() - fields.keys():
            self._mistake(path, name, f"unknown key; known keys: {', '.join(fields)}")
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in table:
                try:
                    values[name] = msgspec.convert(table[name], field.type)
                except msgspec.ValidationError as error:
                    expected = f"expected one of {', '.join(_CHOICES[name])}" if name in _CHOICES else _plain(error)
                    self._mistake(path, name, f"{expected}, got {table[name]!r:.60}")
            elif field.required:
                self._mistake(path, name, "missing")
        return kind(**values) if len(self.mistakes) == count else None

    def _poll(self, path: str, text: str | None, default_ns: int) -> int:
        if text is None:
            return default_ns
        try:
            return parse_duration(text, field="poll")
        except InvalidInput as error:
            self._mistake(path, "poll", f"{error.message}; {error.hint}")
            return default_ns

    def _mistake(self, path: str, key: str, reason: str) -> None:
        full = f"{path}.{key}".strip(".")
        outer = path.rpartition(".")[2].partition("[")[0]
        parent = path.rpartition(".")[0]
        candidates = (full, path, f"{parent}.{outer}".strip("."))
        line = next((self._lines[name] for name in candidates if name in self._lines), 1)
        self.mistakes.append((line, full, reason))


def _plain(error: msgspec.ValidationError) -> str:
    """Return an error without code marks, type and position, such as "expected int < 65536"."""
    text = str(error).partition(" - at ")[0].partition(", got ")[0].replace("`", "")
    return text[:1].lower() + text[1:]


def _lines(text: str) -> dict[str, int]:
    """Return the line of each table and key, by its path."""
    lines: dict[str, int] = {}
    path, device, tag = "", -1, -1
    for number, line in enumerate(text.splitlines(), 1):
        if _DEVICE.match(line):
            device, tag = device + 1, -1
            path = f"devices[{device}]"
        elif _TAG.match(line):
            tag += 1
            path = f"devices[{device}].tags[{tag}]"
        elif key := _KEY.match(line):
            lines.setdefault(f"{path}.{key[1]}".strip("."), number)
            continue
        else:
            continue
        lines[path] = number
    return lines
