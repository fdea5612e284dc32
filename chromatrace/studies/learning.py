"""Learned capabilities: their error, workpiece by workpiece (Fig. 11 of the study)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule, as_ratio
from chromatrace.studies import alone
from chromatrace.studies.majority import thresholds
from chromatrace.studies.runner import Runner
from chromatrace.studies.shopfloor.draw import Anywhere
from chromatrace.studies.shopfloor.engine import simulate
from chromatrace.studies.shopfloor.inputs import CapabilitySet, capability_sets
from chromatrace.studies.shopfloor.setup import Setup
from chromatrace.studies.statistics import Mean, mean
from chromatrace.studies.study import Row, Study, StudyFinding, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PUBLISHED_ERROR = 0.05


def _errors(task: tuple[Setup, int]) -> list[float]:
    """Return the mean square error of the capabilities after each workpiece."""
    setup, seed = task
    return [
        sum((as_ratio(value) - true) ** 2 for value, true in zip(learned, setup.capabilities, strict=True))
        / len(learned)
        for learned in simulate(setup, seed).learned
    ]


def learning(floor: ShopFloor, runner: Runner, *, workpieces: int = 20, threshold: float = 0.9) -> Study:
    """Run each set; inspectors start at 0.1, are drawn uniformly, and are weighed by what is learned so far."""
    sets = capability_sets(floor.cells, runner.seed)
    rule = Rule.confidence(threshold, maximum=thresholds(floor)[-1])
    tasks = [
        (replace(alone.setup(floor, inputs.capabilities, rule, workpieces), learn=True, draw=Anywhere()), seed)
        for inputs in sets
        for seed in runner.seeds
    ]
    runs = runner.map(_errors, tasks)
    count = runner.repetitions
    curves = [
        [mean(list(values)) for values in zip(*runs[index * count : (index + 1) * count], strict=True)]
        for index in range(len(sets))
    ]
    summary = tuple(_summary(inputs, curve) for inputs, curve in zip(sets, curves, strict=True))
    rows = tuple(
        plain(
            {
                "set": inputs.number,
                "set_name": inputs.name,
                "workpiece": number,
                "mean_square_error": error.value,
                "half_width": error.half_width,
            }
        )
        for inputs, curve in zip(sets, curves, strict=True)
        for number, error in enumerate(curve, 1)
    )
    return Study(
        name="learning",
        title=f"Learned capabilities over {workpieces} workpieces",
        parameters={"workpieces": workpieces, "threshold": threshold, "repetitions": count, "seed": runner.seed},
        summary=summary,
        rows=rows,
        findings=_findings(sets, curves),
        draw=partial(_draw, sets, curves),
    )


def _summary(inputs: CapabilitySet, curve: list[Mean]) -> Row:
    best = min(range(len(curve)), key=lambda index: curve[index].value)
    return {
        "set": f"{inputs.number} {inputs.name}",
        "capability": inputs.mean,
        "after_the_first": curve[0],
        "lowest": curve[best],
        "lowest_after": best + 1,
        "at_the_end": curve[-1],
    }


def _findings(sets: tuple[CapabilitySet, ...], curves: list[list[Mean]]) -> tuple[StudyFinding, ...]:
    ends = [curve[-1] for curve in curves]
    below = sum(end.high < PUBLISHED_ERROR for end in ends)
    return (
        StudyFinding(
            f"mean square error below {PUBLISHED_ERROR} on set 1",
            f"{ends[0]} ({sets[0].name})",
            ends[0].high < PUBLISHED_ERROR,
        ),
        StudyFinding(
            "all sets alike",
            f"below {PUBLISHED_ERROR} on {below} of {len(sets)} sets; "
            f"{min(end.value for end in ends):.3f} to {max(end.value for end in ends):.3f}",
            below == len(sets),
        ),
    )


def _draw(sets: tuple[CapabilitySet, ...], curves: list[list[Mean]], figure: Figure) -> None:
    axes = figure.subplots()
    for inputs, curve in zip(sets, curves, strict=True):
        numbers = list(range(1, len(curve) + 1))
        highlighted = inputs.number in (1, 2, 3, 4)
        line = axes.plot(
            numbers,
            [error.value for error in curve],
            linewidth=1.8 if highlighted else 0.7,
            color=None if highlighted else "#b8c4d0",
            label=f"{inputs.number} {inputs.name}" if highlighted else None,
            zorder=2 if highlighted else 1,
        )[0]
        if highlighted:
            low, high = [error.low for error in curve], [error.high for error in curve]
            axes.fill_between(numbers, low, high, color=line.get_color(), alpha=0.2)
    axes.axhline(PUBLISHED_ERROR, color="#44566b", linestyle=":", linewidth=0.9)
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("workpieces")
    axes.set_ylabel("mean square error of the capabilities")
    axes.legend(title="set (grey: the other sixteen)")
    axes.set_title("Learned and true capability; dotted: the published bound", loc="left")
