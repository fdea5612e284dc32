"""`chromatrace ingest`: readings from a machine or a recorded file into the spool."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from chromatrace.cli.interrupts import told_to_end
from chromatrace.cli.options import FiniteRange
from chromatrace.cli.output import emit, json_option, progress, tell
from chromatrace.services.workspace import Workspace

channel_option = click.option("--channel", required=True, help="Log that the readings go to, one for each gateway.")

_PATIENCE_S = 30.0
"""For how long `--once` waits for a server that is away."""

_SHOWN = 20
"""Refused rows that people are shown."""


@click.group()
def ingest() -> None:
    """Take readings into the spool: durably, each exactly once."""


@ingest.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@channel_option
@click.option("--source", help="Who measured. Default: the file's name without its ending.")
@click.option("--columns", help='For a table without a header: its tags, as in "XMEAS(1..41),T[Cel],-" (- skips one).')
@click.option("--start", help="For such a table: time of its first row, RFC 3339.")
@click.option("--step", help="For such a table: time from row to row, such as 180s, 3min, 500ms.")
@click.option("--delimiter", default="auto", show_default=True, help="auto, space, tab, comma or semicolon.")
@click.option("--time-column", help="For CSV with a header: the column of times.")
@click.option("--time-unit", help="Where these times are numbers since 1970: s, ms, us or ns.")
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
    """Take the readings of a recorded file: a table of numbers, CSV with a header, or JSON lines.

    A row that cannot be read is reported with its line and field, and the rest is taken; the exit status is 1 then. Run
    again, the file adds nothing.

    \b
    The recorded Tennessee Eastman process, 960 rows of 52 columns every 3 minutes:
      chromatrace ingest file d01_te.dat --channel tep \\
        --columns "XMEAS(1..41),XMV(1..11)" --start 2026-01-01T00:00:00Z --step 180s
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
        click.echo(
            f"{result.stored:,} readings taken from {result.lines:,} lines, {result.duplicates:,} were there already"
        )
        for row in result.rejected[:_SHOWN]:
            tell(row.reason, mark=f"line {row.line}, {row.field}:", style="yellow")
        if result.rejected_count > _SHOWN:
            tell(f"… and {result.rejected_count - _SHOWN:,} more (--json lists them)")
        if result.rejected_count:
            tell(f"{result.rejected_count:,} refused; {'everything else is' if result.stored else 'nothing was'} taken")

    emit(as_json, facts, human)
    if result.rejected_count:
        raise SystemExit(1)


@ingest.command()
@click.argument("url")
@channel_option
@click.option("--namespace", default="urn:chromatrace:plant", show_default=True, help="Take every variable of it.")
@click.option("--node", "nodes", multiple=True, help="Instead: this node id (ns=2;s=…); may be repeated.")
@click.option("--source", help="Who measured. Needed with --node; else the server's object name.")
@click.option("--history", is_flag=True, help="First fetch all that the server still has of tags that are new to us.")
@click.option("--once", is_flag=True, help="End when the server says that it has finished.")
@click.option(
    "--give-up",
    "give_up_s",
    type=FiniteRange(0, min_open=True),
    metavar="SECONDS",
    help="End with an error when the server was away for so long. Default: 30 with --once, else never.",
)
@click.option("--user", help="User name; its password is the setting opcua_password, or is asked for.")
@click.option("--certificate", type=click.Path(path_type=Path, exists=True), help="Our certificate: encrypts.")
@click.option("--private-key", type=click.Path(path_type=Path, exists=True), help="Its private key.")
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

    A server that is away is asked again, ever less often; what is the matter is said when it changes.
    After an interruption the gap is fetched from the server's history and marked as replayed; nothing is taken twice.
    """
    from chromatrace.ingest.opcua import BackgroundGateway, OpcUaSecurity, OpcUaSettings

    settings = OpcUaSettings(
        url,
        channel,
        namespace=namespace,
        nodes=nodes,
        source=source,
        since_ns=0 if history else None,
        once=once,
        give_up_s=_PATIENCE_S if give_up_s is None and once else give_up_s,
        security=OpcUaSecurity(
            user=user, password=_opcua_password(workspace, user), certificate=certificate, private_key=private_key
        ),
    )
    # Its library reports a lost connection by tracebacks, again and again; the gateway says what is the matter.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    stop = told_to_end()
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


def _opcua_password(workspace: Workspace, user: str | None) -> str | None:
    if user is None:
        return None
    return workspace.settings.opcua_password or workspace.ask_password(
        f"Password of {user}", "CHROMATRACE_OPCUA_PASSWORD"
    )
