"""Any single change to any byte of the calldata of a valid proof is refused by the contract: 10,000 of them."""

import random

import pytest
from conftest import proof
from route_line import Claim, digest

from chromatrace.chain.abi import contract

MUTATIONS = 10_000
BATCH = 250


@pytest.mark.slow
def test_every_mutation_of_the_calldata_is_refused(rig):
    line = rig.line(2)
    trace = line.trace(digest("mutated batch"))
    args = proof(Claim(trace.subject, trace.messages, trace.state))
    valid = contract("RouteVerifier").encode("proveRoute", line.design.route, *args)
    assert rig.outcomes([valid]) == [None]
    chance, names = random.Random(2537), set()
    for start in range(0, MUTATIONS, BATCH):
        mutants = []
        for _ in range(BATCH):
            mutant = bytearray(valid)
            mutant[4 + chance.randrange(len(valid) - 4)] ^= chance.randrange(1, 256)
            mutants.append(bytes(mutant))
        for mutant, refused in zip(mutants, rig.outcomes(mutants), strict=True):
            assert refused is not None, f"passed, from {start}: {mutant.hex()}"
            names.add(refused.name)
    assert {"UnknownRoute", "HeadMismatch", "PrecompileRefused"} <= names
