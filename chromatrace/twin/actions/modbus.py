"""Write a coil or holding registers over Modbus TCP."""

from __future__ import annotations

import struct
import time
from decimal import Decimal, InvalidOperation
from typing import Self

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.modbus.register_map import ModbusTag
from chromatrace.ingest.modbus.settings import ModbusSettings
from chromatrace.ingest.modbus.values import decode
from chromatrace.plant.proposal_rules import WriteTarget
from chromatrace.twin.actions.machine import Value, same
from chromatrace.twin.errors import MachineRejected, MachineUnreachable

_POLL_S = 0.05


class ModbusMachine:
    """A tag of the register map in the table `coil` or `holding`."""

    def __init__(self, settings: ModbusSettings, target: WriteTarget) -> None:
        self._settings, self._target = settings, target
        self._tag = _tag(settings, target)
        # A request is never repeated by the library: a write must not happen twice.
        self._client = ModbusTcpClient(settings.host, port=settings.port, timeout=settings.timeout_s, retries=0)

    def __enter__(self) -> Self:
        if not self._client.connect():
            raise MachineUnreachable(f"{self._settings.address} does not respond", field="address")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def write(self, value: Value) -> None:
        """Write the registers. Raises `MachineRejected` if the device answers with an exception."""
        tag = self._tag
        if tag.table == "coil":
            response = self._client.write_coil(tag.address, _bit(value), device_id=tag.unit_id)
        else:
            response = self._client.write_registers(tag.address, encode(tag, value), device_id=tag.unit_id)
        if response.isError():
            raise MachineRejected(f"{self._settings.address} rejected the write: {response}", field="tag")

    def confirms(self, value: Value, wait_s: float) -> tuple[bool, Value]:
        """See `Machine`."""
        expected = _bit(value) if self._tag.table == "coil" else decode(self._tag, encode(self._tag, value))
        deadline = time.monotonic() + wait_s
        while True:
            found = self._read()
            if same(expected, found, self._target.tolerance):
                return True, found
            if time.monotonic() >= deadline:
                return False, found
            time.sleep(_POLL_S)

    def _read(self) -> Value:
        tag = self._tag
        read = self._client.read_coils if tag.table == "coil" else self._client.read_holding_registers
        try:
            response = read(tag.address, count=tag.size, device_id=tag.unit_id)
        except ModbusException:
            return None
        if response.isError():
            return None
        return decode(tag, response.bits[:1] if tag.table == "coil" else response.registers)


def _tag(settings: ModbusSettings, target: WriteTarget) -> ModbusTag:
    for tag in settings.map.tags:
        if (tag.source, tag.tag) == (target.device, target.tag):
            if tag.table not in ("coil", "holding") or (tag.table == "holding" and tag.type == "bool"):
                raise InvalidInput(f"{tag.tag!r} is not a coil or a number in holding registers", field="tag")
            return tag
    raise InvalidInput(f"the register map has no tag {target.tag!r} of {target.device!r}", field="tag")


def encode(tag: ModbusTag, value: Value) -> list[int]:
    """Return the registers of a value, rounded to the nearest raw value. Raises `InvalidInput` if it does not fit."""
    if tag.type == "string":
        data = str(value).encode().ljust(2 * tag.size, b"\0")
        if len(data) > 2 * tag.size:
            raise InvalidInput(f"{value!r} is longer than {2 * tag.size} bytes", field="value")
        return [int.from_bytes(data[start : start + 2], tag.byte_order) for start in range(0, len(data), 2)]
    raw = _raw(tag, value)
    try:
        if tag.type in ("float32", "float64"):
            data = struct.pack(">f" if tag.type == "float32" else ">d", float(raw))
        else:
            data = round(raw).to_bytes(2 * tag.size, "big", signed=tag.type.startswith("int"))
    except (OverflowError, struct.error) as error:
        raise InvalidInput(f"{value} does not fit {tag.type}", field="value") from error
    words = [int.from_bytes(data[start : start + 2], tag.byte_order) for start in range(0, len(data), 2)]
    return words if tag.word_order == "big" else words[::-1]


def _raw(tag: ModbusTag, value: Value) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise InvalidInput(f"expected a number, got {value!r}", field="value") from error
    return number if tag.scale is None else (number - tag.offset) / tag.scale


def _bit(value: Value) -> bool:
    if value in (True, 1, "true"):
        return True
    if value in (False, 0, "false"):
        return False
    raise InvalidInput(f"expected true or false, got {value!r}", field="value")
