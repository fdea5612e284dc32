"""Serve a source over Modbus TCP: its tags are the input registers of one device."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.plant.sources import Source, TagSample
from chromatrace.storage.toml.text import quoted

UNIT_ID = 1
_HOST = "127.0.0.1"
"""Modbus has no authentication, so the server listens on the loopback interface only."""
_REGISTERS = 4
_ADDRESSES = 65_536
_BAD = 0x8000_0000
_READ_INPUT_REGISTERS = 4


class PlantRegisters:
    """The newest value of each tag as float64 in four registers, most significant register first.

    A request for a tag without a value, or with a bad one, has the exception "device failure".
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._words = [0] * (_REGISTERS * len(source.tags))
        self._bad = [True] * len(source.tags)

    def write(self, step: TagSample) -> None:
        """Set the values of one time step."""
        data = struct.pack(f">{len(step.values)}d", *step.values)
        self._words = list(struct.unpack(f">{len(data) // 2}H", data))
        self._bad = [bool(quality & _BAD) for quality in step.qualities]

    def register_map(self) -> str:
        """Return the map for `chromatrace ingest modbus`."""
        parts = [f"[[devices]]\nunit_id = {UNIT_ID}\nsource = {quoted(self._source.name)}\n"]
        for position, tag in enumerate(self._source.tags):
            parts.append(
                f"[[devices.tags]]\ntag = {quoted(tag.name)}\n"
                f'table = "input"\naddress = {_REGISTERS * position}\ntype = "float64"\nunit = {quoted(tag.unit)}\n'
            )
        return "\n".join(parts)

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[str]:
        """Serve on `port` of the loopback interface (0: any free port). Yield HOST:PORT.

        Raises `InvalidInput` if the source has too many tags, and `Unavailable` if the port is in use.
        """
        size = len(self._words)
        if size > _ADDRESSES:
            tags = len(self._bad)
            raise InvalidInput(f"{tags:,} tags; Modbus has registers for {_ADDRESSES // _REGISTERS:,}", field="modbus")
        registers, bits = ([SimData(0, count=size, datatype=kind)] for kind in (DataType.REGISTERS, DataType.BITS))
        server = ModbusTcpServer(
            SimDevice(UNIT_ID, simdata=(bits, bits, registers, registers), action=self._read), address=(_HOST, port)
        )
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise Unavailable(
                f"cannot listen on {_HOST}:{port}", field="modbus", hint="another program may use the port"
            ) from error
        transport: Any = server.transport
        try:
            yield f"{_HOST}:{transport.sockets[0].getsockname()[1]}"
        finally:
            await server.shutdown()

    async def _read(
        self, function: int, start: int, address: int, count: int, registers: list[int], written: object
    ) -> ExcCodes | None:
        """Copy the requested values into the server's registers."""
        if function != _READ_INPUT_REGISTERS:
            return ExcCodes.ILLEGAL_FUNCTION
        if any(self._bad[address // _REGISTERS : (address + count - 1) // _REGISTERS + 1]):
            return ExcCodes.DEVICE_FAILURE
        registers[address - start : address - start + count] = self._words[address : address + count]
        return None
