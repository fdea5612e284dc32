"""Designed routes and what is proven of a subject under them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.rights import RouteKind
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class RouteStepView:
    """One step of a designed route: the process, and the station whose key signs it.

    `organisation` owns the station that `station` names; `revoked_from` is the Unix second from which no proof may
    use its key, None where it is not revoked. `verified`: whether the chain has checked the key; one that it has not
    proves nothing.
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
    """A designed route, its steps in order from 1."""

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
    """`RECORDED`: a signature stands on the chain that nobody has verified; it never counts as a proof."""

    PROVEN = "proven"
    RECORDED = "recorded-unverified"


@dataclass(frozen=True, slots=True)
class ComponentView:
    """A proven part of an assembly."""

    route: bytes
    subject: bytes


@dataclass(frozen=True, slots=True)
class RouteProofView:
    """What stands on the chain of one subject under one route.

    `head` (c_k, the last link) and `by` are those of the proof, or of the unverified record where there is no proof.
    Both `proven` and `recorded` may be there: recorded first, proven later. `components` in the order of the proof.
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
