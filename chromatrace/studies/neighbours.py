"""Three poor neighbours: their effect on F1 under each way of drawing inspectors, and the cost of the remedy.

If the nearest inspectors are drawn first, only these three inspect the steps of the first of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.quality.rules import capability as in_units
from chromatrace.studies.rounds import Score, ask, decide, true_confusion
from chromatrace.studies.runner import Runner
from chromatrace.studies.sequential_test import SequentialRule
from chromatrace.studies.shopfloor.draw import Anywhere, Budget, Draw, Near
from chromatrace.studies.shopfloor.inputs import CLUSTERS, capability_set
from chromatrace.studies.shopfloor.setup import Round
from chromatrace.studies.statistics import mean
from chromatrace.studies.study import Row, Study, StudyFinding, plain
from chromatrace.studies.tally import Tally

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWS: dict[str, Draw] = {
    "nearest first": Near(),
    "within 4 m": Budget(4.0),
    "within 6 m": Budget(6.0),
    "within 8 m": Budget(8.0),
    "within 12 m": Budget(12.0),
    "anywhere": Anywhere(),
}
_RULES: dict[str, Callable[[], Round]] = {
    "majority 3": partial(Tally, Rule.majority(3)),
    "confidence 0.9": partial(Tally, Rule.confidence(0.9)),
    "sequential 0.05": SequentialRule(0.05, 0.05),
}
_COLOURS = {"majority 3": "#8c96a0", "confidence 0.9": "#44566b", "sequential 0.05": "#b3452c"}
_POOR = 0.2


@dataclass(frozen=True, slots=True)
class _ClusterTask:
    floor: ShopFloor
    capabilities: tuple[float, ...]
    defect_rate: float
    steps: int
    seed: int


ScoresByKey = dict[tuple[str, str], tuple[Score, Score]]
"""By draw and rule: the score of all steps, and of the steps of the first poor workcell."""


def _run(task: _ClusterTask) -> ScoresByKey:
    floor, capabilities = task.floor, task.capabilities
    first = next(cell for cell, value in enumerate(capabilities) if value <= _POOR)
    by_vote: list[Any] = [in_units(value) for value in capabilities]
    by_test: list[Any] = [true_confusion(value).log_ratios for value in capabilities]
    scores = {}
    for name, draw in DRAWS.items():
        rounds = ask(floor, capabilities, draw, task.steps * floor.cells, task.defect_rate, task.seed)
        poor = [step for step in rounds if step.answers[0][0] == first]
        for rule, opener in _RULES.items():
            weights = by_test if rule.startswith("sequential") else by_vote
            scores[name, rule] = (decide(rounds, opener, weights, floor), decide(poor, opener, weights, floor))
    return scores


def neighbours(floor: ShopFloor, runner: Runner, *, defect_rate: float = 0.5, steps: int = 60) -> Study:
    """Run the three sets with a poor cluster; a repetition's point is their mean. `steps`: per workcell."""
    tasks = [
        _ClusterTask(floor, capability_set(name, floor.cells, seed).capabilities, defect_rate, steps, seed)
        for seed in runner.seeds
        for name in CLUSTERS
    ]
    results = runner.map(_run, tasks)
    repetitions = [results[start : start + len(CLUSTERS)] for start in range(0, len(results), len(CLUSTERS))]
    summary = tuple(_summary(key, repetitions) for key in results[0])
    return Study(
        name="neighbours",
        title="Three poor neighbours: F1 and travel by draw and rule",
        parameters={"defect_rate": defect_rate, "steps": steps, "repetitions": runner.repetitions, "seed": runner.seed},
        summary=summary,
        rows=tuple(_flat(row) for row in summary),
        findings=_findings(summary),
        draw=partial(_draw, summary),
    )


def _summary(key: tuple[str, str], repetitions: list[list[ScoresByKey]]) -> Row:
    def over(value: Callable[[Score, Score], float]) -> Any:
        return mean([sum(value(*scores[key]) for scores in sets) / len(sets) for sets in repetitions])

    return {
        "draw": key[0],
        "rule": key[1],
        "f1_at_cluster": over(lambda _, poor: poor.f1),
        "f1": over(lambda all_steps, _: all_steps.f1),
        "inspections": over(lambda all_steps, _: all_steps.per_round),
        "travel_s": over(lambda all_steps, _: all_steps.travel_s / all_steps.rounds),
    }


def _flat(row: Row) -> Row:
    flat: Row = {"draw": row["draw"], "rule": row["rule"]}
    for name in ("f1_at_cluster", "f1", "inspections", "travel_s"):
        flat |= {name: row[name].value, f"{name}_half_width": row[name].half_width}
    return plain(flat)


def _findings(summary: tuple[Row, ...]) -> tuple[StudyFinding, ...]:
    by_key = {(row["draw"], row["rule"]): row for row in summary}
    findings = []
    for rule in _RULES:
        near, budget = by_key["nearest first", rule], by_key["within 4 m", rule]
        findings.append(
            StudyFinding(
                f"{rule}: a draw within 4 m protects the steps of the first poor workcell",
                f"their F1 {near['f1_at_cluster']} to {budget['f1_at_cluster']}; "
                f"travel {near['travel_s'].value:.0f} to {budget['travel_s'].value:.0f} s a step",
                budget["f1_at_cluster"].low > near["f1_at_cluster"].high,
            )
        )
    return tuple(findings)


def _draw(summary: tuple[Row, ...], figure: Figure) -> None:
    axes = figure.subplots()
    for rule, colour in _COLOURS.items():
        rows = [row for row in summary if row["rule"] == rule]
        axes.errorbar(
            [row["travel_s"].value for row in rows],
            [row["f1_at_cluster"].value for row in rows],
            xerr=[row["travel_s"].half_width for row in rows],
            yerr=[row["f1_at_cluster"].half_width for row in rows],
            marker="o",
            markersize=4,
            color=colour,
            label=rule,
        )
        for row in rows if rule == "majority 3" else (rows[0], rows[-1]):
            point = (row["travel_s"].value, row["f1_at_cluster"].value)
            axes.annotate(row["draw"], point, xytext=(5, -9), textcoords="offset points", fontsize=7, color=colour)
    axes.set_xlabel("travel to inspectors [s a step]")
    axes.set_ylabel("F1 of the steps of the first of three poor workcells")
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    axes.set_title("Poor neighbours: drawing further away, and what it costs", loc="left")
