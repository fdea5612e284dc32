"""`chromatrace custody`: batches from hand to hand."""

from __future__ import annotations

import time
from typing import Any

import click

from chromatrace.cli.options import FiniteRange, batch_argument, naming
from chromatrace.cli.org import organisation_number
from chromatrace.cli.output import emit, json_option
from chromatrace.domain.identifiers import BatchKey
from chromatrace.services.workspace import Workspace


@click.group()
def custody() -> None:
    """Offer a released batch to another organisation; accept or refuse one."""


@custody.command()
@batch_argument
@click.option("--to", "gln", required=True, help="GLN of the receiver.")
@click.option(
    "--days", default=14.0, show_default=True, type=FiniteRange(0.01, 3_653), help="That the receiver has to accept it."
)
@json_option
@click.pass_obj
def offer(workspace: Workspace, gtin: str, lot: str, gln: str, days: float, as_json: bool) -> None:
    """Offer a batch that we hold."""
    until = int(time.time() + days * 86_400)
    _write(workspace, as_json, gtin, lot, "offer", organisation_number(workspace, gln), until)


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def accept(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Accept a batch that is offered to us."""
    _write(workspace, as_json, gtin, lot, "accept")


@custody.command()
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@json_option
@click.pass_obj
def refuse(workspace: Workspace, gtin: str, lot: str, reason: str, as_json: bool) -> None:
    """Refuse a batch that is offered to us; it stays where it is."""
    _write(workspace, as_json, gtin, lot, "reject", reason)


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def withdraw(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Take an offer of ours back."""
    _write(workspace, as_json, gtin, lot, "withdraw")


def _write(workspace: Workspace, as_json: bool, gtin: str, lot: str, function: str, *args: Any) -> None:
    key = BatchKey.parse(gtin, lot)
    with naming(key):
        receipt = workspace.chain.send("CustodyLedger", function, key.batch_id, *args)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})
