"""`chromatrace batch trace` and `batch impact`: the genealogy of a batch, and what a recall would affect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.options import batch_argument
from chromatrace.cli.output import emit, err, json_option, print_line
from chromatrace.domain.identifiers import BatchId, BatchKey
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.index.views import Direction
    from chromatrace.services.trace import Genealogy, TracedBatch

svg_option = click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False), help="Write a drawing of the genealogy to this file."
)
csv_option = click.option(
    "--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to this file."
)
limit_option = click.option(
    "--max-batches",
    default=10_000,
    show_default=True,
    type=WholeRange(1),
    help="Maximum number of batches in each direction.",
)


@click.command()
@batch_argument
@click.option(
    "--direction",
    type=click.Choice(["back", "forward", "both"]),
    default="both",
    show_default=True,
    help="back: inputs; forward: batches made from it.",
)
@click.option("--depth", type=WholeRange(0), help="Maximum number of generations to follow.")
@limit_option
@svg_option
@csv_option
@json_option
@click.pass_obj
def trace(
    workspace: Workspace,
    key: BatchKey,
    direction: str,
    depth: int | None,
    max_batches: int,
    svg: Path | None,
    table: Path | None,
    as_json: bool,
) -> None:
    """Trace a batch back to its supplier lots and forward to its current holders, with quantities.

    A batch is flagged if more of its units were used than it has: the chain limits each use, not their sum.
    """
    from chromatrace.index.views import Direction
    from chromatrace.services import trace as service

    directions = tuple(Direction) if direction == "both" else (Direction(direction),)
    with workspace.index.snapshot() as snapshot:
        batch = snapshot.registered_batch(key)
        genealogy = service.trace(
            snapshot, workspace.documents, batch, directions, max_depth=depth, max_batches=max_batches
        )
    _write_files(genealogy, svg, table)
    materials = [
        {
            "supplier_lot": material.supplier_lot,
            "name": material.name,
            "supplier": material.supplier,
            "batch": f"{batch.gtin}/{batch.lot}",
        }
        for batch, material in genealogy.supplier_lots
    ]
    facts: dict[str, Any] = {
        "batch": f"{key.gtin}/{key.lot}",
        "truncated": genealogy.truncated,
        "batches": [traced.as_dict() for traced in genealogy.batches],
        "links": [link for view in genealogy.views for link in view.links],
        "materials": materials,
        "svg": svg,
        "csv": table,
    }

    def human() -> None:
        for direction in directions:
            print_line("inputs" if direction is Direction.BACK else "made from it")
            _print_tree(genealogy, direction)
        for fact in materials:
            print_line(f"supplier lot {fact['supplier_lot']}: {fact['name']}, {fact['supplier']} → {fact['batch']}")
        _warn(genealogy.truncated, [traced for traced in genealogy.batches if traced.step.overused])
        _print_written(svg, table)

    emit(as_json, facts, human)


@click.command()
@batch_argument
@limit_option
@svg_option
@csv_option
@json_option
@click.pass_obj
def impact(
    workspace: Workspace, key: BatchKey, max_batches: int, svg: Path | None, table: Path | None, as_json: bool
) -> None:
    """Show what a recall of a batch would affect: batches, units and holders. Changes nothing.

    To recall them, run `chromatrace batch recall GTIN LOT --reason … --descendants`.
    """
    from chromatrace.index.views import Direction
    from chromatrace.services.trace import recall_impact

    with workspace.index.snapshot() as snapshot:
        batch = snapshot.registered_batch(key)
        impact = recall_impact(snapshot, workspace.documents, batch, max_batches=max_batches)
    genealogy = impact.genealogy
    _write_files(genealogy, svg, table)
    holders = [
        {
            "organisation": held.holder.organisation,
            "name": held.holder.name,
            "batches": held.batches,
            "units": held.units,
            "recalled_batches": held.recalled,
        }
        for held in impact.holders
    ]
    facts: dict[str, Any] = {
        "batch": f"{key.gtin}/{key.lot}",
        "units": impact.units,
        "batches": [traced.as_dict() for traced in genealogy.batches],
        "holders": holders,
        "truncated": genealogy.truncated,
        "svg": svg,
        "csv": table,
    }

    def human() -> None:
        print_line(f"a recall of {key} affects {len(genealogy.batches):,} batches with {impact.units:,} units:")
        for held in impact.holders:
            recalled = f", {held.recalled} of them already recalled" if held.recalled else ""
            print_line(f"  {held.holder.name:<32} {held.units:>9,} units in {held.batches:,} batches{recalled}")
        _print_tree(genealogy, Direction.FORWARD)
        _warn(genealogy.truncated, [])
        _print_written(svg, table)

    emit(as_json, facts, human)


def _write_files(genealogy: Genealogy, svg: Path | None, table: Path | None) -> None:
    if svg is not None:
        from chromatrace.services.drawing import draw_genealogy

        deliver(svg, [draw_genealogy(genealogy).encode()])
    if table is not None:
        deliver(table, [genealogy.csv().encode()])


def _print_tree(genealogy: Genealogy, direction: Direction) -> None:
    from chromatrace.index.views import Direction

    back = direction is Direction.BACK
    traced_batches = genealogy.to(direction)
    lots = {traced.batch.batch_id: str(traced.batch.lot) for traced in traced_batches}
    uses: dict[BatchId, list[str]] = {}
    for view in genealogy.views:
        for link in view.links if view.direction is direction else ():
            near, far = (link.batch, link.input) if back else (link.input, link.batch)
            uses.setdefault(far, []).append(f"{link.quantity:,} {'into' if back else 'of'} {lots[near]}")
    for depth, traced in _below_their_parents(genealogy, direction):
        batch = traced.batch
        flags = " RECALLED" * batch.recalled + " on hold" * batch.on_hold
        links = f"  ({', '.join(uses.get(batch.batch_id, [])[:4])})" if depth else ""
        facts = f"{batch.units:,} units, {traced.product or 'no document'}, made by {traced.producer.name}"
        facts += f", held by {traced.holder.name}" if traced.holder != traced.producer else ""
        print_line(f"  {'  ' * min(depth, 12)}{batch.key}  {facts}{flags}{links}")


def _below_their_parents(genealogy: Genealogy, direction: Direction) -> Iterator[tuple[int, TracedBatch]]:
    """Yield each batch once with its level: depth first, each below the first of its parents in registration order."""
    from chromatrace.index.views import Direction

    traced_batches = {traced.batch.batch_id: traced for traced in genealogy.to(direction)}
    children: dict[BatchId, list[TracedBatch]] = {}
    for view in genealogy.views:
        for link in view.links if view.direction is direction else ():
            near, far = (link.batch, link.input) if direction is Direction.BACK else (link.input, link.batch)
            if far in traced_batches:  # a limit may have cut it off
                children.setdefault(near, []).append(traced_batches[far])
    printed: set[BatchId] = set()
    waiting = [(0, traced) for traced in traced_batches.values() if not traced.step.depth]
    while waiting:
        level, traced = waiting.pop()
        if traced.batch.batch_id in printed:
            continue
        printed.add(traced.batch.batch_id)
        yield level, traced
        below = sorted(children.get(traced.batch.batch_id, ()), key=lambda child: -child.batch.cursor)
        waiting += [(level + 1, child) for child in below]


def _warn(truncated: bool, overused: Sequence[TracedBatch]) -> None:
    for traced in overused:
        err().print(
            f"lot {traced.batch.lot}: {traced.step.used:,} units were used, but it has {traced.batch.quantity:,}",
            style="red",
            markup=False,
        )
    if truncated:
        err().print("truncated: a limit was reached before the trace was complete", style="yellow")


def _print_written(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            print_line(f"written: {path}")
