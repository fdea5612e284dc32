"""The designed route of a batch, and in plain words how far the chain shows that it was followed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.facts.parties import Party
from app.facts.status import Tone
from app.facts.timeline import Name
from chromatrace.domain.rights import BatchState, RouteKind
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, EventRef, RouteProofState, RouteProofView, RouteView

LIMITS = (
    "It says who signed what, and in which order. It does not say that the work was done well, that a sensor was "
    "right or that a clock was; each station answers for what it signed. It is of the whole batch: what happened to "
    "a single unit it does not say."
)
"""What a proof does not prove."""

_ENDED = (BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED)


class RouteState(StrEnum):
    """What the chain shows. Only `PROVEN` is a proof."""

    PROVEN = "proven-in-order"
    RECORDED = "recorded-not-verified"
    OPEN = "not-proven-yet"
    WITHOUT = "not-proven"
    BROKEN_OFF = "breaks-off"
    UNKNOWN = "unknown-route"


@dataclass(frozen=True, slots=True)
class StationFacts:
    """One step as designed. `organisation` owns the station; `revoked_from`: since when its key is not in force;
    `verified`: whether the chain has checked the key."""

    step: int
    process: str
    station: str
    key: bytes
    organisation: Party
    revoked_from: int | None
    verified: bool

    def as_dict(self) -> dict[str, object]:
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
class RouteFacts:
    """The route that a batch was registered with. `view` and `owner` are None where nobody designed it.

    `tone` is the colour of `headline`; `explanation` says what that means, `limits` what it does not.
    """

    id: bytes
    state: RouteState
    tone: Tone
    headline: str
    explanation: str
    view: RouteView | None
    owner: Party | None
    stations: tuple[StationFacts, ...]
    proof: RouteProofView | None

    @property
    def limits(self) -> str | None:
        return LIMITS if self.state is RouteState.PROVEN else None

    @property
    def shown(self) -> EventRef | None:
        """Where on the chain the proof stands, or the record that is none."""
        return (self.proof.proven or self.proof.recorded) if self.proof else None

    @property
    def event(self) -> str:
        """The event that says so."""
        return "RouteVerifier." + ("RouteProven" if self.state is RouteState.PROVEN else "RouteRecordedUnverified")

    def shade(self, step: int) -> int:
        """How dark the pane of a step is, 1 to 5: darker the further the route has come."""
        return -(-step * 5 // len(self.stations))

    def as_dict(self) -> dict[str, object]:
        view, proof, place = self.view, self.proof, self.shown
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
            "record": place and _place(place, self.event, proof),
            "components": [
                {"route": f"0x{part.route.hex()}", "subject": f"0x{part.subject.hex()}"}
                for part in (proof.components if proof else ())
            ],
        }


def route_facts(snapshot: Snapshot, batch: BatchView, name: Name) -> RouteFacts | None:
    """The facts of the batch's route; None where it was registered without one."""
    if batch.route is None:
        return None
    view = snapshot.route(batch.route)
    proof = snapshot.proof_of(batch.batch_id, batch.route)
    state, tone, headline, explanation = words_of(batch, view, proof)
    stations = tuple(
        StationFacts(
            step.step, step.process, step.station, step.key, name(step.organisation), step.revoked_from, step.verified
        )
        for step in (view.steps if view else ())
    )
    owner = name(view.organisation) if view else None
    return RouteFacts(batch.route, state, tone, headline, explanation, view, owner, stations, proof)


def words_of(
    batch: BatchView, view: RouteView | None, proof: RouteProofView | None
) -> tuple[RouteState, Tone, str, str]:
    """State, tone, headline and explanation of a batch's route, from what stands on the chain of it."""
    if view is None:
        explanation = "The batch was registered with a route that nobody has designed on this chain."
        return RouteState.UNKNOWN, Tone.CAUTION, "Unknown route", explanation
    if proof is not None and proof.state is RouteProofState.PROVEN:
        return RouteState.PROVEN, Tone.CLEAR, "Proven in order", _proven(view, proof)
    if proof is not None:
        explanation = (
            "A signature of the stations is on record, but this chain cannot check such signatures. It does not count "
            "as a proof that they signed, or in which order. Whoever has the stations' records can check it themselves."
        )
        return RouteState.RECORDED, Tone.CAUTION, "Not checked by the chain", explanation
    nothing = "nothing on the chain shows that they signed in this order"
    if batch.state in _ENDED:
        explanation = f"These are the stations as designed. The batch went no further, and {nothing}."
        return RouteState.BROKEN_OFF, Tone.CAUTION, "The route breaks off", explanation
    if batch.state is BatchState.RELEASED:
        explanation = f"These are the stations as designed. The batch was released without a proof: {nothing}."
        return RouteState.WITHOUT, Tone.CAUTION, "Not proven", explanation
    later = " It cannot be released before that is proven." if view.requires_proof else ""
    explanation = f"These are the stations that it is to pass. So far {nothing}.{later}"
    return RouteState.OPEN, Tone.PROGRESS, "Not proven yet", explanation


def _proven(view: RouteView, proof: RouteProofView) -> str:
    count = len(view.steps)
    who = f"Each of the {count} stations" if count > 1 else "The one station"
    text = (
        f"{who} signed what it did, in the designed order. Together that is one signature of 48 bytes, checked by "
        "the contract on the chain."
    )
    if view.kind is RouteKind.ASSEMBLY:
        parts = len(proof.components)
        proven = "one part that was itself proven" if parts == 1 else f"{parts} parts that were each proven themselves"
        text += f" The signature also fixes what was put together: {proven}."
    return text


def _place(ref: EventRef, event: str, proof: RouteProofView | None) -> dict[str, Any]:
    return {
        "event": event,
        "head": proof and f"0x{proof.head.hex()}",
        "by": proof and proof.by,
        "block_time": ref.block_time,
        "block_number": ref.block_number,
        "block_hash": f"0x{ref.block_hash.hex()}",
        "tx_hash": f"0x{ref.tx_hash.hex()}",
        "log_index": ref.log_index,
    }
