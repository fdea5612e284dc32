"""Arguments of `RouteVerifier`: a trace as a `Proof`, a key as words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.eip2537 import g1_to_evm, g2_to_evm, words
from chromatrace.crypto.errors import Break, RouteProofError
from chromatrace.crypto.route.design import Profile, RouteDesign
from chromatrace.crypto.route.state import RouteTrace
from chromatrace.crypto.route.verify import verify_trace
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import RouteId

_CALL_GAS = 15_900_000
"""Gas of one `proveRoutes`: below 2^24, the limit of EIP-7825, with room for the sender's margin on its estimate."""
_KEY_GAS, _SUBJECT_GAS, _STEP_GAS = 45_000, 36_000, 24_000
"""Upper bounds per step of the design, per subject with its own storage slot, per step of a subject; tested."""


class ProofStruct(NamedTuple):
    """`IRouteVerifier.Proof`: the last link of a subject's trace, and the aggregate signature as words of G1."""

    subject: bytes
    head: bytes
    signature: tuple[bytes, ...]


def proof_of(design: RouteDesign, trace: RouteTrace) -> tuple[ProofStruct, list[bytes]]:
    """Return `IRouteVerifier.Proof` and the messages of a complete trace, as arguments of `proveRoute`.

    Verifies the trace first, because the contract's error does not name the step. Raises `RouteProofError`.
    """
    if design.profile is not Profile.EVM:
        raise InvalidInput(
            "a route with the paper profile cannot be proven on chain",
            field="profile",
            hint="design the route with the evm profile",
        )
    verify_trace(design, trace)
    state = trace.state
    if state is None:
        raise RouteProofError("the trace has no signed step", Break.COUNT)
    return ProofStruct(trace.subject, state.link, signature_words(state.aggregate)), list(trace.messages)


def proofs_of(design: RouteDesign, traces: Sequence[RouteTrace]) -> tuple[list[ProofStruct], list[bytes]]:
    """Return the arguments of `proveRoutes` after the route."""
    pairs = [proof_of(design, trace) for trace in traces]
    return [proof for proof, _ in pairs], [message for _, messages in pairs for message in messages]


def components_of(trace: RouteTrace) -> list[tuple[RouteId, bytes]]:
    """Return `IRouteVerifier.Component[]` of an assembly's trace."""
    return [(part.route, part.subject) for part in trace.components]


def batches(design: RouteDesign, traces: Sequence[RouteTrace]) -> list[Sequence[RouteTrace]]:
    """Split `traces` into calls of `proveRoutes` below 2^24 gas each, for any subjects."""
    steps = len(design)
    size = (_CALL_GAS - steps * _KEY_GAS) // (_SUBJECT_GAS + steps * _STEP_GAS)
    return [traces[start : start + size] for start in range(0, len(traces), size)]


def key_words(key: PublicKey) -> tuple[bytes, ...]:
    """Return a public key as the contract's `bytes32[8]`."""
    return words(g2_to_evm(key.data))


def signature_words(signature: Signature) -> tuple[bytes, ...]:
    """Return a signature as the contract's `bytes32[4]`."""
    return words(g1_to_evm(signature.data))
