"""Process models: what gives the true values of a plant's tags. A configuration names one by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from chromatrace.plant.errors import InvalidPlant
from chromatrace.plant.faults import Fault
from chromatrace.plant.models import nominal, sputtering
from chromatrace.plant.records import Plant


class Model(Protocol):
    """A process in simulated time, deterministic by its seed."""

    @property
    def runs_completed(self) -> int:
        """How many runs (charges, workpieces) every machine has at least finished."""
        ...

    def advance(self, step_s: float) -> Mapping[str, float]:
        """Moves on by `step_s` of simulated time; the true value of every tag then, by tag name."""
        ...


_CHECKS: dict[str, Callable[[Plant], None]] = {"nominal": nominal.check, "reactive-sputtering": sputtering.check}
_BUILDERS: dict[str, Callable[[Plant, int, Sequence[Fault]], Model]] = {
    "nominal": nominal.NominalModel,
    "reactive-sputtering": sputtering.SputteringModel,
}


def check_model(plant: Plant) -> None:
    """Checks the model's parameters against the tags. Raises `InvalidPlant` naming the field."""
    if plant.model.kind not in _CHECKS:
        raise InvalidPlant(f"{plant.model.kind!r} is not one of {', '.join(_CHECKS)}", field="model.kind")
    _CHECKS[plant.model.kind](plant)


def build_model(plant: Plant, seed: int, faults: Sequence[Fault] = ()) -> Model:
    """The model of a plant. Raises `InvalidFault` where the plant cannot have such a fault."""
    return _BUILDERS[plant.model.kind](plant, seed, faults)
