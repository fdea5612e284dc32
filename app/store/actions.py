"""What was sent to the chain from here and is not in the index yet."""

from __future__ import annotations

from sqlalchemy import select

from app.store.database import Store
from app.store.models import Action


def remember(store: Store, tx_hash: str, address: str, batch_id: bytes, kind: str, now: int) -> None:
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


def open_actions(store: Store, address: str) -> list[Action]:
    """The operator's actions that the index does not have yet, newest first."""
    with store.begin() as session:
        chosen = select(Action).filter_by(address=address.lower(), state="pending").order_by(Action.created_at.desc())
        return list(session.scalars(chosen))


def latest_action(store: Store, batch_id: bytes, address: str) -> Action | None:
    """The operator's newest action on a batch, whatever became of it."""
    with store.begin() as session:
        chosen = select(Action).filter_by(batch_id=batch_id, address=address.lower())
        return session.scalars(chosen.order_by(Action.created_at.desc()).limit(1)).first()


def settle(store: Store, tx_hash: str, state: str, message: str | None = None) -> None:
    """Records what became of it: `done` or `failed`."""
    with store.begin() as session:
        action = session.get(Action, tx_hash.lower())
        if action is not None:
            action.state, action.message = state, message
