"""Device models: compute the properties of a product from its process data. A plant selects one by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from chromatrace.domain.errors import NotFound
from chromatrace.plant.devices.electrochromic import ElectrochromicStack
from chromatrace.plant.films import Film
from chromatrace.plant.names import Names
from chromatrace.plant.records import Plant
from chromatrace.storage.toml import TomlTable

_KINDS = {"electrochromic-stack": ElectrochromicStack}


class Device(Protocol):
    """The model of one kind of product."""

    def stations(self, stage: str) -> tuple[str, ...]:
        """Return the stations whose films are required to inspect `stage`."""
        ...

    def measure(self, stage: str, films: Mapping[str, Film], random: np.random.Generator) -> Mapping[str, float]:
        """Return the instrument values of one unit at `stage`, by quantity. `films` is keyed by station."""
        ...

    def deviation(self, values: Mapping[str, float]) -> float | None:
        """Return the relative inconsistency of the values of one unit, or None if it cannot be checked."""
        ...


def check_device(names: Names, top: TomlTable) -> None:
    """Check the device's parameters and the quantities of the check sheets. `top` is the whole file."""
    table = top.table("device")
    kind = table.choice("kind", tuple(_KINDS))
    if table.valid:
        _KINDS[kind].check(names, top)


def build_device(plant: Plant) -> Device:
    """Return the device model of a plant. Raises `NotFound` if it has none."""
    if plant.device is None:
        raise NotFound(f"{plant.name} has no device model; its inspections cannot be simulated", field="device")
    return _KINDS[plant.device.kind](TomlTable(plant.device.parameters, "device"))
