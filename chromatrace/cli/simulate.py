"""`chromatrace simulate`: studies of inspection by consensus on a simulated shop floor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from chromatrace.cli.output import emit, json_option, progress
from chromatrace.cli.output import out as out_console
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.plant.floor import ShopFloor
from chromatrace.studies import require_extra
from chromatrace.studies.runner import Runner
from chromatrace.studies.statistics import Mean
from chromatrace.studies.study import Study

FIGURE_TYPES = ("svg", "png")
MAX_COUNT = 1_000_000
"""Limit of repetitions and workpieces; a run of this size takes days."""


@click.group()
def simulate() -> None:
    """Simulate inspection by consensus.

    Each study repeats a published experiment, or extends it, on a simulated shop floor. It prints means with 95 %
    confidence intervals and compares them with the published findings. The same seed gives the same numbers.
    docs/qdt-study.md describes the model.

    \b
    Example: majority consensus, 10 repetitions, with table and figure in a folder
      chromatrace simulate majority --repetitions 10 --out results
    """


def study_command(study: Callable[..., Study]) -> click.Command:
    """Turn a function from shop floor, runner and its own options to a study into a command."""

    @simulate.command(name=study.__name__, help=study.__doc__)
    @click.option(
        "--repetitions",
        default=30,
        show_default=True,
        type=WholeRange(2, MAX_COUNT),
        help="Number of runs of each point.",
    )
    @click.option("--seed", default=1, show_default=True, type=WholeRange(0), help="Seed of the first run.")
    @click.option("--processes", type=WholeRange(1, 1024), help="Number of processes. Default: one per core.")
    @click.option(
        "--plant", type=click.Path(path_type=Path, dir_okay=False), help="Plant configuration with [shop_floor]."
    )
    @click.option(
        "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the table (CSV) and the figure."
    )
    @click.option(
        "--figure", default="svg", show_default=True, type=click.Choice(FIGURE_TYPES), help="Format of the figure."
    )
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
            result = study(floor, runner, **options)
        files = write(result, out, figure) if out else []
        emit(as_json, facts(result, files), lambda: print_study(result, files))

    return run


def shop_floor(plant_file: Path | None) -> ShopFloor:
    """Return the shop floor of a plant configuration; by default that of the example plant desktop-computer."""
    from chromatrace.plant.configuration import example_plant, load_plant

    plant = load_plant(plant_file) if plant_file else example_plant("desktop-computer")
    if plant.shop_floor is None:
        raise InvalidInput(f"the plant {plant.name!r} has no [shop_floor]", field="plant")
    return plant.shop_floor


def write(study: Study, folder: Path, figure: str) -> list[Path]:
    """Write the table and the figure of a study; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    table, picture = folder / f"{study.name}.csv", folder / f"{study.name}.{figure}"
    study.write_csv(table)
    study.write_figure(picture)
    return [table, picture]


def facts(study: Study, files: list[Path]) -> dict[str, Any]:
    """Return a study for JSON output."""
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
    """Print the table, and each published finding next to the result."""
    table = Table(title=study.title, title_justify="left")
    for name, value in study.summary[0].items():
        table.add_column(name.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in study.summary:
        table.add_row(*(_cell(value) for value in row.values()))
    out_console().print(table)
    findings = Table("statement", "result", "agrees", title_justify="left")
    for finding in study.findings:
        findings.add_row(finding.statement, finding.observed, "yes" if finding.agrees else "no")
    out_console().print(findings)
    for file in files:
        click.echo(f"written: {file}")


def _cell(value: Any) -> str:
    if isinstance(value, Mean):
        digits = 0 if abs(value.value) >= 100 else 1 if abs(value.value) >= 10 else 3
        return f"{value.value:,.{digits}f} ± {value.half_width:,.{digits}f}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@study_command
@click.option(
    "--defect-rate", default=0.2, show_default=True, type=FiniteRange(0, 1), help="Share of steps with a defect."
)
@click.option("--threshold", default=3, show_default=True, type=WholeRange(1), help="Number of inspectors that decide.")
def scenarios(floor: ShopFloor, runner: Runner, *, defect_rate: float, threshold: int) -> Study:
    """Compare checkpoints and consensus of people and AI agents in seven scenarios (figure 6)."""
    from chromatrace.quality.rules import Rule
    from chromatrace.studies.scenarios import scenarios as study

    return study(floor, runner, rule=Rule.majority(threshold), defect_rate=defect_rate)


def on_chain_options(default_workpieces: int) -> Callable[[Callable[..., Study]], Callable[..., Study]]:
    """Add the length of the runs, and whether they use the contract."""

    def add(study: Callable[..., Study]) -> Callable[..., Study]:
        for option in (
            click.option("--sets", default=5, show_default=True, type=WholeRange(1, 20),
                         help="With --on-chain: number of sets."),
            click.option("--on-chain", is_flag=True,
                         help="Run once with the QualityConsensus contract, on a new Anvil chain."),
            click.option("--workpieces", default=default_workpieces, show_default=True,
                         type=WholeRange(1, MAX_COUNT), help="Number of workpieces per run."),
        ):  # fmt: skip
            study = option(study)
        return study

    return add


@study_command
@click.option(
    "--threshold",
    default=3,
    show_default=True,
    type=WholeRange(1, 17),
    help="With --on-chain: number of inspectors that decide.",
)
@on_chain_options(5)
def majority(floor: ShopFloor, runner: Runner, *, threshold: int, workpieces: int, on_chain: bool, sets: int) -> Study:
    """Measure F1 and time of majority consensus at thresholds 3 to 17, on twenty sets (figure 9).

    With --on-chain, the contract and the Python model evaluate the same answers at one threshold. Use few --workpieces:
    the chain processes about 40 answers per second.
    """
    from chromatrace.studies.majority import majority as study

    if on_chain:
        from chromatrace.quality.rules import Rule
        from chromatrace.studies.on_chain import on_chain as run

        return run(floor, runner, "majority", Rule.majority(threshold), known=True, workpieces=workpieces, sets=sets)
    return study(floor, runner, workpieces=workpieces)


confidence_threshold = click.option(
    "--threshold",
    default=0.9,
    show_default=True,
    type=FiniteRange(0, min_open=True),
    help="Sum of capabilities that decides.",
)


@study_command
@confidence_threshold
@on_chain_options(5)
def confidence(
    floor: ShopFloor, runner: Runner, *, threshold: float, workpieces: int, on_chain: bool, sets: int
) -> Study:
    """Find the majority thresholds that match confidence consensus in F1 and in time (figure 10).

    With --on-chain, the contract and the Python model evaluate the same answers. The contract's inspectors start with
    their true capabilities and continue to learn; the model uses the true capabilities.
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
    """Measure the error of learned capabilities, workpiece by workpiece (figure 11).

    With --on-chain, the contract draws, decides and learns, and every result is compared with the Python model. Use
    few --workpieces: the chain processes about 40 answers per second.
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
    "--staff",
    default="ai",
    show_default=True,
    type=click.Choice(["ai", "human", "mixed"]),
    help="Staff of the workcells.",
)
def dependent(floor: ShopFloor, runner: Runner, *, threshold: float, staff: str) -> Study:
    """Compare time and F1 of inspection during production with inspection after each step (figure 12)."""
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
    type=WholeRange(1, MAX_COUNT),
    help="Number of workpieces to learn from, and to decide on.",
)
@click.option(
    "--defect-rate", default=0.5, show_default=True, type=FiniteRange(0, 1), help="Share of steps with a defect."
)
def sequential(floor: ShopFloor, runner: Runner, *, workpieces: int, defect_rate: float) -> Study:
    """Compare F1 and inspections of all rules on the same answers: votes and Wald's sequential test."""
    from chromatrace.studies.sequential import sequential as study

    return study(floor, runner, workpieces=workpieces, defect_rate=defect_rate)


@study_command
@click.option(
    "--defect-rate", default=0.5, show_default=True, type=FiniteRange(0, 1), help="Share of steps with a defect."
)
def neighbours(floor: ShopFloor, runner: Runner, *, defect_rate: float) -> Study:
    """Compare a nearest-first draw with a random draw if three neighbours are poor inspectors."""
    from chromatrace.studies.neighbours import neighbours as study

    return study(floor, runner, defect_rate=defect_rate)
