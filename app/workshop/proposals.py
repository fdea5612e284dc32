"""Proposals of the twin: the suggestion of a rule of the plant file, and the decision of a person."""

from __future__ import annotations

import math
import time

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.context import account_keystore, current_operator, current_portal
from app.errors import LoginFailedError, http_status
from app.workshop.access import current_workshop
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput, NotAuthorised, NotFound, Unavailable
from chromatrace.twin.store.proposals import PENDING, ProposalState, ProposalView, proposal, proposals

MAX_ROWS = 200
ACTIONS = {
    "hold": "Hold the batch",
    "inspect": "Inspect more samples",
    "stop": "Stop the machine",
    "set-point": "Change the set point",
}


def page() -> ResponseReturnValue:
    """Show the proposals: pending ones by default, all with `?all=1`."""
    everything = request.args.get("all") == "1"
    states = tuple(ProposalState) if everything else PENDING
    rows = proposals(current_workshop().store, time.time_ns(), states, limit=MAX_ROWS)
    return render_template(
        "workshop/proposals.html", proposals=rows, everything=everything, actions=ACTIONS, maximum=MAX_ROWS
    )


def show(proposal_id: int) -> ResponseReturnValue:
    """Show a proposal, its cause and what came of it."""
    return _page(proposal(current_workshop().store, proposal_id, time.time_ns()))


def decide(proposal_id: int, decision: str) -> ResponseReturnValue:
    """Confirm or reject a proposal; `decision` is one of these words.

    Form fields: `password`; for a confirmation `confirmed` and, for a set point, `value`; for a rejection `reason`.
    """
    if decision not in ("confirm", "reject"):
        raise NotFound(f"there is no decision {decision!r:.40}")
    workshop, operator, chain = current_workshop(), current_operator(), current_portal().chain
    view = proposal(workshop.store, proposal_id, time.time_ns())
    try:
        password = request.form.get("password", "")
        keystore = account_keystore(operator, password)
        if decision == "reject":
            reason = request.form.get("reason", "").strip()[:300]
            if not reason:
                raise InvalidInput("a rejection needs a reason", field="reason")
            chain.reject_proposal(workshop.store, workshop.plan, operator.address, proposal_id, reason)
            flash(f"Proposal {proposal_id} is rejected.", "plain")
        else:
            if "confirmed" not in request.form:
                raise InvalidInput("confirm the action", field="confirmed")
            ended = chain.confirm_proposal(
                workshop.store, workshop.plan, operator.address, proposal_id, keystore, password, _value(view)
            )
            flash(f"Proposal {proposal_id} is confirmed. State: {ended.state}.", "plain")
    except (InvalidInput, LoginFailedError, NotAuthorised, Conflict, Unavailable) as error:
        return _page(proposal(workshop.store, proposal_id, time.time_ns()), error), http_status(error)
    return redirect(url_for("workshop.proposal", proposal_id=proposal_id), 303)


def _page(view: ProposalView, error: ChromaTraceError | None = None) -> str:
    return render_template(
        "workshop/proposal.html",
        proposal=view,
        error=error,
        actions=ACTIONS,
        write=view.parameters.get("write"),
        wallet_session=current_operator().account is None,
    )


def _value(view: ProposalView) -> float | None:
    """Return the set point of the form; None if the rule has none or it is unchanged."""
    text = request.form.get("value", "").strip()
    if view.action != "set-point" or not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput(f"{text!r:.40} is not a number", field="value")
    return None if value == view.parameters["write"]["value"] else value
