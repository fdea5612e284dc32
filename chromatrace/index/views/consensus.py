"""Panels of inspectors and their rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.domain.rights import Stage
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class InspectorView:
    """An inspector of a panel. `course`: its capability (0 to 1) when enrolled and after each of its rounds."""

    number: int
    account: str
    active: bool
    own: bool
    course: tuple[float, ...]

    @property
    def capability(self) -> float:
        """The present one, from 0 to 1."""
        return self.course[-1]


@dataclass(frozen=True, slots=True)
class SeatView:
    """One inspector in one round. `status`: drawn, committed, stalled or revealed; the rest None until there is one."""

    inspector: int
    status: str
    state: int | None
    evidence: bytes | None
    capability: float | None


@dataclass(frozen=True, slots=True)
class RoundView:
    """A round. `state` (a number of the rule's), `score` and `recorder` (a seat) are None until it is decided."""

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
        """Revealed answers outside the winner group."""
        return tuple(seat for seat in self.seats if seat.state is not None and seat.state != self.state)


@dataclass(frozen=True, slots=True)
class PanelView:
    """A panel: its rule as the contract has it (None: not set), names of the states, and its inspectors."""

    panel: int
    rule: dict[str, Any] | None
    states: tuple[str, ...]
    inspectors: tuple[InspectorView, ...]
