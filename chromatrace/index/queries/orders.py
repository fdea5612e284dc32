"""How far a sales contract is: for each of its products which step, at which station, and when it may be complete.

The departments of a plant write in the order of its record kinds: the first kind is the order, every later one a
step. A step is *done* when its department, or any later one, has a record about the product; the first step that is
not done is the one that the product is *at*. When will it be complete? The rule of the estimate:

    A step takes the median of what it took with the last products that went through it (at most `SAMPLE`), counted
    from the first record of the step before to its own first record, by block times. The estimate adds this for every
    step that is not done to the time of the product's last record, and is never earlier than now.

Where no product has taken a step yet, there is no estimate. What a work order plans is in its document, not here.

A contract is one organisation's: only its departments, each for the kinds that it writes, have a say in it. Whatever
another one appends under the same keys, to be seen by whomever it likes, changes nothing here.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import ColumnElement, func, select

from chromatrace.domain.ledger_entries import SubjectId, kind_hash, record_id
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.models import Record, RecordBatch
from chromatrace.index.queries.base import chunks
from chromatrace.index.queries.records import RecordQueries
from chromatrace.index.views import RecordView

SAMPLE = 50
"""Products that an estimate of one step looks at."""


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step of a product. `started`: Unix seconds of its first record, None where it has none."""

    kind: RecordKind
    records: int
    started: int | None
    done: bool


@dataclass(frozen=True, slots=True)
class ProductStatus:
    """One product of a contract.

    at            the step that comes next, None when all are done
    expected      Unix seconds of its estimated completion, of its last record when it is complete; None: no estimate
    """

    subject: SubjectId
    steps: tuple[StepStatus, ...]
    at: StepStatus | None
    expected: int | None

    @property
    def complete(self) -> bool:
        """Whether every step is done."""
        return self.at is None


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """A contract and its products, in the order of the contract.

    `expected` is that of the last product; None where one has no estimate.
    """

    contract: str
    ordered: RecordView
    products: tuple[ProductStatus, ...]

    @property
    def complete(self) -> bool:
        """Whether every product is."""
        return all(product.complete for product in self.products)

    @property
    def expected(self) -> int | None:
        """When the last product is expected, Unix seconds."""
        times = [product.expected for product in self.products]
        return None if None in times else max((time for time in times if time is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the records of one step come from: the department that writes it, and its kinds."""

    department: bytes
    kinds: set[bytes]

    def has(self, record: RecordView) -> bool:
        """Whether it is one of them."""
        return record.department == self.department and record.kind in self.kinds

    @property
    def batches(self) -> ColumnElement[bool]:
        """The condition on `RecordBatch`."""
        return (RecordBatch.department == self.department) & RecordBatch.kind.in_(self.kinds)


class OrderQueries(RecordQueries):
    """Questions about contracts."""

    def order_status(
        self,
        contract: str,
        kinds: Sequence[RecordKind],
        departments: Sequence[bytes],
        now: int,
        organisation: int | None = None,
    ) -> OrderStatus | None:
        """The status of the contract with that key, from the records of these `departments`.

        None where they have no such contract. `kinds` in the order of the plant, `now` in Unix seconds. Of several
        organisations with such a contract that one's of whom `organisation` is the number, else the first one's.
        """
        if not kinds:
            return None
        order, *steps = {kind.id: kind for kind in kinds}.values()
        readable = set(departments)
        opened = {one.id: one for one in self.departments() if one.id in readable}
        entries = [
            entry
            for entry in self.record(record_id(order.id, contract))
            if entry.department in opened and opened[entry.department].name == order.department and not entry.repeat
        ]
        if not entries:
            return None
        owners = [opened[entry.department].organisation for entry in entries]
        owner = organisation if organisation in owners else owners[0]
        entries = [entry for entry, whose in zip(entries, owners, strict=True) if whose == owner]
        own = {one.name: one.id for one in self.departments(owner)}
        sources = [
            _Source(own.get(one.department, b""), {kind_hash(kind.schema) for kind in kinds if kind.id == one.id})
            for one in (order, *steps)
        ]
        pace = [self._median(before, step) for before, step in pairwise(sources)]
        products = [self._product(entry, steps, sources[1:], readable, pace, now) for entry in entries]
        return OrderStatus(contract, entries[0], tuple(products))

    def _product(
        self,
        ordered: RecordView,
        steps: Sequence[RecordKind],
        sources: Sequence[_Source],
        readable: set[bytes],
        pace: Sequence[float | None],
        now: int,
    ) -> ProductStatus:
        records = [entry for entry in self.records_of(ordered.subject, list(readable)) if not entry.repeat]
        times = [[record.appended.block_time for record in records if source.has(record)] for source in sources]
        reached = max((place for place, found in enumerate(times) if found), default=-1)
        status = tuple(
            StepStatus(step, len(found), min(found, default=None), place <= reached)
            for place, (step, found) in enumerate(zip(steps, times, strict=True))
        )
        last = max((time for found in times for time in found), default=ordered.appended.block_time)
        if reached == len(steps) - 1:
            return ProductStatus(ordered.subject, status, None, last)
        ahead = pace[reached + 1 :]
        known = [seconds for seconds in ahead if seconds is not None]
        expected = max(now, round(last + sum(known))) if len(known) == len(ahead) else None
        return ProductStatus(ordered.subject, status, status[reached + 1], expected)

    def _median(self, before: _Source, step: _Source) -> float | None:
        """Seconds that a step took from the one before it, as a median; None where no product has taken it yet."""
        chosen = select(RecordBatch.position).where(step.batches).order_by(RecordBatch.position.desc())
        batches = [row.position for row in self.rows(chosen.limit(SAMPLE))]
        latest = select(Record.subject).where(Record.position.in_(batches))
        newest = self.rows(latest.order_by(Record.position.desc(), Record.place.desc()).limit(SAMPLE))
        subjects = list(dict.fromkeys(SubjectId(row.subject) for row in newest))
        ends, starts = self._first_times(subjects, step), self._first_times(subjects, before)
        spans = [ends[subject] - starts[subject] for subject in ends if subject in starts]
        return statistics.median(max(0, span) for span in spans) if spans else None

    def _first_times(self, subjects: Sequence[SubjectId], source: _Source) -> dict[SubjectId, int]:
        """Unix seconds of each product's first record from there."""
        firsts: dict[SubjectId, int] = {}
        for part in chunks(subjects):
            statement = (
                select(Record.subject, func.min(Record.position).label("first"))
                .join(RecordBatch, RecordBatch.position == Record.position)
                .where(Record.subject.in_(part), source.batches)
                .group_by(Record.subject)
            )
            firsts |= {SubjectId(row.subject): row.first for row in self.rows(statement)}
        refs = self._refs(firsts.values())
        return {subject: refs[place].block_time for subject, place in firsts.items()}
