"""Inspection overlapped with production: manufacturing time and F1 (Fig. 12 of the study)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.studies import alone
from chromatrace.studies.majority import thresholds
from chromatrace.studies.runner import Runner
from chromatrace.studies.shopfloor.agents import Kind, staffing
from chromatrace.studies.shopfloor.engine import simulate
from chromatrace.studies.shopfloor.inputs import CapabilitySet, capability_sets
from chromatrace.studies.shopfloor.setup import InspectionMode, Setup
from chromatrace.studies.statistics import Mean, mean
from chromatrace.studies.study import Row, Study, StudyFinding, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WAYS = (InspectionMode.PHYSICAL, InspectionMode.VIRTUAL, InspectionMode.OVERLAPPED)
_COLOURS = {InspectionMode.PHYSICAL: "#44566b", InspectionMode.VIRTUAL: "#8aa35c", InspectionMode.OVERLAPPED: "#b3452c"}
_TITLES = {
    InspectionMode.PHYSICAL: "step by step, the workpiece travels",
    InspectionMode.VIRTUAL: "step by step, virtual",
    InspectionMode.OVERLAPPED: "overlapped with production",
}
PUBLISHED_TIMES = 2.0
_SAME_F1 = 0.02


def _run(task: tuple[Setup, int]) -> tuple[float, list[tuple[float, float]]]:
    """Return the production time without inspection, and (manufacturing time, F1) of each way of inspecting."""
    setup, seed = task
    production_s = simulate(replace(setup, inspection=InspectionMode.NONE), seed).makespan_s
    results = [simulate(replace(setup, inspection=way), seed) for way in _WAYS]
    return production_s, [(result.makespan_s, result.f1) for result in results]


def dependent(
    floor: ShopFloor, runner: Runner, *, rule: Rule | None = None, staff: tuple[Kind, ...] = (Kind.AI,)
) -> Study:
    """Run five workpieces at once on each set. There is no rework: the extra time is that of inspection."""
    rule = rule or Rule.confidence(maximum=thresholds(floor)[-1])
    sets = capability_sets(floor.cells, runner.seed)
    kinds = staffing(floor.cells, staff)
    tasks = [
        (Setup(floor, kinds, inputs.capabilities, rule=rule, rework_limit=0, defect_rate=alone.DEFECT_RATE), seed)
        for inputs in sets
        for seed in runner.seeds
    ]
    runs = runner.map(_run, tasks)
    count = runner.repetitions
    rows, points = [], []
    for number, inputs in enumerate(sets):
        set_runs = runs[number * count : (number + 1) * count]
        for index, way in enumerate(_WAYS):
            times = mean([ways[index][0] / production_s for production_s, ways in set_runs])
            scores = mean([ways[index][1] for _, ways in set_runs])
            points.append((inputs, way, times, scores))
            rows.append(_row(inputs, way, times, scores))
    summary = tuple(_summary(way, points, runs, index, len(sets)) for index, way in enumerate(_WAYS))
    return Study(
        name="dependent",
        title="Manufacturing time (in production times) and F1, by mode of inspection",
        parameters={
            "rule": rule.as_json(),
            "staff": [kind.value for kind in staff],
            "repetitions": count,
            "seed": runner.seed,
        },
        summary=summary,
        rows=tuple(rows),
        findings=_findings(summary, points),
        draw=partial(_draw, points),
    )


Points = list[tuple[CapabilitySet, InspectionMode, Mean, Mean]]


def _row(inputs: CapabilitySet, way: InspectionMode, times: Mean, scores: Mean) -> Row:
    return plain(
        {
            "set": inputs.number,
            "set_name": inputs.name,
            "inspection": way.value,
            "manufacturing_time": times.value,
            "manufacturing_time_half_width": times.half_width,
            "f1": scores.value,
            "f1_half_width": scores.half_width,
        }
    )


def _summary(
    way: InspectionMode, points: Points, runs: list[tuple[float, list[tuple[float, float]]]], index: int, sets: int
) -> Row:
    count = len(runs) // sets
    by_repetition = [runs[repetition::count] for repetition in range(count)]
    times = [sum(ways[index][0] / production_s for production_s, ways in runs) / sets for runs in by_repetition]
    scores = [sum(ways[index][1] for _, ways in runs) / sets for runs in by_repetition]
    return {
        "inspection": _TITLES[way],
        "manufacturing_time": mean(times),
        "longest_set": max(times.value for _, mode, times, _ in points if mode is way),
        "f1": mean(scores),
        "f1_lowest_set": min(scores.value for _, mode, _, scores in points if mode is way),
    }


def _findings(summary: tuple[Row, ...], points: Points) -> tuple[StudyFinding, ...]:
    by_way = dict(zip(_WAYS, summary, strict=True))
    overlapped, physical = by_way[InspectionMode.OVERLAPPED], by_way[InspectionMode.PHYSICAL]
    times = [times for _, way, times, _ in points if way is InspectionMode.OVERLAPPED]
    below = sum(time.high < PUBLISHED_TIMES for time in times)
    return (
        StudyFinding(
            "overlapped: manufacturing time below twice the production time",
            f"{overlapped['manufacturing_time']} on average; below 2 on {below} of {len(times)} sets",
            below == len(times),
        ),
        StudyFinding(
            "at the same F1",
            f"{overlapped['f1']} overlapped, {physical['f1']} step by step",
            abs(overlapped["f1"].value - physical["f1"].value) <= _SAME_F1,
        ),
    )


def _draw(points: Points, figure: Figure) -> None:
    axes = figure.subplots()
    for way in _WAYS:
        pairs = [(times, scores) for _, mode, times, scores in points if mode is way]
        axes.errorbar(
            [times.value for times, _ in pairs],
            [scores.value for _, scores in pairs],
            xerr=[times.half_width for times, _ in pairs],
            yerr=[scores.half_width for _, scores in pairs],
            fmt="o",
            markersize=4,
            linewidth=0.8,
            color=_COLOURS[way],
            label=_TITLES[way],
        )
    axes.axvline(PUBLISHED_TIMES, color="#44566b", linestyle=":", linewidth=0.9)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1)
    axes.set_xlabel("manufacturing time [production times]; dotted: the published bound")
    axes.set_ylabel("F1")
    axes.legend(loc="lower right")
    axes.set_title("Twenty sets, five workpieces", loc="left")
