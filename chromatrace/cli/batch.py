"""`chromatrace batch`: register batches, take them through their life, recall them, prove them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from chromatrace.cli.options import batch_argument, naming, parse_batch, parse_input
from chromatrace.cli.output import emit, json_option, say
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.recalling import Recallable, RecallPlan, recall_plan
from chromatrace.domain.rights import OrganisationKind, SalesChannel
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.chain.client import Call
    from chromatrace.index.views import BatchView

ZERO = bytes(32)


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
    from chromatrace.chain.commands import Registration, register_batch
    from chromatrace.documents.content import BatchContent
    from chromatrace.exchange.units import serial_root
    from chromatrace.storage import strict_json

    parsed = BatchContent.from_bytes(strict_json.canonical(_json(content)))
    parts = tuple(parse_input(text) for text in inputs)
    digest = workspace.documents.digest(parsed.to_bytes())
    root = serial_root(parsed.serials) if parsed.serials else ZERO
    registration = Registration(parsed.key, parsed.quantity, digest, root, _designed(workspace, route), parts)
    call = register_batch(registration)
    with naming(parsed.key, *(parse_batch(text.rpartition("=")[0]) for text in inputs)):
        workspace.chain.simulate(call.contract, call.function, *call.args)
    # Only now: what the chain refuses leaves no document behind.
    workspace.documents.put(parsed.to_bytes())
    receipt = workspace.chain.submit(call)
    emit(as_json, {"batch": parsed.key.batch_id, "content_digest": digest, "tx": receipt.tx})


def _designed(workspace: Workspace, route: str | None) -> bytes:
    """The id of a route that somebody designed: the contract takes any, and asks proof of designed ones only."""
    if route is None:
        return ZERO
    try:
        found = bytes.fromhex(route.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != len(ZERO):
        raise InvalidInput(f"0x and 64 hexadecimal digits are needed, got {route!r}", field="route")
    if not workspace.reader.read("RouteVerifier", "route", found)["steps"]:
        raise NotFound(f"nobody designed the route {route}", field="route", hint="see `chromatrace route design`")
    return found


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def show(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Show a batch and its life."""
    key = BatchKey.parse(gtin, lot)
    found = workspace.index.batch_by_key(key)
    if found is None:
        raise NotFound(f"no batch {key.gtin}/{key.lot} is registered on this chain", field="lot")
    events = workspace.index.timeline(found.batch_id)

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
    found = workspace.index.batches(limit=limit)

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
    _write(workspace, as_json, gtin, lot, "assemble")


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def recycle(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Close a batch that failed first inspection: its material is recycled."""
    _write(workspace, as_json, gtin, lot, "recycle")


@batch.command()
@batch_argument
@click.option("--standard", required=True, type=click.IntRange(0), help="Units of the standard channel.")
@click.option("--defective", required=True, type=click.IntRange(0), help="Units sold at a discount.")
@click.option("--scrap", required=True, type=click.IntRange(0), help="Units that are not sold.")
@json_option
@click.pass_obj
def grade(workspace: Workspace, gtin: str, lot: str, standard: int, defective: int, scrap: int, as_json: bool) -> None:
    """Split a batch after final inspection; the three add up to its quantity."""
    _write(workspace, as_json, gtin, lot, "grade", standard, defective, scrap)


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
    _write(workspace, as_json, gtin, lot, "release", SalesChannel[channel.upper()])


@batch.command()
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@json_option
@click.pass_obj
def hold(workspace: Workspace, gtin: str, lot: str, reason: str, as_json: bool) -> None:
    """Put a batch on hold."""
    _write(workspace, as_json, gtin, lot, "hold", reason)


@batch.command("release-hold")
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@json_option
@click.pass_obj
def release_hold(workspace: Workspace, gtin: str, lot: str, reason: str, as_json: bool) -> None:
    """End a hold."""
    _write(workspace, as_json, gtin, lot, "releaseHold", reason)


@batch.command()
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@click.option("--descendants", is_flag=True, help="Also every batch made of it, however far down.")
@json_option
@click.pass_obj
def recall(workspace: Workspace, gtin: str, lot: str, reason: str, descendants: bool, as_json: bool) -> None:
    """Recall a batch, for ever.

    With --descendants in an order that the contract takes, one transaction each; run it again to go on where it was
    broken off. Batches that only supervisors of other organisations may recall are named.
    """
    from chromatrace.chain.commands import Parts, recall_descendants
    from chromatrace.chain.commands import recall as recall_one
    from chromatrace.domain.recalling import RecallStep

    key = BatchKey.parse(gtin, lot)
    origin = key.batch_id
    trace = workspace.index.trace_forward(origin) if descendants else None
    if trace is None:
        with naming(key):
            receipt = workspace.chain.submit(recall_one(origin, reason))
        emit(as_json, {"recalled": [str(key)], "not_entitled": [], "transactions": [receipt.tx]})
        return
    views = {step.batch.batch_id: step.batch for step in trace.steps}
    plan = _recall_plan(workspace, list(views.values()))

    def call(step: RecallStep) -> Call:
        if step.parent is None:
            return recall_one(step.batch, reason)
        found = views[step.batch]
        inputs = workspace.index.inputs_of(step.batch)
        parts = Parts(found.serial_root or ZERO, found.content_digest, found.route or ZERO, inputs)
        return recall_descendants(step.parent, [(step.batch, parts)], reason)

    receipts = [workspace.chain.submit(call(step)) for step in plan.steps]
    if trace.truncated:
        click.echo("there are more descendants than were traced: run this again", err=True)
    emit(
        as_json,
        {
            "recalled": [str(views[step.batch].key) for step in plan.steps],
            "not_entitled": [str(views[batch].key) for batch in plan.not_entitled],
            "transactions": [receipt.tx for receipt in receipts],
        },
    )


def _recall_plan(workspace: Workspace, views: Sequence[BatchView]) -> RecallPlan:
    """As the signer's organisation may recall them."""
    chain, index = workspace.chain, workspace.index
    number = chain.read("Consortium", "operator", chain.sender)["organisation"]
    everywhere = chain.read("Consortium", "organisation", number)["kind"] == OrganisationKind.AUTHORITY
    goods = [
        Recallable(
            view.batch_id, view.producer, view.recalled, tuple(one.batch for one in index.inputs_of(view.batch_id))
        )
        for view in views
    ]
    return recall_plan(goods, None if everywhere else number)


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
    from chromatrace.services.bundle import bundle_of

    key = BatchKey.parse(gtin, lot)
    signed = load_trace(trace) if trace is not None else None
    if signed is not None and signed.subject != bytes(key.batch_id):
        raise InvalidInput(f"{trace} is the trace of another batch, or of a unit", field="trace")
    made = bundle_of(workspace, key, Serial(serial) if serial else None, signed)
    path = output or Path(f"{key.gtin}-{key.lot}.bundle.json".replace("/", "_"))
    data = made.to_bytes()
    deliver(path, [data])
    facts = {
        "file": path,
        "bytes": len(data),
        "blocks": len(made.headers),
        "transactions": len(made.receipts),
        "documents": len(made.documents),
        "readings": len(made.readings),
    }
    emit(as_json, facts)


def _json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON: {error}", field="content") from error


def _write(workspace: Workspace, as_json: bool, gtin: str, lot: str, function: str, *args: Any) -> None:
    key = BatchKey.parse(gtin, lot)
    with naming(key):
        receipt = workspace.chain.send("BatchRegistry", function, key.batch_id, *args)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})
