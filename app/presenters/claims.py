"""Captured EPCIS events on pages: statements of organisations about a batch or a unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.presenters.organisations import OrganisationSummary
from chromatrace.epcis.query import microseconds
from chromatrace.epcis.vocabulary import Standard

_RELATIONS = {
    "producer": "producer",
    "custodian": "holder",
    "former_custodian": "former holder",
    "inspector": "inspector",
    "none": "no relation on the chain",
}
_ACTIONS = {"ADD": "added", "DELETE": "deleted"}


@dataclass(frozen=True, slots=True)
class ClaimPresenter:
    """One claim. `event_time` is the capturer's, `recorded_at` the portal's; both in Unix seconds."""

    statement: str
    capturer: OrganisationSummary
    relation: str
    event_time: int
    recorded_at: int
    withdrawn: bool


def present_claim(event: dict[str, Any], lookup: Callable[[int], OrganisationSummary]) -> ClaimPresenter:
    """Present an event as `CapturedEvents` returns it."""
    step = Standard.BIZ_STEP.short_name(event.get("bizStep", ""))
    disposition = Standard.DISPOSITION.short_name(event.get("disposition", ""))
    parts = [step, disposition, _ACTIONS.get(event.get("action", ""), "")]
    statement = ", ".join(part.replace("_", " ") for part in parts if part) or event["type"]
    return ClaimPresenter(
        statement=statement,
        capturer=lookup(event["chromatrace:capturerOrganisation"]),
        relation=_RELATIONS.get(event["chromatrace:capturerRelation"], ""),
        event_time=_seconds(event["eventTime"]),
        recorded_at=_seconds(event["recordTime"]),
        withdrawn="errorDeclaration" in event,
    )


def _seconds(text: str) -> int:
    return microseconds(text) // 1_000_000
