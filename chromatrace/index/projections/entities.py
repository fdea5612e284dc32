"""The folds' common part: load the present rows of the touched entities, apply events, write what changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_

from chromatrace.index import bulk
from chromatrace.index.errors import InconsistentEvents
from chromatrace.index.models import Base
from chromatrace.index.projections.record import EventRecord
from chromatrace.index.queries.base import chunks

Key = tuple[Any, ...]
State = dict[str, Any]


class EntityFold(ABC):
    """The entities of one kind that one transaction touches. `states` are rows of the entity's main table, by key."""

    entity: ClassVar[str]
    model: ClassVar[type[Base]]
    parts: ClassVar[tuple[tuple[type[Base], str], ...]] = ()
    """Tables whose rows belong to an entity, and their column with its key; emptied when it is forgotten."""
    key_columns: ClassVar[tuple[str, ...]] = ()
    """Where the key stands in the main table; its primary key, if nothing else is said."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._states: dict[Key, State] = {}
        self._stored: set[Key] = set()
        self._dirty: dict[Key, None] = {}
        self._new_parts: dict[type[Base], list[State]] = {}
        self.table = table_of(self.model)
        primary = tuple(self.table.primary_key.columns)
        self._key_columns = tuple(self.table.c[name] for name in self.key_columns) or primary
        self._in_order = itemgetter(*(column.name for column in primary))

    @abstractmethod
    def key_of(self, subject: bytes) -> Key:
        """The key that stands in the topics."""

    @abstractmethod
    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        """The row after the event; `state` is the row before it, None where there was none."""

    def creates(self, event: EventRecord) -> bool:
        """Whether the event can only be an entity's first, so that there is nothing to load."""
        return False

    def apply(self, events: Sequence[EventRecord]) -> None:
        """Folds events in their order into the states, loading those that are not here yet."""
        keys = [self.key_of(event.subject) for event in events]
        states, fold = self._states, self.fold
        created: set[Key] = set()
        missing: dict[Key, None] = {}
        for key, event in zip(keys, events, strict=True):
            if self.creates(event):
                created.add(key)
            elif key not in created and key not in states:
                missing[key] = None
        if missing:
            self._load(missing)
        for key, event in zip(keys, events, strict=True):
            states[key] = fold(key, states.get(key), event)
        self._dirty.update(dict.fromkeys(keys))

    def add(self, part: type[Base], rows: Iterable[State]) -> None:
        """Adds rows of another table that an event makes and none changes."""
        self._new_parts.setdefault(part, []).extend(rows)

    def write(self) -> None:
        """Writes the changed rows, and the new ones of other tables."""
        # In the order of the table: neighbours in a tree are cheap to insert.
        new = sorted((self._states[key] for key in self._dirty if key not in self._stored), key=self._in_order)
        old = [self._states[key] for key in self._dirty if key in self._stored]
        bulk.insert(self._connection, self.table, new)
        bulk.replace(self._connection, self.table, old)
        for part, rows in self._new_parts.items():
            bulk.insert(self._connection, table_of(part), rows)
        self._stored.update(self._dirty)
        self._dirty.clear()
        self._new_parts.clear()

    def forget(self, subjects: Iterable[bytes]) -> None:
        """Removes all rows of these entities, none of which may have been touched in this transaction."""
        keys = [self.key_of(subject) for subject in subjects]
        for part in chunks(keys):
            self._connection.execute(delete(self.table).where(self._among(part)))
            for model, column in self.parts:
                table = table_of(model)
                self._connection.execute(delete(table).where(table.c[column].in_([key[0] for key in part])))

    def _load(self, keys: Iterable[Key]) -> None:
        for part in chunks(list(keys)):
            for row in self._connection.execute(select(self.table).where(self._among(part))).mappings():
                key = tuple(row[column.name] for column in self._key_columns)
                self._states[key] = dict(row)
                self._stored.add(key)

    def _among(self, keys: Sequence[Key]) -> ColumnElement[bool]:
        if len(self._key_columns) == 1:
            return self._key_columns[0].in_([key[0] for key in keys])
        return tuple_(*self._key_columns).in_(keys)


def known(state: State | None, event: EventRecord) -> State:
    """The state before an event that cannot be the first; raises `InconsistentEvents`."""
    if state is None:
        raise InconsistentEvents(
            f"{event.contract}.{event.name} is about {event.entity} 0x{event.subject.hex()}, which no event made",
            field=event.entity,
            hint="the node leaves out events, or the manifest's `block` is too late: rebuild from another node",
        )
    return state


def table_of(model: type[Base]) -> Table:
    """The table of a model."""
    table = model.__table__
    assert isinstance(table, Table)
    return table
