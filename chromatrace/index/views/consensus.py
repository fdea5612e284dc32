"""Panels of inspectors and their rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.domain.rights import Stage
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class InspectorView:
    """An inspector of a panel. `capabilities`: from 0 to 1, at enrolment and after each of its rounds."""

    number: int
    account: str
    active: bool
    own: bool
    capabilities: tuple[float, ...]

    @property
    def capability(self) -> float:
        """The current capability, from 0 to 1."""
        return self.capabilities[-1]


@dataclass(frozen=True, slots=True)
class SeatView:
    """An inspector's seat in a round. `status`: drawn, committed, stalled or revealed; None: not known yet."""

    inspector: int
    status: str
    state: int | None
    evidence: bytes | None
    capability: float | None


@dataclass(frozen=True, slots=True)
class RoundView:
    """A round of a panel about a subject.

    `state` (an index into the rule's states), `score` and `recorder` (a seat) are None until the round is decided.
    """

    id: bytes
    panel: int
    subject: bytes
    step: int
    stage: Stage
    phase: str
    decides_verdict: bool
    seats: tuple[SeatView, ...]
    state: int | None
    score: float | None
    recorder: int | None
    threshold_reached: bool | None
    verdict_rejected: bool
    opened: EventRef
    changed: EventRef

    @property
    def dissent(self) -> tuple[SeatView, ...]:
        """The revealed answers that differ from the outcome."""
        return tuple(seat for seat in self.seats if seat.state is not None and seat.state != self.state)


@dataclass(frozen=True, slots=True)
class PanelView:
    """A panel: the contract's rule (None until it is set), the names of its states, and its inspectors."""

    panel: int
    rule: dict[str, Any] | None
    states: tuple[str, ...]
    inspectors: tuple[InspectorView, ...]
