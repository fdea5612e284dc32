"""`chromatrace ingest`: readings from machines and files."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, json_option, print_line, print_note, progress
from chromatrace.number_types import FiniteRange
from chromatrace.services.workspace import Workspace

channel_option = click.option("--channel", required=True, help="Log channel of the readings; one for each gateway.")

_ONCE_GIVE_UP_S = 30.0
_MAX_SHOWN = 20


@click.group()
def ingest() -> None:
    """Store readings from machines and files in the spool.

    Each reading is stored durably and exactly once. `chromatrace log anchor` then records the log on the chain.

    \b
    Example: the recorded Tennessee Eastman process, 960 rows of 52 columns every 3 minutes
      chromatrace ingest file d01_te.dat --channel tep \\
        --columns "XMEAS(1..41),XMV(1..11)" --start 2026-01-01T00:00:00Z --step 180s
    """


@ingest.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@channel_option
@click.option("--source", help="Source name. Default: the file name without its extension.")
@click.option("--columns", help='Tags of a table without a header, such as "XMEAS(1..41),T[Cel],-"; - skips a column.')
@click.option("--start", help="Time of the first row of a table without a header, RFC 3339.")
@click.option("--step", help="Time between the rows of such a table: 180s, 3min, 500ms.")
@click.option("--delimiter", default="auto", show_default=True, help="One of auto, space, tab, comma, semicolon.")
@click.option("--time-column", help="Time column of a CSV file with a header.")
@click.option("--time-unit", help="Unit of a numeric time column since 1970: s, ms, us or ns.")
@json_option
@click.pass_obj
def file(
    workspace: Workspace,
    path: Path,
    channel: str,
    source: str | None,
    columns: str | None,
    start: str | None,
    step: str | None,
    delimiter: str,
    time_column: str | None,
    time_unit: str | None,
    as_json: bool,
) -> None:
    """Store the readings of a file: a table of numbers, CSV with a header, or JSON lines. Safe to re-run.

    Rejected rows are reported with line and field, and all other rows are stored; the exit status is then 1.
    """
    from chromatrace.ingest.files import ingest_file
    from chromatrace.ingest.layout import layout_for

    layout = layout_for(
        path,
        columns=columns,
        start=start,
        step=step,
        delimiter=delimiter,
        time_column=time_column,
        time_unit=time_unit,
    )
    with progress(f"reading {path.name}", total=path.stat().st_size, hidden=as_json) as show:
        result = ingest_file(workspace.spool, channel, path, layout, source=source, progress=lambda done, _: show(done))
    facts = {
        "channel": channel,
        "lines": result.lines,
        "taken": result.stored,
        "duplicates": result.duplicates,
        "refused": result.rejected_count,
        "refusals": [{"line": row.line, "field": row.field, "reason": row.reason} for row in result.rejected],
    }

    def human() -> None:
        print_line(
            f"{result.stored:,} readings stored from {result.lines:,} lines, {result.duplicates:,} duplicates skipped"
        )
        for row in result.rejected[:_MAX_SHOWN]:
            print_note(row.reason, mark=f"line {row.line}, {row.field}:", style="yellow")
        if result.rejected_count > _MAX_SHOWN:
            print_note(f"… and {result.rejected_count - _MAX_SHOWN:,} more; --json lists all")
        if result.rejected_count:
            print_note(f"{result.rejected_count:,} readings rejected")

    emit(as_json, facts, human)
    if result.rejected_count:
        raise SystemExit(1)


@ingest.command()
@click.argument("url")
@channel_option
@click.option(
    "--namespace",
    default="urn:chromatrace:plant",
    show_default=True,
    help="Namespace URI; all of its variables are subscribed to.",
)
@click.option(
    "--node", "nodes", multiple=True, help="Node id to subscribe to (ns=2;s=…) instead of --namespace; may be repeated."
)
@click.option("--source", help="Source name; required with --node. Default: the server's object name.")
@click.option("--history", is_flag=True, help="First read all stored history of tags that are new to the spool.")
@click.option("--once", is_flag=True, help="Exit when the server reports that it has finished.")
@click.option(
    "--give-up",
    "give_up_s",
    type=FiniteRange(0, min_open=True),
    metavar="SECONDS",
    help="Exit with an error if the server is unreachable for this long. Default: 30 with --once, else never.",
)
@click.option("--user", help="User name. The password is the setting opcua_password; without it, the command prompts.")
@click.option(
    "--certificate", type=click.Path(path_type=Path, exists=True), help="Client certificate; enables encryption."
)
@click.option("--private-key", type=click.Path(path_type=Path, exists=True), help="Private key of the certificate.")
@json_option
@click.pass_obj
def opcua(
    workspace: Workspace,
    url: str,
    channel: str,
    namespace: str,
    nodes: tuple[str, ...],
    source: str | None,
    history: bool,
    once: bool,
    give_up_s: float | None,
    user: str | None,
    certificate: Path | None,
    private_key: Path | None,
    as_json: bool,
) -> None:
    """Subscribe to the OPC UA server at URL until Ctrl-C.

    If the server is unreachable, the command retries at increasing intervals. After an interruption, it reads the gap
    from the server's history and marks these readings as replayed; no reading is stored twice.
    """
    from chromatrace.ingest.opcua import BackgroundGateway, OpcUaSecurity, OpcUaSettings

    password = None
    if user is not None:
        password = workspace.settings.opcua_password or workspace.ask_password(
            f"Password of {user}", "CHROMATRACE_OPCUA_PASSWORD"
        )
    settings = OpcUaSettings(
        url,
        channel,
        namespace=namespace,
        nodes=nodes,
        source=source,
        since_ns=0 if history else None,
        once=once,
        give_up_s=_ONCE_GIVE_UP_S if give_up_s is None and once else give_up_s,
        security=OpcUaSecurity(user=user, password=password, certificate=certificate, private_key=private_key),
    )
    # asyncua logs a traceback for every lost connection; the gateway reports the reason once.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    stop = stop_event()
    with (
        BackgroundGateway(settings, workspace.spool) as gateway,
        progress(f"subscribed to {url}", hidden=as_json) as show,
    ):
        while gateway.running and not stop.wait(0.2):
            show(gateway.statistics.stored)
    statistics = gateway.statistics
    emit(as_json, statistics.as_dict())
    if statistics.rejected or statistics.gaps_unfilled:
        raise SystemExit(1)
