"""`chromatrace qr`: QR codes and label sheets of GS1 Digital Link URIs."""

from __future__ import annotations

from pathlib import Path

import click

from chromatrace.chain import reads
from chromatrace.cli.output import emit, json_option, progress
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound, Unavailable
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.rights import BatchState
from chromatrace.domain.serials import SerialRange
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

ahead_option = click.option(
    "--ahead",
    is_flag=True,
    help="Create codes before the lot is registered, or without a chain. They lead to no data until it is registered.",
)


@click.group()
def qr() -> None:
    """Create and read QR codes and label sheets.

    The codes contain GS1 Digital Link URIs; the setting base_url is their base URL.

    \b
    Example: a code of one unit, then a sheet of 100 labels
      chromatrace qr code 09521234543213 L2601A --serial 000042 -o unit.svg
      chromatrace qr labels 09521234543213 L2601A --count 100 -o labels.pdf
    """


@qr.command()
@click.argument("gtin")
@click.argument("lot")
@click.option("--serial", help="Serial of a unit. Default: the whole batch.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write: .svg or .png.",
)
@ahead_option
@json_option
@click.pass_obj
def code(
    workspace: Workspace, gtin: str, lot: str, serial: str | None, output: Path, ahead: bool, as_json: bool
) -> None:
    """Write the QR code of a registered lot or of a unit of it.

    A lot that is recalled, stopped, recycled or scrapped gets no codes.
    """
    from chromatrace.identity.digital_link import uri_for_batch, uri_for_unit
    from chromatrace.identity.qr import encode

    key = BatchKey.parse(gtin, lot)
    base = workspace.settings.code_url
    uri = uri_for_batch(base, key) if serial is None else uri_for_unit(base, key, Serial(serial))
    qr_code = encode(uri)
    _require_suffix(output, ".svg", ".png")
    _notice(workspace, key, ahead)
    output.parent.mkdir(parents=True, exist_ok=True)
    deliver(output, [qr_code.svg() if output.suffix == ".svg" else qr_code.png()])
    emit(as_json, {"uri": uri, "file": output})


@qr.command()
@click.argument("gtin")
@click.argument("lot")
@click.option("--first", default=1, show_default=True, type=WholeRange(0), help="First serial number.")
@click.option("--count", required=True, type=WholeRange(1), help="Number of labels.")
@click.option("--width", default=6, show_default=True, type=WholeRange(1, 20), help="Number of digits of a serial.")
@click.option("--title", default="", help="Product name, printed at the bottom of each page.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="PDF file to write."
)
@ahead_option
@json_option
@click.pass_obj
def labels(
    workspace: Workspace,
    gtin: str,
    lot: str,
    first: int,
    count: int,
    width: int,
    title: str,
    output: Path,
    ahead: bool,
    as_json: bool,
) -> None:
    """Write a printable A4 label sheet for a range of serials of a registered lot.

    A lot that is recalled, stopped, recycled or scrapped gets no labels. If the lot is not released, or on hold, each
    page is marked with it. The title may have the characters of Western
    European languages; for others, set label_font to a TrueType font.
    """
    from chromatrace.identity.labels import label_sheet

    _require_suffix(output, ".pdf")
    key, serials = BatchKey.parse(gtin, lot), SerialRange(first, count, width)
    notice = _notice(workspace, key, ahead)
    with progress("drawing labels", total=count, hidden=as_json) as show:
        sheet = label_sheet(
            workspace.settings.code_url,
            key,
            serials,
            title=title,
            notice=notice,
            font=workspace.settings.label_font,
            progress=lambda done, _: show(done),
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    deliver(output, [sheet])
    emit(as_json, {"labels": count, "file": output, "bytes": len(sheet)})


@qr.command()
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def read(photo: Path, as_json: bool) -> None:
    """Read the QR code in the image PHOTO."""
    from chromatrace.identity.scan import read_link

    link = read_link(photo.read_bytes())
    emit(as_json, {"uri": link.uri, "elements": {element.ai: element.value for element in link.elements()}})


def _notice(workspace: Workspace, key: BatchKey, ahead: bool) -> str:
    """Return the notice for codes of the lot. Raises `NotFound`, `Conflict` if it must not get codes."""
    from chromatrace.services.labelling import NOT_RELEASED, label_notice

    try:
        batch = workspace.reader.read(reads.batch(key.batch_id))
    except ChromaTraceError as error:
        if ahead:
            return NOT_RELEASED
        if not isinstance(error, Unavailable):
            raise
        hint = "name the node with --rpc-url, or use --ahead to create codes without a chain"
        raise type(error)(error.message, field=error.field, hint=hint) from error
    if batch.state is BatchState.UNKNOWN:
        if ahead:
            return NOT_RELEASED
        raise NotFound(
            f"no batch {key.gtin}/{key.lot} is registered on this chain",
            field="lot",
            hint="run `chromatrace batch register` first, or use --ahead to create codes before that",
        )
    return label_notice(key, batch)


def _require_suffix(output: Path, *suffixes: str) -> None:
    if output.suffix not in suffixes:
        raise InvalidInput(f"the file name is {output.name!r}; it must end in {' or '.join(suffixes)}", field="output")
