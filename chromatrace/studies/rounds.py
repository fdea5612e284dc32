"""Rounds that several rules decide on the same answers: who is drawn in which order, and what each would say.

On the shop floor each rule makes its own history. Here an inspector's answer to a step is the same under all rules, so
a difference between them is the rules' alone.
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


class Asked(NamedTuple):
    """One step: whether it is defective, and all inspectors in the order of their draw, with their answers."""

    defective: bool
    answers: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Score:
    """How a rule did on many rounds."""

    true_fail: int = 0
    wrong: int = 0
    rounds: int = 0
    answers: int = 0
    travel_s: float = 0.0

    @property
    def f1(self) -> float:
        """As `Result.f1`."""
        return 2 * self.true_fail / (2 * self.true_fail + self.wrong) if self.true_fail or self.wrong else 1.0

    @property
    def per_round(self) -> float:
        """Inspections of a step."""
        return self.answers / self.rounds


def ask(
    floor: ShopFloor, capabilities: Sequence[float], draw: Draw, count: int, defect_rate: float, seed: int
) -> list[Asked]:
    """`count` steps, one workcell after another, each inspected by its own and then by all others in drawn order."""
    random = Random(seed).random  # noqa: S311 - a simulation
    sharp = [sharpness(value) for value in capabilities]
    quality, around = quality_drawer(defect_rate, random), rings(floor, draw)
    asked = []
    for number in range(count):
        place = number % floor.cells
        odds = quality()
        drawn = [place]
        while len(drawn) < floor.cells:
            for ring in around[place]:
                pool = [cell for cell in ring if cell not in drawn]
                if pool:
                    place = pool[int(random() * len(pool))]
                    drawn.append(place)
                    break
        answers = tuple((cell, PASS if random() < pass_probability(odds, sharp[cell]) else FAIL) for cell in drawn)
        asked.append(Asked(odds < 0, answers))
    return asked


def decide(rounds: Sequence[Asked], open_round: Callable[[], Round], weights: Sequence[Any], floor: ShopFloor) -> Score:
    """Lets a rule decide every round, each with as few answers as the rule needs."""
    score = Score(rounds=len(rounds))
    travel_s = floor.travel_s
    for defective, answers in rounds:
        add = open_round().add
        place = answers[0][0]
        for inspector, answer in answers:
            score.answers += 1
            score.travel_s += travel_s[place][inspector]
            place = inspector
            outcome = add(answer, weights[inspector])
            if outcome is not None:
                break
        score.true_fail += defective and outcome == FAIL
        score.wrong += defective != (outcome == FAIL)
    return score


@lru_cache(maxsize=4096)
def true_confusion(capability: float) -> Confusion:
    """The confusion matrix of a capability, over the qualities that `quality_drawer` draws: the same on both sides."""
    g = sharpness(capability)
    wrong = sum(pass_probability(log_odds((i + 0.5) / (2 * _GRID)), g) for i in range(_GRID)) / _GRID
    return Confusion(wrong, wrong)
