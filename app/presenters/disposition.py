"""The disposition of a batch in plain language: what happens to its units, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chromatrace.documents.disposition import DecidedOutcome, Outcome
from chromatrace.domain.identifiers import Serial
from chromatrace.index.views import BatchView
from chromatrace.services.quality.disposition import CheckedDisposition

_NAMES = {
    Outcome.RECYCLE: "recycled",
    Outcome.STANDARD: "standard",
    Outcome.DEFECTIVE: "defective, sold at a discount",
    Outcome.SCRAP: "scrap",
}


def outcome_text(decision: DecidedOutcome) -> str:
    """Return an outcome with its price class."""
    price_class = f", price class {decision.price_class}" if decision.price_class else ""
    return f"{_NAMES[decision.outcome]}{price_class}"


@dataclass(frozen=True, slots=True)
class DispositionPresenter:
    """A signed disposition that agrees with the numbers on the chain."""

    checked: CheckedDisposition

    @property
    def rows(self) -> tuple[tuple[int, str, str, str | None], ...]:
        """Units, outcome and reason of each group, and the outcome of the rule that a person overruled."""
        return tuple(
            (
                group.units,
                outcome_text(group.result),
                group.result.reason,
                None if group.overruled is None else outcome_text(group.decided),
            )
            for group in self.checked.document.groups
        )

    def grade_of(self, serial: Serial) -> str | None:
        """Return the outcome of a unit; None if it is not known for each unit."""
        groups = self.checked.document.groups
        own = next((group for group in groups if str(serial) in group.serials), None)
        if own is None:
            rest = [group for group in groups if not group.serials]
            own = rest[0] if len(rest) == 1 else None
        return None if own is None else outcome_text(own.result)

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {
            "signer": self.checked.signer,
            "decided_at": self.checked.document.decided_at,
            "document": self.checked.stored.document.hex(),
            "groups": [
                {"units": units, "outcome": outcome, "reason": reason, "overruled": overruled}
                for units, outcome, reason, overruled in self.rows
            ],
        }


def present_disposition(found: Iterable[CheckedDisposition], batch: BatchView) -> DispositionPresenter | None:
    """Return the newest disposition that is signed, was sent, and has the numbers of units on the chain."""
    graded = {Outcome.STANDARD: batch.standard, Outcome.DEFECTIVE: batch.defective, Outcome.SCRAP: batch.scrap}
    for item in reversed(list(found)):
        document = item.document
        agrees = document.stage == "final" and all(document.count(name) == units for name, units in graded.items())
        if item.signer is not None and item.stored.tx is not None and agrees:
            return DispositionPresenter(item)
    return None
