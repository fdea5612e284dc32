"""`chromatrace custody`: the transfer of batches between organisations."""

from __future__ import annotations

import time

import click

from chromatrace.chain import calls
from chromatrace.cli.options import FiniteRange, batch_argument, batches_named, reason_option
from chromatrace.cli.output import emit, json_option
from chromatrace.domain.identifiers import BatchKey
from chromatrace.services.organisations import organisation_number
from chromatrace.services.workspace import Workspace


@click.group()
def custody() -> None:
    """Offer, accept and reject batches.

    \b
    Example: the maker offers a released lot, the franchisee accepts it
      chromatrace --dev-account 1 custody offer 09521234543213 L2601A --to 9521234520009 --days 7
      chromatrace --dev-account 5 custody accept 09521234543213 L2601A
    """


@custody.command()
@batch_argument
@click.option("--to", "gln", required=True, help="GLN of the receiver.")
@click.option(
    "--days",
    default=14.0,
    show_default=True,
    type=FiniteRange(0.01, 3_653),
    help="Days until the offer expires.",
)
@json_option
@click.pass_obj
def offer(workspace: Workspace, gtin: str, lot: str, gln: str, days: float, as_json: bool) -> None:
    """Offer a batch in your custody to another organisation."""
    key, until = BatchKey.parse(gtin, lot), int(time.time() + days * 86_400)
    _submit(workspace, as_json, key, calls.offer_custody(key.batch_id, organisation_number(workspace, gln), until))


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def accept(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Accept a batch that is offered to your organisation."""
    key = BatchKey.parse(gtin, lot)
    _submit(workspace, as_json, key, calls.accept_custody(key.batch_id))


@custody.command()
@batch_argument
@reason_option
@json_option
@click.pass_obj
def reject(workspace: Workspace, gtin: str, lot: str, reason: str, as_json: bool) -> None:
    """Reject a batch that is offered to your organisation; its custody does not change."""
    key = BatchKey.parse(gtin, lot)
    _submit(workspace, as_json, key, calls.reject_custody(key.batch_id, reason))


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def withdraw(workspace: Workspace, gtin: str, lot: str, as_json: bool) -> None:
    """Withdraw an offer of your organisation."""
    key = BatchKey.parse(gtin, lot)
    _submit(workspace, as_json, key, calls.withdraw_offer(key.batch_id))


def _submit(workspace: Workspace, as_json: bool, key: BatchKey, call: calls.Call) -> None:
    with batches_named(key):
        receipt = workspace.chain.submit(call)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})
