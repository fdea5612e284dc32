"""Queries about designed routes and their proofs."""

from __future__ import annotations

from sqlalchemy import select

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.rights import RouteKind
from chromatrace.index.models import RouteComponentRow, RouteProofRow, RouteRow, RouteStepRow, StationKeyRow
from chromatrace.index.queries.base import Queries
from chromatrace.index.views import ComponentView, RouteProofView, RouteStepView, RouteView


class RouteQueries(Queries):
    """Queries about routes."""

    def route(self, route_id: bytes) -> RouteView | None:
        """Return a designed route by its identifier on the chain (32 bytes), or None."""
        rows = self._rows(select(RouteRow).where(RouteRow.id == route_id))
        if not rows:
            return None
        row = rows[0]
        return RouteView(
            id=row.id,
            organisation=row.organisation,
            name=row.name,
            version=row.version,
            kind=RouteKind(row.kind),
            requires_proof=row.requires_proof,
            steps=self._steps(route_id),
            designed_by=checksummed(row.designed_by),
            designed=self._refs([row.position])[row.position],
        )

    def proof_of(self, subject: bytes, route: bytes) -> RouteProofView | None:
        """Return the proof or unverified record of a subject under a route, or None.

        The subject is the identifier of a batch, or of a unit or component of one.
        """
        statement = select(RouteProofRow).where(RouteProofRow.route == route, RouteProofRow.subject == subject)
        rows, refs = self._rows_with_refs(statement, "proven", "recorded")
        if not rows:
            return None
        row = rows[0]
        proven = row.proven is not None
        return RouteProofView(
            route=row.route,
            subject=row.subject,
            head=row.head if proven else row.recorded_head,
            by=checksummed(row.proven_by if proven else row.recorded_by),
            proven=refs[row.proven] if proven else None,
            recorded=None if row.recorded is None else refs[row.recorded],
            components=() if row.assembled is None else self._components(row.route, row.subject),
        )

    def _steps(self, route_id: bytes) -> tuple[RouteStepView, ...]:
        key = StationKeyRow
        statement = (
            select(RouteStepRow, key.name, key.organisation, key.revoked_from, key.unverified)
            .join(key, key.id == RouteStepRow.key)
            .where(RouteStepRow.route == route_id)
            .order_by(RouteStepRow.step)
        )
        return tuple(
            RouteStepView(
                step=row.step,
                process=row.process,
                key=row.key,
                station=row.name,
                organisation=row.organisation,
                revoked_from=row.revoked_from,
                verified=row.unverified is None,
            )
            for row in self._rows(statement)
        )

    def _components(self, route: bytes, subject: bytes) -> tuple[ComponentView, ...]:
        statement = (
            select(RouteComponentRow.component_route, RouteComponentRow.component)
            .where(RouteComponentRow.route == route, RouteComponentRow.subject == subject)
            .order_by(RouteComponentRow.number)
        )
        return tuple(ComponentView(row.component_route, row.component) for row in self._rows(statement))
