"""`chromatrace find` and `order`: batches and records by any key, and the progress of a contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from chromatrace.chain import reads
from chromatrace.cli.options import organisation_option
from chromatrace.cli.output import emit, err, json_option, moment, say
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import DepartmentId
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.index.views import ProductStatus


@click.command()
@click.argument("key")
@json_option
@click.pass_obj
def find(workspace: Workspace, key: str, as_json: bool) -> None:
    """Find batches and records by KEY: contract, order, drawing, component, serial, lot, product ID or scanned code.

    Records are shown only from departments that the signer may read; use --keystore to sign.
    """
    from chromatrace.services import search
    from chromatrace.services.records import plant_of

    with workspace.index.snapshot() as snapshot:
        result = search.find(
            snapshot, workspace.documents, key, plant_of(workspace.settings.plant).record_kinds, _may_read(workspace)
        )
    if not result:
        raise NotFound(
            f"nothing found for {key!r}", field="key", hint="records are found only with a signer that may read them"
        )
    matches = result.matches
    truncated = matches.truncated or not result.all_batches_searched
    facts: dict[str, Any] = {
        "key": key,
        "is": [*(kind.title for kind in matches.kinds), *(["Product"] if matches.is_product else [])],
        "batches": [f"{view.gtin}/{view.lot}" for view in matches.batches],
        "batches_with_serial": [f"{view.gtin}/{view.lot}" for view in result.batches_with_serial],
        "products": list(matches.subjects),
        "records": [
            {
                "department": record.department.name,
                "organisation": record.department.organisation,
                "kind": record.title,
                "entry": record.entry,
            }
            for record in result.records
        ],
        "truncated": truncated,
    }

    def human() -> None:
        for view in (*matches.batches, *result.batches_with_serial):
            say(f"batch {view.key}  {view.state.name.lower().replace('_', ' ')}  {view.quantity:,} units")
        if facts["is"]:
            say(f"{key} is the key of: {', '.join(facts['is'])}")
        for record in result.records:
            block, title = record.entry.appended.block_number, record.title or "unknown kind"
            mark = "  REPEAT, does not count" if record.entry.repeat else ""
            say(f"block {block:>6}  {record.department.name:<24} {title:<16}{mark}")
        if truncated:
            err.print("truncated: there are more results, or older batches were not searched", style="yellow")

    emit(as_json, facts, human)


@click.command()
@click.argument("contract")
@organisation_option
@json_option
@click.pass_obj
def order(workspace: Workspace, contract: str, organisation: int | None, as_json: bool) -> None:
    """Show the progress of the sales contract CONTRACT: next step, station and expected completion of each product.

    The estimate adds the median duration of each remaining step, over the last 50 products that completed it, to the
    time of the product's last record. If no product has completed a step, there is no estimate.
    """
    from chromatrace.services.records import plant_of
    from chromatrace.services.search import order_status

    with workspace.index.snapshot() as snapshot:
        status = order_status(
            snapshot,
            contract,
            plant_of(workspace.settings.plant).record_kinds,
            _may_read(workspace),
            int(time.time()),
            own_organisation=_own_organisation(workspace),
            organisation=organisation,
        )
    facts: dict[str, Any] = {
        "contract": contract,
        "ordered_at": status.ordered.appended.block_time,
        "complete": status.complete,
        "expected": status.expected,
        "products": [_product_facts(product) for product in status.products],
    }

    def human() -> None:
        state = "complete" if status.complete else f"expected {_time_text(status.expected)}"
        say(f"contract {contract}: {len(status.products)} products, {state}")
        for product in status.products:
            done = sum(step.done for step in product.steps)
            step = product.next_step
            at = f"at {step.kind.title}, {step.kind.department}" if step else "complete"
            expected = _time_text(product.expected)
            say(f"  0x{product.subject.hex()[:12]}…  {done}/{len(product.steps)} steps, {at}, {expected}")

    emit(as_json, facts, human)


def _product_facts(product: ProductStatus) -> dict[str, Any]:
    step = product.next_step
    return {
        "product": product.subject,
        "complete": product.complete,
        "step": step.kind.id if step else None,
        "station": step.kind.station if step else None,
        "department": step.kind.department if step else None,
        "expected": product.expected,
        "steps": [
            {
                "kind": step.kind.id,
                "station": step.kind.station,
                "records": step.records,
                "started": step.started,
                "done": step.done,
            }
            for step in product.steps
        ],
    }


def _own_organisation(workspace: Workspace) -> int | None:
    """Return the number of the signer's organisation, or None without a signer."""
    if not _has_signer(workspace):
        return None
    chain = workspace.chain
    return chain.read(reads.operator(chain.sender)).organisation


def _may_read(workspace: Workspace) -> Callable[[bytes], bool]:
    """Return whether the signer may read a department now; without a signer, none."""
    if not _has_signer(workspace):
        return lambda department: False
    chain = workspace.chain
    return lambda department: chain.read(reads.may_read_department(DepartmentId(department), chain.sender))


def _has_signer(workspace: Workspace) -> bool:
    return workspace.settings.keystore is not None or workspace.settings.dev_account is not None


def _time_text(seconds: int | None) -> str:
    return "no estimate" if seconds is None else moment(seconds)
