"""What was sent to the chain from here and is not in the index yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from app.store.database import PortalDatabase
from app.store.models import Action
from chromatrace.domain.identifiers import BatchId

RECALL = "recall"
_CHUNK = 500


def remember(store: PortalDatabase, tx_hash: str, address: str, batch_id: bytes, kind: str, now: int) -> None:
    """Notes a transaction that was just handed over; the same one again changes nothing."""
    with store.begin() as session:
        if session.get(Action, tx_hash.lower()) is None:
            session.add(
                Action(
                    tx_hash=tx_hash.lower(),
                    address=address.lower(),
                    batch_id=batch_id,
                    kind=kind,
                    state="pending",
                    created_at=now,
                )
            )


def remember_recalls(store: PortalDatabase, sent: Mapping[BatchId, str], address: str, now: int) -> None:
    """Notes the recalls that were just handed over: batch to transaction."""
    with store.begin() as session:
        for batch, tx_hash in sent.items():
            session.merge(
                Action(
                    tx_hash=tx_hash.lower(),
                    address=address.lower(),
                    batch_id=batch,
                    kind=RECALL,
                    state="pending",
                    created_at=now,
                )
            )


def recalls_of(store: PortalDatabase, batches: Sequence[BatchId]) -> dict[bytes, Action]:
    """The recall of each batch that was sent from here, whoever sent it: the one under way, else the newest."""
    found: dict[bytes, Action] = {}
    with store.begin() as session:
        for start in range(0, len(batches), _CHUNK):
            chosen = select(Action).where(Action.batch_id.in_(batches[start : start + _CHUNK]), Action.kind == RECALL)
            for action in session.scalars(chosen.order_by(Action.created_at)):
                known = found.get(action.batch_id)
                if known is None or known.state != "pending":
                    found[action.batch_id] = action
    return found


def open_actions(store: PortalDatabase, address: str) -> list[Action]:
    """The operator's actions that nobody has seen through yet, newest first."""
    with store.begin() as session:
        chosen = select(Action).filter_by(address=address.lower(), state="pending").order_by(Action.created_at.desc())
        return list(session.scalars(chosen))


def latest_action(store: PortalDatabase, batch_id: bytes, address: str) -> Action | None:
    """The operator's newest action on a batch, whatever became of it."""
    with store.begin() as session:
        chosen = select(Action).filter_by(batch_id=batch_id, address=address.lower())
        return session.scalars(chosen.order_by(Action.created_at.desc()).limit(1)).first()


def settle(store: PortalDatabase, tx_hash: str, state: str, message: str | None = None) -> None:
    """Records what became of it: `done` or `failed`."""
    with store.begin() as session:
        action = session.get(Action, tx_hash.lower())
        if action is not None:
            action.state, action.message = state, message
