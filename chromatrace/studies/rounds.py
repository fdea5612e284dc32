"""Rounds that several rules decide on the same answers: the inspectors in the order of their draw, with their answers.

On the shop floor each rule has its own history. Here an inspector's answer to a step is the same under all rules, so
only the rules differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

from chromatrace.plant.floor import ShopFloor
from chromatrace.studies.sequential_test import Confusion
from chromatrace.studies.shopfloor.agents import FAIL, PASS, log_odds, pass_probability, quality_drawer, sharpness
from chromatrace.studies.shopfloor.draw import Draw, rings
from chromatrace.studies.shopfloor.setup import Round

_GRID = 500


class InspectedStep(NamedTuple):
    """One step: whether it is defective, and the answers of all inspectors in the order of their draw."""

    defective: bool
    answers: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Score:
    """The results of a rule on many rounds."""

    true_fail: int = 0
    wrong: int = 0
    rounds: int = 0
    answers: int = 0
    travel_s: float = 0.0

    @property
    def f1(self) -> float:
        """F1 score, as `RunResult.f1`."""
        return 2 * self.true_fail / (2 * self.true_fail + self.wrong) if self.true_fail or self.wrong else 1.0

    @property
    def per_round(self) -> float:
        """Inspections per step."""
        return self.answers / self.rounds


def ask(
    floor: ShopFloor, capabilities: Sequence[float], draw: Draw, count: int, defect_rate: float, seed: int
) -> list[InspectedStep]:
    """Simulate `count` steps, one workcell after another, each inspected by its own and then by all other workcells."""
    random = Random(seed).random  # noqa: S311 - a simulation
    sharp = [sharpness(value) for value in capabilities]
    quality, around = quality_drawer(defect_rate, random), rings(floor, draw)
    steps = []
    for number in range(count):
        position = number % floor.cells
        odds = quality()
        drawn = [position]
        while len(drawn) < floor.cells:
            for ring in around[position]:
                pool = [cell for cell in ring if cell not in drawn]
                if pool:
                    position = pool[int(random() * len(pool))]
                    drawn.append(position)
                    break
        answers = tuple((cell, PASS if random() < pass_probability(odds, sharp[cell]) else FAIL) for cell in drawn)
        steps.append(InspectedStep(odds < 0, answers))
    return steps


def decide(
    rounds: Sequence[InspectedStep], open_round: Callable[[], Round], weights: Sequence[Any], floor: ShopFloor
) -> Score:
    """Decide every round with a rule, with as few answers as it needs."""
    score = Score(rounds=len(rounds))
    travel_s = floor.travel_s
    for defective, answers in rounds:
        add = open_round().add
        position = answers[0][0]
        for inspector, answer in answers:
            score.answers += 1
            score.travel_s += travel_s[position][inspector]
            position = inspector
            outcome = add(answer, weights[inspector])
            if outcome is not None:
                break
        score.true_fail += defective and outcome == FAIL
        score.wrong += defective != (outcome == FAIL)
    return score


@lru_cache(maxsize=4096)
def true_confusion(capability: float) -> Confusion:
    """Return the confusion matrix of a capability, over the qualities of `quality_drawer`; it is symmetric."""
    g = sharpness(capability)
    wrong = sum(pass_probability(log_odds((i + 0.5) / (2 * _GRID)), g) for i in range(_GRID)) / _GRID
    return Confusion(wrong, wrong)
