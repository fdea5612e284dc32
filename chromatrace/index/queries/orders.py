"""Progress of a sales contract: the next step of each product, its station, and the expected completion.

The departments of a plant write in the order of its record kinds: the first kind is the order, each later kind is a
step. A step is *done* when its department, or a later one, has a record about the product. The estimate:

    The duration of a step is the median over the last `SAMPLE` products that completed it, from the first record of
    the preceding step to its own first record, by block times. The expected completion is the time of the product's
    last record plus the durations of all steps that are not done, and never earlier than now.

If no product has completed a step, there is no estimate. Planned dates are in the work order's document, not in the
index. Only the departments of the organisation that owns the contract count, each for the kinds that it writes:
records that another organisation appends under the same keys have no effect.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import ColumnElement, func, select

from chromatrace.domain.ledger_entries import SubjectId, kind_hash, record_id
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.models import RecordBatchRow, RecordRow
from chromatrace.index.queries.base import chunks
from chromatrace.index.queries.records import RecordQueries
from chromatrace.index.views import OrderStatus, ProductStatus, RecordView, StepStatus

SAMPLE = 50
"""Number of products from which the duration of a step is estimated."""


@dataclass(frozen=True, slots=True)
class _StepRecords:
    """The records of one step: those of its kinds in its department."""

    department: bytes
    kinds: set[bytes]

    def include(self, record: RecordView) -> bool:
        return record.department == self.department and record.kind in self.kinds

    @property
    def batches(self) -> ColumnElement[bool]:
        """The condition on `RecordBatch`."""
        return (RecordBatchRow.department == self.department) & RecordBatchRow.kind.in_(self.kinds)


class OrderQueries(RecordQueries):
    """Queries about contracts."""

    def order_status(
        self,
        contract: str,
        kinds: Sequence[RecordKind],
        departments: Sequence[bytes],
        now: int,
        organisation: int | None = None,
    ) -> OrderStatus | None:
        """Return the status of a contract from the records of these departments, or None if they have none.

        `kinds` are in the order of the plant; `now` is in Unix seconds. If several organisations have a contract with
        this key, the one with the number `organisation` is preferred, otherwise the first on the chain.
        """
        if not kinds:
            return None
        order, *steps = {kind.id: kind for kind in kinds}.values()
        readable = set(departments)
        by_id = {department.id: department for department in self.departments() if department.id in readable}
        entries = [
            entry
            for entry in self.record(record_id(order.id, contract))
            if entry.department in by_id and by_id[entry.department].name == order.department and not entry.repeat
        ]
        if not entries:
            return None
        owners = [by_id[entry.department].organisation for entry in entries]
        owner = organisation if organisation in owners else owners[0]
        entries = [entry for entry, entry_owner in zip(entries, owners, strict=True) if entry_owner == owner]
        own = {department.name: department.id for department in self.departments(owner)}
        sources = [
            _StepRecords(
                own.get(step.department, b""), {kind_hash(kind.schema) for kind in kinds if kind.id == step.id}
            )
            for step in (order, *steps)
        ]
        durations = [self._duration(preceding, step) for preceding, step in pairwise(sources)]
        products = [self._product(entry, steps, sources[1:], readable, durations, now) for entry in entries]
        about = [entry for product in entries for entry in self.records_of(product.subject, list(readable))]
        organisations = {by_id[entry.department].organisation for entry in about} | set(owners)
        return OrderStatus(contract, owner, tuple(sorted(organisations - {owner})), entries[0], tuple(products))

    def _product(
        self,
        ordered: RecordView,
        steps: Sequence[RecordKind],
        sources: Sequence[_StepRecords],
        readable: set[bytes],
        durations: Sequence[float | None],
        now: int,
    ) -> ProductStatus:
        records = [entry for entry in self.records_of(ordered.subject, list(readable)) if not entry.repeat]
        times = [[record.appended.block_time for record in records if source.include(record)] for source in sources]
        last_done = max((number for number, step_times in enumerate(times) if step_times), default=-1)
        status = tuple(
            StepStatus(step, len(step_times), min(step_times, default=None), number <= last_done)
            for number, (step, step_times) in enumerate(zip(steps, times, strict=True))
        )
        last = max((time for step_times in times for time in step_times), default=ordered.appended.block_time)
        if last_done == len(steps) - 1:
            return ProductStatus(ordered.subject, status, None, last)
        remaining = durations[last_done + 1 :]
        known = [seconds for seconds in remaining if seconds is not None]
        expected = max(now, round(last + sum(known))) if len(known) == len(remaining) else None
        return ProductStatus(ordered.subject, status, status[last_done + 1], expected)

    def _duration(self, preceding: _StepRecords, step: _StepRecords) -> float | None:
        """Return the median duration of a step in seconds; None if no product has completed it."""
        newest_batches = select(RecordBatchRow.position).where(step.batches).order_by(RecordBatchRow.position.desc())
        batches = [row.position for row in self._rows(newest_batches.limit(SAMPLE))]
        newest_records = (
            select(RecordRow.subject)
            .where(RecordRow.position.in_(batches))
            .order_by(RecordRow.position.desc(), RecordRow.number.desc())
            .limit(SAMPLE)
        )
        subjects = list(dict.fromkeys(SubjectId(row.subject) for row in self._rows(newest_records)))
        ends, starts = self._first_times(subjects, step), self._first_times(subjects, preceding)
        spans = [ends[subject] - starts[subject] for subject in ends if subject in starts]
        return statistics.median(max(0, span) for span in spans) if spans else None

    def _first_times(self, subjects: Sequence[SubjectId], source: _StepRecords) -> dict[SubjectId, int]:
        """Return the time of each product's first record of a step, Unix seconds."""
        positions: dict[SubjectId, int] = {}
        for chunk in chunks(subjects):
            statement = (
                select(RecordRow.subject, func.min(RecordRow.position).label("first"))
                .join(RecordBatchRow, RecordBatchRow.position == RecordRow.position)
                .where(RecordRow.subject.in_(chunk), source.batches)
                .group_by(RecordRow.subject)
            )
            positions |= {SubjectId(row.subject): row.first for row in self._rows(statement)}
        refs = self._refs(positions.values())
        return {subject: refs[position].block_time for subject, position in positions.items()}
