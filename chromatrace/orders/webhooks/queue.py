"""The queue of webhook messages, in SQL. A message is stored before it is sent, and kept until the target has it.

A message is queued only if its content differs from the last one about the same order
and type. It replaces an older one that is still waiting, so a target that is down for days gets the newest state. After
a failure, all messages of the target wait for its next attempt; after a success, they are due.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from chromatrace.domain.errors import NotFound
from chromatrace.orders.order import format_utc
from chromatrace.orders.store import OrderStore
from chromatrace.orders.tables import MessageRow, SentRow

BACKOFF_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between attempts, as the specification recommends: about three days in total."""

KEPT_S = 30 * 86_400
"""Messages that were delivered or replaced are kept for 30 days."""


class MessageState(StrEnum):
    """State of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Message:
    """A message. Times are in Unix seconds; `due` is the next attempt while it is pending."""

    id: str
    target: str
    event: str
    order: str
    state: MessageState
    attempts: int
    created: int
    due: int
    delivered: int | None
    last_error: str | None
    body: str


class WebhookQueue:
    """The messages of one plant."""

    def __init__(self, store: OrderStore) -> None:
        self._store = store

    def put(self, target: str, event: str, number: str, data: dict[str, Any], digest: str) -> str | None:
        """Queue a message and return its id, or None if the last message about it has the same `digest`."""
        plant, now = self._store.plant, self._store.now()
        with self._store.begin() as session:
            sent = session.get(SentRow, (plant, target, number, event))
            if sent is not None and sent.digest == digest:
                return None
            if sent is None:
                session.add(SentRow(plant=plant, target=target, number=number, event=event, digest=digest))
            else:
                sent.digest = digest
            session.execute(
                update(MessageRow)
                .where(
                    *(MessageRow.plant == plant, MessageRow.target == target, MessageRow.number == number),
                    *(MessageRow.event == event, MessageRow.state == MessageState.PENDING),
                )
                .values(state=MessageState.REPLACED)
            )
            message_id = f"msg_{secrets.token_hex(16)}"
            body = json.dumps({"type": event, "timestamp": format_utc(now), "data": data}, separators=(",", ":"))
            session.add(
                MessageRow(
                    id=message_id,
                    plant=plant,
                    target=target,
                    event=event,
                    number=number,
                    body=body,
                    created=now,
                    state=MessageState.PENDING,
                    attempts=0,
                    due=now,
                )
            )
            return message_id

    def digests(self, target: str, event: str) -> dict[str, str]:
        """Return the digest of the newest message of this type about each order."""
        statement = select(SentRow.number, SentRow.digest).where(
            SentRow.plant == self._store.plant, SentRow.target == target, SentRow.event == event
        )
        with self._store.read() as session:
            return {row.number: row.digest for row in session.execute(statement)}

    def prune(self) -> None:
        """Delete messages that were delivered or replaced more than `KEPT_S` ago."""
        done = [MessageState.DELIVERED, MessageState.REPLACED]
        before = self._store.now() - KEPT_S
        old = (MessageRow.plant == self._store.plant, MessageRow.state.in_(done), MessageRow.created < before)
        with self._store.begin() as session:
            session.execute(delete(MessageRow).where(*old))

    def due(self, target: str, limit: int = 100) -> list[Message]:
        """Return the messages to send now, oldest first."""
        statement = (
            select(MessageRow)
            .where(
                *(MessageRow.plant == self._store.plant, MessageRow.target == target),
                *(MessageRow.state == MessageState.PENDING, MessageRow.due <= self._store.now()),
            )
            .order_by(MessageRow.position)
            .limit(limit)
        )
        with self._store.read() as session:
            return [_message(row) for row in session.scalars(statement)]

    def delivered(self, message_id: str) -> None:
        """Record a success. The other messages of the target are due now."""
        now = self._store.now()
        with self._store.begin() as session:
            row = self._row(session, message_id)
            row.state, row.delivered, row.attempts = MessageState.DELIVERED, now, row.attempts + 1
            session.execute(self._waiting(row.target).where(MessageRow.due > now).values(due=now))

    def failed(self, message_id: str, error: str, retry_after_s: int = 0, *, final: bool = False) -> None:
        """Record a failure: wait for the next attempt, or give up after the last one or if it is `final`."""
        now = self._store.now()
        with self._store.begin() as session:
            row = self._row(session, message_id)
            row.attempts, row.last_error = row.attempts + 1, error[:500]
            if final or row.attempts > len(BACKOFF_S):
                if row.state == MessageState.PENDING:
                    row.state = MessageState.FAILED
                return
            base = BACKOFF_S[row.attempts - 1]
            jitter = secrets.randbelow(base // 10 + 1)
            due = now + max(base + jitter, retry_after_s)
            row.due = due
            session.execute(self._waiting(row.target).where(MessageRow.due < due).values(due=due))

    def retry(self, target: str | None = None, message_id: str | None = None) -> int:
        """Make failed and waiting messages due now, of one target or one message. Return their number."""
        statement = update(MessageRow).where(
            MessageRow.plant == self._store.plant,
            MessageRow.state.in_([MessageState.PENDING, MessageState.FAILED]),
        )
        if target is not None:
            statement = statement.where(MessageRow.target == target)
        if message_id is not None:
            statement = statement.where(MessageRow.id == message_id)
        with self._store.begin() as session:
            if message_id is not None:
                self._row(session, message_id)
            values = {"state": MessageState.PENDING, "due": self._store.now(), "attempts": 0}
            return session.execute(statement.values(**values)).rowcount  # type: ignore[attr-defined, no-any-return]

    def messages(self, states: Sequence[str] = (), limit: int = 100) -> list[Message]:
        """Return the newest messages, newest first."""
        statement = select(MessageRow).where(MessageRow.plant == self._store.plant)
        if states:
            statement = statement.where(MessageRow.state.in_(states))
        with self._store.read() as session:
            return [
                _message(row) for row in session.scalars(statement.order_by(MessageRow.position.desc()).limit(limit))
            ]

    def _waiting(self, target: str) -> Any:
        return update(MessageRow).where(
            MessageRow.plant == self._store.plant,
            MessageRow.target == target,
            MessageRow.state == MessageState.PENDING,
        )

    def _row(self, session: Session, message_id: str) -> MessageRow:
        statement = select(MessageRow).where(MessageRow.plant == self._store.plant, MessageRow.id == message_id)
        row = session.scalars(statement).first()
        if row is None:
            raise NotFound(f"message {message_id!r:.60} does not exist", field="message")
        return row


def _message(row: MessageRow) -> Message:
    return Message(
        *(row.id, row.target, row.event, row.number, MessageState(row.state), row.attempts, row.created, row.due),
        *(row.delivered, row.last_error, row.body),
    )
