"""`chromatrace find` and `order`: goods by any key, and how far a contract is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.options import organisation_option
from chromatrace.cli.output import emit, err, json_option, moment, say
from chromatrace.domain.errors import NotFound
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.index.queries.orders import ProductStatus

_SEARCHED = 1000
"""Newest batches in whose documents a serial is looked for."""


@click.command()
@click.argument("key")
@json_option
@click.pass_obj
def find(workspace: Workspace, key: str, as_json: bool) -> None:
    """Find a product by any KEY: contract, work order, drawing, component, serial, lot, product ID, scanned code.

    Shows batches, and what every department that the signer may read has recorded (give --keystore to be one).
    """
    from chromatrace.exchange.lookup import batches_with, key_in
    from chromatrace.services.records import plant_of

    index = workspace.index
    kinds = plant_of(workspace.settings.plant).record_kinds
    departments = {one.id: one for one in index.departments()}
    found = index.find(key_in(key), kinds, _readable(workspace, departments))
    newest = index.batches(limit=_SEARCHED)
    with_serial = batches_with(key, newest, workspace.documents)
    truncated = found.truncated or len(newest) == _SEARCHED
    if not found and not with_serial:
        raise NotFound(f"nothing is known under {key!r}", field="key", hint="or it is not for you to see")
    by_hash = dict(_titles(kinds))
    records: list[dict[str, Any]] = [
        {
            "department": departments[entry.department].name,
            "organisation": departments[entry.department].organisation,
            "kind": by_hash.get(entry.kind),
            "entry": entry,
        }
        for entry in found.records
    ]
    facts: dict[str, Any] = {
        "key": key,
        "is": [*(kind.title for kind in found.kinds), *(["Product"] if found.is_product else [])],
        "batches": [f"{view.gtin}/{view.lot}" for view in found.batches],
        "batches_with_serial": [f"{view.gtin}/{view.lot}" for view in with_serial],
        "products": list(found.subjects),
        "records": records,
        "truncated": truncated,
    }

    def human() -> None:
        for view in (*found.batches, *with_serial):
            say(f"batch {view.key}  {view.state.name.lower().replace('_', ' ')}  {view.quantity:,} units")
        if facts["is"]:
            say(f"{key} is the key of: {', '.join(facts['is'])}")
        for record in records:
            entry = record["entry"]
            title = record["kind"] or "unknown kind"
            mark = "  REPEAT, does not count" if entry.repeat else ""
            say(f"block {entry.appended.block_number:>6}  {record['department']:<24} {title:<16}{mark}")
        if truncated:
            err.print("truncated: there is more, or older batches were not searched for a serial", style="yellow")

    emit(as_json, facts, human)


@click.command()
@click.argument("contract")
@organisation_option
@json_option
@click.pass_obj
def order(workspace: Workspace, contract: str, organisation: int | None, as_json: bool) -> None:
    """Say how far the sales contract CONTRACT is: each product's step and station, and when it may be complete.

    The estimate adds, to a product's last record, what each step still to come took with the last 50 products that
    went through it (median, by block times). Where none did, there is no estimate.
    """
    from chromatrace.services.records import plant_of

    index = workspace.index
    departments = [one.id for one in index.departments(organisation)]
    kinds = plant_of(workspace.settings.plant).record_kinds
    readable = _readable(workspace, departments)
    found = index.order_status(contract, kinds, readable, int(time.time()), _own(workspace))
    if found is None:
        raise NotFound(f"no contract {contract!r}", field="contract", hint="or it is not for you to see")
    facts: dict[str, Any] = {
        "contract": contract,
        "ordered_at": found.ordered.appended.block_time,
        "complete": found.complete,
        "expected": found.expected,
        "products": [_product(product) for product in found.products],
    }

    def human() -> None:
        state = "complete" if found.complete else f"expected {_moment(found.expected)}"
        say(f"contract {contract}: {len(found.products)} products, {state}")
        for product in found.products:
            done = sum(step.done for step in product.steps)
            at = f"at {product.at.kind.title}, {product.at.kind.department}" if product.at else "complete"
            when = _moment(product.expected)
            say(f"  0x{product.subject.hex()[:12]}…  {done}/{len(product.steps)} steps, {at}, {when}")

    emit(as_json, facts, human)


def _product(product: ProductStatus) -> dict[str, Any]:
    return {
        "product": product.subject,
        "complete": product.complete,
        "step": product.at.kind.id if product.at else None,
        "station": product.at.kind.station if product.at else None,
        "department": product.at.kind.department if product.at else None,
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


def _titles(kinds: Iterable[Any]) -> Iterable[tuple[bytes, str]]:
    from chromatrace.domain.ledger_entries import kind_hash

    return ((kind_hash(kind.schema), kind.title) for kind in kinds)


def _own(workspace: Workspace) -> int | None:
    """The number of the signer's organisation; None where nobody signs."""
    settings = workspace.settings
    if settings.keystore is None and settings.dev_account is None:
        return None
    chain = workspace.chain
    return int(chain.read("Consortium", "operator", chain.sender)["organisation"])


def _readable(workspace: Workspace, departments: Iterable[bytes]) -> list[bytes]:
    """The departments that the signer may read now; none where nobody signs."""
    settings = workspace.settings
    if settings.keystore is None and settings.dev_account is None:
        return []
    chain = workspace.chain
    return [one for one in departments if chain.read("ProcessLedger", "mayReadDepartment", one, chain.sender)]


def _moment(seconds: int | None) -> str:
    if seconds is None:
        return "no estimate"
    return moment(seconds)
