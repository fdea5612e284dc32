"""One offer: show it, accept or reject it, and follow the transaction until it is in the index."""

from __future__ import annotations

import re

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.context import (
    account_keystore,
    current_operator,
    current_portal,
    current_snapshot,
    lookup_organisation,
    now_s,
    readable_lines,
)
from app.errors import LoginFailedError, http_status
from app.franchisee.overview import batch_row
from app.responses import wants_json
from app.rights import CUSTODY_ROLES, OFFER_SCOPES
from app.services import TransactionOutcome
from app.store.actions import latest_action, remember, settle
from app.store.models import Action
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput, NotFound, Unavailable
from chromatrace.domain.identifiers import BatchId
from chromatrace.index.views import BatchView, OfferState, OfferView

_BATCH_ID = re.compile(r"[0-9a-f]{64}")
_TX_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


def offer(batch_id: str) -> ResponseReturnValue:
    """Show the newest offer of a batch to the operator's organisation, and the state of the operator's answer."""
    view, batch_offer = _load(batch_id)
    if wants_json():
        return jsonify(_state(batch_offer, _follow(view)))
    return _page(view, batch_offer)


def accept(batch_id: str) -> ResponseReturnValue:
    """Accept the offer, signed with the account's key, which the posted `password` unlocks."""
    return _answer(batch_id, "accept")


def reject(batch_id: str) -> ResponseReturnValue:
    """Reject the offer with a posted `reason`, signed in the same way."""
    return _answer(batch_id, "reject")


def _answer(batch_id: str, kind: str) -> ResponseReturnValue:
    view, batch_offer = _load(batch_id)
    try:
        _require_open(batch_offer)
        tx_hash = _send(view, batch_offer, kind)
    except Unavailable:
        raise
    except ChromaTraceError as error:
        status = 401 if isinstance(error, LoginFailedError) else http_status(error)
        return _page(view, batch_offer, error=error), status
    remember(current_portal().database, tx_hash, current_operator().address, view.batch_id, kind, now_s())
    return redirect(url_for("franchisee.offer", batch_id=batch_id), 303)


def _send(view: BatchView, batch_offer: OfferView, kind: str) -> str:
    portal, operator = current_portal(), current_operator()
    password = request.form.get("password", "")
    keystore = account_keystore(operator, password)
    offer_name = f"{batch_offer.offered.tx_hash.hex()}/{batch_offer.offered.log_index}"
    if kind == "accept":
        return portal.chain.accept(view.batch_id, keystore, password, offer_name)
    return portal.chain.reject(view.batch_id, request.form.get("reason", ""), keystore, password, offer_name)


def wallet_call(batch_id: str) -> ResponseReturnValue:
    """Return the transaction for a wallet to sign: `kind` is `accept`, or `reject` with a `reason`."""
    view, batch_offer = _load(batch_id)
    _require_open(batch_offer)
    chain = current_portal().chain
    if request.form.get("kind") == "accept":
        call = chain.wallet_accept(view.batch_id)
    else:
        call = chain.wallet_reject(view.batch_id, request.form.get("reason", ""))
    sender = current_operator().address
    return jsonify({"to": call.to, "data": call.data, "chainId": hex(call.chain_id), "from": sender})


def watch(batch_id: str) -> ResponseReturnValue:
    """Follow `tx_hash`, which the operator's wallet sent to the custody contract."""
    view, _ = _load(batch_id)
    tx_hash, kind = request.form.get("tx_hash", ""), request.form.get("kind", "")
    if not _TX_HASH.fullmatch(tx_hash):
        raise InvalidInput("invalid transaction hash; expected 0x and 64 hex digits", field="tx_hash")
    if kind not in ("accept", "reject"):
        raise InvalidInput("kind must be accept or reject", field="kind")
    portal, operator = current_portal(), current_operator()
    location = url_for("franchisee.offer", batch_id=batch_id)
    if portal.chain.is_contract(operator.address):
        # A contract wallet returns the hash of its own proposal, or of a transaction that another account sends.
        flash("Your answer is shown here as soon as a block includes the transaction of your wallet.", "plain")
        return jsonify({"location": location})
    if not portal.chain.is_custody_transaction(tx_hash, operator.address):
        raise InvalidInput(
            "the chain has no such transaction from you to the custody contract",
            field="tx_hash",
            hint="check that the wallet is on the consortium's network",
        )
    remember(portal.database, tx_hash, operator.address, view.batch_id, kind, now_s())
    return jsonify({"location": location})


def _load(batch_id: str) -> tuple[BatchView, OfferView]:
    """Return the batch and its newest offer. Raises `NotFound` also if the grants do not allow reading the batch."""
    not_found = NotFound("your organisation has no such offer", field="offer", hint="see the list of offers")
    if not _BATCH_ID.fullmatch(batch_id):
        raise not_found
    operator = current_operator()
    view = current_snapshot().batch(BatchId(bytes.fromhex(batch_id)))
    if view is None or not readable_lines()(view.producer, view.gtin, OFFER_SCOPES):
        raise not_found
    offers = [
        item for item in current_snapshot().offers(view.batch_id) if item.to_organisation == operator.organisation
    ]
    if not offers:
        raise not_found
    return view, offers[-1]


def _require_open(batch_offer: OfferView) -> None:
    current_operator().require(CUSTODY_ROLES, "answering an offer")
    if batch_offer.state is not OfferState.OPEN:
        raise Conflict(f"this offer is already {batch_offer.state.value}", field="offer")
    if not batch_offer.open_at(now_s()):
        raise Conflict("this offer has expired", field="offer", hint="ask for a new offer")


def _follow(view: BatchView) -> Action | None:
    """Return the operator's newest action on the batch, updated from the index and the chain."""
    portal, address = current_portal(), current_operator().address
    action = latest_action(portal.database, view.batch_id, address)
    if action is None or action.state != "pending":
        return action
    if current_snapshot().transaction(bytes.fromhex(action.tx_hash[2:])) is not None:
        settle(portal.database, action.tx_hash, "done")
    else:
        try:
            outcome = portal.chain.outcome(action.tx_hash)
        except Unavailable:
            outcome = TransactionOutcome(included=False, succeeded=None, message=None)
        if outcome.succeeded is False:
            settle(portal.database, action.tx_hash, "failed", outcome.message)
    return latest_action(portal.database, view.batch_id, address)


def _page(view: BatchView, batch_offer: OfferView, error: ChromaTraceError | None = None) -> str:
    operator, now = current_operator(), now_s()
    action = _follow(view)
    if action is not None and action.state == "done":
        view, batch_offer = _load(view.batch_id.hex())
    pending = action is not None and action.state == "pending"
    return render_template(
        "franchisee/offer.html",
        batch=batch_row(view),
        batch_hex=view.batch_id.hex(),
        offer=batch_offer,
        giver=lookup_organisation(batch_offer.from_organisation),
        open=batch_offer.open_at(now) and not pending,
        expired=batch_offer.state is OfferState.OPEN and not batch_offer.open_at(now),
        may_answer=operator.has(CUSTODY_ROLES),
        wallet_session=operator.account is None,
        action=action,
        pending=pending,
        error=error,
        reason=request.form.get("reason", ""),
    )


def _state(batch_offer: OfferView, action: Action | None) -> dict[str, object]:
    return {
        "offer": batch_offer.state.value,
        "valid_until": batch_offer.valid_until,
        "action": action
        and {"kind": action.kind, "state": action.state, "tx_hash": action.tx_hash, "message": action.message},
    }
