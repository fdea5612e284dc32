"""Confidence consensus: the majority thresholds of equal F1 and of equal time (Fig. 10 of the study)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.studies import alone
from chromatrace.studies.majority import Points, over_sets, run_thresholds, thresholds
from chromatrace.studies.runner import Runner
from chromatrace.studies.shopfloor.inputs import CapabilitySet, capability_sets
from chromatrace.studies.statistics import mean
from chromatrace.studies.study import Row, Study, StudyFinding, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_PRODUCTION_TIMES = 6.0
_MAX_THRESHOLD_OF_TIME = 5


def confidence(floor: ShopFloor, runner: Runner, *, threshold: float = 0.9, workpieces: int = 5) -> Study:
    """Run each of the twenty sets with the true capabilities."""
    sets = capability_sets(floor.cells, runner.seed)
    maximum = thresholds(floor)[-1]
    rule = Rule.confidence(threshold, maximum=maximum)
    tasks = [
        (alone.setup(floor, inputs.capabilities, rule, workpieces), seed) for inputs in sets for seed in runner.seeds
    ]
    flat = runner.map(alone.run, tasks)
    count = runner.repetitions
    by_number = {inputs.number: flat[index * count : (index + 1) * count] for index, inputs in enumerate(sets)}
    by_majority = run_thresholds(floor, runner, sets, workpieces)
    levels = list(thresholds(floor))
    table = tuple(_row(inputs, by_number[inputs.number], by_majority, levels) for inputs in sets)
    by_set = [by_number[inputs.number] for inputs in sets]
    means: Row = {
        "set": "all",
        "capability": sum(inputs.mean for inputs in sets) / len(sets),
        "f1": over_sets(sets, by_set, "f1"),
        "like_threshold": _first(levels, by_majority, sets, over_sets(sets, by_set, "f1").value, "f1"),
        "inspectors": over_sets(sets, by_set, "answers_per_step"),
        "quality_control": over_sets(sets, by_set, "quality_control"),
        "time_of_threshold": _first(
            levels, by_majority, sets, over_sets(sets, by_set, "quality_control").value, "quality_control"
        ),
    }
    return Study(
        name="confidence",
        title=f"Confidence consensus at {threshold:g}: majority thresholds of equal F1 and equal time",
        parameters={
            "threshold": threshold,
            "repetitions": count,
            "seed": runner.seed,
            "sets": len(sets),
            "workpieces": workpieces,
        },
        summary=(*table, means),
        rows=tuple(_flat(row) for row in table),
        findings=_findings(table, means),
        draw=partial(_draw, table),
    )


def _first(levels: list[int], points: Points, sets: tuple[CapabilitySet, ...], value: float, name: str) -> int:
    """Return the first threshold whose mean over `sets` is at least `value`; two above the last if there is none."""
    for level in levels:
        if over_sets(sets, [points[level, inputs.number] for inputs in sets], name).value >= value:
            return level
    return levels[-1] + 2


def _row(inputs: CapabilitySet, points: list[alone.Point], by_majority: Points, levels: list[int]) -> Row:
    f1 = mean([point.f1 for point in points])
    time = mean([point.quality_control for point in points])
    return {
        "set": f"{inputs.number} {inputs.name}",
        "capability": inputs.mean,
        "f1": f1,
        "like_threshold": _first(levels, by_majority, (inputs,), f1.value, "f1"),
        "inspectors": mean([point.answers_per_step for point in points]),
        "quality_control": time,
        "time_of_threshold": _first(levels, by_majority, (inputs,), time.value, "quality_control"),
    }


def _flat(row: Row) -> Row:
    number, _, name = row["set"].partition(" ")
    return plain(
        {
            "set": int(number),
            "set_name": name,
            "mean_capability": row["capability"],
            "f1": row["f1"].value,
            "f1_half_width": row["f1"].half_width,
            "like_threshold": row["like_threshold"],
            "inspectors": row["inspectors"].value,
            "quality_control": row["quality_control"].value,
            "quality_control_half_width": row["quality_control"].half_width,
            "time_of_threshold": row["time_of_threshold"],
        }
    )


def _findings(table: tuple[Row, ...], means: Row) -> tuple[StudyFinding, ...]:
    fast = [row for row in table if row["quality_control"].value <= _MAX_PRODUCTION_TIMES]
    early = [row for row in table if row["time_of_threshold"] <= _MAX_THRESHOLD_OF_TIME]
    better = [row for row in table if row["like_threshold"] > row["time_of_threshold"]]
    count = len(table)
    return (
        StudyFinding(
            "F1 equals that of a higher majority threshold than the time does",
            f"in {len(better)} of {count} sets; all sets: F1 like {means['like_threshold']}, "
            f"time like {means['time_of_threshold']}",
            len(better) == count,
        ),
        StudyFinding(
            "at the time of majority threshold 5 or less",
            f"in {len(early)} of {count} sets",
            len(early) == count,
        ),
        StudyFinding(
            "at most six production times",
            f"in {len(fast)} of {count} sets; mean {means['quality_control']}",
            len(fast) == count,
        ),
    )


def _draw(table: tuple[Row, ...], figure: Figure) -> None:
    axes = figure.subplots()
    places = range(len(table))
    axes.bar(places, [row["quality_control"].value for row in table], color="#d5dfe9", width=0.7)
    axes.errorbar(
        list(places),
        [row["quality_control"].value for row in table],
        [row["quality_control"].half_width for row in table],
        fmt="none",
        ecolor="#44566b",
    )
    axes.set_ylabel("quality-control time [production times] (bars)")
    axes.set_xticks(list(places), [row["set"] for row in table], rotation=60, ha="right", fontsize=7)
    right = axes.twinx()
    right.plot(list(places), [row["like_threshold"] for row in table], "o", color="#b3452c", label="by F1")
    right.plot(list(places), [row["time_of_threshold"] for row in table], "_", color="#44566b", label="by time", ms=12)
    right.set_ylim(0, 20)
    right.set_yticks([3, 5, 7, 9, 11, 13, 15, 17, 19], ["3", "5", "7", "9", "11", "13", "15", "17", "none"])
    right.set_ylabel("equivalent majority threshold")
    right.legend(loc="upper left")
    axes.set_title("Confidence and majority consensus, by set", loc="left")
