"""Organisations as a page names them."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.rights import OrganisationKind
from chromatrace.index.views import OrganisationView

KIND_WORDS = {
    OrganisationKind.NONE: "Unknown",
    OrganisationKind.MANUFACTURER: "Manufacturer",
    OrganisationKind.SUPPLIER: "Supplier",
    OrganisationKind.LABORATORY: "Laboratory",
    OrganisationKind.CARRIER: "Carrier",
    OrganisationKind.FRANCHISEE: "Franchisee",
    OrganisationKind.AUTHORITY: "Authority",
}


@dataclass(frozen=True, slots=True)
class Party:
    """One organisation. `standing`: whether the consortium still lets it act, at the time of asking."""

    id: int
    name: str
    kind: str
    gln: str
    standing: bool

    def as_dict(self) -> dict[str, object]:
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind.lower(),
            "gln": self.gln,
            "active": self.standing,
        }


@dataclass(frozen=True, slots=True)
class Voucher:
    """One organisation and what it answers for in this batch's life."""

    party: Party
    answers_for: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {**self.party.as_dict(), "answers_for": list(self.answers_for)}


def party_of(number: int, view: OrganisationView | None, now: int) -> Party:
    """The party with the consortium's number `number`; one that the index does not know is named by its number."""
    if view is None:
        return Party(number, f"Organisation {number}", KIND_WORDS[OrganisationKind.NONE], "", standing=False)
    return Party(number, view.name, KIND_WORDS[view.kind], str(view.gln), view.holds_at(now))
