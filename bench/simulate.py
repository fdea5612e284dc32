"""Runs of the simulated shop floor per second on one core, compared with a plain SimPy model of the same line.

A run is five workpieces through 17 steps, each decided by a majority of three. The figures are the mean over the seven
scenarios, and the slowest of them. The baseline is a model in the style of SimPy's tutorial: a `Resource` per workcell
and a timeout for every trip, wait and inspection. It runs scenario 3 without the rule's bookkeeping. CPU time, best of
several alternating rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from random import Random
from typing import Any

import simpy

from bench.figure import Figure
from chromatrace.plant.configuration import example_plant
from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.studies.scenarios import SCENARIOS
from chromatrace.studies.shopfloor.engine import simulate

TARGET_PER_S = 200
RUNS, ROUNDS = 20, 8


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Return the mean of the scenarios, the slowest, and the baseline."""
    floor = example_plant("desktop-computer").shop_floor
    assert floor is not None
    rule = Rule.majority(3)
    setups = {s.number: s.setup(floor, 1, rule, 0.2) for s in SCENARIOS}
    best_s = dict.fromkeys(setups, float("inf"))
    baseline_s = float("inf")
    for round_ in range(ROUNDS):
        progress(f"round {round_ + 1} of {ROUNDS}: {RUNS} runs of each scenario, and of the baseline")
        for number, setup in setups.items():
            best_s[number] = min(best_s[number], _cpu_s(partial(simulate, setup)))
        baseline_s = min(baseline_s, _cpu_s(lambda seed: plain_model(floor, seed)))
    mean_s = sum(best_s.values()) / len(best_s)
    slowest = max(best_s, key=lambda number: best_s[number])
    baseline = "plain SimPy model of scenario 3"
    return [
        Figure("simulated shop floor, mean of seven scenarios", 1 / mean_s, "runs/s", "higher", TARGET_PER_S),
        Figure(
            f"simulated shop floor, slowest scenario ({slowest})", 1 / best_s[slowest], "runs/s", "higher", TARGET_PER_S
        ),
        Figure("simulated shop floor, scenario 3", 1 / best_s[3], "runs/s", "higher", None, baseline, 1 / baseline_s),
    ]


def _cpu_s(work: Callable[[int], object]) -> float:
    start = time.process_time()
    for seed in range(RUNS):
        work(seed)
    return (time.process_time() - start) / RUNS


def plain_model(floor: ShopFloor, seed: int) -> float:
    """Simulate five workpieces, with inspectors drawn from the two nearest workcells; return the makespan."""
    random, env = Random(seed), simpy.Environment()
    cells = [simpy.Resource(env) for _ in range(floor.cells)]
    nearest = [sorted(range(floor.cells), key=lambda cell: floor.travel_s[start][cell]) for start in range(floor.cells)]

    def stay(cell: int, seconds: float) -> Generator[simpy.Event, Any, None]:
        with cells[cell].request() as request:
            yield request
            yield env.timeout(seconds)

    def workpiece() -> Generator[simpy.Event, Any, None]:
        position = 0
        for step in range(floor.cells):
            while True:
                yield env.timeout(floor.travel_s[position][step])
                yield env.process(stay(step, random.uniform(*floor.times.assembly_s)))
                yield env.process(stay(step, random.uniform(*floor.times.inspection_s)))
                defective = random.random() < 0.2
                position, asked, votes = step, {step}, [(random.random() < 0.75) != defective]
                while max(sum(votes), len(votes) - sum(votes)) < 3:
                    near = [cell for cell in nearest[position] if cell not in asked][:2]
                    inspector = random.choice(near)
                    asked.add(inspector)
                    yield env.timeout(floor.travel_s[position][inspector])
                    yield env.process(stay(inspector, random.uniform(*floor.times.inspection_s)))
                    position = inspector
                    votes.append((random.random() < 0.75) != defective)
                if sum(votes) >= 3:
                    break

    for _ in range(5):
        env.process(workpiece())
    env.run()
    return float(env.now)
