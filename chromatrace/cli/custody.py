"""`chromatrace custody`: batches from hand to hand."""

from __future__ import annotations

import time

import click

from chromatrace.chain import calls
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
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.offer_custody(key.batch_id, organisation_number(workspace, gln), until))


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def accept(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Accept a batch that is offered to us."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.accept_custody(key.batch_id))


@custody.command()
@batch_argument
@click.option("--reason", required=True, help="Why, in words that everybody may read on the chain.")
@json_option
@click.pass_obj
def refuse(workspace: Workspace, gtin: str, lot: str, reason: str, as_json: bool) -> None:
    """Refuse a batch that is offered to us; it stays where it is."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.reject_custody(key.batch_id, reason))


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def withdraw(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Take an offer of ours back."""
    key = BatchKey.parse(gtin, lot)
    _write(workspace, as_json, key, calls.withdraw_offer(key.batch_id))


def _write(workspace: Workspace, as_json: bool, key: BatchKey, call: calls.Call) -> None:
    with naming(key):
        receipt = workspace.chain.submit(call)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})
