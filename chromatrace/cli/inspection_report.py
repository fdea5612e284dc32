"""`chromatrace inspection report`: quality figures of a producer over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chromatrace.cli.output import emit, json_option, print_line
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import WholeRange
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.services.quality.report import QualityReport
    from chromatrace.services.workspace import Workspace


@click.command()
@click.option("--plant", metavar="PLANT", help="Plant with tags and sampling plans. Default: the setting `plant`.")
@click.option("--organisation", metavar="GLN", help="Producer. Default: the signer's organisation.")
@click.option("--from", "start", metavar="TIME", help="First time (RFC 3339), included. Default: no limit.")
@click.option("--to", "stop", metavar="TIME", help="Last time (RFC 3339), excluded. Default: no limit.")
@click.option(
    "--period", type=click.Choice(["day", "week", "month"]), default="week", show_default=True, help="Period of a row."
)
@click.option(
    "--windows",
    type=WholeRange(1, 10_000),
    default=50,
    show_default=True,
    help="Maximum number of lots with readings for the capability: the newest ones.",
)
@click.option(
    "--csv",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write each table as CSV.",
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the yields as .svg.")
@json_option
@click.pass_obj
def report(
    workspace: Workspace,
    plant: str | None,
    organisation: str | None,
    start: str | None,
    stop: str | None,
    period: str,
    windows: int,
    folder: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show yields, defects by cause, capability of tags, and the state of the sampling plans.

    Yields: first-pass yield of lots, secondary rate (units sold as defective) and scrap rate of units, by the period in
    which a lot was registered. docs/quality.md defines each figure.

    \b
    Example
      chromatrace inspection report --from 2026-01-01T00:00:00Z --period month --csv quality --plot yield.svg
    """
    from chromatrace.ingest.times import parse_time
    from chromatrace.services.quality.history import END_S, producer_number
    from chromatrace.services.quality.report import TABLES, quality_report
    from chromatrace.services.records import plant_of

    producer = producer_number(workspace, organisation)
    with workspace.index.snapshot() as snapshot:
        result = quality_report(
            snapshot,
            workspace.documents,
            workspace.spool,
            plant_of(plant or workspace.settings.plant),
            producer,
            from_s=0 if start is None else parse_time(start, field="from") // 10**9,
            to_s=END_S if stop is None else parse_time(stop, field="to") // 10**9,
            period=period,
            windows=windows,
        )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            deliver(folder / f"{name}.csv", [result.csv(name).encode()])
    if plot is not None:
        if plot.suffix.lower() != ".svg":
            raise InvalidInput(f"{plot.name!r} does not end with .svg", field="plot")
        deliver(plot, [result.plot("yield").encode()])
    emit(as_json, result.as_json(), lambda: _print(result))


def _print(result: QualityReport) -> None:
    print_line(f"{result.period:<12}{'lots':>7}{'first pass':>12}{'secondary':>12}{'scrap':>9}")
    for name, row in [*((row.start, row) for row in result.yields), ("total", result.total)]:
        rates = [row.first_pass_yield, row.secondary_rate, row.scrap_rate]
        first, secondary, scrap = ("-" if rate is None else f"{rate:.1%}" for rate in rates)
        print_line(f"{name:<12}{row.lots:>7}{first:>12}{secondary:>12}{scrap:>9}")
    if result.causes:
        print_line("defects by cause")
    for cause in result.causes:
        print_line(f"  {cause.cause:<36}{cause.units:>7} units{cause.share:>9.1%}{cause.cumulative:>9.1%}")
    latest = {row.tag: row for row in result.capabilities}
    if latest:
        print_line("capability in the newest lot")
    for newest in latest.values():
        cp = "-" if newest.cp is None else f"{newest.cp:.2f}"
        print_line(f"  {newest.tag:<36}Cp {cp:>6}  Cpk {newest.cpk:>6.2f}  {newest.lot}")
    for plan, history in result.sampling:
        state = "discontinued" if history.state.stopped else history.state.severity.value
        print_line(f"sampling plan {plan.id}: {state}")
