"""What `RouteVerifier` takes: a trace as its `Proof`, a key as its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.eip2537 import g1_to_evm, g2_to_evm, words
from chromatrace.crypto.errors import Break, RouteRefused
from chromatrace.crypto.route.design import Profile, RouteDesign
from chromatrace.crypto.route.link import Component
from chromatrace.crypto.route.state import RouteTrace
from chromatrace.crypto.route.verify import verify_trace
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import RouteId

_CALL_GAS = 15_900_000
"""Of one `proveRoutes`: EIP-7825 ends a transaction at 2^24, and whoever sends it may add to what it estimates."""
_KEY_GAS, _SUBJECT_GAS, _STEP_GAS = 45_000, 36_000, 24_000
"""At most: of a step of the design, of a subject with a storage slot of its own, of a step of a subject; under test."""


class ProofStruct(NamedTuple):
    """`IRouteVerifier.Proof`: the last link of a subject's trace, and the aggregate signature as words of G1."""

    subject: bytes
    head: bytes
    signature: tuple[bytes, ...]


def proof_of(design: RouteDesign, trace: RouteTrace) -> tuple[ProofStruct, list[bytes]]:
    """`IRouteVerifier.Proof` and the messages of a complete trace, verified here first: a refusal here names the step.

    The arguments of `proveRoute` after the route.
    """
    if design.profile is not Profile.EVM:
        raise InvalidInput(
            "a contract cannot compute the `paper` link",
            field="profile",
            hint="design the route with the evm profile to prove it on chain",
        )
    verify_trace(design, trace)
    state = trace.state
    if state is None:
        raise RouteRefused("nothing is signed", Break.COUNT)
    return ProofStruct(trace.subject, state.link, signature_words(state.aggregate)), list(trace.messages)


def proofs_of(design: RouteDesign, traces: Sequence[RouteTrace]) -> tuple[list[ProofStruct], list[bytes]]:
    """The arguments of `proveRoutes` after the route."""
    pairs = [proof_of(design, trace) for trace in traces]
    return [proof for proof, _ in pairs], [message for _, messages in pairs for message in messages]


def components_of(trace: RouteTrace) -> list[tuple[RouteId, bytes]]:
    """`IRouteVerifier.Component[]` of an assembly's trace."""
    return [_component(part) for part in trace.components]


def batches(design: RouteDesign, traces: Sequence[RouteTrace]) -> list[Sequence[RouteTrace]]:
    """`traces` split so that each `proveRoutes` stays below 2^24 gas, whatever their subjects are."""
    steps = len(design)
    size = (_CALL_GAS - steps * _KEY_GAS) // (_SUBJECT_GAS + steps * _STEP_GAS)
    return [traces[start : start + size] for start in range(0, len(traces), size)]


def key_words(key: PublicKey) -> tuple[bytes, ...]:
    """A public key as the contract's `bytes32[8]`."""
    return words(g2_to_evm(key.data))


def signature_words(signature: Signature) -> tuple[bytes, ...]:
    """A signature as the contract's `bytes32[4]`."""
    return words(g1_to_evm(signature.data))


def _component(part: Component) -> tuple[RouteId, bytes]:
    return (part.route, part.subject)
