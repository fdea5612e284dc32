"""Base of all projections: load the rows of the changed entities, apply events, write the changed rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar

from sqlalchemy import Column, ColumnElement, Connection, delete, select, tuple_

from chromatrace.index import bulk
from chromatrace.index.errors import InconsistentEventsError
from chromatrace.index.models import IndexTable, table_of
from chromatrace.index.queries.base import chunks

Key = tuple[Any, ...]
State = dict[str, Any]
"""A row of an entity's main table, by column name."""


@dataclass(slots=True)
class EventRecord:
    """A decoded event to be projected. `entity_key`: the key of its entity, as in the log's topics."""

    position: int
    contract: str
    name: str
    entity: str
    entity_key: bytes
    args: dict[str, Any]


class EntityProjection(ABC):
    """The entities of one kind that one transaction changes.

    entity       name of the kind, see `chromatrace.index.entities`
    model        the main table
    part_tables  tables with further rows of an entity, and their columns with its key
    key_columns  columns of the main table with the key; by default its primary key
    created_by   event that is always the first of its entity, so no row needs to be loaded
    """

    entity: ClassVar[str]
    model: ClassVar[type[IndexTable]]
    part_tables: ClassVar[tuple[tuple[type[IndexTable], tuple[str, ...]], ...]] = ()
    key_columns: ClassVar[tuple[str, ...]] = ()
    created_by: ClassVar[str | None] = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._states: dict[Key, State] = {}
        self._stored: set[Key] = set()
        self._changed: dict[Key, None] = {}
        self._new_parts: dict[type[IndexTable], list[State]] = {}
        self.table = table_of(self.model)
        primary = tuple(self.table.primary_key.columns)
        self._key_columns = tuple(self.table.c[name] for name in self.key_columns) or primary
        self._by_primary_key = itemgetter(*(column.name for column in primary))

    def key_of(self, entity_key: bytes) -> Key:
        """Convert a key from the topics to the values of `key_columns`."""
        return (entity_key,)

    @abstractmethod
    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        """Return the row after the event; `state` is the row before it, or None."""

    def apply(self, events: Sequence[EventRecord]) -> None:
        """Apply events in order, loading the rows that are not in memory yet."""
        keys = [self.key_of(event.entity_key) for event in events]
        states, apply_event = self._states, self.apply_event
        created: set[Key] = set()
        missing: dict[Key, None] = {}
        for key, event in zip(keys, events, strict=True):
            if event.name == self.created_by:
                created.add(key)
            elif key not in created and key not in states:
                missing[key] = None
        if missing:
            self._load(missing)
        for key, event in zip(keys, events, strict=True):
            states[key] = apply_event(key, states.get(key), event)
        self._changed.update(dict.fromkeys(keys))

    def add_parts(self, part: type[IndexTable], rows: Iterable[State]) -> None:
        """Add rows to a part table; such rows never change."""
        self._new_parts.setdefault(part, []).extend(rows)

    def write(self) -> None:
        """Write the changed rows and the new part rows."""
        # Sorted by primary key, because inserting neighbours into a B-tree is cheap.
        new = sorted((self._states[key] for key in self._changed if key not in self._stored), key=self._by_primary_key)
        old = [self._states[key] for key in self._changed if key in self._stored]
        bulk.insert(self._connection, self.table, new)
        bulk.replace(self._connection, self.table, old)
        for part, rows in self._new_parts.items():
            bulk.insert(self._connection, table_of(part), rows)
        self._stored.update(self._changed)
        self._changed.clear()
        self._new_parts.clear()

    def delete(self, entity_keys: Iterable[bytes]) -> None:
        """Delete all rows of these entities, none of which may have changed in this transaction."""
        keys = [self.key_of(entity_key) for entity_key in entity_keys]
        for chunk in chunks(keys):
            self._connection.execute(delete(self.table).where(_key_in(self._key_columns, chunk)))
            for model, columns in self.part_tables:
                table = table_of(model)
                matches = _key_in([table.c[name] for name in columns], chunk)
                self._connection.execute(delete(table).where(matches))

    def _load(self, keys: Iterable[Key]) -> None:
        for chunk in chunks(list(keys)):
            statement = select(self.table).where(_key_in(self._key_columns, chunk))
            for row in self._connection.execute(statement).mappings():
                key = tuple(row[column.name] for column in self._key_columns)
                self._states[key] = dict(row)
                self._stored.add(key)


def _key_in(columns: Sequence[Column[Any]], keys: Sequence[Key]) -> ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


def existing(state: State | None, event: EventRecord) -> State:
    """Return the row before an event that cannot be the first of its entity. Raises `InconsistentEventsError`."""
    if state is None:
        raise InconsistentEventsError(
            f"{event.contract}.{event.name} refers to {event.entity} 0x{event.entity_key.hex()}, "
            "which no earlier event created",
            field=event.entity,
            hint="the node omits events, or `block` in the manifest is too late: rebuild from another node",
        )
    return state


def to_number(word: bytes) -> int:
    """Return an ABI word as an unsigned integer."""
    return int.from_bytes(word, "big")


def without_nul(text: str) -> str:
    """Replace NUL characters, which PostgreSQL cannot store but a contract accepts."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def address_bytes(text: str) -> bytes:
    """Return an EIP-55 address as 20 bytes."""
    return bytes.fromhex(text[2:])
