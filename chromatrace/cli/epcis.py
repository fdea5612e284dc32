"""`chromatrace epcis`: events as EPCIS 2.0 documents for partners' systems, and checks of theirs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from chromatrace.cli.options import parse_batch
from chromatrace.cli.output import emit, json_option, tell
from chromatrace.domain.errors import InvalidInput
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.index import Snapshot
    from chromatrace.index.views import EventView

PAGE = 1_000


@click.group()
def epcis() -> None:
    """Events as EPCIS 2.0 (GS1), for partners' systems."""


@epcis.command()
@click.argument("batches", nargs=-1, metavar="[GTIN/LOT]...")
@click.option("--since", help="Events recorded from this time on, RFC 3339.")
@click.option("--until", help="Events recorded before this time, RFC 3339.")
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
    """Write the events of batches, or of a period, as one EPCIS document.

    Without GTIN/LOT: of all batches. Measurements are in it where the evidence lies in the local document store. The
    document is JSON itself: --json tells of the file that --output names, and changes nothing without one.
    """
    from chromatrace.epcis.check import check_document
    from chromatrace.epcis.document import document_of
    from chromatrace.epcis.mapping import events_of
    from chromatrace.services.epcis_directory import IndexDirectory

    first, last = _seconds(since, "since"), _seconds(until, "until")
    with workspace.index.snapshot() as snapshot:
        chosen = [
            event
            for event in _events(snapshot, batches)
            if (first is None or event.block_time >= first) and (last is None or event.block_time < last)
        ]
        directory = IndexDirectory(snapshot, workspace.documents, workspace.chain_id, workspace.settings.code_url)
        made = events_of(chosen, directory)
    document = document_of(made, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    check_document(document)
    data = orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
    if output is None or str(output) == "-":
        click.echo(data, nl=False)
        return
    deliver(output, [data])
    emit(
        as_json,
        {"file": output, "events": len(made), "bytes": len(data)},
        lambda: tell(f"{len(made)} events in {output}"),
    )


@epcis.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@json_option
def validate(path: Path, as_json: bool) -> None:
    """Check an EPCIS document as the capture interface does; says by a JSON pointer what is wrong."""
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
        raise InvalidInput(f"a time such as 2026-03-31T14:05:00Z is needed, got {text!r}", field=field) from error
    return time.replace(tzinfo=time.tzinfo or UTC).timestamp()


def _events(snapshot: Snapshot, batches: tuple[str, ...]) -> Iterator[EventView]:
    for text in batches:
        yield from snapshot.timeline(snapshot.registered_batch(parse_batch(text)).batch_id)
    after: tuple[int, int] | None = None
    while not batches:
        page = snapshot.events(after=after, limit=PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = (page[-1].block_number, page[-1].log_index)
