"""`chromatrace batch`: register batches, take them through their life, recall them, prove them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from chromatrace.chain import calls, reads
from chromatrace.cli.options import batch_argument, naming, parse_batch, parse_input
from chromatrace.cli.output import emit, json_option, say
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import ZERO_BYTES32, BatchKey, RouteId, Serial
from chromatrace.domain.rights import SalesChannel
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver


@click.group()
def batch() -> None:
    """Batches: identity, life cycle, recall and proof. A batch is GTIN-14 and lot."""


@batch.command()
@click.argument("content", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="GTIN/LOT=UNITS",
    help="A batch that it is made of and how many of its units went in; may be repeated.",
)
@click.option("--route", help="Id of the designed route, 0x and 64 hexadecimal digits.")
@json_option
@click.pass_obj
def register(workspace: Workspace, content: Path, inputs: tuple[str, ...], route: str | None, as_json: bool) -> None:
    """Register the batch that the document CONTENT describes (JSON, schema chromatrace.batch/1).

    \b
    {"schema": "chromatrace.batch/1", "gtin": "09521234543213", "lot": "L2410A",
     "product": {"name": "Electrochromic pane", "description": ""}, "quantity": 100,
     "made_at": "2026-01-01T08:00:00Z", "serials": {"first": 1, "count": 100, "width": 6}, "materials": []}
    """
    from chromatrace.chain.calls import Registration, register_batch
    from chromatrace.documents.content import BatchContent
    from chromatrace.exchange.units import serial_root
    from chromatrace.storage import strict_json

    parsed = BatchContent.from_bytes(strict_json.canonical(_json(content)))
    parts = tuple(parse_input(text) for text in inputs)
    digest = workspace.documents.digest(parsed.to_bytes())
    root = serial_root(parsed.serials) if parsed.serials else ZERO_BYTES32
    registration = Registration(parsed.key, parsed.quantity, digest, root, _designed(workspace, route), parts)
    call = register_batch(registration)
    with naming(parsed.key, *(parse_batch(text.rpartition("=")[0]) for text in inputs)):
        workspace.chain.simulate(call)
    # Only now: what the chain refuses leaves no document behind.
    workspace.documents.put(parsed.to_bytes())
    receipt = workspace.chain.submit(call)
    emit(as_json, {"batch": parsed.key.batch_id, "content_digest": digest, "tx": receipt.tx})


def _designed(workspace: Workspace, route: str | None) -> bytes:
    """The id of a route that somebody designed: the contract takes any, and asks proof of designed ones only."""
    if route is None:
        return ZERO_BYTES32
    try:
        found = bytes.fromhex(route.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 32:
        raise InvalidInput(f"0x and 64 hexadecimal digits are needed, got {route!r}", field="route")
    if not workspace.reader.read(reads.route(RouteId(found))).steps:
        raise NotFound(f"nobody designed the route {route}", field="route", hint="see `chromatrace route design`")
    return found


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def show(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Show a batch and its life."""
    key = BatchKey.parse(gtin, lot)
    with workspace.index.snapshot() as snapshot:
        found = snapshot.registered_batch(key)
        events = snapshot.timeline(found.batch_id)

    def human() -> None:
        flags = " RECALLED" * found.recalled + " on hold" * found.on_hold
        say(f"{key}  {found.state.name.lower().replace('_', ' ')}{flags}  {found.quantity} units")
        for event in events:
            say(f"  block {event.block_number:>6}  {event.name:<22} 0x{event.tx_hash.hex()}")

    emit(as_json, {"batch": found, "events": events}, human)


@batch.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
@click.pass_obj
def list_(workspace: Workspace, limit: int, as_json: bool) -> None:
    """List the newest batches."""
    with workspace.index.snapshot() as snapshot:
        found = snapshot.batches(limit=limit)

    def human() -> None:
        for one in found:
            state = one.state.name.lower().replace("_", " ") + " RECALLED" * one.recalled + " on hold" * one.on_hold
            say(f"{one.gtin}/{one.lot!s:<20}  {one.quantity:>8}  {state}")

    emit(as_json, {"batches": list(found)}, human)


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def assemble(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Record that the devices of a batch that passed first inspection are assembled."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.assemble(key.batch_id))


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def recycle(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Close a batch that failed first inspection: its material is recycled."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.recycle(key.batch_id))


@batch.command()
@batch_argument
@click.option("--standard", required=True, type=click.IntRange(0), help="Units of the standard channel.")
@click.option("--defective", required=True, type=click.IntRange(0), help="Units sold at a discount.")
@click.option("--scrap", required=True, type=click.IntRange(0), help="Units that are not sold.")
@json_option
@click.pass_obj
def grade(workspace: Workspace, gtin: str, lot: str, standard: int, defective: int, scrap: int, as_json: bool) -> None:
    """Split a batch after final inspection; the three add up to its quantity."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.grade(key.batch_id, standard, defective, scrap))


@batch.command()
@batch_argument
@click.option(
    "--channel",
    type=click.Choice(["standard", "defective"]),
    required=True,
    help="Which of the two that `grade` filled.",
)
@json_option
@click.pass_obj
def release(workspace: Workspace, gtin: str, lot: str, channel: str, as_json: bool) -> None:
    """Release the graded units of one channel."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.release(key.batch_id, SalesChannel[channel.upper()]))


@batch.command()
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@json_option
@click.pass_obj
def hold(workspace: Workspace, gtin: str, lot: str, reason: str, as_json: bool) -> None:
    """Put a batch on hold."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.hold(key.batch_id, reason))


@batch.command("release-hold")
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@json_option
@click.pass_obj
def release_hold(workspace: Workspace, gtin: str, lot: str, reason: str, as_json: bool) -> None:
    """End a hold."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.release_hold(key.batch_id, reason))


@batch.command()
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@click.option("--descendants", is_flag=True, help="Also every batch made of it, however far down.")
@json_option
@click.pass_obj
def recall(workspace: Workspace, gtin: str, lot: str, reason: str, descendants: bool, as_json: bool) -> None:
    """Recall a batch (irreversible). Safe to re-run after an interruption.

    With --descendants, each descendant takes one transaction. Batches that only a supervisor of another organisation
    may recall are listed, not recalled.
    """
    from chromatrace.index.views import Direction
    from chromatrace.services.recall import plan_recall

    key, chain = BatchKey.parse(gtin, lot), workspace.chain
    if not descendants:
        with naming(key):
            receipt = chain.submit(calls.recall(key.batch_id, reason))
        emit(as_json, {"recalled": [str(key)], "not_entitled": [], "transactions": [receipt.tx]})
        return
    organisation = chain.read(reads.operator(chain.sender)).organisation
    with workspace.index.snapshot() as snapshot:
        trace = snapshot.trace(snapshot.registered_batch(key).batch_id, Direction.FORWARD)
        assert trace is not None
        views = {step.batch.batch_id: step.batch for step in trace.steps}
        recall = plan_recall(snapshot, list(views.values()), organisation)
    receipts = [chain.submit(recall.call(step, reason)) for step in recall.plan.steps]
    if trace.truncated:
        click.echo("there are more descendants than were traced; run this command again", err=True)
    emit(
        as_json,
        {
            "recalled": [str(views[step.batch].key) for step in recall.plan.steps],
            "not_entitled": [str(views[batch].key) for batch in recall.plan.not_entitled],
            "transactions": [receipt.tx for receipt in receipts],
        },
    )


@batch.command()
@batch_argument
@click.option("--serial", help="One unit of it.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The file that its stations signed, for their records; the chain has the records' hashes only.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: GTIN-LOT.bundle.json")
@json_option
@click.pass_obj
def prove(
    workspace: Workspace,
    gtin: str,
    lot: str,
    serial: str | None,
    trace: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write a proof bundle: all that a stranger needs to check the batch offline (`chromatrace verify bundle`).

    Where its designed route is proven, the bundle carries the stations' keys and their signature; with --trace also
    the records that they signed.
    """
    from chromatrace.cli.route_files import load_trace
    from chromatrace.services.bundle import build_bundle

    key = BatchKey.parse(gtin, lot)
    signed = load_trace(trace) if trace is not None else None
    if signed is not None and signed.subject != bytes(key.batch_id):
        raise InvalidInput(f"{trace} is the trace of another batch, or of a unit", field="trace")
    bundle = build_bundle(workspace, key, Serial(serial) if serial else None, signed)
    path = output or Path(f"{key.gtin}-{key.lot}.bundle.json".replace("/", "_"))
    data = bundle.to_bytes()
    deliver(path, [data])
    facts = {
        "file": path,
        "bytes": len(data),
        "blocks": len(bundle.headers),
        "transactions": len(bundle.receipts),
        "documents": len(bundle.documents),
        "readings": len(bundle.readings),
    }
    emit(as_json, facts)


def _json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON: {error}", field="content") from error


def _write(workspace: Workspace, as_json: bool, key: BatchKey, call: calls.Call) -> None:
    with naming(key):
        receipt = workspace.chain.submit(call)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})
