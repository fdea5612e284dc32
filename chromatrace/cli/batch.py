"""`chromatrace batch`: registration, life cycle, search, recall and proof of batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from chromatrace.chain import calls, reads
from chromatrace.cli.batch_disposition import dispose, dispositions
from chromatrace.cli.batch_trace import impact, trace
from chromatrace.cli.options import (
    batch_argument,
    batches_named,
    parse_batch,
    parse_bytes32,
    parse_input,
    read_json,
    reason_option,
    submit_call,
)
from chromatrace.cli.output import emit, err, json_option, print_line
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import ZERO_BYTES32, BatchKey, RouteId, Serial
from chromatrace.domain.rights import HoldKind, SalesChannel
from chromatrace.number_types import WholeRange
from chromatrace.services.holds import hold_to_end
from chromatrace.services.organisations import may_read_department, own_organisation, signer_organisation
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver


@click.group()
def batch() -> None:
    """Register, trace, release, recall and prove batches.

    A batch is identified by its GTIN-14 and lot.

    \b
    Example: register a lot that uses 100 units of another lot, show it, trace it
      chromatrace --dev-account 1 batch register lot.json --input 09521234500025/G-7741=100
      chromatrace batch show 09521234543213 L2601A
      chromatrace batch trace 09521234543213 L2601A --svg trace.svg
    """


batch.add_command(dispose)
batch.add_command(dispositions)


@batch.command()
@click.argument("content", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="GTIN/LOT=UNITS",
    help="Batch that this batch is made from, and the number of units used; may be repeated.",
)
@click.option("--route", help="Id of the designed route: 0x and 64 hexadecimal digits.")
@json_option
@click.pass_obj
def register(workspace: Workspace, content: Path, inputs: tuple[str, ...], route: str | None, as_json: bool) -> None:
    """Register the batch that the document CONTENT describes (JSON, schema chromatrace.batch/1).

    \b
    {"schema": "chromatrace.batch/1", "gtin": "09521234543213", "lot": "L2410A",
     "product": {"name": "Electrochromic pane", "description": ""}, "quantity": 100,
     "made_at": "2026-01-01T08:00:00Z", "serials": {"first": 1, "count": 100, "width": 6}, "materials": []}

    If the plant makes the product by a design ([design] of the plant file), the document names its newest released
    version, and the plant file must agree with that version.
    """
    from chromatrace.documents.content import BatchContent
    from chromatrace.exchange.units import serial_root
    from chromatrace.services.designs import with_design
    from chromatrace.storage import strict_json

    document = with_design(workspace, BatchContent.from_bytes(strict_json.canonical(read_json(content, "content"))))
    digest = workspace.documents.digest(document.to_bytes())
    root = serial_root(document.serials) if document.serials else ZERO_BYTES32
    used = tuple(parse_input(text) for text in inputs)
    registration = calls.Registration(
        document.key, document.quantity, digest, root, _designed_route(workspace, route), used
    )
    call = calls.register_batch(registration)
    with batches_named(document.key, *(parse_batch(text.rpartition("=")[0]) for text in inputs)):
        workspace.chain.simulate(call)
    # Only after the simulation: a registration that the contract rejects leaves no document.
    workspace.documents.put(document.to_bytes())
    receipt = workspace.chain.submit(call)
    design = {"design": document.design.as_json()} if document.design else {}
    emit(as_json, {"batch": document.key.batch_id, "content_digest": digest, "tx": receipt.tx} | design)


def _designed_route(workspace: Workspace, route: str | None) -> bytes:
    """Return the id of a route that is on the chain: the contract accepts any id, but proves designed routes only."""
    if route is None:
        return ZERO_BYTES32
    identifier = RouteId(parse_bytes32(route, "route"))
    if not workspace.reader.read(reads.route(identifier)).steps:
        raise NotFound(
            f"route {route} does not exist on this chain",
            field="route",
            hint="design it with `chromatrace route design`",
        )
    return identifier


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def show(workspace: Workspace, key: BatchKey, as_json: bool) -> None:
    """Show a batch and its events."""
    with workspace.index.snapshot() as snapshot:
        view = snapshot.registered_batch(key)
        events = snapshot.timeline(view.batch_id)

    def human() -> None:
        print_line(f"{key}  {_state(view)}  {view.quantity} units")
        for event in events:
            print_line(f"  block {event.block_number:>6}  {event.name:<22} 0x{event.tx_hash.hex()}")

    emit(as_json, {"batch": view, "events": events}, human)


@batch.command("list")
@click.option("--limit", default=50, show_default=True, type=WholeRange(1, 500), help="Maximum number of batches.")
@json_option
@click.pass_obj
def list_(workspace: Workspace, limit: int, as_json: bool) -> None:
    """List the newest batches."""
    with workspace.index.snapshot() as snapshot:
        views = snapshot.batches(limit=limit)

    def human() -> None:
        for view in views:
            print_line(f"{view.gtin}/{view.lot!s:<20}  {view.quantity:>8}  {_state(view)}")

    emit(as_json, {"batches": list(views)}, human)


def _state(view: Any) -> str:
    holds = ", ".join(hold.kind.name.lower().replace("_", " ") for hold in view.holds)
    marks = " RECALLED" * view.recalled + (f" on hold ({holds})" if holds else "")
    return f"{view.state.name.lower().replace('_', ' ')}{marks}"


@batch.command()
@click.argument("key")
@click.option("--own", is_flag=True, help="Show only batches that your organisation made or holds, and its records.")
@json_option
@click.pass_obj
def find(workspace: Workspace, key: str, own: bool, as_json: bool) -> None:
    """Find batches and records by KEY, those of your organisation first.

    KEY is a contract, order, drawing, component, serial, lot, product ID or scanned code. Records are shown only from
    departments that the signer may read; the signer is set with --keystore.
    """
    from chromatrace.services import search
    from chromatrace.services.records import plant_of

    kinds = plant_of(workspace.settings.plant).record_kinds
    with workspace.index.snapshot() as snapshot:
        reader = search.SearchReader(own_organisation(workspace))
        if own:
            reader = replace(reader, shown=lambda view: reader.relation(view) is search.Relation.OWN)
        result = search.find(snapshot, workspace.documents, key, kinds, may_read_department(workspace), reader)
        names = {view.id: view.name for view in snapshot.organisations()}
    records = [record for record in result.records if not own or record.department.organisation == reader.organisation]
    found = (*result.batches, *result.batches_with_serial)
    if not found and not records:
        raise NotFound(
            f"no results for {key!r}",
            field="key",
            hint="records are shown only with the key of an operator that may read them",
        )
    matches = result.matches
    truncated = matches.truncated or not result.all_batches_searched
    facts: dict[str, Any] = {
        "key": key,
        "is": [*(kind.title for kind in matches.kinds), *(["Product"] if matches.is_product else [])],
        "batches": [f"{view.gtin}/{view.lot}" for view in result.batches],
        "batches_with_serial": [f"{view.gtin}/{view.lot}" for view in result.batches_with_serial],
        "producers": {f"{view.gtin}/{view.lot}": names.get(view.producer) for view in found},
        "products": list(matches.subjects),
        "records": [
            {
                "department": record.department.name,
                "organisation": record.department.organisation,
                "organisation_name": names.get(record.department.organisation),
                "kind": record.title,
                "entry": record.entry,
            }
            for record in records
        ],
        "truncated": truncated,
    }

    def human() -> None:
        for view in found:
            print_line(f"batch {view.key}  {_state(view)}  {view.quantity:,} units, {names.get(view.producer)}")
        if facts["is"]:
            print_line(f"{key} is the key of: {', '.join(facts['is'])}")
        for record in records:
            block, title = record.entry.appended.block_number, record.title or "unknown kind"
            mark = "  REPEAT, no effect" if record.entry.repeat else ""
            organisation = names.get(record.department.organisation)
            print_line(f"block {block:>6}  {record.department.name:<24} {title:<16} {organisation}{mark}")
        if truncated:
            err().print("truncated: there are more results, or older batches were not searched", style="yellow")

    emit(as_json, facts, human)


batch.add_command(trace)
batch.add_command(impact)


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def assemble(workspace: Workspace, key: BatchKey, as_json: bool) -> None:
    """Record that the devices of a batch are assembled, after it passed first inspection."""
    submit_call(workspace, as_json, calls.assemble(key.batch_id), key)


@batch.command()
@batch_argument
@json_option
@click.pass_obj
def recycle(workspace: Workspace, key: BatchKey, as_json: bool) -> None:
    """Close a batch that failed first inspection; its material is recycled."""
    submit_call(workspace, as_json, calls.recycle(key.batch_id), key)


@batch.command()
@batch_argument
@click.option("--standard", required=True, type=WholeRange(0), help="Units for the standard channel.")
@click.option("--defective", required=True, type=WholeRange(0), help="Units for sale at a discount.")
@click.option("--scrap", required=True, type=WholeRange(0), help="Units that are not sold.")
@json_option
@click.pass_obj
def grade(workspace: Workspace, key: BatchKey, standard: int, defective: int, scrap: int, as_json: bool) -> None:
    """Split a batch after final inspection; the three numbers must add up to its quantity."""
    submit_call(workspace, as_json, calls.grade(key.batch_id, standard, defective, scrap), key)


@batch.command()
@batch_argument
@click.option(
    "--channel",
    type=click.Choice(["standard", "defective"]),
    required=True,
    help="Sales channel of the units to release.",
)
@json_option
@click.pass_obj
def release(workspace: Workspace, key: BatchKey, channel: str, as_json: bool) -> None:
    """Release the graded units of one sales channel."""
    submit_call(workspace, as_json, calls.release(key.batch_id, SalesChannel[channel.upper()]), key)


@batch.command()
@batch_argument
@reason_option
@json_option
@click.pass_obj
def hold(workspace: Workspace, key: BatchKey, reason: str, as_json: bool) -> None:
    """Put a batch on hold."""
    submit_call(workspace, as_json, calls.hold(key.batch_id, reason), key)


@batch.command("release-hold")
@batch_argument
@click.option(
    "--kind",
    type=click.Choice([kind.name.lower().replace("_", "-") for kind in HoldKind]),
    help="Kind of the hold. Default: the only one that is set.",
)
@reason_option
@json_option
@click.pass_obj
def release_hold(workspace: Workspace, key: BatchKey, kind: str | None, reason: str, as_json: bool) -> None:
    """End a hold of a batch.

    The producer's supervisor ends the kinds `producer` and `supplier-notice`, a supervisor of an authority all kinds. A
    hold after a failed inspection also ends with a passing verdict of the same stage. To answer a supplier notice, end
    it here with the reason, or recall the batch.
    """
    chosen = hold_to_end(workspace, key, None if kind is None else HoldKind[kind.upper().replace("-", "_")])
    submit_call(workspace, as_json, calls.release_hold(key.batch_id, chosen, reason), key)


@batch.command()
@batch_argument
@reason_option
@click.option("--descendants", is_flag=True, help="Also recall all descendants of the batch.")
@json_option
@click.pass_obj
def recall(workspace: Workspace, key: BatchKey, reason: str, descendants: bool, as_json: bool) -> None:
    """Recall a batch (irreversible). Safe to re-run after an interruption.

    With --descendants, each descendant takes one transaction. A batch of another organisation that is made of yours
    gets a supplier notice, which puts it on hold until that organisation or an authority answers. Batches that only
    others may recall are listed, not recalled.
    """
    from chromatrace.index.views import Direction
    from chromatrace.services.recall import plan_recall

    chain = workspace.chain
    if not descendants:
        with batches_named(key):
            receipt = chain.submit(calls.recall(key.batch_id, reason))
        facts = {"recalled": [str(key)], "notified": [], "not_entitled": [], "transactions": [receipt.tx]}
        emit(as_json, facts)
        return
    organisation = signer_organisation(workspace)
    with workspace.index.snapshot() as snapshot:
        genealogy = snapshot.trace(snapshot.registered_batch(key).batch_id, Direction.FORWARD)
        assert genealogy is not None
        views = {step.batch.batch_id: step.batch for step in genealogy.steps}
        recall = plan_recall(snapshot, list(views.values()), organisation)
    receipts = [chain.submit(recall.call(step, reason)) for step in recall.plan.steps]
    if genealogy.truncated:
        click.echo("there are more descendants than were traced; run this command again", err=True)
    emit(
        as_json,
        {
            "recalled": [str(views[step.batch].key) for step in recall.plan.steps if not step.notice],
            "notified": [str(views[step.batch].key) for step in recall.plan.steps if step.notice],
            "not_entitled": [str(views[batch].key) for batch in recall.plan.not_entitled],
            "transactions": [receipt.tx for receipt in receipts],
        },
    )


@batch.command()
@batch_argument
@click.option("--serial", help="Prove this unit of the batch.")
@click.option(
    "--trace",
    "trace_path",
    metavar="TRACE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Route trace with the records of the stations; the chain has only the records' hashes.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. Default: GTIN-LOT.bundle.json.",
)
@json_option
@click.pass_obj
def prove(
    workspace: Workspace,
    key: BatchKey,
    serial: str | None,
    trace_path: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write a proof bundle, which anyone can check offline with `chromatrace verify FILE`.

    If the batch's route is proven, the bundle contains the stations' keys and their signature; with --trace also the
    records that they signed.

    The output lists the blocks whose hashes the reader must get from a trusted source. One hash is enough if the bundle
    spans at most 2,000 blocks. Otherwise the reader needs one for each gap; without it, the blocks before the gap are
    not checked.
    """
    from chromatrace.cli.route import load_trace
    from chromatrace.exchange.collect import required_hashes
    from chromatrace.services.bundle import build_bundle

    signed = load_trace(trace_path) if trace_path is not None else None
    if signed is not None and signed.subject != bytes(key.batch_id):
        raise InvalidInput(f"{trace_path} is the trace of another batch, or of a unit", field="trace")
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
        "required_hashes": [{"block": number, "hash": value} for number, value in required_hashes(bundle).items()],
    }
    emit(as_json, facts)
