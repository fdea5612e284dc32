"""Transactions that the portal sent and the index does not have yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from app.store.database import PortalDatabase
from app.store.models import Action
from chromatrace.domain.identifiers import BatchId

RECALL = "recall"
_CHUNK = 500


def remember(database: PortalDatabase, tx_hash: str, address: str, batch_id: bytes, kind: str, now: int) -> None:
    """Store a transaction that was just sent. Idempotent."""
    with database.begin() as session:
        if session.get(Action, tx_hash.lower()) is None:
            session.add(_pending(tx_hash, address, batch_id, kind, now))


def remember_recalls(database: PortalDatabase, sent: Mapping[BatchId, str], address: str, now: int) -> None:
    """Store recalls that were just sent: batch to transaction. A resent transaction becomes pending again."""
    with database.begin() as session:
        for batch, tx_hash in sent.items():
            session.merge(_pending(tx_hash, address, batch, RECALL, now))


def _pending(tx_hash: str, address: str, batch_id: bytes, kind: str, now: int) -> Action:
    return Action(
        tx_hash=tx_hash.lower(), address=address.lower(), batch_id=batch_id, kind=kind, state="pending", created_at=now
    )


def recalls_of(database: PortalDatabase, batches: Sequence[BatchId]) -> dict[bytes, Action]:
    """Return the recall of each batch, by any operator: the pending one, otherwise the newest."""
    recalls: dict[bytes, Action] = {}
    with database.read() as session:
        for start in range(0, len(batches), _CHUNK):
            chunk = select(Action).where(Action.batch_id.in_(batches[start : start + _CHUNK]), Action.kind == RECALL)
            for action in session.scalars(chunk.order_by(Action.created_at)):
                previous = recalls.get(action.batch_id)
                if previous is None or previous.state != "pending":
                    recalls[action.batch_id] = action
    return recalls


def pending_actions(database: PortalDatabase, address: str) -> list[Action]:
    """Return the operator's pending actions, newest first."""
    with database.read() as session:
        pending = select(Action).filter_by(address=address.lower(), state="pending").order_by(Action.created_at.desc())
        return list(session.scalars(pending))


def latest_action(database: PortalDatabase, batch_id: bytes, address: str) -> Action | None:
    """Return the operator's newest action on a batch in any state."""
    with database.read() as session:
        actions = select(Action).filter_by(batch_id=batch_id, address=address.lower())
        return session.scalars(actions.order_by(Action.created_at.desc()).limit(1)).first()


def settle(database: PortalDatabase, tx_hash: str, state: str, message: str | None = None) -> None:
    """Store the outcome of an action: `done` or `failed`."""
    with database.begin() as session:
        action = session.get(Action, tx_hash.lower())
        if action is not None:
            action.state, action.message = state, message
