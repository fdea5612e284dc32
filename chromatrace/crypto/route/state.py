"""The state (σ, c, s, pk) that a station hands over, of constant size, and the trace of all states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.route.design import RouteDesign
from chromatrace.crypto.route.link import Component, component_fault, origin
from chromatrace.crypto.step import StepRecord
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import RouteId
from chromatrace.domain.rights import RouteKind


@dataclass(frozen=True, slots=True)
class SignedState:
    """State i: aggregate σ_i, link c_i, last single signature s_i and its signer pk_i."""

    aggregate: Signature
    link: bytes
    signature: Signature
    signer: PublicKey

    def __post_init__(self) -> None:
        checked_digest(self.link, "link")


@dataclass(frozen=True, slots=True)
class SignedStep:
    """One step of a trace: its message, the state after it, and the record whose hash the message is, if known."""

    message: bytes
    state: SignedState
    record: StepRecord | None = None

    def __post_init__(self) -> None:
        checked_digest(self.message, "message")


@dataclass(frozen=True, slots=True)
class RouteTrace:
    """The steps of a subject so far. It keeps every state to identify the first step that breaks."""

    route: RouteId
    subject: bytes
    components: tuple[Component, ...] = ()
    steps: tuple[SignedStep, ...] = ()

    def __post_init__(self) -> None:
        checked_digest(self.route, "route")
        checked_digest(self.subject, "subject")
        fault = component_fault(self.route, self.subject, self.components)
        if fault is not None:
            raise InvalidInput(fault, field="components", hint="name each component once")

    @property
    def state(self) -> SignedState | None:
        """The last state. None before the first step."""
        return self.steps[-1].state if self.steps else None

    @property
    def messages(self) -> tuple[bytes, ...]:
        """m_1 to m_i."""
        return tuple(step.message for step in self.steps)


def begin(design: RouteDesign, subject: bytes, components: Sequence[Component] = ()) -> RouteTrace:
    """Return an empty trace of a subject. An assembly route requires its components."""
    if bool(components) != (design.kind is RouteKind.ASSEMBLY):
        raise InvalidInput(
            "an assembly route needs components; a processing route has none",
            field="components",
            hint="give the proven components with the first step",
        )
    return RouteTrace(design.route, checked_digest(subject, "subject"), tuple(components))


def origin_of(design: RouteDesign, trace: RouteTrace) -> bytes:
    """Compute c_0 of a trace."""
    return origin(design, trace.subject, trace.components)


def checked_digest(value: bytes, field: str) -> bytes:
    """Return `value` if it is 32 bytes. Raises `InvalidInput`."""
    if not isinstance(value, bytes) or len(value) != 32:
        raise InvalidInput(f"expected 32 bytes, got {value!r}", field=field)
    return value
