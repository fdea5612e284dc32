"""Recalling a batch and all that was made of it: seen first, confirmed, sent, and followed batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from flask import redirect, render_template, request, url_for

from app.answers import wants_json
from app.console.goods import MAX_TRACED, TraceRow, batch_of
from app.errors import LoginRefused, status_of
from app.facts.parties import Party
from app.portal import keystore_of, now_s, operator, party, portal, snapshot
from app.services import MAX_REASON
from app.store.actions import recalls_of, remember_recalls, settle
from app.store.models import Action
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput, Unavailable
from chromatrace.domain.recall_plan import RecallPlan
from chromatrace.domain.rights import Role
from chromatrace.index.views import BatchView
from chromatrace.services.recall import PlannedRecall, plan_recall
from chromatrace.services.trace import RecallImpact, recall_impact

_ASKED = 200
"""Transactions that one page asks the chain about; the index tells of those that went well."""


class Standing(StrEnum):
    """How far the recall of one batch is."""

    RECALLED = "recalled"
    PENDING = "pending"
    FAILED = "failed"
    OPEN = "open"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class RecallRow:
    """One batch of a recall. `maker` may recall it where the operator's organisation may not."""

    goods: TraceRow
    standing: Standing
    maker: Party
    action: Action | None


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall as it stands: what was reached, and what this operator is still to send."""

    impact: RecallImpact
    rows: tuple[RecallRow, ...]
    planned: PlannedRecall

    @property
    def plan(self) -> RecallPlan:
        """The order of the batches."""
        return self.planned.plan

    @property
    def origin(self) -> BatchView:
        """The batch that it begins with."""
        return self.impact.genealogy.origin

    @property
    def to_send(self) -> list[RecallRow]:
        """The batches that this operator may recall and nobody has."""
        planned = {step.batch for step in self.plan.steps}
        return [row for row in self.rows if row.goods.traced.batch.batch_id in planned]

    @property
    def units(self) -> int:
        """Units in the batches to send."""
        return sum(row.goods.traced.batch.quantity for row in self.to_send)

    @property
    def holders(self) -> list[str]:
        """Who holds the batches to send, by name."""
        return sorted({row.goods.traced.holder.name for row in self.to_send})

    @property
    def seen(self) -> str:
        """What the operator confirms: changes with the batches to send."""
        return sha256(b"".join(sorted(step.batch for step in self.plan.steps))).hexdigest()[:32]

    def count(self, *standings: Standing) -> int:
        """How many batches stand so."""
        return sum(row.standing in standings for row in self.rows)


def recall(batch_id: str) -> Any:
    """The recall of a batch with its descendants; a POST with `reason`, `password`, `confirmed`, `seen` sends it."""
    operator().need(Role.SUPERVISOR, "recalling a batch")
    found = _recall(batch_id)
    if request.method == "GET":
        return _state(found) if wants_json() else _page(found)
    try:
        _send(found)
    except Unavailable:
        raise
    except ChromaTraceError as error:
        return _page(found, error), 401 if isinstance(error, LoginRefused) else status_of(error)
    return redirect(url_for("console.recall", batch_id=batch_id), 303)


def _send(found: Recall) -> None:
    here, who, form = portal(), operator(), request.form
    if not found.plan.steps:
        raise Conflict("nothing is left here for you to recall", field="batch_id")
    if form.get("seen") != found.seen:
        raise Conflict(
            "other batches are to be recalled than you were shown",
            field="seen",
            hint="look at them again, then confirm",
        )
    if form.get("confirmed") != "yes":
        raise InvalidInput("the recall is not confirmed", field="confirmed", hint="a recall is for ever: confirm it")
    password = form.get("password", "")
    keystore = keystore_of(who, password)
    sent = here.chain.recall(found.planned, form.get("reason", ""), keystore, password)
    remember_recalls(here.store, sent, who.address, now_s())


def _recall(batch_id: str) -> Recall:
    here, who = portal(), operator()
    impact = recall_impact(snapshot(), here.batches.documents, batch_of(batch_id), max_batches=MAX_TRACED)
    traced_batches = impact.genealogy.batches
    views = [traced.batch for traced in traced_batches]
    actions = _followed(views)
    pending = {view.batch_id for view in views if _state_of(actions, view) == "pending"}
    planned = plan_recall(snapshot(), views, who.organisation, pending)
    rows = tuple(
        RecallRow(
            TraceRow.of(traced),
            _standing(traced.batch, actions.get(traced.batch.batch_id), planned.plan),
            party(traced.batch.producer),
            actions.get(traced.batch.batch_id),
        )
        for traced in traced_batches
    )
    return Recall(impact, rows, planned)


def _state_of(actions: Mapping[bytes, Action], view: BatchView) -> str | None:
    action = actions.get(view.batch_id)
    return action.state if action else None


def _standing(view: BatchView, action: Action | None, plan: RecallPlan) -> Standing:
    if view.recalled:
        return Standing.RECALLED
    if action is not None and action.state in ("pending", "failed"):
        return Standing(action.state)
    return Standing.OTHERS if view.batch_id in plan.not_entitled else Standing.OPEN


def _followed(views: Sequence[BatchView]) -> dict[bytes, Action]:
    """What was sent from here, settled by what index and chain say of it now."""
    here, asked = portal(), 0
    known = recalls_of(here.store, [view.batch_id for view in views])
    for view in views:
        action = known.get(view.batch_id)
        if action is None or action.state != "pending":
            continue
        if view.recalled:
            settle(here.store, action.tx_hash, "done")
        elif asked < _ASKED:
            asked += 1
            try:
                outcome = here.chain.outcome(action.tx_hash)
            except Unavailable:
                asked = _ASKED
                continue
            if outcome.succeeded is False:
                settle(here.store, action.tx_hash, "failed", outcome.message)
    return recalls_of(here.store, [view.batch_id for view in views])


def _page(found: Recall, error: ChromaTraceError | None = None) -> str:
    return render_template(
        "console/recall.html",
        recall=found,
        batch=found.origin,
        Standing=Standing,
        by_wallet=operator().account is None,
        most_reason=MAX_REASON,
        error=error,
        reason=request.form.get("reason", ""),
    )


def _state(found: Recall) -> dict[str, Any]:
    batches = [
        {
            "gtin": str(row.goods.traced.batch.gtin),
            "lot": str(row.goods.traced.batch.lot),
            "state": row.standing.value,
            "transaction": row.action and row.action.tx_hash,
            "message": row.action and row.action.message,
        }
        for row in found.rows
    ]
    return {"batches": batches, "truncated": found.impact.genealogy.truncated}
