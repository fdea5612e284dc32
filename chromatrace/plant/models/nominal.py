"""Generic process model: each tag fluctuates around its nominal value.

First-order autoregression x' = a·x + sqrt(1 - a²)·σ·ε with a = exp(-step / correlation time). σ is proportional to the
distance between the process limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from chromatrace.plant.errors import FaultError
from chromatrace.plant.faults import Fault
from chromatrace.plant.names import Names
from chromatrace.plant.records import Plant
from chromatrace.storage.toml import TomlTable

_SPREAD = 0.1


def check(names: Names, top: TomlTable) -> None:
    """Check the parameters and that each tag has a nominal value."""
    table = top.table("model")
    table.text("kind")
    table.number("correlation_s", 60.0, above=0)
    table.number("run_s", 600.0, above=0)
    table.finish()
    for tag in top.tables("tags"):
        if "nominal" not in tag:
            tag.mistake("nominal", "missing; the model 'nominal' requires it")


class NominalModel:
    """Tags that fluctuate around their nominal values. Faults are not supported."""

    def __init__(self, plant: Plant, seed: int, faults: Sequence[Fault] = ()) -> None:
        if faults:
            raise FaultError(f"the process model of {plant.name} does not support faults", field="fault")
        table = TomlTable({} if plant.model is None else plant.model.parameters, "model")
        self._correlation_s = table.number("correlation_s", 60.0)
        self._run_s = table.number("run_s", 600.0)
        self._tags = plant.tags
        self._spread = np.array(
            [_SPREAD * _width(tag.limit_low, tag.limit_high, tag.low, tag.high) for tag in plant.tags]
        )
        self._random = np.random.default_rng(seed)
        self._deviation = self._spread * self._random.standard_normal(len(plant.tags))
        self._elapsed_s = 0.0

    @property
    def runs_completed(self) -> int:
        return int(self._elapsed_s // self._run_s)

    def advance(self, step_s: float) -> Mapping[str, float]:
        kept = math.exp(-step_s / self._correlation_s)
        noise = self._random.standard_normal(len(self._tags))
        self._deviation = kept * self._deviation + math.sqrt(1 - kept * kept) * self._spread * noise
        self._elapsed_s += step_s
        return {
            tag.name: float(tag.nominal if tag.nominal is not None else tag.low) + float(deviation)
            for tag, deviation in zip(self._tags, self._deviation, strict=True)
        }


def _width(limit_low: float | None, limit_high: float | None, low: float, high: float) -> float:
    return (high if limit_high is None else limit_high) - (low if limit_low is None else limit_low)
