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
from chromatrace.studies.rounds import InspectedStep, ask, decide, true_confusion
from chromatrace.studies.runner import Runner
from chromatrace.studies.sequential_test import SequentialRule, dawid_skene
from chromatrace.studies.shopfloor.draw import Anywhere, Near
from chromatrace.studies.shopfloor.inputs import CapabilitySet, capability_sets
from chromatrace.studies.shopfloor.setup import Round
from chromatrace.studies.statistics import Mean, mean
from chromatrace.studies.study import Row, Study, StudyFinding, plain
from chromatrace.studies.tally import Tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KNOWN, LEARNED = "known", "learned"
LOG_ODDS = "log-odds of capability"
"""The contract's test: integers, and capabilities learned by the study's rule instead of EM."""
REFERENCE = 0.9
"""The confidence threshold of the published study, with which the test is compared."""
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
class _SetTask:
    floor: ShopFloor
    capabilities: tuple[float, ...]
    workpieces: int
    defect_rate: float
    seed: int


Openers = list[tuple[str, float, Callable[[], Round]]]
ScoresByKey = dict[tuple[str, str, float], tuple[float, float]]
"""F1 and inspections per step, by weights, rule and threshold."""


def _openers() -> Openers:
    rules: list[tuple[str, float, Rule]] = [("majority", float(t), Rule.majority(t)) for t in _MAJORITY]
    rules += [("confidence", t, Rule.confidence(t)) for t in _CONFIDENCE]
    rules += [("noisy-or", t, Rule.noisy_or(t)) for t in _NOISY_OR]
    opened: Openers = [(name, threshold, partial(Tally, rule)) for name, threshold, rule in rules]
    opened += [("sequential", error, SequentialRule(error, error)) for error in _ERRORS]
    return opened + [("sequential, at least 3", error, SequentialRule(error, error, minimum=3)) for error in _ERRORS]


def _learn(rounds: list[InspectedStep], cells: int) -> tuple[list[int], list[tuple[float, float]]]:
    """Learn from one run under the published rule: the study's capabilities, and log-ratios by EM."""
    records, weights, rounds_used = [InspectorRecord()] * cells, [InspectorRecord().capability] * cells, []
    rule = Rule.confidence(REFERENCE)
    for step in rounds:
        add, used, outcome = Tally(rule).add, [], None
        for inspector, answer in step.answers:
            used.append((inspector, answer))
            outcome = add(answer, weights[inspector])
            if outcome is not None:
                break
        rounds_used.append(used)
        for inspector, answer in used:
            records[inspector] = learned(records[inspector], answer == outcome)
            weights[inspector] = records[inspector].capability
    return weights, [confusion.log_ratios for confusion in dawid_skene(rounds_used, cells).confusions]


def _run(task: _SetTask) -> ScoresByKey:
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
    scores = {}
    for weights in (KNOWN, LEARNED):
        for name, threshold, opener in _openers():
            weighing = for_test if name.startswith("sequential") else for_votes
            score = decide(rounds, opener, weighing[weights], floor)
            scores[weights, name, threshold] = (score.f1, score.per_round)
    for error in _ERRORS:
        score = decide(rounds, partial(Tally, Rule.log_odds(error)), by_study, floor)
        scores[LEARNED, LOG_ODDS, error] = (score.f1, score.per_round)
    return scores


def sequential(floor: ShopFloor, runner: Runner, *, workpieces: int = 20, defect_rate: float = 0.5) -> Study:
    """Run all rules on the twenty sets; a repetition's point is the mean over the sets."""
    sets = capability_sets(floor.cells, runner.seed)
    tasks = [
        _SetTask(floor, inputs.capabilities, workpieces, defect_rate, seed) for seed in runner.seeds for inputs in sets
    ]
    results = runner.map(_run, tasks)
    repetitions = [results[start : start + len(sets)] for start in range(0, len(results), len(sets))]
    keys = list(results[0])
    curves = {
        key: [
            (sum(scores[key][0] for scores in by_set) / len(sets), sum(scores[key][1] for scores in by_set) / len(sets))
            for by_set in repetitions
        ]
        for key in keys
    }
    comparisons = {
        (weights, test): _compare(weights, test, curves)
        for weights, test in ((KNOWN, "sequential"), (LEARNED, "sequential"), (LEARNED, LOG_ODDS))
    }
    return Study(
        name="sequential",
        title="F1 and inspections per step, by rule, on the same answers",
        parameters={
            "workpieces": workpieces,
            "defect_rate": defect_rate,
            "repetitions": runner.repetitions,
            "seed": runner.seed,
            "sets": len(sets),
        },
        summary=tuple(_summary(key, points) for key, points in curves.items()),
        rows=tuple(row for key in keys for row in _by_set(sets, key, repetitions)),
        findings=tuple(finding for key, compared in comparisons.items() for finding in _findings(*key, compared)),
        draw=partial(_draw, curves),
    )


Curves = dict[tuple[str, str, float], list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class RuleComparison:
    """The test compared with confidence consensus at one threshold.

    fewer   share of inspections saved at equal F1; None if the test does not reach that F1 in every repetition
    higher  gain in F1 at equal inspections
    """

    threshold: float
    fewer: Mean | None
    higher: Mean


def _compare(weights: str, test: str, curves: Curves) -> list[RuleComparison]:
    """Interpolate the test's curve at the F1 and at the number of inspections of each confidence threshold."""
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
        comparisons.append(RuleComparison(threshold, mean(fewer) if reached else None, mean(higher)))
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


def _by_set(
    sets: tuple[CapabilitySet, ...], key: tuple[str, str, float], repetitions: list[list[ScoresByKey]]
) -> list[Row]:
    weights, rule, threshold = key
    rows = []
    for index, inputs in enumerate(sets):
        f1 = mean([by_set[index][key][0] for by_set in repetitions])
        count = mean([by_set[index][key][1] for by_set in repetitions])
        rows.append(
            plain(
                {
                    "capabilities": weights,
                    "rule": rule,
                    "threshold": threshold,
                    "set": inputs.number,
                    "set_name": inputs.name,
                    "f1": f1.value,
                    "f1_half_width": f1.half_width,
                    "inspections": count.value,
                    "inspections_half_width": count.half_width,
                }
            )
        )
    return rows


def _findings(weights: str, test: str, comparisons: list[RuleComparison]) -> tuple[StudyFinding, ...]:
    at = next(compared for compared in comparisons if compared.threshold == REFERENCE)
    subject = f"{test}, {weights} capabilities, against confidence {REFERENCE}"
    others = ", ".join(f"{_percent(compared.fewer)} at {compared.threshold:g}" for compared in comparisons)
    return (
        StudyFinding(
            f"{subject}: 25 % fewer inspections at equal F1",
            f"{_percent(at.fewer)} fewer (by threshold: {others})",
            at.fewer is not None and at.fewer.low >= FEWER,
        ),
        StudyFinding(
            f"{subject}: or F1 higher by {HIGHER} at equal inspections",
            f"{at.higher.value:+.3f} ± {at.higher.half_width:.3f}",
            at.higher.low >= HIGHER,
        ),
    )


def _percent(ratio: Mean | None) -> str:
    return "not reached" if ratio is None else f"{100 * ratio.value:.1f} ± {100 * ratio.half_width:.1f} %"


def _draw(curves: Curves, figure: Figure) -> None:
    for axes, weights in zip(figure.subplots(1, 2, sharey=True), (KNOWN, LEARNED), strict=True):
        _draw_curves(axes, curves, weights)
        axes.set_xlabel("inspections per step")
        axes.set_title(f"capabilities {weights}", loc="left")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("F1, mean of the twenty sets")
    figure.axes[1].legend(loc="lower right")


def _draw_curves(axes: Axes, curves: Curves, weights: str) -> None:
    for rule, colour in _COLOURS.items():
        rule_points = [points for (kind, name, _), points in curves.items() if kind == weights and name == rule]
        if not rule_points:
            continue
        scores = [mean([f1 for f1, _ in points]) for points in rule_points]
        counts = [mean([count for _, count in points]) for points in rule_points]
        order = sorted(range(len(rule_points)), key=lambda index: counts[index].value)
        axes.errorbar(
            [counts[index].value for index in order],
            [scores[index].value for index in order],
            xerr=[counts[index].half_width for index in order],
            yerr=[scores[index].half_width for index in order],
            marker="o",
            markersize=3,
            linewidth=1.2,
            color=colour,
            label=rule,
        )
    f1, count = (mean(list(values)) for values in zip(*curves[weights, "confidence", REFERENCE], strict=True))
    axes.plot([count.value], [f1.value], "s", color=_COLOURS["confidence"], markersize=7, fillstyle="none")
