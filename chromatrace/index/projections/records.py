"""Departments, their members and their records: `IDepartmentRecords` read from its events."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from chromatrace.domain.ledger_entries import unpack
from chromatrace.index import bulk, subjects
from chromatrace.index.models import Department, DepartmentMember, Record, RecordBatch
from chromatrace.index.projections.entities import EntityFold, Key, State, table_of
from chromatrace.index.projections.record import EventRecord, address_bytes, clean
from chromatrace.index.queries.base import chunks


class DepartmentFold(EntityFold):
    """Departments; one event makes each, none changes it."""

    entity, model = subjects.DEPARTMENT, Department

    def key_of(self, subject: bytes) -> Key:
        return (subject,)

    def creates(self, event: EventRecord) -> bool:
        return True

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        return {
            "id": key[0],
            "organisation": args["organisation"],
            "name": clean(args["name"]),
            "position": event.position,
        }


class MemberFold(EntityFold):
    """What an address may do in a department."""

    entity, model = subjects.MEMBER, DepartmentMember

    def key_of(self, subject: bytes) -> Key:
        return subject[:32], subject[44:]

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        return {
            "department": key[0],
            "member": key[1],
            "rights": event.args["rights"],
            "changed": event.position,
        }


class RecordsFold(EntityFold):
    """Appended records; each event is an entity of its own."""

    entity, model = subjects.RECORDS, RecordBatch

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._records: list[tuple[object, ...]] = []

    def key_of(self, subject: bytes) -> Key:
        return subject[:32], int.from_bytes(subject[32:], "big")

    def creates(self, event: EventRecord) -> bool:
        return True

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        entries = unpack(args["records"])
        self._records += [
            (event.position, place, entry.record, entry.subject, entry.preceding, entry.digest)
            for place, entry in enumerate(entries)
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
        bulk.insert_tuples(self._connection, table_of(Record), self._records)
        self._records.clear()

    def forget(self, subjects: Iterable[bytes]) -> None:
        gone = list(subjects)
        records = table_of(Record)
        for part in chunks([self.key_of(subject) for subject in gone]):
            found = self._connection.execute(select(self.table.c.position).where(self._among(part)))
            self._connection.execute(delete(records).where(records.c.position.in_([row[0] for row in found])))
        super().forget(gone)
