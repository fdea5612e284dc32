"""`chromatrace custody`: the transfer of batches between organisations."""

from __future__ import annotations

import time

import click

from chromatrace.chain import calls
from chromatrace.cli.options import batch_argument, reason_option, submit_call
from chromatrace.cli.output import json_option
from chromatrace.domain.identifiers import BatchKey
from chromatrace.number_types import FiniteRange
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
def offer(workspace: Workspace, key: BatchKey, gln: str, days: float, as_json: bool) -> None:
    """Offer a batch in your custody to another organisation."""
    until = int(time.time() + days * 86_400)
    submit_call(workspace, as_json, calls.offer_custody(key.batch_id, organisation_number(workspace, gln), until), key)


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def accept(workspace: Workspace, key: BatchKey, as_json: bool) -> None:
    """Accept a batch that is offered to your organisation."""
    submit_call(workspace, as_json, calls.accept_custody(key.batch_id), key)


@custody.command()
@batch_argument
@reason_option
@json_option
@click.pass_obj
def reject(workspace: Workspace, key: BatchKey, reason: str, as_json: bool) -> None:
    """Reject a batch that is offered to your organisation; its custody does not change."""
    submit_call(workspace, as_json, calls.reject_custody(key.batch_id, reason), key)


@custody.command()
@batch_argument
@json_option
@click.pass_obj
def withdraw(workspace: Workspace, key: BatchKey, as_json: bool) -> None:
    """Withdraw an offer of your organisation."""
    submit_call(workspace, as_json, calls.withdraw_offer(key.batch_id), key)


@custody.command("order-return")
@batch_argument
@reason_option
@json_option
@click.pass_obj
def order_return(workspace: Workspace, key: BatchKey, reason: str, as_json: bool) -> None:
    """Return a batch to its producer without its custodian.

    The producer (role logistics or supervisor) and authorities may do this if the custodian is suspended or expired;
    authorities also if the batch is recalled.
    """
    submit_call(workspace, as_json, calls.order_return(key.batch_id, reason), key)
