"""The contract rejects any changed byte of the calldata of a valid proof: 10,000 random changes in all.

CHROMATRACE_MUTATIONS sets another number.
"""

import os
import random

import pytest
from route_line import PLANT, digest, secret

from chromatrace.chain import calls
from chromatrace.crypto.route import (
    Component,
    RouteKind,
    components_of,
    key_words,
    proof_of,
    proofs_of,
    prove_possession,
    signature_words,
)
from chromatrace.ethereum.abi import contract

MUTATIONS = int(os.environ.get("CHROMATRACE_MUTATIONS", "10000"))
BATCH = 250
SELECTOR = 4
KEY_AND_POSSESSION = (36, 36 + 256 + 128)
"""Range in the calldata of a registration; the name is not covered by the proof of possession."""


@pytest.fixture(scope="module")
def line(rig):
    return rig.line(2)


def single(rig, line):
    return "proveRoute", (line.design.route, *proof_of(line.design, line.trace(digest("mutated batch"))))


def many(rig, line):
    traces = [line.trace(digest(f"mutated batch {n}")) for n in range(2)]
    return "proveRoutes", (line.design.route, *proofs_of(line.design, traces))


def assembly(rig, line):
    parts = [line.trace(digest(f"mutated part {n}")) for n in range(2)]
    rig.chain.submit(calls.prove_routes(line.design.route, *proofs_of(line.design, parts)))
    joined = rig.line(2, RouteKind.ASSEMBLY)
    trace = joined.trace(digest("mutated product"), [Component(line.design.route, part.subject) for part in parts])
    return "proveAssembly", (joined.design.route, *proof_of(joined.design, trace), components_of(trace))


def registration(rig, line):
    key = secret("a mutated station")
    possession = prove_possession(key, PLANT, rig.verifier)
    return "registerStationKey", ("mutated", key_words(key.public_key), signature_words(possession))


CASES = [
    (single, 0.5, {"UnknownRoute", "HeadMismatch", "PrecompileCallFailed"}),
    (many, 0.2, {"UnknownRoute", "HeadMismatch", "PrecompileCallFailed"}),
    (assembly, 0.2, {"UnknownRoute", "ComponentNotProven", "HeadMismatch", "PrecompileCallFailed"}),
    (registration, 0.1, {"PrecompileCallFailed"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("build", "share", "expected"), CASES, ids=[case[0].__name__ for case in CASES])
def test_every_mutation_of_the_calldata_reverts(rig, line, build, share, expected):
    function, arguments = build(rig, line)
    valid = contract("RouteVerifier").encode_call(function, *arguments)
    begin, end = KEY_AND_POSSESSION if build is registration else (SELECTOR, len(valid))
    assert rig.errors([valid]) == [None]
    rng, names, remaining = random.Random(2537), set(), int(MUTATIONS * share)
    while remaining:
        mutants = []
        for _ in range(min(BATCH, remaining)):
            mutant = bytearray(valid)
            mutant[rng.randrange(begin, end)] ^= rng.randrange(1, 256)
            mutants.append(bytes(mutant))
        remaining -= len(mutants)
        for mutant, error in zip(mutants, rig.errors(mutants), strict=True):
            assert error is not None, f"passed, {remaining} remaining: {mutant.hex()}"
            names.add(error.name)
    assert expected <= names
