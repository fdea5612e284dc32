"""`chromatrace simulate`: the studies of inspection by consensus on a simulated shop floor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from chromatrace.cli.options import FiniteRange
from chromatrace.cli.output import emit, json_option, progress
from chromatrace.cli.output import out as out_console
from chromatrace.domain.errors import InvalidInput
from chromatrace.plant.floor import ShopFloor
from chromatrace.studies import require_extra
from chromatrace.studies.runner import Runner
from chromatrace.studies.statistics import Mean
from chromatrace.studies.study import Study

FIGURE_TYPES = ("svg", "png")
MOST = 1_000_000
"""Repetitions, and workpieces of a run: days of work."""


@click.group()
def simulate() -> None:
    """Inspection by consensus on a simulated shop floor: the published study, re-run, and what we add to it.

    Each command prints a table with means and 95 % intervals over the repetitions, and how far it agrees with what was
    published. With --out it also writes FOLDER/<study>.csv and the figure. The same seed gives the same numbers. The
    workcells, the conveyor and the times come from a plant configuration; docs/qdt-study.md explains the model.
    """


def study_command(study: Callable[..., Study]) -> click.Command:
    """Makes a command of a function from shop floor, runner and its own options to a study."""

    @simulate.command(name=study.__name__, help=study.__doc__)
    @click.option(
        "--repetitions", default=30, show_default=True, type=click.IntRange(2, MOST), help="Runs of each point."
    )
    @click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="First seed.")
    @click.option("--processes", type=click.IntRange(1, 1024), help="How many at once; one per core by default.")
    @click.option("--plant", type=click.Path(path_type=Path, dir_okay=False), help="A plant with [shop_floor].")
    @click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for CSV and figure.")
    @click.option("--figure", default="svg", show_default=True, type=click.Choice(FIGURE_TYPES), help="Its format.")
    @json_option
    @functools.wraps(study)
    def run(
        repetitions: int,
        seed: int,
        processes: int | None,
        plant: Path | None,
        out: Path | None,
        figure: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        require_extra()
        floor = shop_floor(plant)
        with progress(f"simulating {study.__name__}, %", total=100, hidden=as_json) as show:
            runner = Runner(repetitions, seed, processes, lambda done, total: show(100 * done // total))
            made = study(floor, runner, **options)
        files = write(made, out, figure) if out else []
        emit(as_json, facts(made, files), lambda: print_study(made, files))

    return run


def shop_floor(plant_file: Path | None) -> ShopFloor:
    """That of a plant configuration; by default of the example plant "desktop-computer"."""
    from chromatrace.plant.configuration import example_plant, load_plant

    plant = load_plant(plant_file) if plant_file else example_plant("desktop-computer")
    if plant.shop_floor is None:
        raise InvalidInput(f"the plant {plant.name!r} has no [shop_floor]", field="plant")
    return plant.shop_floor


def write(study: Study, folder: Path, figure: str) -> list[Path]:
    """Writes the rows and the figure."""
    folder.mkdir(parents=True, exist_ok=True)
    table, picture = folder / f"{study.name}.csv", folder / f"{study.name}.{figure}"
    study.write_csv(table)
    study.write_figure(picture)
    return [table, picture]


def facts(study: Study, files: list[Path]) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "study": study.name,
        "title": study.title,
        "parameters": study.parameters,
        "table": study.summary,
        "findings": [
            {"statement": finding.statement, "ours": finding.observed, "agrees": finding.agrees}
            for finding in study.findings
        ],
        "files": files,
    }


def print_study(study: Study, files: list[Path]) -> None:
    """The table, and each published finding beside ours."""
    table = Table(title=study.title, title_justify="left")
    for name, value in study.summary[0].items():
        table.add_column(name.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in study.summary:
        table.add_row(*(_cell(value) for value in row.values()))
    out_console.print(table)
    findings = Table("statement", "here", "holds", title_justify="left")
    for finding in study.findings:
        findings.add_row(finding.statement, finding.observed, "yes" if finding.agrees else "no")
    out_console.print(findings)
    for file in files:
        click.echo(f"written  {file}")


def _cell(value: Any) -> str:
    if isinstance(value, Mean):
        digits = 0 if abs(value.value) >= 100 else 1 if abs(value.value) >= 10 else 3
        return f"{value.value:,.{digits}f} ± {value.half_width:,.{digits}f}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@study_command
@click.option("--defect-rate", default=0.2, show_default=True, type=FiniteRange(0, 1), help="Of the steps.")
@click.option("--threshold", default=3, show_default=True, type=click.IntRange(1), help="Majority needed, in members.")
def scenarios(floor: ShopFloor, runner: Runner, *, defect_rate: float, threshold: int) -> Study:
    """Time and F1 of the seven scenarios: conventional checkpoints, then consensus by people and AI agents (Fig. 6)."""
    from chromatrace.quality.rules import Rule
    from chromatrace.studies.scenarios import scenarios as study

    return study(floor, runner, rule=Rule.majority(threshold), defect_rate=defect_rate)


def on_chain_options(default_workpieces: int) -> Callable[[Callable[..., Study]], Callable[..., Study]]:
    """How long the runs are, and whether they go through the contract."""

    def add(study: Callable[..., Study]) -> Callable[..., Study]:
        for option in (
            click.option("--sets", default=5, show_default=True, type=click.IntRange(1, 20),
                         help="With --on-chain: how many sets."),
            click.option("--on-chain", is_flag=True,
                         help="One run through the QualityConsensus contract on a fresh Anvil."),
            click.option("--workpieces", default=default_workpieces, show_default=True,
                         type=click.IntRange(1, MOST), help="Length of a run."),
        ):  # fmt: skip
            study = option(study)
        return study

    return add


@study_command
@click.option("--threshold", default=3, show_default=True, type=click.IntRange(1, 17), help="With --on-chain: members.")
@on_chain_options(5)
def majority(floor: ShopFloor, runner: Runner, *, threshold: int, workpieces: int, on_chain: bool, sets: int) -> Study:
    """F1 and quality-control time of majority consensus at thresholds 3 to 17, on twenty sets (Fig. 9).

    With --on-chain the inspections go through the real contract at one threshold, and the pure model decides the same
    answers beside it. Take few --workpieces: one after another answers, some 40 a second.
    """
    from chromatrace.studies.majority import majority as study

    if on_chain:
        from chromatrace.quality.rules import Rule
        from chromatrace.studies.on_chain import on_chain as run

        return run(floor, runner, "majority", Rule.majority(threshold), known=True, workpieces=workpieces, sets=sets)
    return study(floor, runner, workpieces=workpieces)


confidence_threshold = click.option(
    "--threshold", default=0.9, show_default=True, type=FiniteRange(0, min_open=True), help="Sum of capabilities."
)


@study_command
@confidence_threshold
@on_chain_options(5)
def confidence(
    floor: ShopFloor, runner: Runner, *, threshold: float, workpieces: int, on_chain: bool, sets: int
) -> Study:
    """Confidence consensus: like which majority threshold by F1, and by time, on each of twenty sets (Fig. 10).

    With --on-chain the inspections go through the real contract, whose inspectors start with their true capabilities
    and go on learning; the pure model decides the same answers beside it, with the true ones.
    """
    from chromatrace.studies.confidence import confidence as study

    if on_chain:
        from chromatrace.quality.rules import Rule
        from chromatrace.studies.on_chain import on_chain as run

        rule = Rule.confidence(threshold)
        return run(floor, runner, "confidence", rule, known=True, workpieces=workpieces, sets=sets)
    return study(floor, runner, threshold=threshold, workpieces=workpieces)


@study_command
@confidence_threshold
@on_chain_options(20)
def learning(
    floor: ShopFloor, runner: Runner, *, threshold: float, workpieces: int, on_chain: bool, sets: int
) -> Study:
    """How far learned capabilities are from the true ones, workpiece by workpiece (Fig. 11).

    With --on-chain the inspections go through the real contract, which draws, decides and learns; everything is held
    against the rule in Python. Take few --workpieces: one after another answers, some 40 a second.
    """
    if on_chain:
        from chromatrace.quality.rules import Rule
        from chromatrace.studies.on_chain import on_chain as run

        rule = Rule.confidence(threshold)
        return run(floor, runner, "learning", rule, known=False, workpieces=workpieces, sets=sets)
    from chromatrace.studies.learning import learning as study

    return study(floor, runner, workpieces=workpieces, threshold=threshold)


@study_command
@confidence_threshold
@click.option(
    "--staff", default="ai", show_default=True, type=click.Choice(["ai", "human", "mixed"]), help="Who works."
)
def dependent(floor: ShopFloor, runner: Runner, *, threshold: float, staff: str) -> Study:
    """Manufacturing time and F1 when inspection is overlapped with production, beside step by step (Fig. 12)."""
    from chromatrace.quality.rules import Rule
    from chromatrace.studies.dependent import dependent as study
    from chromatrace.studies.shopfloor.agents import Kind

    kinds = {"ai": (Kind.AI,), "human": (Kind.HUMAN,), "mixed": (Kind.HUMAN, Kind.AI)}[staff]
    return study(floor, runner, rule=Rule.confidence(threshold), staff=kinds)


@study_command
@click.option(
    "--workpieces",
    default=20,
    show_default=True,
    type=click.IntRange(1, MOST),
    help="To learn from, and to judge.",
)
@click.option("--defect-rate", default=0.5, show_default=True, type=FiniteRange(0, 1), help="Of the steps.")
def sequential(floor: ShopFloor, runner: Runner, *, workpieces: int, defect_rate: float) -> Study:
    """F1 against inspections for all rules on the same answers: votes, and Wald's sequential test."""
    from chromatrace.studies.sequential import sequential as study

    return study(floor, runner, workpieces=workpieces, defect_rate=defect_rate)


@study_command
@click.option("--defect-rate", default=0.5, show_default=True, type=FiniteRange(0, 1), help="Of the steps.")
def neighbours(floor: ShopFloor, runner: Runner, *, defect_rate: float) -> Study:
    """Three poor neighbours deciding together: nearest first, beside a random draw within a travel budget."""
    from chromatrace.studies.neighbours import neighbours as study

    return study(floor, runner, defect_rate=defect_rate)
