"""Device models: the properties of what a plant made, from how it was made. A configuration names one by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from chromatrace.domain.errors import NotFound
from chromatrace.plant.devices.electrochromic import ElectrochromicStack
from chromatrace.plant.errors import InvalidPlant
from chromatrace.plant.films import Film
from chromatrace.plant.records import Plant

_KINDS = {"electrochromic-stack": ElectrochromicStack}


class Device(Protocol):
    """What one kind of product is like."""

    def stations(self, stage: str) -> tuple[str, ...]:
        """The stations whose films the inspection of a stage needs."""
        ...

    def measure(self, stage: str, films: Mapping[str, Film], random: np.random.Generator) -> Mapping[str, float]:
        """What the instruments of a stage show of one unit, by quantity; `films` by station."""
        ...

    def deviation(self, values: Mapping[str, float]) -> float | None:
        """How far the values of one unit contradict each other, as a share; None: no check is possible."""
        ...


def check_device(plant: Plant) -> None:
    """Checks the device's parameters, and that it can measure what the check sheets ask. Raises `InvalidPlant`."""
    if plant.device is None:
        return
    if plant.device.kind not in _KINDS:
        raise InvalidPlant(f"{plant.device.kind!r} is not one of {', '.join(_KINDS)}", field="device.kind")
    _KINDS[plant.device.kind](plant)


def build_device(plant: Plant) -> Device:
    """The device model of a plant. Raises `NotFound` where it has none."""
    if plant.device is None:
        raise NotFound(f"{plant.name} has no device model, so its inspections cannot be simulated", field="device")
    return _KINDS[plant.device.kind](plant)
