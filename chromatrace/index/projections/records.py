"""Departments and their records, from the events of `IDepartmentRecords`."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select, tuple_

from chromatrace.domain.ledger_entries import unpack
from chromatrace.index import bulk, entities
from chromatrace.index.models import DepartmentRow, RecordBatchRow, RecordRow, table_of
from chromatrace.index.projections.base import (
    EntityProjection,
    EventRecord,
    Key,
    State,
    address_bytes,
    to_number,
    without_nul,
)
from chromatrace.index.queries.base import chunks


class DepartmentProjection(EntityProjection):
    """Departments. One event creates a department, and none changes it."""

    entity, model = entities.DEPARTMENT, DepartmentRow
    created_by = "DepartmentOpened"

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        return {
            "id": key[0],
            "organisation": args["organisation"],
            "name": without_nul(args["name"]),
            "position": event.position,
        }


class RecordsProjection(EntityProjection):
    """Appended records; each event is an entity of its own."""

    entity, model = entities.RECORDS, RecordBatchRow
    created_by = "RecordsAppended"

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._records: list[tuple[object, ...]] = []

    def key_of(self, entity_key: bytes) -> Key:
        return entity_key[:32], to_number(entity_key[32:])

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        entries = unpack(args["records"])
        self._records += [
            (event.position, number, entry.record, entry.subject, entry.preceding, entry.digest)
            for number, entry in enumerate(entries)
        ]
        return {
            "department": key[0],
            "first": key[1],
            "count": len(entries),
            "kind": args["kind"],
            "head": args["head"],
            "by": address_bytes(args["by"]),
            "position": event.position,
        }

    def write(self) -> None:
        super().write()
        bulk.insert_tuples(self._connection, table_of(RecordRow), self._records)
        self._records.clear()

    def delete(self, entity_keys: Iterable[bytes]) -> None:
        keys = list(entity_keys)
        records = table_of(RecordRow)
        batches = self.table.c
        for chunk in chunks([self.key_of(key) for key in keys]):
            positions = select(batches.position).where(tuple_(batches.department, batches.first).in_(chunk))
            self._connection.execute(delete(records).where(records.c.position.in_(positions)))
        super().delete(keys)
