"""Departments and their records. Who may read them is asked of the chain, not here.

A contract cannot read events: two tools that do not know of each other may append the same record at the same moment.
Of a record that a department appended more than once the entries of the first event are the record, by the order of
the chain, and later ones are its repeats: shown, and counted nowhere. A record is its department's: under the same key
any other department may have one of its own, which has no say in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import aliased

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.ledger_entries import EMPTY_HEAD, DepartmentRight, RecordId, SubjectId
from chromatrace.index.models import (
    Department,
    DepartmentMember,
    Event,
    Record,
    RecordBatch,
    Transaction,
    block_of,
    first_position,
)
from chromatrace.index.queries.base import Queries, Statement, first
from chromatrace.index.views import DepartmentView, MemberView, RecordView

MAX_RECORDS = 10_000


class RecordQueries(Queries):
    """Questions about departments."""

    def department(self, department_id: bytes) -> DepartmentView | None:
        """By its identifier on the chain (32 bytes)."""
        return first(self._departments(select(Department).where(Department.id == department_id)))

    def departments(self, organisation: int | None = None) -> tuple[DepartmentView, ...]:
        """Every department, or those of one organisation, in the order they were opened."""
        chosen = select(Department).order_by(Department.position)
        if organisation is not None:
            chosen = chosen.where(Department.organisation == organisation)
        return self._departments(chosen)

    def members(self, department_id: bytes) -> tuple[MemberView, ...]:
        """Who has rights in a department, by address; whether each one's appointment holds is not said here."""
        chosen = (
            select(DepartmentMember)
            .where(DepartmentMember.department == department_id, DepartmentMember.rights != 0)
            .order_by(DepartmentMember.member)
        )
        found, refs = self._rows_with_refs(chosen, "changed")
        return tuple(
            MemberView(row.department, checksummed(row.member), DepartmentRight(row.rights), refs[row.changed])
            for row in found
        )

    def records_of(self, subject: SubjectId, departments: Sequence[bytes] | None = None) -> tuple[RecordView, ...]:
        """The records about a product with their repeats, oldest first, of these departments only where given."""
        chosen = _records().where(Record.subject == subject).order_by(Record.position, Record.place)
        if departments is not None:
            chosen = chosen.where(RecordBatch.department.in_(list(departments)))
        return self._records(chosen)

    def records_of_department(
        self, department_id: bytes, *, after: int = -1, limit: int = 100
    ) -> tuple[RecordView, ...]:
        """A department's entries behind number `after`, in their order; at most `limit` (and at most 10,000)."""
        limit = min(limit, MAX_RECORDS)
        # Every batch has a record, so these hold all that is wanted, and no record needs to be sorted to find them.
        batches = (
            select(RecordBatch.position)
            .where(RecordBatch.department == department_id, RecordBatch.first + RecordBatch.count > after + 1)
            .order_by(RecordBatch.first)
            .limit(limit)
        )
        places = [row.position for row in self._rows(batches)]
        found: list[RecordView] = []
        for place in places:
            chosen = _records().where(Record.position == place, RecordBatch.first + Record.place > after)
            found += self._records(chosen.order_by(Record.place).limit(limit - len(found)))
            if len(found) >= limit:
                break
        return tuple(found)

    def record(self, record: RecordId) -> tuple[RecordView, ...]:
        """The entries of a record, one for each product that it is about, and then those of its repeats.

        None where there is no such record.
        """
        return self._records(_records().where(Record.record == record).order_by(Record.position, Record.place))

    def subjects_of_record(self, record: RecordId, department: bytes) -> tuple[SubjectId, ...]:
        """The products that a department's record is about; none where it has no such record."""
        chosen = (
            select(Record.subject)
            .join(RecordBatch, RecordBatch.position == Record.position)
            .where(Record.record == record, RecordBatch.department == department, ~_repeats())
            .order_by(Record.position, Record.place)
        )
        return tuple(SubjectId(row.subject) for row in self._rows(chosen))

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: bytes) -> RecordId | None:
        """The newest record of these kinds that a department has about a product."""
        statement = (
            select(Record.record)
            .join(RecordBatch, RecordBatch.position == Record.position)
            .where(
                *(Record.subject == subject, RecordBatch.kind.in_(list(kinds))),
                *(RecordBatch.department == department, ~_repeats()),
            )
            .order_by(Record.position.desc(), Record.place.desc())
            .limit(1)
        )
        found = self._rows(statement)
        return RecordId(found[0].record) if found else None

    def records_in(self, tx_hash: bytes) -> tuple[RecordView, ...]:
        """What this transaction appended, in its order; nothing where the index does not have it."""
        found = self._rows(select(Transaction.position).where(Transaction.hash == tx_hash))
        if not found:
            return ()
        place = found[0].position
        block = block_of(place)
        chosen = (
            _records()
            .join(Event, Event.position == Record.position)
            .where(
                *(Record.position >= first_position(block), Record.position < first_position(block + 1)),
                Event.tx_position == place,
            )
        )
        return self._records(chosen.order_by(Record.position, Record.place))

    def _departments(self, chosen: Statement) -> tuple[DepartmentView, ...]:
        found, refs = self._rows_with_refs(chosen, "position")
        heads = {row.id: self._head(row.id) for row in found}
        return tuple(
            DepartmentView(row.id, row.organisation, row.name, *heads[row.id], refs[row.position]) for row in found
        )

    def _head(self, department: bytes) -> tuple[int, bytes]:
        statement = (
            select(RecordBatch.first, RecordBatch.count.label("records"), RecordBatch.head)
            .where(RecordBatch.department == department)
            .order_by(RecordBatch.first.desc())
            .limit(1)
        )
        found = self._rows(statement)
        return (found[0].first + found[0].records, found[0].head) if found else (0, EMPTY_HEAD)

    def _records(self, chosen: Statement) -> tuple[RecordView, ...]:
        found, refs = self._rows_with_refs(chosen, "position")
        return tuple(
            RecordView(
                department=row.department,
                number=row.first + row.place,
                kind=row.kind,
                record=RecordId(row.record),
                subject=SubjectId(row.subject),
                preceding=None if row.preceding is None else RecordId(row.preceding),
                digest=row.digest,
                by=checksummed(row.by),
                appended=refs[row.position],
                repeat=bool(row.repeat),
            )
            for row in found
        )


def _records() -> Statement:
    columns: tuple[Any, ...] = (
        *(Record.position, Record.place, Record.record, Record.subject, Record.preceding, Record.digest),
        *(RecordBatch.department, RecordBatch.first, RecordBatch.kind, RecordBatch.by),
        _repeats().label("repeat"),
    )
    return select(*columns).join(RecordBatch, RecordBatch.position == Record.position)


@cache
def _repeats() -> ColumnElement[bool]:
    """Whether an earlier event of the department had the record; the index of records by key answers it alone.

    Made once: making it costs as much as a question.
    """
    earlier, in_batch = aliased(Record), aliased(RecordBatch)
    return exists(
        select(1)
        .select_from(earlier)
        .join(in_batch, in_batch.position == earlier.position)
        .where(
            earlier.record == Record.record,
            earlier.position < Record.position,
            in_batch.department == RecordBatch.department,
        )
        .correlate(Record, RecordBatch)
    )
