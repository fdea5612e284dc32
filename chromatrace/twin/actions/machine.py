"""One write to a machine, by the protocol of its source, and the value that confirms it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from chromatrace.domain.errors import InvalidInput
from chromatrace.plant.plant_sources import ModbusSource, MqttSource, OpcUaSource, PlantSource
from chromatrace.plant.proposal_rules import WriteTarget

Value = float | int | str | bool | None
"""A value to write, or one that was read."""


class Machine(Protocol):
    """A connection to the target of a write, open within a `with` block.

    Opening raises `MachineUnreachable`. `write` raises `MachineRejected` if nothing was written; any other error leaves
    the outcome open.
    """

    def __enter__(self) -> Machine:
        """Open the connection."""

    def __exit__(self, *_: object) -> None:
        """Close the connection."""

    def write(self, value: Value) -> None:
        """Send the value once."""

    def confirms(self, value: Value, wait_s: float) -> tuple[bool, Value]:
        """Wait up to `wait_s` until the machine has the value. Return whether it has it, and the value read last."""


def machine_of(source: PlantSource, target: WriteTarget) -> Machine:
    """Return the connection to a target. Raises `InvalidInput` if the source cannot be written to."""
    # Each library is imported only if it is used.
    if isinstance(source, OpcUaSource):
        from chromatrace.twin.actions.opcua import OpcUaMachine

        return OpcUaMachine(source.connection(), target)
    if isinstance(source, ModbusSource):
        from chromatrace.twin.actions.modbus import ModbusMachine

        return ModbusMachine(source.settings, target)
    if isinstance(source, MqttSource):
        from chromatrace.twin.actions.sparkplug import SparkplugMachine

        return SparkplugMachine(source.connection(), target)
    raise InvalidInput(f"source {source.id!r} cannot write to a machine", field="source")


def target_of(parameters: Mapping[str, Any]) -> WriteTarget:
    """Return the target that a proposal stores."""
    return WriteTarget(**parameters["write"])


def same(expected: Value, value: Value, tolerance: float) -> bool:
    """Return whether a value that was read is the expected one. Numbers may differ by a relative 1e-6 (float32)."""
    if isinstance(expected, bool) or isinstance(value, bool):
        return _truth(expected) is not None and _truth(expected) == _truth(value)
    if isinstance(expected, float | int) and isinstance(value, float | int):
        return abs(expected - value) <= max(tolerance, 1e-6 * abs(expected))
    return expected == value


def _truth(value: Value) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False, 1: True, 0: False}.get(value) if value is not None else None
