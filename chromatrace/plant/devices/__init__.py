"""Device models: compute the properties of a product from its process data. A plant selects one by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from chromatrace.domain.errors import NotFound
from chromatrace.plant.devices.electrochromic import ElectrochromicStack
from chromatrace.plant.errors import PlantError
from chromatrace.plant.films import Film
from chromatrace.plant.records import Plant

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


def check_device(plant: Plant) -> None:
    """Check the device's parameters and the quantities of the check sheets. Raises `PlantError`."""
    if plant.device is None:
        return
    if plant.device.kind not in _KINDS:
        raise PlantError(f"{plant.device.kind!r} is not one of {', '.join(_KINDS)}", field="device.kind")
    _KINDS[plant.device.kind](plant)


def build_device(plant: Plant) -> Device:
    """Return the device model of a plant. Raises `NotFound` if it has none."""
    if plant.device is None:
        raise NotFound(f"{plant.name} has no device model; its inspections cannot be simulated", field="device")
    return _KINDS[plant.device.kind](plant)
