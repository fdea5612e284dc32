"""Store what the mirror derived from the log, in one transaction with the size of the log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, bindparam, delete, select
from sqlalchemy.orm import Session

from chromatrace.twin.effects import (
    AlarmCleared,
    AlarmRaised,
    AlarmReleased,
    Effect,
    ForecastMade,
    ForecastScored,
)
from chromatrace.twin.store.models import AlarmEventRow, AlarmRow, CursorRow, ForecastRow, LiveRow, SnapshotRow

KEPT_SNAPSHOTS = 2


@dataclass(frozen=True, slots=True)
class StoredState:
    """The state of a channel after `log_size` readings, computed with the plan of digest `plan`."""

    channel: str
    log_size: int
    plan: str
    state: bytes
    digest: str


def store_effects(session: Session, effects: Iterable[Effect]) -> list[tuple[AlarmRow | ForecastRow, Effect]]:
    """Store effects in their order. Return the new alarms and forecasts with their effects."""
    stored: list[tuple[AlarmRow | ForecastRow, Effect]] = []
    scored: list[ForecastScored] = []
    for effect in effects:
        match effect:
            case AlarmRaised():
                stored.append((_raise(session, effect), effect))
            case AlarmCleared():
                _clear(session, effect)
            case AlarmReleased():
                for alarm in _open(session, effect.channel, effect.key):
                    alarm.suppressed = False
                    _event(session, alarm, "released", effect.time_ns, effect.log_size)
            case ForecastMade():
                forecast = _forecast(effect)
                session.add(forecast)
                stored.append((forecast, effect))
            case ForecastScored():
                scored.append(effect)
    session.flush()
    if scored:
        _score(session, scored)
    return stored


def store_cursor(session: Session, channel: str, log_size: int, last_leaf: str) -> None:
    """Record how many readings of a channel have been applied."""
    session.merge(CursorRow(channel=channel, log_size=log_size, last_leaf=last_leaf, applied_ns=time.time_ns()))


def store_snapshot(session: Session, stored: StoredState) -> None:
    """Store the state of a channel; the newest `KEPT_SNAPSHOTS` are kept."""
    session.merge(
        SnapshotRow(
            channel=stored.channel,
            log_size=stored.log_size,
            plan=stored.plan,
            state=stored.state,
            digest=stored.digest,
            stored_ns=time.time_ns(),
        )
    )
    session.flush()
    sizes = session.scalars(
        select(SnapshotRow.log_size).where(SnapshotRow.channel == stored.channel).order_by(SnapshotRow.log_size.desc())
    ).all()
    session.execute(
        delete(SnapshotRow).where(
            SnapshotRow.channel == stored.channel, SnapshotRow.log_size.in_(sizes[KEPT_SNAPSHOTS:])
        )
    )


def store_live(session: Session, channel: str, log_size: int, plan: str, state: bytes) -> None:
    """Store the state of a channel for pages."""
    session.merge(LiveRow(channel=channel, log_size=log_size, plan=plan, state=state))


def open_alarms(session: Session, channel: str) -> Sequence[AlarmRow]:
    """Return the alarms of a channel that are not cleared."""
    statement = select(AlarmRow).where(AlarmRow.channel == channel, AlarmRow.cleared_ns.is_(None))
    return session.scalars(statement.order_by(AlarmRow.id)).all()


def _open(session: Session, channel: str, key: str) -> Sequence[AlarmRow]:
    statement = select(AlarmRow).where(AlarmRow.channel == channel, AlarmRow.key == key, AlarmRow.cleared_ns.is_(None))
    return session.scalars(statement).all()


def _raise(session: Session, effect: AlarmRaised) -> AlarmRow:
    alarm = AlarmRow(
        channel=effect.channel,
        log_size=effect.log_size,
        key=effect.key,
        kind=effect.kind,
        priority=effect.priority.rank,
        message=effect.message,
        machine=effect.machine,
        source=effect.source,
        tag=effect.tag,
        batch=effect.batch,
        data=dict(effect.data or {}),
        suppressed=effect.suppressed,
        raised_ns=effect.time_ns,
    )
    session.add(alarm)
    session.flush()
    _event(session, alarm, "suppressed" if effect.suppressed else "raised", effect.time_ns, effect.log_size)
    return alarm


def _clear(session: Session, effect: AlarmCleared) -> None:
    for alarm in _open(session, effect.channel, effect.key):
        alarm.cleared_ns, alarm.cleared_log_size = effect.time_ns, effect.log_size
        _event(session, alarm, "cleared", effect.time_ns, effect.log_size)


def _event(session: Session, alarm: AlarmRow, event: str, time_ns: int, log_size: int) -> None:
    session.add(AlarmEventRow(alarm=alarm.id, event=event, time_ns=time_ns, log_size=log_size))


def _forecast(effect: ForecastMade) -> ForecastRow:
    return ForecastRow(
        channel=effect.channel,
        log_size=effect.log_size,
        source=effect.source,
        tag=effect.tag,
        step=effect.step,
        machine=effect.machine,
        batch=effect.batch,
        made_ns=effect.time_ns,
        state=effect.state,
        model=list(effect.model),
        persistence=list(effect.persistence),
        marginal=list(effect.marginal),
        expected_steps=effect.expected_steps,
        stationary=list(effect.stationary),
    )


def _score(session: Session, scored: Sequence[ForecastScored]) -> None:
    """Store outcomes with one statement, because there are hundreds a second at 10,000 tags."""
    table = ForecastRow.__table__
    assert isinstance(table, Table)
    names = ("channel", "log_size", "source", "tag", "step")
    statement = (
        table.update()
        .where(*(table.c[name] == bindparam(f"of_{name}") for name in names))
        .values(outcome=bindparam("new_outcome"), outcome_log_size=bindparam("new_log_size"))
    )
    session.connection().execute(
        statement,
        [
            {f"of_{name}": getattr(effect, name) for name in names}
            | {"new_outcome": effect.outcome, "new_log_size": effect.outcome_log_size}
            for effect in scored
        ],
    )
