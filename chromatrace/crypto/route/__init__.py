"""Route proofs: sequential aggregate signatures over a designed route (docs/route-proof.md).

design = RouteDesign(Verifier(chain_id, address), owner, "pane", 1, (RouteStation(…), …))
trace = begin(design, subject)
trace = sign_record(design, trace, record, secret)      # at each station
verify_trace(design, trace)                             # raises RouteProofError
explain(design, trace).steps                            # the first step that breaks, and why
"""

from chromatrace.crypto.route.design import (
    Profile,
    RouteDesign,
    RouteStation,
    prove_possession,
    route_id,
    subject_of,
)
from chromatrace.crypto.route.link import Component, origin
from chromatrace.crypto.route.onchain import batches, components_of, key_words, proof_of, proofs_of, signature_words
from chromatrace.crypto.route.sign import sign_record, sign_step
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep, begin
from chromatrace.crypto.route.verify import (
    Explanation,
    explain,
    verify_aggregate,
    verify_assembly,
    verify_state,
    verify_trace,
)
from chromatrace.domain.rights import RouteKind

__all__ = [
    "Component",
    "Explanation",
    "Profile",
    "RouteDesign",
    "RouteKind",
    "RouteStation",
    "RouteTrace",
    "SignedState",
    "SignedStep",
    "batches",
    "begin",
    "components_of",
    "explain",
    "key_words",
    "origin",
    "proof_of",
    "proofs_of",
    "prove_possession",
    "route_id",
    "sign_record",
    "sign_step",
    "signature_words",
    "subject_of",
    "verify_aggregate",
    "verify_assembly",
    "verify_state",
    "verify_trace",
]
