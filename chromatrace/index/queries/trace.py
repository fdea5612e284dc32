"""Where a batch comes from, where it went, and what a recall of it reaches."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from chromatrace.domain.identifiers import BatchId
from chromatrace.index.genealogy import Direction, HolderImpact, Link, RecallImpact, TraceStep, TraceView
from chromatrace.index.models import BatchInput
from chromatrace.index.queries.base import chunks
from chromatrace.index.queries.batches import BatchQueries

MAX_BATCHES = 10_000


class TraceQueries(BatchQueries):
    """Questions about genealogy, which is many-to-many: a batch has many inputs and goes into many batches."""

    def trace_back(
        self, batch_id: BatchId, *, max_depth: int | None = None, max_batches: int = MAX_BATCHES
    ) -> TraceView | None:
        """What went into the batch, to its first materials; None where there is no such batch.

        A limit that is met makes the answer `truncated`.
        """
        return self._trace(batch_id, Direction.BACK, max_depth, max_batches)

    def trace_forward(
        self, batch_id: BatchId, *, max_depth: int | None = None, max_batches: int = MAX_BATCHES
    ) -> TraceView | None:
        """What the batch went into, to the last products; otherwise as `trace_back`."""
        return self._trace(batch_id, Direction.FORWARD, max_depth, max_batches)

    def recall_impact(self, batch_id: BatchId, *, max_batches: int = MAX_BATCHES) -> RecallImpact | None:
        """The batch, all that is made of it, and who holds them; None where there is no such batch."""
        trace = self.trace_forward(batch_id, max_batches=max_batches)
        if trace is None:
            return None
        held: dict[int, list[int]] = {}
        for step in trace.steps:
            sums = held.setdefault(step.batch.custodian, [0, 0, 0])
            sums[0] += 1
            sums[1] += step.batch.units
            sums[2] += step.batch.recalled
        holders = sorted((HolderImpact(number, *sums) for number, sums in held.items()), key=_most_units)
        return RecallImpact(batch_id, trace, tuple(holders), trace.truncated)

    def used_of(self, batch_ids: Sequence[BatchId]) -> dict[BatchId, int]:
        """How many units of each went into other batches, all together; batches that went into none are left out."""
        found: dict[BatchId, int] = {}
        for part in chunks(batch_ids):
            statement = (
                select(BatchInput.input, func.sum(BatchInput.quantity).label("used"))
                .where(BatchInput.input.in_(part))
                .group_by(BatchInput.input)
            )
            found |= {BatchId(row.input): int(row.used) for row in self.rows(statement)}
        return found

    def _trace(
        self, origin: BatchId, direction: Direction, max_depth: int | None, max_batches: int
    ) -> TraceView | None:
        """Breadth first, a level at a time; `depths` is also the guard against cycles."""
        depths: dict[BatchId, int] = {origin: 0}
        links: list[Link] = []
        open_ends: list[BatchId] = []
        level = [origin]
        while level:
            depth = depths[level[0]] + 1
            may_grow = max_depth is None or depth <= max_depth
            following: list[BatchId] = []
            cut: set[BatchId] = set()
            for link in self._links(level, direction):
                here, there = (link.batch, link.input) if direction is Direction.BACK else (link.input, link.batch)
                if there not in depths:
                    if not may_grow or len(depths) >= max_batches:
                        cut.add(here)
                        continue
                    depths[there] = depth
                    following.append(there)
                links.append(link)
            open_ends += [batch for batch in level if batch in cut]
            level = following
        views = self.batches_by_id(list(depths))
        if origin not in views:
            return None
        used = self.used_of(list(depths))
        steps = tuple(TraceStep(views[batch], depth, used.get(batch, 0)) for batch, depth in depths.items())
        return TraceView(origin, direction, steps, tuple(links), bool(open_ends), tuple(open_ends))

    def _links(self, level: list[BatchId], direction: Direction) -> list[Link]:
        near = BatchInput.batch if direction is Direction.BACK else BatchInput.input
        found: dict[Link, None] = {}
        for part in chunks(level):
            statement = (
                select(BatchInput.batch, BatchInput.input, BatchInput.quantity)
                .where(near.in_(part))
                .order_by(near, BatchInput.place, BatchInput.batch)
            )
            found |= {Link(BatchId(row.batch), BatchId(row.input), row.quantity): None for row in self.rows(statement)}
        return list(found)


def _most_units(holder: HolderImpact) -> tuple[int, int]:
    return -holder.units, holder.organisation
