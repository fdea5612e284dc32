"""Designed routes and their proofs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.rights import RouteKind
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class RouteStepView:
    """A step of a designed route: the process, and the station whose key signs it.

    organisation  the owner of the station
    revoked_from  Unix second from which no proof may use the key; None if it is not revoked
    verified      whether the chain has verified the key; an unverified key proves nothing
    """

    step: int
    process: str
    key: bytes
    station: str
    organisation: int
    revoked_from: int | None
    verified: bool


@dataclass(frozen=True, slots=True)
class RouteView:
    """A designed route; its steps are in order, from 1."""

    id: bytes
    organisation: int
    name: str
    version: int
    kind: RouteKind
    requires_proof: bool
    steps: tuple[RouteStepView, ...]
    designed_by: str
    designed: EventRef


class RouteProofState(StrEnum):
    """`RECORDED`: a signature that the chain has not verified; it never counts as a proof."""

    PROVEN = "proven"
    RECORDED = "recorded-unverified"


@dataclass(frozen=True, slots=True)
class ComponentView:
    """A proven component of an assembly."""

    route: bytes
    subject: bytes


@dataclass(frozen=True, slots=True)
class RouteProofView:
    """The proof or unverified record of a subject under a route.

    `head` (c_k, the last link) and `by` are those of the proof if there is one, otherwise of the unverified record. A
    subject may have both: recorded first, proven later. `components` are in the order of the proof.
    """

    route: bytes
    subject: bytes
    head: bytes
    by: str
    proven: EventRef | None
    recorded: EventRef | None
    components: tuple[ComponentView, ...]

    @property
    def state(self) -> RouteProofState:
        """Whether it is a proof."""
        return RouteProofState.RECORDED if self.proven is None else RouteProofState.PROVEN
