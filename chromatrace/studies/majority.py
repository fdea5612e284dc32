"""Majority consensus by threshold: F1 and the time of quality control (Fig. 9 of the study)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.studies import alone
from chromatrace.studies.alone import Point
from chromatrace.studies.runner import Runner
from chromatrace.studies.shopfloor.inputs import CapabilitySet, capability_sets
from chromatrace.studies.statistics import Mean, mean, quantile
from chromatrace.studies.study import Row, Study, StudyFinding, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = dict[tuple[int, int], list[Point]]
"""By threshold and number of the set, one point per repetition."""
_PLATEAU = 9


def thresholds(floor: ShopFloor) -> range:
    """Return the odd numbers from 3 to the number of workcells."""
    return range(3, floor.cells + 1, 2)


def run_thresholds(floor: ShopFloor, runner: Runner, sets: tuple[CapabilitySet, ...], workpieces: int) -> Points:
    """Run every threshold on every set, each repetition with its own seed."""
    maximum = thresholds(floor)[-1]
    keys = [(threshold, inputs) for threshold in thresholds(floor) for inputs in sets]
    tasks = [
        (alone.setup(floor, inputs.capabilities, Rule.majority(threshold, maximum=maximum), workpieces), seed)
        for threshold, inputs in keys
        for seed in runner.seeds
    ]
    points = runner.map(alone.run, tasks)
    count = runner.repetitions
    return {
        (threshold, inputs.number): points[index * count : (index + 1) * count]
        for index, (threshold, inputs) in enumerate(keys)
    }


def majority(floor: ShopFloor, runner: Runner, *, workpieces: int = 5) -> Study:
    """Run the thresholds 3, 5, … on the twenty sets."""
    sets = capability_sets(floor.cells, runner.seed)
    points = run_thresholds(floor, runner, sets, workpieces)
    summary = tuple(_summary(threshold, sets, points) for threshold in thresholds(floor))
    rows = tuple(
        _row(threshold, inputs, points[threshold, inputs.number]) for threshold in thresholds(floor) for inputs in sets
    )
    return Study(
        name="majority",
        title="Majority consensus: F1 and quality-control time by threshold",
        parameters={
            "repetitions": runner.repetitions,
            "seed": runner.seed,
            "sets": len(sets),
            "workpieces": workpieces,
        },
        summary=summary,
        rows=rows,
        findings=_findings(summary),
        draw=partial(_draw, sets, points, summary),
    )


def over_sets(sets: tuple[CapabilitySet, ...], points: list[list[Point]], name: str) -> Mean:
    """Return the mean over all sets, with its interval over the repetitions."""
    return mean(
        [sum(getattr(point, name) for point in repetition) / len(sets) for repetition in zip(*points, strict=True)]
    )


def _summary(threshold: int, sets: tuple[CapabilitySet, ...], points: Points) -> Row:
    by_set = [points[threshold, inputs.number] for inputs in sets]
    f1_by_set = [mean([point.f1 for point in repetitions]).value for repetitions in by_set]
    return {
        "threshold": threshold,
        "f1": over_sets(sets, by_set, "f1"),
        "f1_lowest_set": min(f1_by_set),
        "f1_median_set": quantile(f1_by_set, 0.5),
        "inspectors": over_sets(sets, by_set, "answers_per_step"),
        "inspection": over_sets(sets, by_set, "inspection"),
        "transport": over_sets(sets, by_set, "transport"),
        "quality_control": over_sets(sets, by_set, "quality_control"),
    }


def _row(threshold: int, inputs: CapabilitySet, points: list[Point]) -> Row:
    f1, time = mean([point.f1 for point in points]), mean([point.quality_control for point in points])
    return plain(
        {
            "threshold": threshold,
            "set": inputs.number,
            "set_name": inputs.name,
            "mean_capability": inputs.mean,
            "f1": f1.value,
            "f1_half_width": f1.half_width,
            "inspectors": mean([point.answers_per_step for point in points]).value,
            "inspection": mean([point.inspection for point in points]).value,
            "transport": mean([point.transport for point in points]).value,
            "quality_control": time.value,
            "quality_control_half_width": time.half_width,
        }
    )


def _findings(summary: tuple[Row, ...]) -> tuple[StudyFinding, ...]:
    by_threshold = {row["threshold"]: row for row in summary}
    plateau = by_threshold[_PLATEAU]
    beyond = [row for row in summary if row["threshold"] > _PLATEAU]
    growth = [
        by_threshold[t + 2]["quality_control"].value - by_threshold[t]["quality_control"].value for t in (3, 5, 7)
    ]
    f1: Mean = plateau["f1"]
    return (
        StudyFinding(
            "F1 is at least 0.8 at every threshold (mean of the sets)",
            f"{summary[0]['f1']} at 3, {f1} at {_PLATEAU}",
            all(row["f1"].low >= 0.8 for row in summary),
        ),
        StudyFinding(
            "F1 is at least 0.8 at every threshold (every set)",
            f"lowest set {summary[0]['f1_lowest_set']:.2f} at 3, {plateau['f1_lowest_set']:.2f} at {_PLATEAU}",
            all(row["f1_lowest_set"] >= 0.8 for row in summary),
        ),
        StudyFinding(
            "F1 rises to a plateau at 9 of 17",
            f"{summary[0]['f1'].value:.3f} at 3, {f1.value:.3f} at 9, "
            f"{min(row['f1'].value for row in beyond):.3f} to {max(row['f1'].value for row in beyond):.3f} beyond",
            summary[0]["f1"].high < f1.low and all(abs(row["f1"].value - f1.value) < f1.half_width for row in beyond),
        ),
        StudyFinding(
            "two more inspectors cost about 3 production times",
            ", ".join(f"{step:.1f}" for step in growth) + " (3 to 5 to 7 to 9)",
            all(2 <= step <= 4 for step in growth),
        ),
        StudyFinding(
            "12 production times at threshold 9",
            f"{plateau['quality_control']}",
            abs(plateau["quality_control"].value - 12) <= 1.5,
        ),
    )


def _draw(sets: tuple[CapabilitySet, ...], points: Points, summary: tuple[Row, ...], figure: Figure) -> None:
    axes = figure.subplots()
    levels = [row["threshold"] for row in summary]
    axes.stackplot(
        levels,
        [row["inspection"].value for row in summary],
        [row["transport"].value for row in summary],
        labels=["inspection", "transport"],
        colors=["#9db8d2", "#d5dfe9"],
    )
    axes.set_ylabel("quality-control time [production times]")
    axes.set_xlabel("majority threshold (members of the winner group)")
    axes.set_xticks(levels)
    right = axes.twinx()
    by_level = [[mean([p.f1 for p in points[level, inputs.number]]).value for inputs in sets] for level in levels]
    right.boxplot(by_level, positions=levels, widths=0.8, whis=(0, 100), medianprops={"color": "#b3452c"})
    right.set_xticks(levels, [str(level) for level in levels])
    right.set_ylim(0, 1)
    right.set_ylabel("F1 of the twenty sets (boxes)", color="#b3452c")
    axes.legend(loc="lower right")
    axes.set_title("Majority consensus, production-independent quality control", loc="left")
