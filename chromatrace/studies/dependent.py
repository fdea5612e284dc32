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
from chromatrace.studies.shopfloor.setup import Inspection, Setup
from chromatrace.studies.statistics import Mean, mean
from chromatrace.studies.study import Finding, Row, Study, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WAYS = (Inspection.PHYSICAL, Inspection.VIRTUAL, Inspection.OVERLAPPED)
_COLOURS = {Inspection.PHYSICAL: "#44566b", Inspection.VIRTUAL: "#8aa35c", Inspection.OVERLAPPED: "#b3452c"}
_TITLES = {
    Inspection.PHYSICAL: "step by step, the workpiece travels",
    Inspection.VIRTUAL: "step by step, virtual",
    Inspection.OVERLAPPED: "overlapped with production",
}
PUBLISHED_TIMES = 2.0
_SAME_F1 = 0.02


def _run(task: tuple[Setup, int]) -> tuple[float, list[tuple[float, float]]]:
    """Production time alone, and (manufacturing time, F1) of each way of inspecting."""
    setup, seed = task
    production_s = simulate(replace(setup, inspection=Inspection.NONE), seed).makespan_s
    results = [simulate(replace(setup, inspection=way), seed) for way in _WAYS]
    return production_s, [(result.makespan_s, result.f1) for result in results]


def dependent(
    floor: ShopFloor, runner: Runner, *, rule: Rule | None = None, staff: tuple[Kind, ...] = (Kind.AI,)
) -> Study:
    """Five workpieces at once on each set, nothing reworked, so that the time is that of inspection alone."""
    rule = rule or Rule.confidence(maximum=thresholds(floor)[-1])
    sets = capability_sets(floor.cells, runner.seed)
    kinds = staffing(floor.cells, staff)
    tasks = [
        (Setup(floor, kinds, each.capabilities, rule=rule, rework_limit=0, defect_rate=alone.DEFECT_RATE), seed)
        for each in sets
        for seed in runner.seeds
    ]
    runs = runner.map(_run, tasks)
    count = runner.repetitions
    rows, points = [], []
    for place, each in enumerate(sets):
        mine = runs[place * count : (place + 1) * count]
        for index, way in enumerate(_WAYS):
            times = mean([found[index][0] / production_s for production_s, found in mine])
            scores = mean([found[index][1] for _, found in mine])
            points.append((each, way, times, scores))
            rows.append(_row(each, way, times, scores))
    summary = tuple(_summary(way, points, runs, index, len(sets)) for index, way in enumerate(_WAYS))
    return Study(
        name="dependent",
        title="Manufacturing time (in production times) and F1, by when and how is inspected",
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


Points = list[tuple[CapabilitySet, Inspection, Mean, Mean]]


def _row(each: CapabilitySet, way: Inspection, times: Mean, scores: Mean) -> Row:
    return plain(
        {
            "set": each.number,
            "set_name": each.name,
            "inspection": way.value,
            "manufacturing_time": times.value,
            "manufacturing_time_half_width": times.half_width,
            "f1": scores.value,
            "f1_half_width": scores.half_width,
        }
    )


def _summary(
    way: Inspection, points: Points, runs: list[tuple[float, list[tuple[float, float]]]], index: int, sets: int
) -> Row:
    count = len(runs) // sets
    by_repetition = [runs[repetition::count] for repetition in range(count)]
    return {
        "inspection": _TITLES[way],
        "manufacturing_time": mean([sum(f[index][0] / p for p, f in each) / sets for each in by_repetition]),
        "longest_set": max(times.value for _, of, times, _ in points if of is way),
        "f1": mean([sum(f[index][1] for _, f in each) / sets for each in by_repetition]),
        "f1_lowest_set": min(scores.value for _, of, _, scores in points if of is way),
    }


def _findings(summary: tuple[Row, ...], points: Points) -> tuple[Finding, ...]:
    by_way = dict(zip(_WAYS, summary, strict=True))
    overlapped, physical = by_way[Inspection.OVERLAPPED], by_way[Inspection.PHYSICAL]
    times = [times for _, way, times, _ in points if way is Inspection.OVERLAPPED]
    below = sum(time.high < PUBLISHED_TIMES for time in times)
    return (
        Finding(
            "overlapped: manufacturing time below twice the production time",
            f"{overlapped['manufacturing_time']} on average; below 2 on {below} of {len(times)} sets",
            below == len(times),
        ),
        Finding(
            "at the same F1",
            f"{overlapped['f1']} overlapped, {physical['f1']} step by step",
            abs(overlapped["f1"].value - physical["f1"].value) <= _SAME_F1,
        ),
    )


def _draw(points: Points, figure: Figure) -> None:
    axes = figure.subplots()
    for way in _WAYS:
        chosen = [(times, scores) for _, of, times, scores in points if of is way]
        axes.errorbar(
            [times.value for times, _ in chosen],
            [scores.value for _, scores in chosen],
            xerr=[times.half_width for times, _ in chosen],
            yerr=[scores.half_width for _, scores in chosen],
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
