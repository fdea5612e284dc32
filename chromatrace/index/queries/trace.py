"""Genealogy queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from chromatrace.domain.identifiers import BatchId
from chromatrace.index.models import BatchInputRow
from chromatrace.index.queries.base import chunks
from chromatrace.index.queries.batches import BatchQueries
from chromatrace.index.views import Direction, Link, TraceStep, TraceView

MAX_BATCHES = 10_000


class TraceQueries(BatchQueries):
    """Genealogy is many-to-many: a batch has several inputs and is used in several batches."""

    def trace(
        self,
        batch_id: BatchId,
        direction: Direction,
        *,
        max_depth: int | None = None,
        max_batches: int = MAX_BATCHES,
    ) -> TraceView | None:
        """Return the genealogy of a batch, or None if it is not registered.

        Breadth first, one level per query. Each batch is visited once, so a cycle ends.
        """
        depths: dict[BatchId, int] = {batch_id: 0}
        links: list[Link] = []
        open_ends: list[BatchId] = []
        level = [batch_id]
        while level:
            depth = depths[level[0]] + 1
            within_depth = max_depth is None or depth <= max_depth
            next_level: list[BatchId] = []
            cut: set[BatchId] = set()
            for link in self._links(level, direction):
                near, far = (link.batch, link.input) if direction is Direction.BACK else (link.input, link.batch)
                if far not in depths:
                    if not within_depth or len(depths) >= max_batches:
                        cut.add(near)
                        continue
                    depths[far] = depth
                    next_level.append(far)
                links.append(link)
            open_ends += [batch for batch in level if batch in cut]
            level = next_level
        views = self.batches_by_id(list(depths))
        if batch_id not in views:
            return None
        used = self._units_used(list(depths))
        steps = tuple(TraceStep(views[batch], depth, used.get(batch, 0)) for batch, depth in depths.items())
        return TraceView(batch_id, direction, steps, tuple(links), bool(open_ends), tuple(open_ends))

    def _units_used(self, batch_ids: Sequence[BatchId]) -> dict[BatchId, int]:
        """Return how many units of each batch went into other batches; unused batches are left out."""
        used: dict[BatchId, int] = {}
        for chunk in chunks(batch_ids):
            statement = (
                select(BatchInputRow.input, func.sum(BatchInputRow.quantity).label("used"))
                .where(BatchInputRow.input.in_(chunk))
                .group_by(BatchInputRow.input)
            )
            used |= {BatchId(row.input): int(row.used) for row in self._rows(statement)}
        return used

    def _links(self, level: list[BatchId], direction: Direction) -> list[Link]:
        near = BatchInputRow.batch if direction is Direction.BACK else BatchInputRow.input
        links: dict[Link, None] = {}
        for chunk in chunks(level):
            statement = (
                select(BatchInputRow.batch, BatchInputRow.input, BatchInputRow.quantity)
                .where(near.in_(chunk))
                .order_by(near, BatchInputRow.number, BatchInputRow.batch)
            )
            rows = self._rows(statement)
            links |= {Link(BatchId(row.batch), BatchId(row.input), row.quantity): None for row in rows}
        return list(links)
