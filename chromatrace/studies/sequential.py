"""F1 against inspections for every rule on the same answers, with known and with learned capabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.learning import InspectorRecord, learned
from chromatrace.quality.rules import Rule
from chromatrace.quality.rules import capability as in_units
from chromatrace.studies.rounds import Asked, ask, decide, true_confusion
from chromatrace.studies.runner import Runner
from chromatrace.studies.sequential_test import SequentialRule, dawid_skene
from chromatrace.studies.shopfloor.draw import Anywhere, Near
from chromatrace.studies.shopfloor.inputs import CapabilitySet, capability_sets
from chromatrace.studies.shopfloor.setup import Round
from chromatrace.studies.statistics import Mean, mean
from chromatrace.studies.study import Finding, Row, Study, plain
from chromatrace.studies.tally import Tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KNOWN, LEARNED = "known", "learned"
LOG_ODDS = "log-odds of capability"
"""The test as the contract has it: no EM, the capability learned by the study's own rule, whole numbers."""
REFERENCE = 0.9
"""The confidence threshold of the published study, against which the test is held."""
FEWER, HIGHER = 0.25, 0.02
_MAJORITY = (3, 5, 7, 9)
_CONFIDENCE = (0.5, REFERENCE, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
_NOISY_OR = (0.8, 0.9, 0.95, 0.99, 0.999)
_ERRORS = (0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.003, 0.001, 0.0001)
_COLOURS = {
    "majority": "#8c96a0",
    "confidence": "#44566b",
    "noisy-or": "#8aa35c",
    "sequential, at least 3": "#dfa08f",
    LOG_ODDS: "#c9a227",
    "sequential": "#b3452c",
}


@dataclass(frozen=True, slots=True)
class _Task:
    floor: ShopFloor
    capabilities: tuple[float, ...]
    workpieces: int
    defect_rate: float
    seed: int


Openers = list[tuple[str, float, Callable[[], Round]]]
Found = dict[tuple[str, str, float], tuple[float, float]]
"""F1 and inspections of a step, by weights, rule and its threshold."""


def _openers() -> Openers:
    rules: list[tuple[str, float, Rule]] = [("majority", float(t), Rule.majority(t)) for t in _MAJORITY]
    rules += [("confidence", t, Rule.confidence(t)) for t in _CONFIDENCE]
    rules += [("noisy-or", t, Rule.noisy_or(t)) for t in _NOISY_OR]
    opened: Openers = [(name, threshold, partial(Tally, rule)) for name, threshold, rule in rules]
    opened += [("sequential", error, SequentialRule(error, error)) for error in _ERRORS]
    return opened + [("sequential, at least 3", error, SequentialRule(error, error, minimum=3)) for error in _ERRORS]


def _learn(rounds: list[Asked], cells: int) -> tuple[list[int], list[tuple[float, float]]]:
    """From one run under the published rule: the study's capabilities, and log-ratios by EM on the same answers."""
    standings, weights, heard = [InspectorRecord()] * cells, [InspectorRecord().capability] * cells, []
    rule = Rule.confidence(REFERENCE)
    for each in rounds:
        add, used, outcome = Tally(rule).add, [], None
        for inspector, answer in each.answers:
            used.append((inspector, answer))
            outcome = add(answer, weights[inspector])
            if outcome is not None:
                break
        heard.append(used)
        for inspector, answer in used:
            standings[inspector] = learned(standings[inspector], answer == outcome)
            weights[inspector] = standings[inspector].capability
    return weights, [confusion.log_ratios for confusion in dawid_skene(heard, cells).confusions]


def _run(task: _Task) -> Found:
    floor, capabilities = task.floor, task.capabilities
    count = task.workpieces * floor.cells
    training = ask(floor, capabilities, Anywhere(), count, task.defect_rate, 2 * task.seed)
    rounds = ask(floor, capabilities, Near(), count, task.defect_rate, 2 * task.seed + 1)
    by_study, by_em = _learn(training, floor.cells)
    for_votes: dict[str, list[Any]] = {KNOWN: [in_units(value) for value in capabilities], LEARNED: by_study}
    for_test: dict[str, list[Any]] = {
        KNOWN: [true_confusion(value).log_ratios for value in capabilities],
        LEARNED: by_em,
    }
    found = {}
    for weights in (KNOWN, LEARNED):
        for name, threshold, opener in _openers():
            chosen = for_test if name.startswith("sequential") else for_votes
            score = decide(rounds, opener, chosen[weights], floor)
            found[weights, name, threshold] = (score.f1, score.per_round)
    for error in _ERRORS:
        score = decide(rounds, partial(Tally, Rule.log_odds(error)), by_study, floor)
        found[LEARNED, LOG_ODDS, error] = (score.f1, score.per_round)
    return found


def sequential(floor: ShopFloor, runner: Runner, *, workpieces: int = 20, defect_rate: float = 0.5) -> Study:
    """All rules on the twenty sets; a repetition's point is the mean over the sets."""
    sets = capability_sets(floor.cells, runner.seed)
    tasks = [_Task(floor, each.capabilities, workpieces, defect_rate, seed) for seed in runner.seeds for each in sets]
    found = runner.map(_run, tasks)
    repetitions = [found[start : start + len(sets)] for start in range(0, len(found), len(sets))]
    keys = list(found[0])
    curves = {
        key: [
            (sum(of[key][0] for of in each) / len(sets), sum(of[key][1] for of in each) / len(sets))
            for each in repetitions
        ]
        for key in keys
    }
    comparisons = {
        (weights, test): _compare(weights, test, curves)
        for weights, test in ((KNOWN, "sequential"), (LEARNED, "sequential"), (LEARNED, LOG_ODDS))
    }
    return Study(
        name="sequential",
        title="F1 and inspections of a step, by rule, on the same answers",
        parameters={
            "workpieces": workpieces,
            "defect_rate": defect_rate,
            "repetitions": runner.repetitions,
            "seed": runner.seed,
            "sets": len(sets),
        },
        summary=tuple(_summary(key, points) for key, points in curves.items()),
        rows=tuple(row for key in keys for row in _by_set(sets, key, repetitions)),
        findings=tuple(finding for key, found in comparisons.items() for finding in _findings(*key, found)),
        draw=partial(_draw, curves),
    )


Curves = dict[tuple[str, str, float], list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The test beside confidence consensus at one threshold: higher F1 at as many inspections, and fewer inspections at
    the same F1 (ratio; None where the test does not reach that F1 in every repetition)."""

    threshold: float
    fewer: Mean | None
    higher: Mean


def _compare(weights: str, test: str, curves: Curves) -> list[Comparison]:
    """For each confidence threshold: read the test's curve at the same F1, and at the same number of inspections."""
    comparisons = []
    for threshold in _CONFIDENCE:
        fewer, higher = [], []
        for repetition, (f1, inspections) in enumerate(curves[weights, "confidence", threshold]):
            points = sorted(curves[weights, test, error][repetition][::-1] for error in _ERRORS)
            counts = np.array([count for count, _ in points])
            scores = np.maximum.accumulate(np.array([score for _, score in points]))
            higher.append(float(np.interp(inspections, counts, scores)) - f1)
            if f1 <= scores[-1]:
                fewer.append(1 - float(np.interp(f1, scores, counts)) / inspections)
        reached = len(fewer) == len(higher)
        comparisons.append(Comparison(threshold, mean(fewer) if reached else None, mean(higher)))
    return comparisons


def _summary(key: tuple[str, str, float], points: list[tuple[float, float]]) -> Row:
    weights, rule, threshold = key
    return {
        "capabilities": weights,
        "rule": rule,
        "threshold": threshold,
        "f1": mean([f1 for f1, _ in points]),
        "inspections": mean([count for _, count in points]),
    }


def _by_set(sets: tuple[CapabilitySet, ...], key: tuple[str, str, float], repetitions: list[list[Found]]) -> list[Row]:
    weights, rule, threshold = key
    rows = []
    for place, each in enumerate(sets):
        f1 = mean([of[place][key][0] for of in repetitions])
        count = mean([of[place][key][1] for of in repetitions])
        rows.append(
            plain(
                {
                    "capabilities": weights,
                    "rule": rule,
                    "threshold": threshold,
                    "set": each.number,
                    "set_name": each.name,
                    "f1": f1.value,
                    "f1_half_width": f1.half_width,
                    "inspections": count.value,
                    "inspections_half_width": count.half_width,
                }
            )
        )
    return rows


def _findings(weights: str, test: str, comparisons: list[Comparison]) -> tuple[Finding, ...]:
    at = next(each for each in comparisons if each.threshold == REFERENCE)
    beside = f"{test}, {weights} capabilities, beside confidence {REFERENCE}"
    others = ", ".join(f"{_percent(each.fewer)} at {each.threshold:g}" for each in comparisons)
    return (
        Finding(
            f"{beside}: 25 % fewer inspections at equal F1",
            f"{_percent(at.fewer)} fewer (by threshold: {others})",
            at.fewer is not None and at.fewer.low >= FEWER,
        ),
        Finding(
            f"{beside}: or F1 higher by {HIGHER} at equal inspections",
            f"{at.higher.value:+.3f} ± {at.higher.half_width:.3f}",
            at.higher.low >= HIGHER,
        ),
    )


def _percent(ratio: Mean | None) -> str:
    return "not reached" if ratio is None else f"{100 * ratio.value:.1f} ± {100 * ratio.half_width:.1f} %"


def _draw(curves: Curves, figure: Figure) -> None:
    for axes, weights in zip(figure.subplots(1, 2, sharey=True), (KNOWN, LEARNED), strict=True):
        _draw_curves(axes, curves, weights)
        axes.set_xlabel("inspections of a step")
        axes.set_title(f"capabilities {weights}", loc="left")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("F1, mean of the twenty sets")
    figure.axes[1].legend(loc="lower right")


def _draw_curves(axes: Axes, curves: Curves, weights: str) -> None:
    for rule, colour in _COLOURS.items():
        chosen = [points for (of, name, _), points in curves.items() if of == weights and name == rule]
        if not chosen:
            continue
        scores = [mean([f1 for f1, _ in points]) for points in chosen]
        counts = [mean([count for _, count in points]) for points in chosen]
        order = sorted(range(len(chosen)), key=lambda place: counts[place].value)
        axes.errorbar(
            [counts[place].value for place in order],
            [scores[place].value for place in order],
            xerr=[counts[place].half_width for place in order],
            yerr=[scores[place].half_width for place in order],
            marker="o",
            markersize=3,
            linewidth=1.2,
            color=colour,
            label=rule,
        )
    f1, count = (mean(list(values)) for values in zip(*curves[weights, "confidence", REFERENCE], strict=True))
    axes.plot([count.value], [f1.value], "s", color=_COLOURS["confidence"], markersize=7, fillstyle="none")
