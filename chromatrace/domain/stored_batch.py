"""A batch as the contract stores it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from chromatrace.domain.identifiers import OrganisationId
from chromatrace.domain.rights import BatchState, Verdict


@dataclass(slots=True)
class StoredBatch:
    """`IBatchRegistry.Batch`. `channels` is a mask of released sales channels; quantities are in units.

    holds  mask of the kinds of holds that are set (`HoldKind`)
    gtin   GTIN-14 as a number
    """

    state: BatchState
    holds: int
    recalled: bool
    channels: int
    first_verdict: Verdict
    final_verdict: Verdict
    first_revision: int
    final_revision: int
    producer: OrganisationId
    custodian: OrganisationId
    quantity: int
    standard: int
    defective: int
    scrap: int
    gtin: int

    @property
    def on_hold(self) -> bool:
        """Whether a hold of any kind is set."""
        return self.holds != 0

    def differences(self, other: StoredBatch) -> list[str]:
        """Return the names of the members that differ."""
        other_members = asdict(other)
        return [name for name, value in asdict(self).items() if other_members[name] != value]
