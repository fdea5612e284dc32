"""Process models: compute the true values of a plant's tags. A plant selects one by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from chromatrace.domain.errors import NotFound
from chromatrace.plant.faults import Fault
from chromatrace.plant.models import nominal, sputtering
from chromatrace.plant.names import Names
from chromatrace.plant.records import Plant
from chromatrace.storage.toml import TomlTable


class Model(Protocol):
    """A process in simulated time, deterministic for a seed."""

    @property
    def runs_completed(self) -> int:
        """Return the number of runs (charges, workpieces) that every machine has finished."""
        ...

    def advance(self, step_s: float) -> Mapping[str, float]:
        """Advance simulated time by `step_s`. Return the true value of each tag, by tag name."""
        ...


_CHECKS: dict[str, Callable[[Names, TomlTable], None]] = {
    "nominal": nominal.check,
    "reactive-sputtering": sputtering.check,
}
_BUILDERS: dict[str, Callable[[Plant, int, Sequence[Fault]], Model]] = {
    "nominal": nominal.NominalModel,
    "reactive-sputtering": sputtering.SputteringModel,
}


def check_model(names: Names, top: TomlTable) -> None:
    """Check the model's parameters and the tags. `top` is the whole file, to which mistakes are added."""
    table = top.table("model")
    kind = table.choice("kind", tuple(_CHECKS))
    batch_tags = {machine.value("batch_tag") for machine in top.tables("machines")}
    for tag in top.tables("tags"):
        for name in ("low", "high"):
            if name not in tag and tag.value("name") not in batch_tags:
                tag.mistake(name, "missing; a plant with a model requires it")
    if table.valid:
        _CHECKS[kind](names, top)


def build_model(plant: Plant, seed: int, faults: Sequence[Fault] = ()) -> Model:
    """Return the model of a plant. Raises `FaultError` if the plant does not support a fault."""
    if plant.model is None:
        raise NotFound(f"{plant.name} has no process model; it cannot be simulated", field="model")
    return _BUILDERS[plant.model.kind](plant, seed, faults)
