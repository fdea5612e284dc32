"""The rights of a caller to read captured events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from app.rights import ActingOperator
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import OrganisationKind, Role, Scope
from chromatrace.index import Snapshot

READ_SCOPES = Scope.LOGISTICS
_EVERY_LINE = Gtin("00000000000000")
"""The contracts' name of a grant for every line."""

MayRead = Callable[[int, Gtin, Scope], bool]
"""Whether the caller may read all of these scopes of an organisation's product line, as the chain answers."""


@dataclass(frozen=True, slots=True)
class EventReader:
    """A caller. The index names the granted lines; the chain confirms each before an event is returned.

    grants  lines that each organisation grants the caller; `_EVERY_LINE` for all
    """

    organisation: int | None
    grants: Mapping[int, Collection[Gtin]]
    chain: MayRead

    @classmethod
    def anonymous(cls) -> EventReader:
        """Return a caller without a login, who reads public events."""
        return cls(None, {}, lambda _owner, _gtin, _scopes: False)

    @classmethod
    def of(cls, operator: ActingOperator, snapshot: Snapshot, chain: MayRead, now: int) -> EventReader:
        """Return the caller of an operator. The supervisors of an authority read every line of every organisation."""
        grants: dict[int, set[Gtin]] = {}
        for grant in snapshot.grants_to(operator.organisation):
            if grant.holds_at(now) and READ_SCOPES in grant.scopes:
                grants.setdefault(grant.owner, set()).add(grant.gtin or _EVERY_LINE)
        own = snapshot.organisation(operator.organisation)
        if own is not None and own.kind is OrganisationKind.AUTHORITY and operator.has(Role.SUPERVISOR):
            grants = {organisation.id: {_EVERY_LINE} for organisation in snapshot.organisations()}
        return cls(operator.organisation, grants, chain)

    @property
    def owners(self) -> Collection[int]:
        """Organisations that grant the caller any line."""
        return self.grants.keys()

    def may_read(self, owner: int, gtin: Gtin) -> bool:
        """Return whether the caller may read a product line of `owner`."""
        return self.chain(owner, gtin, READ_SCOPES)

    def may_read_all(self, owner: int) -> bool:
        """Return whether the caller may read every product line of `owner`."""
        return _EVERY_LINE in self.grants.get(owner, ()) and self.may_read(owner, _EVERY_LINE)

    def may_read_any(self, owner: int) -> bool:
        """Return whether the caller may read any product line of `owner`."""
        return any(self.may_read(owner, gtin) for gtin in self.grants.get(owner, ()))
