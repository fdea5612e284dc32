"""Designed routes, their stations, and what was proven of them."""

from __future__ import annotations

from sqlalchemy import select

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.rights import RouteKind
from chromatrace.index.models import Route, RouteComponent, RouteProof, RouteStep, StationKey
from chromatrace.index.queries.base import Queries, Statement, first
from chromatrace.index.views import ComponentView, RouteProofView, RouteStepView, RouteView


class RouteQueries(Queries):
    """Questions about routes."""

    def route(self, route_id: bytes) -> RouteView | None:
        """By its identifier on the chain (32 bytes); None where nobody designed it."""
        found = self._rows(select(Route).where(Route.id == route_id))
        if not found:
            return None
        row = found[0]
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
        """What stands on the chain of a subject (a batch's identifier, or one unit's or component's) under a route.

        None where there is neither a proof nor an unverified record.
        """
        return first(self._proofs(select(RouteProof).where(RouteProof.route == route, RouteProof.subject == subject)))

    def proofs_of(self, subject: bytes) -> tuple[RouteProofView, ...]:
        """The same under every route, by route. Anyone who may prove at all may prove a route of their own."""
        return self._proofs(select(RouteProof).where(RouteProof.subject == subject).order_by(RouteProof.route))

    def _steps(self, route_id: bytes) -> tuple[RouteStepView, ...]:
        statement = (
            select(RouteStep, StationKey.name, StationKey.organisation, StationKey.revoked_from, StationKey.unverified)
            .join(StationKey, StationKey.id == RouteStep.key)
            .where(RouteStep.route == route_id)
            .order_by(RouteStep.step)
        )
        return tuple(
            RouteStepView(
                row.step, row.process, row.key, row.name, row.organisation, row.revoked_from, row.unverified is None
            )
            for row in self._rows(statement)
        )

    def _proofs(self, chosen: Statement) -> tuple[RouteProofView, ...]:
        found, refs = self._rows_with_refs(chosen, "proven", "recorded")
        return tuple(
            RouteProofView(
                route=row.route,
                subject=row.subject,
                head=row.recorded_head if row.proven is None else row.head,
                by=checksummed(row.recorded_by if row.proven is None else row.proven_by),
                proven=None if row.proven is None else refs[row.proven],
                recorded=None if row.recorded is None else refs[row.recorded],
                components=() if row.assembled is None else self._components(row.route, row.subject),
            )
            for row in found
        )

    def _components(self, route: bytes, subject: bytes) -> tuple[ComponentView, ...]:
        statement = (
            select(RouteComponent.component_route, RouteComponent.component)
            .where(RouteComponent.route == route, RouteComponent.subject == subject)
            .order_by(RouteComponent.place)
        )
        return tuple(ComponentView(row.component_route, row.component) for row in self._rows(statement))
