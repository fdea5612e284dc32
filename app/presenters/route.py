"""The designed route of a batch, and whether the chain proves that the batch followed it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.presenters.organisations import OrganisationSummary
from app.presenters.status import StatusTone
from app.presenters.timeline import OrganisationLookup
from chromatrace.domain.rights import BatchState, RouteKind
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, EventRef, RouteProofState, RouteProofView, RouteView

LIMITS = (
    "The proof shows which station signed which step, and in which order. It does not show that the work was done "
    "well, or that a sensor or a clock was correct; each station is responsible for what it signed. The proof covers "
    "the whole batch and not what happened to a single unit."
)

_ENDED = (BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED)


class RouteState(StrEnum):
    """State of a route on the chain. Only `PROVEN` is a proof."""

    PROVEN = "proven-in-order"
    RECORDED = "recorded-not-verified"
    PENDING = "not-proven-yet"
    NOT_PROVEN = "not-proven"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown-route"


@dataclass(frozen=True, slots=True)
class StationPresenter:
    """One step as designed.

    `organisation` owns the station, `revoked_from` is the time from which its key is revoked, and `verified` is
    whether the chain checked the key.
    """

    step: int
    process: str
    station: str
    key: bytes
    organisation: OrganisationSummary
    revoked_from: int | None
    verified: bool

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {
            "step": self.step,
            "process": self.process,
            "station": self.station,
            "organisation": self.organisation.as_dict(),
            "key": f"0x{self.key.hex()}",
            "key_revoked_from": self.revoked_from,
            "key_checked_by_chain": self.verified,
        }


@dataclass(frozen=True, slots=True)
class RoutePresenter:
    """The route that a batch was registered with. `view` and `owner` are None if the chain has no such design."""

    id: bytes
    state: RouteState
    tone: StatusTone
    headline: str
    explanation: str
    view: RouteView | None
    owner: OrganisationSummary | None
    stations: tuple[StationPresenter, ...]
    proof: RouteProofView | None

    @property
    def limits(self) -> str | None:
        """Return what the proof does not cover, or None if there is no proof."""
        return LIMITS if self.state is RouteState.PROVEN else None

    @property
    def recorded(self) -> EventRef | None:
        """The event that recorded the proof or the unverified signature."""
        return (self.proof.proven or self.proof.recorded) if self.proof else None

    @property
    def event(self) -> str:
        """The contract and name of that event."""
        return "RouteVerifier." + ("RouteProven" if self.state is RouteState.PROVEN else "RouteRecordedUnverified")

    def shade(self, step: int) -> int:
        """Return the shade of a step's pane, from 1 (light) to 5 (dark, last step)."""
        return -(-step * 5 // len(self.stations))

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        view, proof, recorded = self.view, self.proof, self.recorded
        return {
            "id": f"0x{self.id.hex()}",
            "name": view.name if view else None,
            "version": view.version if view else None,
            "kind": view.kind.name.lower() if view else None,
            "requires_proof": view.requires_proof if view else None,
            "designed_by": self.owner.as_dict() if self.owner else None,
            "state": self.state.value,
            "headline": self.headline,
            "explanation": self.explanation,
            "not_proven": self.limits,
            "steps": [station.as_dict() for station in self.stations],
            "record": recorded and _record(recorded, self.event, proof),
            "components": [
                {"route": f"0x{part.route.hex()}", "subject": f"0x{part.subject.hex()}"}
                for part in (proof.components if proof else ())
            ],
        }


def present_route(snapshot: Snapshot, batch: BatchView, lookup: OrganisationLookup) -> RoutePresenter | None:
    """Return the route of a batch; None if it was registered without one."""
    if batch.route is None:
        return None
    view = snapshot.route(batch.route)
    proof = snapshot.proof_of(batch.batch_id, batch.route)
    state, tone, headline, explanation = route_status(batch, view, proof)
    stations = tuple(
        StationPresenter(
            step.step, step.process, step.station, step.key, lookup(step.organisation), step.revoked_from, step.verified
        )
        for step in (view.steps if view else ())
    )
    owner = lookup(view.organisation) if view else None
    return RoutePresenter(batch.route, state, tone, headline, explanation, view, owner, stations, proof)


def route_status(
    batch: BatchView, view: RouteView | None, proof: RouteProofView | None
) -> tuple[RouteState, StatusTone, str, str]:
    """Return state, tone, headline and explanation of a batch's route."""
    if view is None:
        explanation = "The batch was registered with a route that is not designed on this chain."
        return RouteState.UNKNOWN, StatusTone.CAUTION, "Unknown route", explanation
    if proof is not None and proof.state is RouteProofState.PROVEN:
        return RouteState.PROVEN, StatusTone.CLEAR, "Proven in order", _proof_text(view, proof)
    if proof is not None:
        explanation = (
            "The stations' signature is on record, but this chain cannot verify such signatures. It does not prove "
            "that the stations signed, or in which order. Anyone who has the stations' records can verify it."
        )
        return RouteState.RECORDED, StatusTone.CAUTION, "Not verified by the chain", explanation
    no_proof = "the chain has no proof that the stations signed in this order"
    if batch.state in _ENDED:
        explanation = f"The stations are listed as designed. The batch did not complete the route, and {no_proof}."
        return RouteState.INCOMPLETE, StatusTone.CAUTION, "Route not completed", explanation
    if batch.state is BatchState.RELEASED:
        explanation = f"The stations are listed as designed. The batch was released without a proof: {no_proof}."
        return RouteState.NOT_PROVEN, StatusTone.CAUTION, "Not proven", explanation
    requirement = " The batch cannot be released without this proof." if view.requires_proof else ""
    explanation = f"The stations are listed as designed. So far, {no_proof}.{requirement}"
    return RouteState.PENDING, StatusTone.PROGRESS, "Not yet proven", explanation


def _proof_text(view: RouteView, proof: RouteProofView) -> str:
    count = len(view.steps)
    signers = f"Each of the {count} stations" if count > 1 else "The only station"
    text = (
        f"{signers} signed its step, in the designed order. The signatures are combined into one signature of 48 "
        "bytes, which the contract verified on the chain."
    )
    if view.kind is RouteKind.ASSEMBLY:
        parts = len(proof.components)
        proven = "one part with a proof of its own" if parts == 1 else f"{parts} parts, each with a proof of its own"
        text += f" The signature also covers what was assembled: {proven}."
    return text


def _record(event_ref: EventRef, event: str, proof: RouteProofView | None) -> dict[str, Any]:
    return {
        "event": event,
        "head": proof and f"0x{proof.head.hex()}",
        "by": proof and proof.by,
        "block_time": event_ref.block_time,
        "block_number": event_ref.block_number,
        "block_hash": f"0x{event_ref.block_hash.hex()}",
        "tx_hash": f"0x{event_ref.tx_hash.hex()}",
        "log_index": event_ref.log_index,
    }
