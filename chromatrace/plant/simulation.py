"""Simulate a plant: its process model and its instruments. The readings are deterministic for a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.plant.faults import Fault
from chromatrace.plant.models import build_model
from chromatrace.plant.records import DEFAULT_NAMESPACE, Plant, Station, Tag
from chromatrace.plant.sources import GOOD, UNCERTAIN_RANGE_EXCEEDED, TagSample

_SIGNIFICANT = 6


class Simulation:
    """A simulated `Source`, without the batch tags of machines.

    Simulated time starts at `start_ns` (Unix nanoseconds, whole milliseconds).

    It ends when every machine has finished `runs` runs (None: never). `sample_period_s` overrides the plant's value.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        seed: int,
        start_ns: int,
        runs: int | None = None,
        faults: Sequence[Fault] = (),
        sample_period_s: float | None = None,
    ) -> None:
        period_s = plant.sample_period_s if sample_period_s is None else sample_period_s
        if start_ns <= 0 or start_ns % 1_000_000:
            raise InvalidInput(f"{start_ns} is not a whole number of milliseconds after 1970", field="start_ns")
        if not 0.001 <= period_s < 1e6:
            raise InvalidInput(f"{period_s} s is out of range; it must be at least 0.001 s", field="sample_period_s")
        self.plant = plant
        batch_tags = {machine.batch_tag for machine in plant.machines}
        self._tags = tuple(tag for tag in plant.tags if tag.name not in batch_tags)
        self._seed = seed
        self._start_ns = start_ns
        self._runs = runs
        self._faults = tuple(faults)
        self._period_ms = round(period_s * 1000)
        build_model(plant, seed, self._faults)  # rejects a fault at an unknown machine before the first step

    @property
    def name(self) -> str:
        return self.plant.name

    @property
    def title(self) -> str:
        return self.plant.title

    @property
    def namespace(self) -> str:
        return self.plant.namespace or DEFAULT_NAMESPACE

    @property
    def stations(self) -> Sequence[Station]:
        return self.plant.stations

    @property
    def tags(self) -> Sequence[Tag]:
        return self._tags

    @property
    def period_s(self) -> float:
        return self._period_ms / 1000

    def steps(self) -> Iterator[TagSample]:
        """Yield the steps from the start. Each call yields the same steps."""
        model = build_model(self.plant, self._seed, self._faults)
        instruments = _Instruments(self._tags, self._seed)
        step = 0
        while self._runs is None or model.runs_completed < self._runs:
            step += 1
            true_values = model.advance(self.period_s)
            values, qualities = instruments.read([true_values[tag.name] for tag in self._tags])
            time_ns = self._start_ns + step * self._period_ms * 1_000_000
            yield TagSample(time_ns, values, qualities, model.runs_completed)


class _Instruments:
    """Adds white noise, rounds to six significant digits and clips to the instrument's range."""

    def __init__(self, tags: Sequence[Tag], seed: int) -> None:
        self._random = np.random.default_rng([seed, 0x1A57])
        self._noise = np.array([tag.noise for tag in tags])
        self._low = np.array([tag.low for tag in tags])
        self._high = np.array([tag.high for tag in tags])

    def read(self, true_values: Sequence[float]) -> tuple[list[float], list[int]]:
        exact = np.asarray(true_values)
        seen = exact + self._noise * self._random.standard_normal(len(exact))
        outside = (exact < self._low) | (exact > self._high)
        clipped = np.clip(seen, self._low, self._high)
        values = [float(f"{value:.{_SIGNIFICANT}g}") for value in clipped]
        return values, [UNCERTAIN_RANGE_EXCEEDED if beyond else GOOD for beyond in outside]


def simulate(
    plant: Plant,
    *,
    seed: int,
    start_ns: int,
    runs: int = 1,
    faults: Sequence[Fault] = (),
    sample_period_s: float | None = None,
) -> Iterator[Reading]:
    """Yield the readings that a client of the simulated plant would receive, without a server or delay."""
    simulation = Simulation(
        plant, seed=seed, start_ns=start_ns, runs=runs, faults=faults, sample_period_s=sample_period_s
    )
    sequence = 0
    for step in simulation.steps():
        for tag, value, quality in zip(simulation.tags, step.values, step.qualities, strict=True):
            time_ns = step.source_time_ns
            yield Reading(plant.name, tag.name, time_ns, time_ns, value, tag.unit, quality, sequence)
            sequence += 1
