"""One offer: seeing it, accepting or refusing it, and waiting until the index has the answer."""

from __future__ import annotations

import re
from typing import Any

from flask import jsonify, redirect, render_template, request, url_for

from app.context import account_keystore, current_operator, current_portal, now_s, readable
from app.errors import LoginFailedError, status_of
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


def offer(batch_id: str) -> Any:
    """The newest offer of this batch to the operator's organisation, and how the own answer to it fares."""
    view, found = _find(batch_id)
    if wants_json():
        return jsonify(_state(found, _followed(view)))
    return _page(view, found)


def accept(batch_id: str) -> Any:
    """Accepts, signed by the account's key, which the posted `password` unlocks for this one transaction."""
    return _act(batch_id, "accept")


def refuse(batch_id: str) -> Any:
    """Refuses with a posted `reason`, signed in the same way."""
    return _act(batch_id, "refuse")


def _act(batch_id: str, kind: str) -> Any:
    view, found = _find(batch_id)
    try:
        _need_open(found)
        tx_hash = _send(view, found, kind)
    except Unavailable:
        raise
    except ChromaTraceError as error:
        status = 401 if isinstance(error, LoginFailedError) else status_of(error)
        return _page(view, found, error=error, tried=kind), status
    remember(current_portal().store, tx_hash, current_operator().address, view.batch_id, kind, now_s())
    return redirect(url_for("franchisee.offer", batch_id=batch_id), 303)


def _send(view: BatchView, found: OfferView, kind: str) -> str:
    portal, operator = current_portal(), current_operator()
    password = request.form.get("password", "")
    keystore = account_keystore(operator, password)
    offer_name = f"{found.offered.tx_hash.hex()}/{found.offered.log_index}"
    if kind == "accept":
        return portal.chain.accept(view.batch_id, keystore, password, offer_name)
    return portal.chain.refuse(view.batch_id, request.form.get("reason", ""), keystore, password, offer_name)


def wallet_call(batch_id: str) -> Any:
    """What a wallet is to sign: `kind` is `accept` or `refuse`, the latter with a `reason`."""
    view, found = _find(batch_id)
    _need_open(found)
    chain = current_portal().chain
    if request.form.get("kind") == "accept":
        call = chain.wallet_accept(view.batch_id)
    else:
        call = chain.wallet_refuse(view.batch_id, request.form.get("reason", ""))
    return jsonify(
        {"to": call.to, "data": call.data, "chainId": hex(call.chain_id), "from": current_operator().address}
    )


def watch(batch_id: str) -> Any:
    """Takes note of `tx_hash`, which the operator's wallet has sent; only a transaction of theirs to our contract."""
    view, _ = _find(batch_id)
    tx_hash, kind = request.form.get("tx_hash", ""), request.form.get("kind", "")
    if not _TX_HASH.fullmatch(tx_hash):
        raise InvalidInput("a transaction hash is 0x and 64 hex digits", field="tx_hash")
    if kind not in ("accept", "refuse"):
        raise InvalidInput("accept or refuse is needed", field="kind")
    if not current_portal().chain.is_ours(tx_hash, current_operator().address):
        raise InvalidInput(
            "the chain knows no such transaction of yours to the custody contract",
            field="tx_hash",
            hint="is the wallet on another network?",
        )
    remember(current_portal().store, tx_hash, current_operator().address, view.batch_id, kind, now_s())
    return jsonify({"location": url_for("franchisee.offer", batch_id=batch_id)})


def _find(batch_id: str) -> tuple[BatchView, OfferView]:
    """The batch and its newest offer to us. What the grants do not allow to be seen does not exist here."""
    nothing = NotFound("there is no such offer to your organisation", field="offer", hint="see the list of offers")
    if not _BATCH_ID.fullmatch(batch_id):
        raise nothing
    portal, operator = current_portal(), current_operator()
    view = portal.index.batch(BatchId(bytes.fromhex(batch_id)))
    if view is None or not readable()(view.producer, view.gtin, OFFER_SCOPES):
        raise nothing
    ours = [item for item in portal.index.offers(view.batch_id) if item.to_organisation == operator.organisation]
    if not ours:
        raise nothing
    return view, ours[-1]


def _need_open(found: OfferView) -> None:
    current_operator().need(CUSTODY_ROLES, "answering an offer")
    if found.state is not OfferState.OPEN:
        raise Conflict(f"this offer is {found.state.value} already", field="offer")
    if not found.open_at(now_s()):
        raise Conflict("this offer has expired", field="offer", hint="ask for a new one")


def _followed(view: BatchView) -> Action | None:
    """The operator's newest action on the batch, settled by what index and chain say of it now."""
    portal = current_portal()
    action = latest_action(portal.store, view.batch_id, current_operator().address)
    if action is None or action.state != "pending":
        return action
    if portal.index.transaction(bytes.fromhex(action.tx_hash[2:])) is not None:
        settle(portal.store, action.tx_hash, "done")
    else:
        try:
            outcome = portal.chain.outcome(action.tx_hash)
        except Unavailable:
            outcome = TransactionOutcome(included=False, succeeded=None, message=None)
        if outcome.succeeded is False:
            settle(portal.store, action.tx_hash, "failed", outcome.message)
    return latest_action(portal.store, view.batch_id, current_operator().address)


def _page(view: BatchView, found: OfferView, error: ChromaTraceError | None = None, tried: str = "") -> str:
    portal, operator, now = current_portal(), current_operator(), now_s()
    action = _followed(view)
    if action is not None and action.state == "done":
        view, found = _find(view.batch_id.hex())
    pending = action is not None and action.state == "pending"
    return render_template(
        "franchisee/offer.html",
        batch=batch_row(view),
        batch_hex=view.batch_id.hex(),
        offer=found,
        giver=portal.batches.party(found.from_organisation, now),
        open=found.open_at(now) and not pending,
        expired=found.state is OfferState.OPEN and not found.open_at(now),
        may_answer=operator.has(CUSTODY_ROLES),
        by_wallet=operator.account is None,
        operator=operator,
        action=action,
        pending=pending,
        error=error,
        tried=tried,
        reason=request.form.get("reason", ""),
    )


def _state(found: OfferView, action: Action | None) -> dict[str, object]:
    return {
        "offer": found.state.value,
        "valid_until": found.valid_until,
        "action": action
        and {"kind": action.kind, "state": action.state, "tx_hash": action.tx_hash, "message": action.message},
    }
