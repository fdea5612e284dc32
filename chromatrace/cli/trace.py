"""`chromatrace trace` and `impact`: where goods come from, where they went, what a recall of them reaches."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.options import batch_argument
from chromatrace.cli.output import emit, err, json_option, say
from chromatrace.domain.errors import ChromaTraceError, NotFound
from chromatrace.domain.identifiers import BatchId, BatchKey
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.documents.content import BatchContent, SuppliedMaterial
    from chromatrace.index.genealogy import TraceStep, TraceView
    from chromatrace.index.views import BatchView

svg_option = click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False), help="Draw the graph into this file."
)
csv_option = click.option(
    "--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="Write the table into this file."
)
limit_option = click.option(
    "--max-batches", default=10_000, show_default=True, type=click.IntRange(1), help="Stop at so many, and say so."
)


@click.command()
@batch_argument
@click.option(
    "--direction",
    type=click.Choice(["back", "forward", "both"]),
    default="both",
    show_default=True,
    help="back: what went in; forward: where it went.",
)
@click.option("--depth", type=click.IntRange(0), help="Follow so many generations.")
@limit_option
@svg_option
@csv_option
@json_option
@click.pass_obj
def trace(
    workspace: Workspace,
    gtin: str,
    lot: str,
    direction: str,
    depth: int | None,
    max_batches: int,
    svg: Path | None,
    table: Path | None,
    as_json: bool,
) -> None:
    """Trace a batch back to its supplier lots and forward to whoever holds what was made of it, with quantities.

    A batch of which more was used than there is, is flagged: the chain bounds each use, not their sum.
    """
    key = BatchKey.parse(gtin, lot)
    index = workspace.index
    asked = {"back": (index.trace_back,), "forward": (index.trace_forward,)}
    asks = asked.get(direction, (index.trace_back, index.trace_forward))
    with index.snapshot():
        found = [ask(key.batch_id, max_depth=depth, max_batches=max_batches) for ask in asks]
    views = [view for view in found if view is not None]
    if not views:
        raise NotFound(f"no batch {key.gtin}/{key.lot} is registered on this chain", field="lot")
    goods = _Goods(workspace)
    if svg is not None:
        _draw(svg, views, goods)
    rows = [goods.row(view.direction, step) for view in views for step in view.steps]
    if table is not None:
        _write_csv(table, rows)
    facts: dict[str, Any] = {
        "batch": f"{key.gtin}/{key.lot}",
        "truncated": any(view.truncated for view in views),
        "batches": rows,
        "links": [link for view in views for link in view.links],
        "materials": [fact for view in views if view.direction == "back" for fact in goods.supplier_lots(view)],
        "svg": svg,
        "csv": table,
    }

    def human() -> None:
        for view in views:
            say("what went in" if view.direction == "back" else "where it went")
            _tree(view, goods)
        for fact in facts["materials"]:
            say(f"supplier lot {fact['supplier_lot']}: {fact['name']}, {fact['supplier']} → {fact['batch']}")
        _warn(facts["truncated"], [row for row in rows if row["overused"]])
        _written(svg, table)

    emit(as_json, facts, human)


@click.command()
@batch_argument
@limit_option
@svg_option
@csv_option
@json_option
@click.pass_obj
def impact(
    workspace: Workspace, gtin: str, lot: str, max_batches: int, svg: Path | None, table: Path | None, as_json: bool
) -> None:
    """Say what a recall of a batch would reach: batches, units, and who holds them. Recalls nothing.

    `chromatrace batch recall GTIN LOT --reason … --descendants` then does it.
    """
    key = BatchKey.parse(gtin, lot)
    found = workspace.index.recall_impact(key.batch_id, max_batches=max_batches)
    if found is None:
        raise NotFound(f"no batch {key.gtin}/{key.lot} is registered on this chain", field="lot")
    goods = _Goods(workspace)
    if svg is not None:
        _draw(svg, [found.trace], goods)
    rows = [goods.row(found.trace.direction, step) for step in found.trace.steps]
    if table is not None:
        _write_csv(table, rows)
    holders = [
        {
            "organisation": holder.organisation,
            "name": goods.holder(holder.organisation),
            "batches": holder.batches,
            "units": holder.units,
            "recalled_batches": holder.recalled,
        }
        for holder in found.holders
    ]
    facts: dict[str, Any] = {
        "batch": f"{key.gtin}/{key.lot}",
        "units": found.units,
        "batches": rows,
        "holders": holders,
        "truncated": found.truncated,
        "svg": svg,
        "csv": table,
    }

    def human() -> None:
        say(f"a recall of {key} reaches {len(rows):,} batches with {found.units:,} units:")
        for holder in holders:
            recalled = f", {holder['recalled_batches']} of them recalled" if holder["recalled_batches"] else ""
            say(f"  {holder['name']:<32} {holder['units']:>9,} units in {holder['batches']:,} batches{recalled}")
        _tree(found.trace, goods)
        _warn(found.truncated, [])
        _written(svg, table)

    emit(as_json, facts, human)


class _Goods:
    """What batches are called, read once each."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._contents: dict[BatchId, BatchContent | None] = {}
        self._holders: dict[int, str] = {}

    def holder(self, number: int) -> str:
        if number not in self._holders:
            found = self._workspace.index.organisation(number)
            self._holders[number] = found.name if found else f"organisation {number}"
        return self._holders[number]

    def content(self, batch: BatchView) -> BatchContent | None:
        """The batch's document; None where it is not here or not as it should be."""
        from chromatrace.documents.content import BatchContent

        if batch.batch_id not in self._contents:
            try:
                read = BatchContent.from_bytes(self._workspace.documents.get(batch.content_digest))
            except ChromaTraceError:
                read = None
            self._contents[batch.batch_id] = read
        return self._contents[batch.batch_id]

    def product(self, step: TraceStep) -> str:
        content = self.content(step.batch)
        return content.product.name if content else ""

    def materials(self, views: Sequence[TraceView]) -> dict[BatchId, tuple[SuppliedMaterial, ...]]:
        steps = {step.batch.batch_id: step.batch for view in views for step in view.steps}
        contents = {batch: self.content(view) for batch, view in steps.items()}
        return {batch: content.materials for batch, content in contents.items() if content and content.materials}

    def supplier_lots(self, view: TraceView) -> list[dict[str, Any]]:
        keys = {step.batch.batch_id: f"{step.batch.gtin}/{step.batch.lot}" for step in view.steps}
        return [
            {"supplier_lot": one.supplier_lot, "name": one.name, "supplier": one.supplier, "batch": keys[batch]}
            for batch, materials in self.materials([view]).items()
            for one in materials
        ]

    def row(self, direction: str, step: TraceStep) -> dict[str, Any]:
        batch = step.batch
        return {
            "direction": str(direction),
            "depth": step.depth,
            "gtin": str(batch.gtin),
            "lot": str(batch.lot),
            "product": self.product(step),
            "state": batch.state.name.lower(),
            "quantity": batch.quantity,
            "units": batch.units,
            "used": step.used,
            "overused": step.overused,
            "holder": self.holder(batch.custodian),
            "recalled": batch.recalled,
            "on_hold": batch.on_hold,
        }


def _tree(view: TraceView, goods: _Goods) -> None:
    by_depth = sorted(view.steps, key=lambda step: (step.depth, step.batch.cursor))
    into: dict[BatchId, list[str]] = {}
    for link in view.links:
        near, far = (link.batch, link.input) if view.direction == "back" else (link.input, link.batch)
        name = next((str(step.batch.lot) for step in view.steps if step.batch.batch_id == near), "")
        into.setdefault(far, []).append(f"{link.quantity:,} {'into' if view.direction == 'back' else 'of'} {name}")
    for step in by_depth:
        batch = step.batch
        flags = " RECALLED" * batch.recalled + " on hold" * batch.on_hold
        links = f"  ({', '.join(into.get(batch.batch_id, [])[:4])})" if step.depth else ""
        what = f"{batch.quantity:,} units, {goods.product(step) or 'no document'}, {goods.holder(batch.custodian)}"
        say(f"  {'  ' * min(step.depth, 12)}{batch.key}  {what}{flags}{links}")


def _draw(path: Path, views: Sequence[TraceView], goods: _Goods) -> None:
    from chromatrace.services.drawing import Names, genealogy, svg

    names = Names(goods.holder, goods.product, goods.materials([view for view in views if view.direction == "back"]))
    deliver(path, [svg(genealogy(views, names)).encode()])


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    made = io.StringIO(newline="")
    writer = csv.DictWriter(made, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    deliver(path, [made.getvalue().encode()])


def _warn(truncated: bool, overused: Sequence[dict[str, Any]]) -> None:
    for row in overused:
        used, there = row["used"], row["quantity"]
        err.print(f"lot {row['lot']}: {used:,} units went into batches, it has {there:,}", style="red", markup=False)
    if truncated:
        err.print("truncated: a limit was met, there is more than this", style="yellow")


def _written(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            say(f"written: {path}")
