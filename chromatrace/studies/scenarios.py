"""The seven scenarios: time to make five computers, and F1 of finding defective steps (Fig. 6 of the study)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.studies.runner import Runner
from chromatrace.studies.shopfloor.agents import Kind, staffing
from chromatrace.studies.shopfloor.engine import simulate
from chromatrace.studies.shopfloor.inputs import MIXED, capability_set
from chromatrace.studies.shopfloor.result import RunResult
from chromatrace.studies.shopfloor.setup import InspectionMode, Order, Setup
from chromatrace.studies.statistics import Mean, mean
from chromatrace.studies.study import Row, Study, StudyFinding, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MIXED_STAFF, _AI, _HUMAN = (Kind.HUMAN, Kind.AI), (Kind.AI,), (Kind.HUMAN,)
_PUBLISHED_BASELINE_S = 2787
_PUBLISHED_F1 = 0.60


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the study's Table 3. `staff` is repeated along the line (17 alternating workcells: 9 human, 8 AI)."""

    number: int
    order: Order
    staff: tuple[Kind, ...]
    inspection: InspectionMode

    @property
    def title(self) -> str:
        """The title, as in the figure."""
        staff = {_MIXED_STAFF: "human and AI", _AI: "AI", _HUMAN: "human"}[self.staff]
        return f"{self.order.value}, {staff}"

    def setup(self, floor: ShopFloor, seed: int, rule: Rule, defect_rate: float) -> Setup:
        """Return the setup, with the capabilities of set 4, "mixed", for this seed."""
        capabilities = capability_set(MIXED, floor.cells, seed).capabilities
        kinds = staffing(floor.cells, self.staff)
        return Setup(floor, kinds, capabilities, self.order, self.inspection, rule, defect_rate=defect_rate)


SCENARIOS = (
    Scenario(1, Order.SERIAL, _MIXED_STAFF, InspectionMode.CONVENTIONAL),
    Scenario(2, Order.SERIAL, _AI, InspectionMode.PHYSICAL),
    Scenario(3, Order.SERIAL, _MIXED_STAFF, InspectionMode.PHYSICAL),
    Scenario(4, Order.SERIAL, _HUMAN, InspectionMode.PHYSICAL),
    Scenario(5, Order.PARALLEL, _AI, InspectionMode.PHYSICAL),
    Scenario(6, Order.PARALLEL, _MIXED_STAFF, InspectionMode.PHYSICAL),
    Scenario(7, Order.PARALLEL, _HUMAN, InspectionMode.PHYSICAL),
)


def _run(task: tuple[Setup, int]) -> RunResult:
    return simulate(*task)


def scenarios(floor: ShopFloor, runner: Runner, *, rule: Rule | None = None, defect_rate: float = 0.2) -> Study:
    """Run each scenario with the same seeds."""
    rule = rule or Rule.majority(3)
    tasks = [(s.setup(floor, seed, rule, defect_rate), seed) for s in SCENARIOS for seed in runner.seeds]
    results = runner.map(_run, tasks)
    count = runner.repetitions
    by_scenario = [results[index * count : (index + 1) * count] for index in range(len(SCENARIOS))]
    summary, rows = [], []
    for scenario, runs in zip(SCENARIOS, by_scenario, strict=True):
        summary.append(_summary(scenario, runs))
        for seed, run in zip(runner.seeds, runs, strict=True):
            rows.append(_row(scenario, seed, run))
    return Study(
        name="scenarios",
        title="Time to make five computers and F1 of finding defects, by scenario",
        parameters={"rule": rule.as_json(), "defect_rate": defect_rate, "repetitions": count, "seed": runner.seed},
        summary=tuple(summary),
        rows=tuple(rows),
        findings=_findings(summary, by_scenario),
        draw=partial(_draw, summary),
    )


def _row(scenario: Scenario, seed: int, run: RunResult) -> Row:
    return plain(
        {
            "scenario": scenario.number,
            "title": scenario.title,
            "inspection": scenario.inspection.value,
            "seed": seed,
            "time_s": run.makespan_s,
            "f1": run.f1,
            "finished": run.finished,
            "scrapped": run.scrapped,
            "reworked": run.reworked,
            "inspections": run.answers,
            "assembly_s": run.assembly_s,
            "transport_s": run.transport_s,
            "inspection_s": run.inspection_s,
            "inspection_trip_s": run.inspection_trip_s,
            "wait_s": run.wait_s,
        }
    )


def _summary(scenario: Scenario, runs: list[RunResult]) -> Row:
    return {
        "scenario": scenario.number,
        "title": scenario.title,
        "time_s": mean([run.makespan_s for run in runs]),
        "f1": mean([run.f1 for run in runs]),
        "reworked": mean([float(run.reworked) for run in runs]),
        "scrapped": mean([float(run.scrapped) for run in runs]),
        "inspections": mean([float(run.answers) for run in runs]),
    }


def _findings(summary: list[Row], runs: list[list[RunResult]]) -> tuple[StudyFinding, ...]:
    times: list[Mean] = [row["time_s"] for row in summary]
    scores: list[Mean] = [row["f1"] for row in summary]
    others = scores[1:]
    saved = [
        mean([a.makespan_s - b.makespan_s for a, b in zip(serial, parallel, strict=True)])
        for serial, parallel in zip(runs[1:4], runs[4:7], strict=True)
    ]
    return (
        StudyFinding(
            f"scenario 1 takes about {_PUBLISHED_BASELINE_S:,} s",
            f"{times[0].value:,.0f} ± {times[0].half_width:,.0f} s",
            abs(times[0].value / _PUBLISHED_BASELINE_S - 1) <= 0.1,
        ),
        StudyFinding(
            "every consensus scenario takes longer than scenario 1",
            f"{min(t.value for t in times[1:]):,.0f} to {max(t.value for t in times[1:]):,.0f} s",
            all(time.low > times[0].high for time in times[1:]),
        ),
        StudyFinding(
            f"every consensus scenario reaches F1 above {_PUBLISHED_F1:.2f}",
            f"{min(f.value for f in others):.3f} to {max(f.value for f in others):.3f}",
            all(score.low > _PUBLISHED_F1 for score in others),
        ),
        StudyFinding(f"scenario 1 stays below F1 {_PUBLISHED_F1:.2f}", f"{scores[0]}", scores[0].high < _PUBLISHED_F1),
        StudyFinding(
            "each parallel scenario takes less time than the serial one with the same inspectors",
            ", ".join(f"{time.value:,.0f} ± {time.half_width:,.0f} s" for time in saved) + " less",
            all(time.low > 0 for time in saved),
        ),
    )


def _draw(summary: list[Row], figure: Figure) -> None:
    axes = figure.subplots()
    places = range(len(summary))
    times = [row["time_s"] for row in summary]
    scores = [row["f1"] for row in summary]
    axes.bar(
        places,
        [t.value for t in times],
        yerr=[t.half_width for t in times],
        color="#9db8d2",
        ecolor="#44566b",
        width=0.6,
    )
    axes.set_ylabel("time to make five computers [s]")
    axes.set_xticks(list(places), [f"{row['scenario']}\n{row['title'].replace(', ', chr(10))}" for row in summary])
    axes.axhline(times[0].value, color="#44566b", linewidth=0.8, linestyle=":")
    right = axes.twinx()
    right.errorbar(
        list(places),
        [s.value for s in scores],
        yerr=[s.half_width for s in scores],
        fmt="o",
        color="#b3452c",
        capsize=3,
    )
    right.set_ylim(0, 1)
    right.set_ylabel("F1 (points)", color="#b3452c")
    axes.set_title("Seven scenarios: bars are time, points F1; 95 % intervals", loc="left")
