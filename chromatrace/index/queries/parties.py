"""Queries about organisations, operators and read grants."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.identifiers import CompanyPrefix, Gln, Gtin
from chromatrace.domain.rights import ALL_SCOPES, OrganisationKind, Role, Scope, stages_of
from chromatrace.ethereum.codec import bytes_of
from chromatrace.index.models import AccreditationRow, GrantRow, LicenceRow, OperatorRow, OrganisationRow
from chromatrace.index.queries.base import MAX_INTEGER, AnyRow, Queries, Statement, chunks, first
from chromatrace.index.views import AccreditationView, GrantView, LicenceView, OperatorView, OrganisationView


class PartyQueries(Queries):
    """Queries about organisations and their rights."""

    def organisation(self, number: int) -> OrganisationView | None:
        """Return an organisation by its number on the chain."""
        if not 0 <= number <= MAX_INTEGER:
            return None
        return first(self._organisations(select(OrganisationRow).where(OrganisationRow.id == number)))

    def organisation_of_gln(self, gln: Gln) -> OrganisationView | None:
        """Return an organisation by its Global Location Number."""
        return first(self._organisations(select(OrganisationRow).where(OrganisationRow.gln == int(gln))))

    def organisations(self) -> tuple[OrganisationView, ...]:
        """Return all organisations, by number."""
        return self._organisations(select(OrganisationRow).order_by(OrganisationRow.id))

    def operator(self, address: str) -> OperatorView | None:
        """Return an operator by address, in any capitalisation."""
        row = first(tuple(self._rows(select(OperatorRow).where(OperatorRow.address == bytes_of(address.lower())))))
        if row is None:
            return None
        return OperatorView(
            address=checksummed(row.address),
            organisation=row.organisation,
            roles=Role(row.roles),
            valid_until=row.valid_until,
            active=row.active,
            changed_by=checksummed(row.changed_by),
            changed=self._refs([row.changed])[row.changed],
        )

    def grants_to(self, reader: int) -> tuple[GrantView, ...]:
        """Return the grants to an organisation by owner and GTIN, expired ones included, revoked ones not.

        A grant to itself is its choice of what everyone sees (`published_scopes`).
        """
        statement = select(GrantRow).where(GrantRow.reader == reader, GrantRow.scopes != 0)
        rows, refs = self._rows_with_refs(statement.order_by(GrantRow.owner, GrantRow.gtin), "changed")
        return tuple(
            GrantView(
                owner=row.owner,
                reader=row.reader,
                gtin=Gtin.from_number(row.gtin) if row.gtin else None,
                scopes=Scope(row.scopes),
                valid_until=row.valid_until,
                changed=refs[row.changed],
            )
            for row in rows
        )

    def licences(self, organisation: int | None = None) -> tuple[LicenceView, ...]:
        """Return the licences in force of an organisation, or of all, by organisation and prefix."""
        statement = select(LicenceRow).where(LicenceRow.active)
        if organisation is not None:
            statement = statement.where(LicenceRow.organisation == organisation)
        order = (LicenceRow.organisation, LicenceRow.prefix, LicenceRow.digits)
        rows, refs = self._rows_with_refs(statement.order_by(*order), "changed")
        return tuple(
            LicenceView(row.organisation, CompanyPrefix.from_number(row.prefix, row.digits), refs[row.changed])
            for row in rows
        )

    def accreditations(self, body: int | None = None) -> tuple[AccreditationView, ...]:
        """Return the accreditations of an organisation, or of all, expired ones included, withdrawn ones not."""
        statement = select(AccreditationRow).where(AccreditationRow.stages != 0)
        if body is not None:
            statement = statement.where(AccreditationRow.body == body)
        order = (AccreditationRow.body, AccreditationRow.accreditor, AccreditationRow.gtin)
        rows, refs = self._rows_with_refs(statement.order_by(*order), "changed")
        return tuple(
            AccreditationView(
                accreditor=row.accreditor or None,
                body=row.body,
                gtin=Gtin.from_number(row.gtin) if row.gtin else None,
                stages=stages_of(row.stages),
                valid_until=row.valid_until,
                changed=refs[row.changed],
            )
            for row in rows
        )

    def published_scopes(self, owner: int, gtin: Gtin, unix_s: int) -> Scope:
        """Return the scopes of a product line that its producer shows to everyone.

        The choice is a grant of the producer to itself (docs/adr/0013): for this line, otherwise for all lines. A
        producer without a choice shows everything; one whose choice expired shows nothing.
        """
        lines = (int(gtin), 0)
        statement = select(GrantRow).where(GrantRow.owner == owner, GrantRow.reader == owner, GrantRow.gtin.in_(lines))
        choices = {row.gtin: row for row in self._rows(statement)}
        choice = next((choices[line] for line in lines if line in choices), None)
        if choice is None:
            return ALL_SCOPES
        return Scope(choice.scopes) if unix_s <= choice.valid_until else Scope(0)

    def has_publications(self) -> bool:
        """Return whether any producer chose what everyone sees."""
        return bool(self._rows(select(GrantRow.owner).where(GrantRow.owner == GrantRow.reader).limit(1)))

    def _organisations(self, statement: Statement) -> tuple[OrganisationView, ...]:
        rows, refs = self._rows_with_refs(statement, "position", "changed")
        warnings = self._name_warnings(rows)
        return tuple(
            OrganisationView(
                id=row.id,
                kind=OrganisationKind(row.kind),
                gln=Gln.from_number(row.gln),
                name=f"{row.name} (organisation {row.id}, {warnings[row.id]})" if row.id in warnings else row.name,
                registered_name=row.name,
                name_warning=warnings.get(row.id),
                permitted_roles=Role(row.permitted_roles),
                valid_until=row.valid_until,
                active=row.active,
                registered=refs[row.position],
                changed=refs[row.changed],
            )
            for row in rows
        )

    def _name_warnings(self, rows: Sequence[AnyRow]) -> dict[int, str]:
        """Return the warnings about the names of organisations, by number. The first of several alike has none."""
        first_with: dict[str, dict[str, int]] = {}
        for column in (OrganisationRow.skeleton, OrganisationRow.upper_skeleton):
            first_with[column.key] = {}
            for chunk in chunks(sorted({getattr(row, column.key) for row in rows})):
                earliest = select(column, func.min(OrganisationRow.id)).where(column.in_(chunk)).group_by(column)
                first_with[column.key] |= {row[0]: row[1] for row in self._rows(earliest)}
        warnings = {}
        for row in rows:
            earlier = min(numbers[getattr(row, key)] for key, numbers in first_with.items())
            if not row.valid_name:
                warnings[row.id] = "name with invalid characters"
            elif earlier < row.id:
                warnings[row.id] = f"looks like organisation {earlier}"
        return warnings
