"""`chromatrace epcis`: EPCIS 2.0 documents."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from chromatrace.cli.options import parse_batch
from chromatrace.cli.output import emit, json_option, print_note
from chromatrace.domain.errors import InvalidInput
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver


@click.group()
def epcis() -> None:
    """Export and check EPCIS 2.0 documents.

    \b
    Example: export the events of one lot and check the document
      chromatrace epcis export 09521234543213/L2601A -o events.json
      chromatrace epcis validate events.json
    """


@epcis.command()
@click.argument("batches", nargs=-1, metavar="[GTIN/LOT]...")
@click.option("--since", help="Start of the period by block time, inclusive, RFC 3339.")
@click.option("--until", help="End of the period by block time, exclusive, RFC 3339.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File to write. Default, and -: standard output.",
)
@json_option
@click.pass_obj
def export(
    workspace: Workspace,
    batches: tuple[str, ...],
    since: str | None,
    until: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write the events of batches (default: of all), or of a period, as one EPCIS document.

    Measurements are included if the local document store has the evidence. The document itself is JSON; --json
    prints a report about the file that --output names.
    """
    from chromatrace.services.epcis_export import IndexDirectory
    from chromatrace.services.epcis_export import export as export_events

    period = {"since": _seconds(since, "since"), "until": _seconds(until, "until")}
    keys = [parse_batch(text) for text in batches]
    with workspace.index.snapshot() as snapshot:
        directory = IndexDirectory(snapshot, workspace.documents, workspace.chain_id, workspace.settings.code_url)
        document = export_events(snapshot, directory, keys, **period)
    data = orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
    if output is None or str(output) == "-":
        click.echo(data, nl=False)
        return
    deliver(output, [data])
    events = len(document["epcisBody"]["eventList"])
    emit(
        as_json,
        {"file": output, "events": events, "bytes": len(data)},
        lambda: print_note(f"{events} events written to {output}"),
    )


@epcis.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@json_option
def validate(path: Path, as_json: bool) -> None:
    """Check an EPCIS document as the portal's capture interface does.

    Errors name the invalid member by a JSON pointer.
    """
    from chromatrace.epcis.document import read_document

    data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    document = read_document(data)
    emit(as_json, {"valid": True, "events": len(document["epcisBody"]["eventList"])})


def _seconds(text: str | None, field: str) -> float | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"expected a time such as 2026-03-31T14:05:00Z, got {text!r}", field=field) from error
    return time.replace(tzinfo=time.tzinfo or UTC).timestamp()
