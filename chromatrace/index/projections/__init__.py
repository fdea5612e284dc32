"""Projections: the current state of each entity, from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from chromatrace.index.projections.base import EntityProjection, EventRecord
from chromatrace.index.projections.batches import BatchProjection
from chromatrace.index.projections.consensus import PanelProjection, RoundProjection
from chromatrace.index.projections.parties import (
    AccreditationProjection,
    ChannelProjection,
    GrantProjection,
    LicenceProjection,
    OperatorProjection,
    OrganisationProjection,
)
from chromatrace.index.projections.records import DepartmentProjection, RecordsProjection
from chromatrace.index.projections.routes import RouteProjection, RouteProofProjection, StationKeyProjection

__all__ = ["EventRecord", "Projector"]

_PROJECTIONS: tuple[type[EntityProjection], ...] = (
    OrganisationProjection,
    OperatorProjection,
    GrantProjection,
    LicenceProjection,
    AccreditationProjection,
    ChannelProjection,
    BatchProjection,
    StationKeyProjection,
    RouteProjection,
    RouteProofProjection,
    DepartmentProjection,
    RecordsProjection,
    PanelProjection,
    RoundProjection,
)


class Projector:
    """All projections of one database transaction."""

    def __init__(self, connection: Connection) -> None:
        self._projections = {projection.entity: projection(connection) for projection in _PROJECTIONS}

    def apply(self, events: Sequence[EventRecord]) -> None:
        """Apply events in chain order and write the changed rows."""
        by_entity: dict[str, list[EventRecord]] = {}
        for event in events:
            by_entity.setdefault(event.entity, []).append(event)
        for entity, group in by_entity.items():
            projection = self._projections[entity]
            projection.apply(group)
            projection.write()

    def delete(self, entities: Iterable[tuple[str, bytes]]) -> None:
        """Delete all rows of these entities."""
        by_entity: dict[str, list[bytes]] = {}
        for entity, key in entities:
            by_entity.setdefault(entity, []).append(key)
        for entity, keys in by_entity.items():
            self._projections[entity].delete(keys)
