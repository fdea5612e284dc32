"""Rights to capture EPCIS events about a product: of its producer, present and former custodians, and inspectors."""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.domain.errors import NotAuthorised
from chromatrace.domain.identifiers import BatchId, Gtin
from chromatrace.domain.rights import Role
from chromatrace.epcis.capture import Claim
from chromatrace.epcis.identifiers import Identifier
from chromatrace.index import Snapshot
from chromatrace.index.queries.relations import Relation

_ORDER = list(Relation)


class ClaimRights:
    """The relations of one capturer to the products of one document. Each product is looked up once."""

    def __init__(self, snapshot: Snapshot, organisation: int, roles: Role) -> None:
        self._snapshot, self._organisation, self._roles = snapshot, organisation, roles
        self._batches: dict[Identifier, BatchId | None] = {}
        self._lots: dict[BatchId, Relation | None] = {}
        self._products: dict[Gtin, Relation | None] = {}

    def check(self, claim: Claim) -> None:
        """Raise `NotAuthorised` if the event names a registered product that the capturer has no relation to."""
        for identifier in claim.identifiers:
            if self._relation(identifier) is Relation.NONE:
                raise NotAuthorised(
                    f"your organisation may not capture events about {identifier.subject}: it is neither its producer "
                    "nor a present or former custodian nor an inspector of it",
                    field=claim.pointer,
                    hint="the producer or the custodian can capture the event",
                )

    def relation(self, claim: Claim) -> Relation:
        """Return the relation to the registered products of an event, the most distant one if they differ.

        `NONE` if no product is registered.
        """
        relations = [relation for item in claim.identifiers if (relation := self._relation(item)) is not None]
        return max(relations, key=_ORDER.index, default=Relation.NONE)

    def load(self, identifiers: Iterable[Identifier]) -> None:
        """Look up the lots of these identifiers together."""
        for identifier in identifiers:
            if identifier not in self._batches:
                self._batches[identifier] = identifier.batch
        lots = {batch for batch in self._batches.values() if batch is not None} - self._lots.keys()
        found = self._snapshot.relations(self._organisation, list(lots))
        self._lots |= {lot: self._permitted(found.get(lot)) for lot in lots}

    def _relation(self, identifier: Identifier) -> Relation | None:
        """Return the relation to a product; None if it is not registered. A lot that is not counts as its product."""
        if identifier.gtin is None:
            return None
        if identifier not in self._batches:
            self.load([identifier])
        batch = self._batches[identifier]
        if batch is not None and self._lots[batch] is not None:
            return self._lots[batch]
        if identifier.gtin not in self._products:
            relation = self._snapshot.relation_to_product(self._organisation, identifier.gtin)
            self._products[identifier.gtin] = self._permitted(relation)
        return self._products[identifier.gtin]

    def _permitted(self, relation: Relation | None) -> Relation | None:
        if relation is Relation.INSPECTOR and not self._roles & Role.INSPECTOR:
            return Relation.NONE
        return relation
