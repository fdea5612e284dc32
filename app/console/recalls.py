"""Recall a batch and its descendants: show the impact, confirm, send, and follow each batch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.console.genealogy import TraceRow, load_batch, load_impact
from app.context import (
    account_keystore,
    current_operator,
    current_portal,
    current_snapshot,
    lookup_organisation,
    now_s,
)
from app.errors import LoginFailedError, http_status
from app.presenters.organisations import OrganisationSummary
from app.responses import wants_json
from app.services import MAX_REASON
from app.store.actions import recalls_of, remember_recalls, settle
from app.store.models import Action
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput, Unavailable
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.recall_plan import RecallPlan
from chromatrace.domain.rights import Role
from chromatrace.index.views import BatchView
from chromatrace.services.recall import PlannedRecall, plan_recall
from chromatrace.services.trace import RecallImpact

_MAX_LOOKUPS = 200
"""Pending transactions that one page looks up on the chain. Successful ones also appear in the index."""


class RecallState(StrEnum):
    """State of the recall of one batch. `OTHERS`: only another organisation may recall it; `NOTIFIED`: that one has a
    notice."""

    RECALLED = "recalled"
    NOTIFIED = "notified"
    PENDING = "pending"
    FAILED = "failed"
    OPEN = "open"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class RecallRow:
    """One batch of a recall."""

    trace: TraceRow
    state: RecallState
    producer: OrganisationSummary
    action: Action | None

    @property
    def batch(self) -> BatchView:
        """The batch itself."""
        return self.trace.traced.batch


@dataclass(frozen=True, slots=True)
class RecallOverview:
    """The state of a recall, and what this operator can send."""

    impact: RecallImpact
    rows: tuple[RecallRow, ...]
    planned: PlannedRecall

    @property
    def plan(self) -> RecallPlan:
        """The order of the batches."""
        return self.planned.plan

    @property
    def origin(self) -> BatchView:
        """The batch that the recall starts with."""
        return self.impact.genealogy.origin

    @property
    def to_send(self) -> list[RecallRow]:
        """The batches that this operator may recall and that are not recalled or pending."""
        planned = {step.batch for step in self.plan.steps}
        return [row for row in self.rows if row.batch.batch_id in planned]

    @property
    def units(self) -> int:
        """Units that may still exist of the batches to send, as in the recall impact."""
        return sum(row.batch.units for row in self.to_send)

    @property
    def holders(self) -> list[str]:
        """The names of the holders of the batches to send."""
        return sorted({row.trace.traced.holder.name for row in self.to_send})

    @property
    def fingerprint(self) -> str:
        """A hash of the batches to send. The form returns it, so the operator confirms what was shown."""
        return sha256(b"".join(sorted(step.batch for step in self.plan.steps))).hexdigest()[:32]

    def count(self, *states: RecallState) -> int:
        """Return the number of batches in these states."""
        return sum(row.state in states for row in self.rows)


def recall(batch_id: str) -> ResponseReturnValue:
    """Show the recall of a batch with its descendants. A POST sends it.

    Form fields: `reason`, `password`, `confirmed`, and `shown`, the fingerprint from the page.
    """
    current_operator().require(Role.SUPERVISOR, "recalling a batch")
    overview = _load(batch_id)
    if request.method == "GET":
        return _as_json(overview) if wants_json() else _page(overview)
    try:
        _send(overview)
    except Unavailable:
        raise
    except ChromaTraceError as error:
        return _page(overview, error), 401 if isinstance(error, LoginFailedError) else http_status(error)
    return redirect(url_for("console.recall", batch_id=batch_id), 303)


def _send(overview: RecallOverview) -> None:
    portal, operator, form = current_portal(), current_operator(), request.form
    if not overview.plan.steps:
        raise Conflict("there are no more batches for you to recall", field="batch_id")
    if form.get("shown") != overview.fingerprint:
        raise Conflict(
            "the batches to recall have changed since the page was loaded",
            field="shown",
            hint="check the batches again, then confirm",
        )
    if form.get("confirmed") != "yes":
        raise InvalidInput(
            "the recall is not confirmed", field="confirmed", hint="confirm it; a recall is irreversible"
        )
    password = form.get("password", "")
    keystore = account_keystore(operator, password)
    sent = portal.chain.recall(overview.planned, form.get("reason", ""), keystore, password)
    remember_recalls(portal.database, sent, operator.address, now_s())


def _load(batch_id: str) -> RecallOverview:
    snapshot, impact = current_snapshot(), load_impact(load_batch(batch_id))
    traced_batches = impact.genealogy.batches
    views = [traced.batch for traced in traced_batches]
    actions = _update_actions(views)
    pending = {
        view.batch_id
        for view in views
        if (action := actions.get(view.batch_id)) is not None and action.state == "pending"
    }
    planned = plan_recall(snapshot, views, current_operator().organisation, pending)
    noticed = snapshot.noticed([view.batch_id for view in views])
    rows = tuple(
        RecallRow(
            TraceRow.of(traced),
            _state(traced.batch, actions.get(traced.batch.batch_id), planned.plan, noticed),
            lookup_organisation(traced.batch.producer),
            actions.get(traced.batch.batch_id),
        )
        for traced in traced_batches
    )
    return RecallOverview(impact, rows, planned)


def _state(view: BatchView, action: Action | None, plan: RecallPlan, noticed: Collection[BatchId]) -> RecallState:
    if view.recalled:
        return RecallState.RECALLED
    if view.batch_id in noticed and view.batch_id in plan.not_entitled:
        return RecallState.NOTIFIED
    if action is not None and action.state in ("pending", "failed"):
        return RecallState(action.state)
    return RecallState.OTHERS if view.batch_id in plan.not_entitled else RecallState.OPEN


def _update_actions(views: Sequence[BatchView]) -> dict[bytes, Action]:
    """Return the recalls sent by the portal, updated from the index and the chain."""
    portal, lookups = current_portal(), 0
    batches = [view.batch_id for view in views]
    actions = recalls_of(portal.database, batches)
    noticed = current_snapshot().noticed(batches)
    for view in views:
        action = actions.get(view.batch_id)
        if action is None or action.state != "pending":
            continue
        if view.recalled or view.batch_id in noticed:
            settle(portal.database, action.tx_hash, "done")
        elif lookups < _MAX_LOOKUPS:
            lookups += 1
            try:
                outcome = portal.chain.outcome(action.tx_hash)
            except Unavailable:
                lookups = _MAX_LOOKUPS
                continue
            if outcome.succeeded is False:
                settle(portal.database, action.tx_hash, "failed", outcome.message)
    return recalls_of(portal.database, batches)


def _page(overview: RecallOverview, error: ChromaTraceError | None = None) -> str:
    return render_template(
        "console/recall.html",
        recall=overview,
        batch=overview.origin,
        RecallState=RecallState,
        wallet_session=current_operator().account is None,
        max_reason=MAX_REASON,
        error=error,
        reason=request.form.get("reason", ""),
    )


def _as_json(overview: RecallOverview) -> dict[str, Any]:
    batches = [
        {
            "gtin": str(row.batch.gtin),
            "lot": str(row.batch.lot),
            "state": row.state.value,
            "transaction": row.action and row.action.tx_hash,
            "message": row.action and row.action.message,
        }
        for row in overview.rows
    ]
    return {"batches": batches, "truncated": overview.impact.genealogy.truncated}
