"""Organisations, operators and what one may read of another's products."""

from __future__ import annotations

from sqlalchemy import select

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.identifiers import Gln, Gtin
from chromatrace.domain.rights import OrganisationKind, Role, Scope
from chromatrace.ethereum.codec import bytes_of
from chromatrace.index.models import Grant, Operator, Organisation
from chromatrace.index.queries.base import MAX_INTEGER, Queries, Statement, first
from chromatrace.index.views import GrantView, OperatorView, OrganisationView


class PartyQueries(Queries):
    """Questions about who may act and read."""

    def organisation(self, number: int) -> OrganisationView | None:
        """By its number on the chain."""
        if not 0 <= number <= MAX_INTEGER:
            return None
        return first(self._organisations(select(Organisation).where(Organisation.id == number)))

    def organisation_of_gln(self, gln: Gln) -> OrganisationView | None:
        """By its Global Location Number."""
        return first(self._organisations(select(Organisation).where(Organisation.gln == int(gln))))

    def organisations(self) -> tuple[OrganisationView, ...]:
        """All, by number."""
        return self._organisations(select(Organisation).order_by(Organisation.id))

    def operator(self, address: str) -> OperatorView | None:
        """By address, in any capitalisation."""
        return first(self._operators(select(Operator).where(Operator.address == bytes_of(address.lower()))))

    def operators_of(self, organisation: int) -> tuple[OperatorView, ...]:
        """Everyone whose last appointment is with that organisation, dismissed ones too, by address."""
        chosen = select(Operator).where(Operator.organisation == organisation).order_by(Operator.address)
        return self._operators(chosen)

    def grants_to(self, reader: int) -> tuple[GrantView, ...]:
        """What others let `reader` read, expired ones too, revoked ones not; by owner and line."""
        chosen = select(Grant).where(Grant.reader == reader, Grant.scopes != 0).order_by(Grant.owner, Grant.gtin)
        return self._grants(chosen)

    def may_read(self, address: str, owner: int, gtin: Gtin, scopes: Scope, unix_s: int) -> bool:
        """Whether the address may read all of `scopes` of the owner's line at that second: `IConsortium.mayRead` as of
        the indexed block. An operator of the owner, a supervisor of an authority, or by a grant."""
        operator = self.operator(address)
        organisation = self.organisation(operator.organisation) if operator else None
        if operator is None or organisation is None or not scopes:
            return False
        if not (operator.holds_at(unix_s) and organisation.holds_at(unix_s)):
            return False
        if organisation.id == owner:
            return True
        roles = operator.roles & organisation.permitted_roles
        if organisation.kind is OrganisationKind.AUTHORITY and Role.SUPERVISOR in roles:
            return True
        granted = Scope(0)
        for grant in self.grants_to(organisation.id):
            if grant.owner == owner and grant.gtin in (None, gtin) and grant.holds_at(unix_s):
                granted |= grant.scopes
        return scopes & granted == scopes

    def _organisations(self, chosen: Statement) -> tuple[OrganisationView, ...]:
        found, refs = self._rows_with_refs(chosen, "position", "changed")
        return tuple(
            OrganisationView(
                id=row.id,
                kind=OrganisationKind(row.kind),
                gln=Gln.from_number(row.gln),
                name=row.name,
                permitted_roles=Role(row.permitted_roles),
                valid_until=row.valid_until,
                active=row.active,
                registered=refs[row.position],
                changed=refs[row.changed],
            )
            for row in found
        )

    def _operators(self, chosen: Statement) -> tuple[OperatorView, ...]:
        found, refs = self._rows_with_refs(chosen, "changed")
        return tuple(
            OperatorView(
                address=checksummed(row.address),
                organisation=row.organisation,
                roles=Role(row.roles),
                valid_until=row.valid_until,
                active=row.active,
                changed_by=checksummed(row.changed_by),
                changed=refs[row.changed],
            )
            for row in found
        )

    def _grants(self, chosen: Statement) -> tuple[GrantView, ...]:
        found, refs = self._rows_with_refs(chosen, "changed")
        return tuple(
            GrantView(
                owner=row.owner,
                reader=row.reader,
                gtin=Gtin.from_number(row.gtin) if row.gtin else None,
                scopes=Scope(row.scopes),
                valid_until=row.valid_until,
                changed=refs[row.changed],
            )
            for row in found
        )
