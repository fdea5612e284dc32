"""`chromatrace demo`: the demonstration, from a fresh chain to scannable codes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click
from click.core import ParameterSource

from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, err, json_option, print_note, progress
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings, declarations, resolve_all

_IGNORED = ("rpc_url", "manifest", "database_url", "vault", "keystore", "dev_account", "plant", "base_url")
"""Settings that `chromatrace.demo.run.prepare` replaces."""


@click.command()
@click.option("--once", is_flag=True, help="Run, check, print the report and exit without serving the portal.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Listen address of the portal; 0.0.0.0 for a phone."
)
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=WholeRange(0, 65535),
    help="Port of the portal; 0: any free port.",
)
@click.option(
    "--tamper",
    type=click.Choice(["swap", "drop", "forge", "replay"]),
    help="Inject this fault into lot B's route proof and show which guards reject it, first as is, then with links and "
    "head recomputed. Exit status 1 if a guard accepts it.",
)
@json_option
@click.pass_obj
def demo(workspace: Workspace, once: bool, host: str, port: int, tamper: str | None, as_json: bool) -> None:
    """Run the full demonstration; no setup required.

    \b
    1. Start Anvil, deploy the contracts, register a consortium.
    2. Run a simulated sputtering line behind an OPC UA server; store and anchor its readings.
    3. Make five lots of electrochromic panes: inspection by five inspectors, assembly, release, shipment.
       One lot fails and is recycled, one is recalled. While the last is made, a cooler fouls slowly: the digital
       twin forecasts it, a control chart detects it, and a supervisor confirms the hold that the twin proposes.
    4. Create QR codes and proof bundles, check everything, and serve the portal until Ctrl-C.

    All files are in the subfolder demo of the data folder; each start empties it. Exit status 1 if a check fails.
    """
    from chromatrace.demo.run import Stages, prepare, run

    _reject_ignored_settings()
    stages = Stages(
        finished=lambda text, seconds: err().print(f"[green]✓[/] {text} [dim]{seconds:.1f} s[/]", highlight=False),
        progress=progress,
    )
    default = click.get_current_context().get_parameter_source("port") is ParameterSource.DEFAULT
    with ExitStack() as stack:
        local = prepare(workspace, stack, stages, host, 0 if once else port, or_another=default)
        report = run(local, stack, stages, host, tamper)
        for check in report["checks"]:
            if not check["held"]:
                print_note(f"{check['check']}: {check['said']}", mark="✗", style="bold red")
        emit(as_json, report | {"seconds": stages.seconds}, lambda: _print(report))
        if not once:
            stop = stop_event()
            err().print(f"\nportal {local.settings.code_url}   press Ctrl-C to stop", highlight=False)
            stop.wait()
    if report["failed"]:
        raise SystemExit(1)


def _reject_ignored_settings() -> None:
    """Reject options that the demonstration does not use, and name such values of the environment and the file."""
    values = resolve_all(click.get_current_context().find_root().params)
    for declaration in declarations(Settings):
        value = values[declaration.name]
        if declaration.name not in _IGNORED or value.source == "default":
            continue
        if value.source == "option":
            raise InvalidInput(
                "the demonstration has its own chain, databases and keys",
                field=declaration.name,
                hint=f"leave out {declaration.option}",
            )
        print_note(f"the demonstration does not use {declaration.name}, which the {value.source} sets")


def _print(report: dict[str, Any]) -> None:
    counts = report["counts"]
    click.echo(
        f"\n{counts['readings']:,} readings, {counts['transactions']} transactions in {counts['blocks']} blocks; "
        f"{len(report['checks'])} checks, {report['failed']} failed\n"
    )
    guards = report["tamper"]["caught"]
    if guards:
        click.echo(f"  fault: {report['tamper']['fault']}")
        width = max(len(guard["by"]) for guard in guards)
        for guard in guards:
            result = f"rejected it: {guard['said']}" if guard["said"] else "ACCEPTED IT"
            click.echo(f"    {guard['by']:<{width}} {result}")
        click.echo("")
    for batch in report["batches"].values():
        state = "RECALLED" if batch["recalled"] else batch["state"].name.lower().replace("_", " ")
        click.echo(f"  {batch['lot']!s:<8} {state:<14} {batch['uri']}")
    click.echo(f"\n  scan or open {report['unit_uris'][0]}")
    click.echo(f"  its QR code  {report['codes'][0]}")
    click.echo(f"  label sheet  {report['labels']}")
    click.echo(f"  log in as    {report['account']['name']}, password: {report['account']['password']}")
    click.echo(f"  as operator  {report['console_account']['name']}, the same password")
