"""Recalling a batch and all that was made of it: seen first, confirmed, sent, and followed batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from flask import redirect, render_template, request, url_for

from app.console.goods import TRACED, GoodsRow, batch_of, goods_rows, no_batch
from app.context import account_keystore, current_operator, current_portal, now_s
from app.errors import LoginFailedError, http_status
from app.presenters.organisations import OrganisationSummary
from app.responses import wants_json
from app.services import MAX_REASON, Parts
from app.store.actions import recalls_of, remember_recalls, settle
from app.store.models import Action
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput, Unavailable
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.recalling import Recallable, RecallPlan, recall_plan
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.index.genealogy import RecallImpact
from chromatrace.index.views import BatchView

_ASKED = 200
"""Transactions that one page asks the chain about; the index tells of those that went well."""
_ZERO = bytes(32)


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

    goods: GoodsRow
    standing: Standing
    maker: OrganisationSummary
    action: Action | None


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall as it stands: what was reached, and what this operator is still to send."""

    impact: RecallImpact
    rows: tuple[RecallRow, ...]
    plan: RecallPlan
    inputs: Mapping[BatchId, tuple[Input, ...]]

    @property
    def origin(self) -> BatchView:
        """The batch that it begins with."""
        return self.impact.trace.steps[0].batch

    @property
    def to_send(self) -> list[RecallRow]:
        """The batches that this operator may recall and nobody has."""
        planned = {step.batch for step in self.plan.steps}
        return [row for row in self.rows if row.goods.step.batch.batch_id in planned]

    @property
    def units(self) -> int:
        """Units in the batches to send."""
        return sum(row.goods.step.batch.quantity for row in self.to_send)

    @property
    def holders(self) -> list[str]:
        """Who holds the batches to send, by name."""
        return sorted({row.goods.holder.name for row in self.to_send})

    @property
    def seen(self) -> str:
        """What the operator confirms: changes with the batches to send."""
        return sha256(b"".join(sorted(step.batch for step in self.plan.steps))).hexdigest()[:32]

    def count(self, *standings: Standing) -> int:
        """How many batches stand so."""
        return sum(row.standing in standings for row in self.rows)


def recall(batch_id: str) -> Any:
    """The recall of a batch with its descendants; a POST with `reason`, `password`, `confirmed`, `seen` sends it."""
    current_operator().require(Role.SUPERVISOR, "recalling a batch")
    found = _recall(batch_id)
    if request.method == "GET":
        return _state(found) if wants_json() else _page(found)
    try:
        _send(found)
    except Unavailable:
        raise
    except ChromaTraceError as error:
        return _page(found, error), 401 if isinstance(error, LoginFailedError) else http_status(error)
    return redirect(url_for("console.recall", batch_id=batch_id), 303)


def _send(found: Recall) -> None:
    here, who, form = current_portal(), current_operator(), request.form
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
    views = {step.batch.batch_id: step.batch for step in found.impact.trace.steps}
    parts = {step.batch: _parts(views[step.batch], found.inputs[step.batch]) for step in found.plan.steps}
    password = form.get("password", "")
    keystore = account_keystore(who, password)
    sent = here.chain.recall(found.plan.steps, parts, form.get("reason", ""), keystore, password)
    remember_recalls(here.database, sent, who.address, now_s())


def _parts(view: BatchView, inputs: tuple[Input, ...]) -> Parts:
    return Parts(view.serial_root or _ZERO, view.content_digest, view.route or _ZERO, inputs)


def _recall(batch_id: str) -> Recall:
    here, who, now = current_portal(), current_operator(), now_s()
    impact = here.index.recall_impact(batch_of(batch_id), max_batches=TRACED)
    if impact is None:
        raise no_batch()
    views = [step.batch for step in impact.trace.steps]
    actions = _followed(views)
    inputs = {view.batch_id: here.index.inputs_of(view.batch_id) for view in views}
    pending = {batch for batch, action in actions.items() if action.state == "pending"}
    goods = [
        Recallable(
            view.batch_id,
            view.producer,
            view.recalled or view.batch_id in pending,
            tuple(one.batch for one in inputs[view.batch_id]),
        )
        for view in views
    ]
    ours = here.index.organisation(who.organisation)
    everywhere = ours is not None and ours.kind is OrganisationKind.AUTHORITY
    plan = recall_plan(goods, None if everywhere else who.organisation)
    rows = tuple(
        RecallRow(
            row,
            _standing(row.step.batch, actions.get(row.step.batch.batch_id), plan),
            here.batches.organisation(row.step.batch.producer, now),
            actions.get(row.step.batch.batch_id),
        )
        for row in goods_rows(impact.trace)
    )
    return Recall(impact, rows, plan, inputs)


def _standing(view: BatchView, action: Action | None, plan: RecallPlan) -> Standing:
    if view.recalled:
        return Standing.RECALLED
    if action is not None and action.state in ("pending", "failed"):
        return Standing(action.state)
    return Standing.OTHERS if view.batch_id in plan.not_entitled else Standing.OPEN


def _followed(views: Sequence[BatchView]) -> dict[bytes, Action]:
    """What was sent from here, settled by what index and chain say of it now."""
    here, asked = current_portal(), 0
    known = recalls_of(here.database, [view.batch_id for view in views])
    for view in views:
        action = known.get(view.batch_id)
        if action is None or action.state != "pending":
            continue
        if view.recalled:
            settle(here.database, action.tx_hash, "done")
        elif asked < _ASKED:
            asked += 1
            try:
                outcome = here.chain.outcome(action.tx_hash)
            except Unavailable:
                asked = _ASKED
                continue
            if outcome.succeeded is False:
                settle(here.database, action.tx_hash, "failed", outcome.message)
    return recalls_of(here.database, [view.batch_id for view in views])


def _page(found: Recall, error: ChromaTraceError | None = None) -> str:
    return render_template(
        "console/recall.html",
        recall=found,
        batch=found.origin,
        Standing=Standing,
        by_wallet=current_operator().account is None,
        most_reason=MAX_REASON,
        error=error,
        reason=request.form.get("reason", ""),
    )


def _state(found: Recall) -> dict[str, Any]:
    batches = [
        {
            "gtin": str(row.goods.step.batch.gtin),
            "lot": str(row.goods.step.batch.lot),
            "state": row.standing.value,
            "transaction": row.action and row.action.tx_hash,
            "message": row.action and row.action.message,
        }
        for row in found.rows
    ]
    return {"batches": batches, "truncated": found.impact.truncated}
