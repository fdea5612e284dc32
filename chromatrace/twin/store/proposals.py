"""Proposals and their states.

    open ──> confirmed ──> executing ──> done            the machine or the chain confirmed the action
      │          ^                ├────> not-confirmed   the machine did not confirm it in time
      │          │ by a rule      └────> failed          nothing was written
      ├──> rejected
      └──> expired

Each transition is one conditional update, so two people cannot both confirm a proposal, and two processes cannot both
execute it. An action is begun at most once: after a crash during `executing`, the outcome is read from the machine, and
the action is never repeated.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from chromatrace.domain.errors import NotFound
from chromatrace.twin.errors import ProposalStateError
from chromatrace.twin.plan import NS_PER_S
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.models import ProposalRow


class ProposalState(StrEnum):
    """See the module."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    EXECUTING = "executing"
    DONE = "done"
    NOT_CONFIRMED = "not-confirmed"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"


PENDING = (ProposalState.OPEN, ProposalState.CONFIRMED, ProposalState.EXECUTING)
ENDED = (ProposalState.DONE, ProposalState.NOT_CONFIRMED, ProposalState.FAILED)
"""States after an action was begun or tried; these are recorded on the chain."""


@dataclass(frozen=True, slots=True)
class ProposalDraft:
    """A proposal to store. `cause_id`: the alarm or forecast. `automatic`: maximum number in a time (ns), or None."""

    channel: str
    log_size: int
    rule: str
    subject: str
    cause: str
    cause_id: int
    action: str
    parameters: Mapping[str, Any]
    reason: str
    machine: str | None
    batch: str | None
    time_ns: int
    expires_ns: int
    automatic: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal. `parameters`: the action; `result`: its outcome. Times in Unix nanoseconds."""

    id: int
    state: ProposalState
    action: str
    reason: str
    rule: str
    cause: str
    cause_id: int
    channel: str
    log_size: int
    machine: str | None
    batch: str | None
    parameters: Mapping[str, Any]
    proposed_ns: int
    expires_ns: int
    decided_by: str | None
    decided_ns: int | None
    note: str | None
    ended_ns: int | None
    result: Mapping[str, Any] | None
    record: Mapping[str, Any] | None

    @property
    def key(self) -> str:
        """Name of the action that is the same in every database; the idempotency key of what it sends."""
        return f"{self.rule}/{self.channel}/{self.log_size}/{self.batch or self.machine}/{self.parameters['salt']}"


def propose(session: Session, draft: ProposalDraft) -> ProposalRow | None:
    """Store a proposal. Return None if the same rule has a pending proposal for the same batch or machine.

    A rule that may act without a person is confirmed at once while its limit allows it.
    """
    pending = select(ProposalRow.id).where(
        ProposalRow.rule == draft.rule,
        ProposalRow.subject == draft.subject,
        ProposalRow.state.in_(PENDING),
        (ProposalRow.state != ProposalState.OPEN) | (ProposalRow.expires_ns > draft.time_ns),
    )
    if session.scalar(pending.limit(1)) is not None:
        return None
    row = ProposalRow(
        channel=draft.channel,
        log_size=draft.log_size,
        rule=draft.rule,
        subject=draft.subject,
        cause=draft.cause,
        cause_id=draft.cause_id,
        action=draft.action,
        parameters={**draft.parameters, "salt": "0x" + secrets.token_hex(16)},
        reason=draft.reason,
        machine=draft.machine,
        batch=draft.batch,
        state=ProposalState.OPEN,
        proposed_ns=draft.time_ns,
        expires_ns=draft.expires_ns,
    )
    if draft.automatic is not None:
        count, per_ns = draft.automatic
        used = session.scalar(
            select(func.count())
            .select_from(ProposalRow)
            .where(
                ProposalRow.rule == draft.rule,
                ProposalRow.decided_by == _automatic(draft.rule),
                ProposalRow.decided_ns > draft.time_ns - per_ns,
            )
        )
        if (used or 0) < count:
            row.state, row.decided_by, row.decided_ns = ProposalState.CONFIRMED, _automatic(draft.rule), draft.time_ns
        else:
            row.note = f"the rule acted {used} times in {per_ns / NS_PER_S:g} s, its limit; a person must confirm"
    session.add(row)
    session.flush()
    return row


def _automatic(rule: str) -> str:
    return f"rule {rule}"


def proposals(
    store: TwinStore, now_ns: int, states: Sequence[ProposalState] = tuple(ProposalState), limit: int = 200
) -> list[ProposalView]:
    """Return proposals, the newest first."""
    stored = set(states) | ({ProposalState.OPEN} if ProposalState.EXPIRED in states else set())
    statement = select(ProposalRow).where(ProposalRow.state.in_(stored)).order_by(ProposalRow.id.desc())
    with store.read() as session:
        views = [_view(row, now_ns) for row in session.scalars(statement.limit(limit))]
    return [view for view in views if view.state in states]


def proposal(store: TwinStore, proposal_id: int, now_ns: int) -> ProposalView:
    """Return a proposal. Raises `NotFound`."""
    with store.read() as session:
        return _view(_one(session, proposal_id), now_ns)


def confirm(
    store: TwinStore, proposal_id: int, by: str, now_ns: int, parameters: Mapping[str, Any] | None = None
) -> ProposalView:
    """Confirm an open proposal as the person `by`, with changed parameters. Raises `ProposalStateError`."""
    with store.begin() as session:
        row = _one(session, proposal_id)
        _require_open(row, now_ns)
        changed = {**row.parameters, **(parameters or {})}
        _decide(session, row, ProposalState.CONFIRMED, by, now_ns, {"parameters": changed})
        return _view(row, now_ns)


def reject(store: TwinStore, proposal_id: int, by: str, now_ns: int, reason: str) -> ProposalView:
    """Reject an open proposal as the person `by`. Raises `ProposalStateError`."""
    with store.begin() as session:
        row = _one(session, proposal_id)
        _require_open(row, now_ns)
        _decide(session, row, ProposalState.REJECTED, by, now_ns, {"note": reason or None, "ended_ns": now_ns})
        return _view(row, now_ns)


def _decide(
    session: Session, row: ProposalRow, state: ProposalState, by: str, now_ns: int, values: Mapping[str, Any]
) -> None:
    changed = session.execute(
        update(ProposalRow)
        .where(ProposalRow.id == row.id, ProposalRow.state == ProposalState.OPEN)
        .values(state=state, decided_by=by, decided_ns=now_ns, **values)
    )
    session.refresh(row)
    if not changed.rowcount:  # type: ignore[attr-defined]
        _require_open(row, now_ns)


def _require_open(row: ProposalRow, now_ns: int) -> None:
    state = _state(row, now_ns)
    if state is ProposalState.OPEN:
        return
    if state is ProposalState.EXPIRED:
        message = "has expired"
    elif state is ProposalState.REJECTED:
        message = f"was already rejected by {row.decided_by}"
    else:
        message = f"was already confirmed by {row.decided_by} (state: {state})"
    raise ProposalStateError(f"proposal {row.id} {message}", field="proposal", hint="it takes effect at most once")


def begin_execution(store: TwinStore, proposal_id: int) -> bool:
    """Take a confirmed proposal for execution. Return False if another process has it."""
    with store.begin() as session:
        changed = session.execute(
            update(ProposalRow)
            .where(ProposalRow.id == proposal_id, ProposalRow.state == ProposalState.CONFIRMED)
            .values(state=ProposalState.EXECUTING)
        )
        return bool(changed.rowcount)  # type: ignore[attr-defined]


def finish(
    store: TwinStore, proposal_id: int, state: ProposalState, result: Mapping[str, Any], now_ns: int
) -> ProposalView:
    """Store the end of an action that is being executed. Raises `ProposalStateError` if it is not."""
    with store.begin() as session:
        row = _one(session, proposal_id)
        if row.state != ProposalState.EXECUTING:
            raise ProposalStateError(f"proposal {row.id} is not being executed (state: {row.state})", field="proposal")
        row.state, row.result, row.ended_ns = state, dict(result), now_ns
        return _view(row, now_ns)


def unrecorded(store: TwinStore, now_ns: int) -> list[ProposalView]:
    """Return the ended actions without a record on the chain, oldest first."""
    statement = select(ProposalRow).where(ProposalRow.state.in_(ENDED), ProposalRow.record.is_(None))
    with store.read() as session:
        rows = session.scalars(statement.order_by(ProposalRow.id))
        return [_view(row, now_ns) for row in rows]


def store_record(store: TwinStore, proposal_id: int, record: Mapping[str, Any]) -> None:
    """Store the record of an action on the chain."""
    with store.begin() as session:
        _one(session, proposal_id).record = dict(record)


def _one(session: Session, proposal_id: int) -> ProposalRow:
    row = session.get(ProposalRow, proposal_id)
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id}", field="proposal")
    return row


def _state(row: ProposalRow, now_ns: int) -> ProposalState:
    expired = row.state == ProposalState.OPEN and row.expires_ns <= now_ns
    return ProposalState.EXPIRED if expired else ProposalState(row.state)


def _view(row: ProposalRow, now_ns: int) -> ProposalView:
    return ProposalView(
        id=row.id,
        state=_state(row, now_ns),
        action=row.action,
        reason=row.reason,
        rule=row.rule,
        cause=row.cause,
        cause_id=row.cause_id,
        channel=row.channel,
        log_size=row.log_size,
        machine=row.machine,
        batch=row.batch,
        parameters=row.parameters,
        proposed_ns=row.proposed_ns,
        expires_ns=row.expires_ns,
        decided_by=row.decided_by,
        decided_ns=row.decided_ns,
        note=row.note,
        ended_ns=row.ended_ns,
        result=row.result,
        record=row.record,
    )
