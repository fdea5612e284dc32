"""List, acknowledge and shelve alarms (ANSI/ISA-18.2).

State of an alarm, which follows from its row and the shelf of its condition:

    unacknowledged  the condition is true; the alarm is not acknowledged
    acknowledged    the condition is true; a person has acknowledged the alarm
    returned        the condition is no longer true; the alarm is not acknowledged
    shelved         the condition is true; a person put it on the shelf until a stated time
    suppressed      the condition is true; a flood suppresses the alarm
    normal          the condition is no longer true; nothing remains to be done
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, true, update
from sqlalchemy.orm import Session

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.twin.errors import AlarmStateError
from chromatrace.twin.plan import NS_PER_S, Priority
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.models import AlarmEventRow, AlarmRow, ShelfRow

MAX_SHELF_NS = 24 * 3600 * NS_PER_S
_PAGE = 500


class AlarmState(StrEnum):
    """See the module."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    NORMAL = "normal"


OPEN_STATES = tuple(state for state in AlarmState if state is not AlarmState.NORMAL)


@dataclass(frozen=True, slots=True)
class AlarmView:
    """An alarm. `log_size`: readings of `channel` from which it was computed. Times in Unix nanoseconds."""

    id: int
    state: AlarmState
    priority: Priority
    kind: str
    message: str
    channel: str
    log_size: int
    key: str
    machine: str | None
    source: str | None
    tag: str | None
    batch: str | None
    data: Mapping[str, Any]
    raised_ns: int
    cleared_ns: int | None
    cleared_log_size: int | None
    acknowledged_ns: int | None
    acknowledged_by: str | None
    shelved_until_ns: int | None


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """A step in the life of an alarm."""

    event: str
    time_ns: int
    log_size: int | None
    by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms to list. None: any. `states` defaults to all that are not normal."""

    states: tuple[AlarmState, ...] = OPEN_STATES
    priority: Priority | None = None
    kind: str | None = None
    machine: str | None = None
    tag: str | None = None
    batch: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None


def alarms(store: TwinStore, now_ns: int, wanted: AlarmFilter | None = None, limit: int = 200) -> list[AlarmView]:
    """Return alarms: the highest priority first, then the newest."""
    order = (AlarmRow.priority, AlarmRow.raised_ns.desc(), AlarmRow.id.desc())
    with store.read() as session:
        statement = _select(now_ns).where(_matches(wanted or AlarmFilter())).order_by(*order).limit(limit)
        return [_view(alarm, shelf, now_ns) for alarm, shelf in session.execute(statement)]


def every_alarm(store: TwinStore, now_ns: int, wanted: AlarmFilter) -> Iterator[AlarmView]:
    """Yield all alarms that match, oldest first, for an export. Each page is read in a transaction of its own."""
    after = 0
    while True:
        statement = _select(now_ns).where(_matches(wanted), AlarmRow.id > after).order_by(AlarmRow.id)
        with store.read() as session:
            page = [_view(alarm, shelf, now_ns) for alarm, shelf in session.execute(statement.limit(_PAGE))]
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id


def alarm(store: TwinStore, alarm_id: int, now_ns: int) -> tuple[AlarmView, list[AlarmEvent]]:
    """Return an alarm and its life. Raises `NotFound`."""
    with store.read() as session:
        view = _view(*_one(session, alarm_id, now_ns), now_ns)
        rows = session.scalars(select(AlarmEventRow).where(AlarmEventRow.alarm == alarm_id).order_by(AlarmEventRow.id))
        return view, [AlarmEvent(row.event, row.time_ns, row.log_size, row.by, row.note) for row in rows]


def acknowledge(store: TwinStore, alarm_id: int, by: str, now_ns: int, note: str = "") -> AlarmView:
    """Acknowledge an alarm as the person `by`. Raises `AlarmStateError` if it is acknowledged already."""
    with store.begin() as session:
        row, shelf = _one(session, alarm_id, now_ns)
        changed = session.execute(
            update(AlarmRow)
            .where(AlarmRow.id == alarm_id, AlarmRow.acknowledged_ns.is_(None))
            .values(acknowledged_ns=now_ns, acknowledged_by=by)
        )
        if not changed.rowcount:  # type: ignore[attr-defined]
            raise AlarmStateError(f"alarm {alarm_id} was already acknowledged by {row.acknowledged_by}", field="alarm")
        session.add(AlarmEventRow(alarm=alarm_id, event="acknowledged", time_ns=now_ns, by=by, note=note or None))
        session.refresh(row)
        return _view(row, shelf, now_ns)


def shelve(store: TwinStore, alarm_id: int, by: str, now_ns: int, until_ns: int, reason: str) -> AlarmView:
    """Put the condition of an alarm on the shelf until `until_ns`, at most 24 hours. It needs a reason."""
    if not reason.strip():
        raise InvalidInput("a shelved alarm needs a reason", field="reason")
    if not now_ns < until_ns <= now_ns + MAX_SHELF_NS:
        raise InvalidInput("the end must be in the future, at most 24 hours from now", field="until")
    with store.begin() as session:
        row, _ = _one(session, alarm_id, now_ns)
        if row.cleared_ns is not None:
            raise AlarmStateError(f"alarm {alarm_id} is cleared; only an active alarm can be shelved", field="alarm")
        shelf = session.merge(ShelfRow(channel=row.channel, key=row.key, until_ns=until_ns, by=by, reason=reason))
        session.add(AlarmEventRow(alarm=alarm_id, event="shelved", time_ns=now_ns, by=by, note=reason))
        session.flush()
        return _view(row, shelf, now_ns)


def unshelve(store: TwinStore, alarm_id: int, by: str, now_ns: int) -> AlarmView:
    """Take the condition of an alarm off the shelf. Raises `AlarmStateError` if it is not shelved."""
    with store.begin() as session:
        row, shelf = _one(session, alarm_id, now_ns)
        if shelf is None:
            raise AlarmStateError(f"alarm {alarm_id} is not shelved", field="alarm")
        session.delete(shelf)
        session.add(AlarmEventRow(alarm=alarm_id, event="unshelved", time_ns=now_ns, by=by))
        session.flush()
        return _view(row, None, now_ns)


def _select(now_ns: int) -> Any:
    shelved = and_(ShelfRow.channel == AlarmRow.channel, ShelfRow.key == AlarmRow.key, ShelfRow.until_ns > now_ns)
    return select(AlarmRow, ShelfRow).outerjoin(ShelfRow, shelved)


def _one(session: Session, alarm_id: int, now_ns: int) -> tuple[AlarmRow, ShelfRow | None]:
    row = session.execute(_select(now_ns).where(AlarmRow.id == alarm_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no alarm {alarm_id}", field="alarm")
    return row[0], row[1]


def _matches(wanted: AlarmFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [or_(*(_in_state(state) for state in wanted.states))]
    if wanted.priority is not None:
        conditions.append(AlarmRow.priority <= wanted.priority.rank)
    for column, value in (
        (AlarmRow.kind, wanted.kind),
        (AlarmRow.machine, wanted.machine),
        (AlarmRow.tag, wanted.tag),
        (AlarmRow.batch, wanted.batch),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.from_ns is not None:
        conditions.append(AlarmRow.raised_ns >= wanted.from_ns)
    if wanted.to_ns is not None:
        conditions.append(AlarmRow.raised_ns <= wanted.to_ns)
    return and_(true(), *conditions)


def _in_state(state: AlarmState) -> ColumnElement[bool]:
    """Return the condition of `_state` in SQL; the shelf is joined."""
    active, acknowledged = AlarmRow.cleared_ns.is_(None), AlarmRow.acknowledged_ns.is_not(None)
    shelf = ShelfRow.key.is_not(None)
    match state:
        case AlarmState.SUPPRESSED:
            return and_(active, AlarmRow.suppressed)
        case AlarmState.SHELVED:
            return and_(active, ~AlarmRow.suppressed, shelf)
        case AlarmState.UNACKNOWLEDGED:
            return and_(active, ~AlarmRow.suppressed, ~shelf, ~acknowledged)
        case AlarmState.ACKNOWLEDGED:
            return and_(active, ~AlarmRow.suppressed, ~shelf, acknowledged)
        case AlarmState.RETURNED:
            return and_(~active, ~AlarmRow.suppressed, ~acknowledged)
        case AlarmState.NORMAL:
            return and_(~active, or_(AlarmRow.suppressed, acknowledged))


def _state(row: AlarmRow, shelf: ShelfRow | None) -> AlarmState:
    if row.cleared_ns is not None:
        done = row.suppressed or row.acknowledged_ns is not None
        return AlarmState.NORMAL if done else AlarmState.RETURNED
    if row.suppressed:
        return AlarmState.SUPPRESSED
    if shelf is not None:
        return AlarmState.SHELVED
    return AlarmState.UNACKNOWLEDGED if row.acknowledged_ns is None else AlarmState.ACKNOWLEDGED


def _view(row: AlarmRow, shelf: ShelfRow | None, now_ns: int) -> AlarmView:
    return AlarmView(
        id=row.id,
        state=_state(row, shelf),
        priority=list(Priority)[row.priority],
        kind=row.kind,
        message=row.message,
        channel=row.channel,
        log_size=row.log_size,
        key=row.key,
        machine=row.machine,
        source=row.source,
        tag=row.tag,
        batch=row.batch,
        data=row.data,
        raised_ns=row.raised_ns,
        cleared_ns=row.cleared_ns,
        cleared_log_size=row.cleared_log_size,
        acknowledged_ns=row.acknowledged_ns,
        acknowledged_by=row.acknowledged_by,
        shelved_until_ns=shelf.until_ns if shelf is not None else None,
    )
