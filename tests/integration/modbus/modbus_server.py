"""A Modbus TCP server (pymodbus) in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

TABLES = ("coil", "discrete", "holding", "input")


class ModbusServer:
    """Serves `devices`: registers and bits by unit id, table and first address.

    `failing` has the (unit id, address) of requests that a device answers with exception 4, `silent` the unit ids of
    devices that do not respond.
    """

    def __init__(self, devices, *, port=0, failing=(), silent=()):
        self._description = {"devices": devices, "port": port, "failing": failing, "silent": silent}

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(self._description)], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()


def blocks(table, values_by_address):
    bits = table in ("coil", "discrete")
    kind, convert = (DataType.BITS, bool) if bits else (DataType.REGISTERS, int)
    # pymodbus requires a value in each table.
    values_by_address = values_by_address or {60_000: [0]}
    return [
        SimData(int(address), values=[convert(value) for value in values], datatype=kind)
        for address, values in values_by_address.items()
    ]


def simulated(unit_id, tables, failing):
    async def fail(_function, _start, address, _count, _registers, _values):
        return ExcCodes.DEVICE_FAILURE if [unit_id, address] in failing else None

    return SimDevice(unit_id, simdata=tuple(blocks(table, tables.get(table)) for table in TABLES), action=fail)


async def serve(description):
    devices = [
        simulated(int(unit_id), tables, description["failing"]) for unit_id, tables in description["devices"].items()
    ]

    def dropped(sending, packet):
        """Send nothing for a device that does not respond. Byte 6 of a packet is the unit id."""
        return b"" if sending and packet and packet[6] in description["silent"] else packet

    server = ModbusTcpServer(devices, address=("127.0.0.1", description["port"]), trace_packet=dropped)
    await server.serve_forever(background=True)
    print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
