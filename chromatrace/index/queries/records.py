"""Queries about departments and their records. Read rights are checked on the chain, by the caller.

A contract cannot read past events, so two independent tools may append the same record. The entries of the first
event, in chain order, are the record; later entries of the same department are *repeats*: they are returned, marked,
and count nowhere. A record belongs to its department: other departments may have their own records under the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import aliased

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.ledger_entries import EMPTY_HEAD, RecordId, SubjectId
from chromatrace.index.models import (
    DepartmentRow,
    EventRow,
    RecordBatchRow,
    RecordRow,
    TransactionRow,
    block_of,
    first_position,
)
from chromatrace.index.queries.base import Queries, Statement, first
from chromatrace.index.views import DepartmentView, RecordView


class RecordQueries(Queries):
    """Queries about departments and their records."""

    def department(self, department_id: bytes) -> DepartmentView | None:
        """Return a department by its identifier on the chain (32 bytes)."""
        return first(self._departments(select(DepartmentRow).where(DepartmentRow.id == department_id)))

    def departments(self, organisation: int | None = None) -> tuple[DepartmentView, ...]:
        """Return all departments, or those of one organisation, in the order they were opened."""
        statement = select(DepartmentRow).order_by(DepartmentRow.position)
        if organisation is not None:
            statement = statement.where(DepartmentRow.organisation == organisation)
        return self._departments(statement)

    def records_of(self, subject: SubjectId, departments: Sequence[bytes] | None = None) -> tuple[RecordView, ...]:
        """Return the records about a product and their repeats, oldest first; only of these departments if given."""
        statement = _select_records().where(RecordRow.subject == subject)
        if departments is not None:
            statement = statement.where(RecordBatchRow.department.in_(list(departments)))
        return self._records(statement)

    def record(self, record: RecordId) -> tuple[RecordView, ...]:
        """Return the entries of a record, one per product that it is about, followed by its repeats."""
        return self._records(_select_records().where(RecordRow.record == record))

    def subjects_of_record(self, record: RecordId, department: bytes) -> tuple[SubjectId, ...]:
        """Return the products that a record of a department is about; empty if it has no such record."""
        statement = (
            select(RecordRow.subject)
            .join(RecordBatchRow, RecordBatchRow.position == RecordRow.position)
            .where(RecordRow.record == record, RecordBatchRow.department == department, ~_is_repeat())
            .order_by(RecordRow.position, RecordRow.number)
        )
        return tuple(SubjectId(row.subject) for row in self._rows(statement))

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: bytes) -> RecordId | None:
        """Return the newest record of these kinds that a department has about a product."""
        statement = (
            select(RecordRow.record)
            .join(RecordBatchRow, RecordBatchRow.position == RecordRow.position)
            .where(
                RecordRow.subject == subject,
                RecordBatchRow.kind.in_(list(kinds)),
                RecordBatchRow.department == department,
                ~_is_repeat(),
            )
            .order_by(RecordRow.position.desc(), RecordRow.number.desc())
            .limit(1)
        )
        rows = self._rows(statement)
        return RecordId(rows[0].record) if rows else None

    def records_in(self, tx_hash: bytes) -> tuple[RecordView, ...]:
        """Return the records that a transaction appended; empty if the index does not have the transaction."""
        rows = self._rows(select(TransactionRow.position).where(TransactionRow.hash == tx_hash))
        if not rows:
            return ()
        position = rows[0].position
        number = block_of(position)
        statement = (
            _select_records()
            .join(EventRow, EventRow.position == RecordRow.position)
            .where(
                RecordRow.position >= first_position(number),
                RecordRow.position < first_position(number + 1),
                EventRow.tx_position == position,
            )
        )
        return self._records(statement)

    def _departments(self, statement: Statement) -> tuple[DepartmentView, ...]:
        rows, refs = self._rows_with_refs(statement, "position")
        heads = {row.id: self._head(row.id) for row in rows}
        return tuple(
            DepartmentView(row.id, row.organisation, row.name, *heads[row.id], refs[row.position]) for row in rows
        )

    def _head(self, department: bytes) -> tuple[int, bytes]:
        """Return the number of a department's entries and the head of its hash chain."""
        statement = (
            select(RecordBatchRow.first + RecordBatchRow.count, RecordBatchRow.head)
            .where(RecordBatchRow.department == department)
            .order_by(RecordBatchRow.first.desc())
            .limit(1)
        )
        rows = self._rows(statement)
        return (rows[0][0], rows[0][1]) if rows else (0, EMPTY_HEAD)

    def _records(self, statement: Statement) -> tuple[RecordView, ...]:
        ordered = statement.order_by(RecordRow.position, RecordRow.number)
        rows, refs = self._rows_with_refs(ordered, "position")
        return tuple(
            RecordView(
                department=row.department,
                number=row.first + row.number,
                kind=row.kind,
                record=RecordId(row.record),
                subject=SubjectId(row.subject),
                preceding=None if row.preceding is None else RecordId(row.preceding),
                digest=row.digest,
                by=checksummed(row.by),
                appended=refs[row.position],
                repeat=bool(row.repeat),
            )
            for row in rows
        )


def _select_records() -> Statement:
    batch = RecordBatchRow
    columns = (batch.department, batch.first, batch.kind, batch.by, _is_repeat().label("repeat"))
    return select(*RecordRow.__table__.columns, *columns).join(batch, batch.position == RecordRow.position)


@cache
def _is_repeat() -> ColumnElement[bool]:
    """Whether an earlier event of the department has the record; answered from the index on records by key.

    Cached: building the expression takes as long as running a query with it.
    """
    earlier, earlier_batch = aliased(RecordRow), aliased(RecordBatchRow)
    return exists(
        select(1)
        .select_from(earlier)
        .join(earlier_batch, earlier_batch.position == earlier.position)
        .where(
            earlier.record == RecordRow.record,
            earlier.position < RecordRow.position,
            earlier_batch.department == RecordBatchRow.department,
        )
        .correlate(RecordRow, RecordBatchRow)
    )
