"""Organisations as pages name them."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.rights import OrganisationKind
from chromatrace.index.views import OrganisationView

KIND_NAMES = {
    OrganisationKind.NONE: "Unknown",
    OrganisationKind.MANUFACTURER: "Manufacturer",
    OrganisationKind.SUPPLIER: "Supplier",
    OrganisationKind.LABORATORY: "Laboratory",
    OrganisationKind.CARRIER: "Carrier",
    OrganisationKind.FRANCHISEE: "Franchisee",
    OrganisationKind.AUTHORITY: "Authority",
}


@dataclass(frozen=True, slots=True)
class OrganisationSummary:
    """One organisation. `active` is False if it is suspended or expired at the time of the request."""

    id: int
    name: str
    kind: str
    gln: str
    active: bool

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {"id": self.id, "name": self.name, "kind": self.kind.lower(), "gln": self.gln, "active": self.active}


@dataclass(frozen=True, slots=True)
class ResponsibleOrganisation:
    """One organisation and what it is responsible for in the life of a batch."""

    organisation: OrganisationSummary
    responsible_for: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {**self.organisation.as_dict(), "responsible_for": list(self.responsible_for)}


def organisation_summary(number: int, view: OrganisationView | None, now: int) -> OrganisationSummary:
    """Return the organisation with the consortium's `number`. One that is not in the index is named by its number."""
    if view is None:
        return OrganisationSummary(
            number, f"Organisation {number}", KIND_NAMES[OrganisationKind.NONE], "", active=False
        )
    return OrganisationSummary(number, view.name, KIND_NAMES[view.kind], str(view.gln), view.holds_at(now))
