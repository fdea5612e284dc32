"""Process models: compute the true values of a plant's tags. A plant selects one by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from chromatrace.plant.errors import PlantError
from chromatrace.plant.faults import Fault
from chromatrace.plant.models import nominal, sputtering
from chromatrace.plant.records import Plant


class Model(Protocol):
    """A process in simulated time, deterministic for a seed."""

    @property
    def runs_completed(self) -> int:
        """Return the number of runs (charges, workpieces) that every machine has finished."""
        ...

    def advance(self, step_s: float) -> Mapping[str, float]:
        """Advance simulated time by `step_s`. Return the true value of each tag, by tag name."""
        ...


_CHECKS: dict[str, Callable[[Plant], None]] = {"nominal": nominal.check, "reactive-sputtering": sputtering.check}
_BUILDERS: dict[str, Callable[[Plant, int, Sequence[Fault]], Model]] = {
    "nominal": nominal.NominalModel,
    "reactive-sputtering": sputtering.SputteringModel,
}


def check_model(plant: Plant) -> None:
    """Check the model's parameters against the tags. Raises `PlantError`, which names the field."""
    if plant.model.kind not in _CHECKS:
        raise PlantError(f"{plant.model.kind!r} is not one of {', '.join(_CHECKS)}", field="model.kind")
    _CHECKS[plant.model.kind](plant)


def build_model(plant: Plant, seed: int, faults: Sequence[Fault] = ()) -> Model:
    """Return the model of a plant. Raises `FaultError` if the plant does not support a fault."""
    return _BUILDERS[plant.model.kind](plant, seed, faults)
