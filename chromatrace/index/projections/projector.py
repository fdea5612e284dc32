"""All folds of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from chromatrace.index.projections.batches import BatchFold
from chromatrace.index.projections.consensus import PanelFold, RoundFold
from chromatrace.index.projections.entities import EntityFold
from chromatrace.index.projections.parties import ChannelFold, GrantFold, OperatorFold, OrganisationFold, PolicyFold
from chromatrace.index.projections.record import EventRecord
from chromatrace.index.projections.records import DepartmentFold, MemberFold, RecordsFold
from chromatrace.index.projections.routes import RouteFold, RouteProofFold, StationKeyFold

_FOLDS: tuple[type[EntityFold], ...] = (
    OrganisationFold,
    OperatorFold,
    GrantFold,
    PolicyFold,
    ChannelFold,
    BatchFold,
    StationKeyFold,
    RouteFold,
    RouteProofFold,
    DepartmentFold,
    MemberFold,
    RecordsFold,
    PanelFold,
    RoundFold,
)


class Projector:
    """Turns events into rows within one database transaction."""

    def __init__(self, connection: Connection) -> None:
        self._folds = {fold.entity: fold(connection) for fold in _FOLDS}

    def apply(self, events: Sequence[EventRecord]) -> None:
        """Folds events, given in the order of the chain, and writes the changed rows."""
        by_entity: dict[str, list[EventRecord]] = {}
        for event in events:
            if event.entity:
                by_entity.setdefault(event.entity, []).append(event)
        for entity, group in by_entity.items():
            fold = self._folds[entity]
            fold.apply(group)
            fold.write()

    def forget(self, touched: Iterable[tuple[str, bytes]]) -> None:
        """Removes all rows of these entities, as if none of their events had been."""
        by_entity: dict[str, list[bytes]] = {}
        for entity, subject in touched:
            if entity:
                by_entity.setdefault(entity, []).append(subject)
        for entity, keys in by_entity.items():
            self._folds[entity].forget(keys)
