"""All attacks on a route proof, on chain. Off chain: tests/unit/crypto/test_attacks.py."""

from dataclasses import replace

import pytest
from route_line import ATTACKS, PLANT, Claim, digest, secret, station
from route_rig import proof

from chromatrace.chain import calls, reads
from chromatrace.chain.reads import Read
from chromatrace.crypto.bls import PublicKey
from chromatrace.crypto.eip2537 import g1_from_evm, g1_to_evm, g2_to_evm, words
from chromatrace.crypto.route import (
    Component,
    RouteKind,
    key_words,
    origin,
    proof_of,
    proofs_of,
    prove_possession,
    signature_words,
    subject_of,
)
from chromatrace.crypto.route.link import rebuild
from chromatrace.crypto.step import possession_message, step_message
from chromatrace.domain.hashing import keccak

SUBJECT = digest("batch")


def claim_of(trace):
    return Claim(trace.subject, trace.messages, trace.state)


@pytest.fixture(scope="module")
def line(rig):
    return rig.line(5)


@pytest.fixture(scope="module")
def trace(line):
    return line.trace(SUBJECT)


def test_contract_and_package_compute_the_same_hashes(rig, line, trace):
    def read(function, *args):
        return rig.chain.read(Read("RouteVerifier", function, args, lambda value: value))

    record, components = line.record(SUBJECT, 3), (Component(digest("a route"), digest("a part")),)
    route = line.design.route
    assert read("hashStep", record.as_struct()) == step_message(record, rig.verifier)
    assert read("originOf", route, SUBJECT, []) == origin(line.design, SUBJECT)
    parts = [(part.route, part.subject) for part in components]
    assert read("originOf", route, SUBJECT, parts) == origin(line.design, SUBJECT, components)
    assert list(read("keysOf", route)) == [station.key_id for station in line.design.stations]
    assert read("subjectOf", SUBJECT, 777) == subject_of(SUBJECT, 777)
    key = line.design.stations[0].key_id
    assert read("hashPossession", key, PLANT) == possession_message(key, PLANT, rig.verifier)


def test_a_valid_proof_is_stored_as_a_bit_and_an_event(rig, line, trace):
    subject = digest("another valid batch")
    batch_trace = line.trace(subject)
    receipt = rig.chain.submit(calls.prove_route(line.design.route, *proof_of(line.design, batch_trace)))
    event = receipt.event("RouteProven").args
    assert event == {
        "route": line.design.route,
        "subject": subject,
        "head": batch_trace.state.link,
        "by": rig.chain.sender,
    }
    assert rig.chain.read(reads.route_is_proven(line.design.route, subject))
    assert not rig.chain.read(reads.route_is_proven(line.design.route, digest("no batch")))
    again = rig.error("proveRoute", line.design.route, *proof_of(line.design, batch_trace))
    assert (again.name, again.args_by_name["subject"]) == ("AlreadyProven", subject)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_reverts(rig, line, trace, attack):
    assert rig.error("proveRoute", line.design.route, *proof(claim_of(trace))) is None
    error = rig.error("proveRoute", line.design.route, *proof(attack.build(line, trace)))
    if attack.contract_error is None:
        assert error is None, "s and its signer are not inputs of the contract"
        return
    assert error.name == attack.contract_error
    args = error.args_by_name
    assert args["route"] == line.design.route
    if attack.contract_error == "WrongStepCount":
        assert args["expected"] == 5
        assert args["count"] == len(attack.build(line, trace).messages)
    else:
        assert args["subject"] == attack.build(line, trace).subject


@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if attack.contract_error], ids=lambda attack: attack.name
)
def test_an_attack_among_valid_proofs_reverts(rig, line, trace, attack):
    """The whole call reverts."""
    valid_claims = [claim_of(line.trace(digest(f"batch {n}"))) for n in range(2)]
    claims = [valid_claims[0], attack.build(line, trace), valid_claims[1]]
    proofs = [proof(claim)[0] for claim in claims]
    messages = [message for claim in claims for message in claim.messages]
    error = rig.error("proveRoutes", line.design.route, proofs, messages)
    expected = "InvalidProofSet" if attack.contract_error == "InvalidProof" else attack.contract_error
    assert error.name == expected


def test_every_ordering_message_and_replay_attack_reaches_the_pairing():
    """A forger can compute the head as the contract does, so comparing heads is not sufficient."""
    by_head = {attack.name for attack in ATTACKS if attack.contract_error == "HeadMismatch"} - {"junk link"}
    by_pairing = {attack.name for attack in ATTACKS if attack.contract_error == "InvalidProof"}
    assert len(by_head) == 11
    assert {f"{name}, the expected head given" for name in by_head} <= by_pairing


def test_errors_that_cancel_in_a_plain_sum_are_detected(rig, line):
    """σ_1 + d and σ_2 - d have the correct sum, but not with random coefficients."""
    first, second = (claim_of(line.trace(digest(f"batch {n}"))) for n in (1, 2))
    d = secret("junk").sign(b"junk")
    tampered = [
        replace(first, state=replace(first.state, aggregate=first.state.aggregate + d)),
        replace(second, state=replace(second.state, aggregate=second.state.aggregate - d)),
    ]
    messages = [message for claim in tampered for message in claim.messages]
    error = rig.error("proveRoutes", line.design.route, [proof(claim)[0] for claim in tampered], messages)
    assert (error.name, error.args_by_name["count"]) == ("InvalidProofSet", 2)


def test_many_subjects_are_proven_in_one_call(rig, line):
    traces = [line.trace(subject_of(SUBJECT, unit)) for unit in range(6)]
    receipt = rig.chain.submit(calls.prove_routes(line.design.route, *proofs_of(line.design, traces)))
    proven = [event.args["subject"] for event in receipt.events if event.name == "RouteProven"]
    assert proven == [trace.subject for trace in traces]
    assert all(rig.chain.read(reads.route_is_proven(line.design.route, subject)) for subject in proven)
    assert not rig.chain.read(reads.route_is_proven(line.design.route, subject_of(SUBJECT, 6)))
    assert rig.error("proveRoutes", line.design.route, [], []).name == "NoProofs"
    twice = [line.trace(digest("twice"))] * 2
    receipt = rig.chain.submit(calls.prove_routes(line.design.route, *proofs_of(line.design, twice)))
    assert [event.name for event in receipt.events].count("RouteProven") == 1


def test_infinity_and_empty_lists_revert(rig, line, trace):
    (subject, head, _), messages = proof(claim_of(trace))
    infinity = words(bytes(128))
    error = rig.error("proveRoute", line.design.route, (subject, head, infinity), messages)
    assert (error.name, error.args_by_name["subject"]) == ("SignatureAtInfinity", subject)
    error = rig.error("proveRoute", line.design.route, (subject, head, infinity), [])
    assert error.name == "WrongStepCount"


def test_points_off_the_curve_or_outside_the_subgroup_revert(rig, line, trace):
    (subject, head, signature), messages = proof(claim_of(trace))
    off_curve = bytearray(b"".join(signature))
    off_curve[127] ^= 1
    # x = 4 is on the curve but not in the subgroup (published vectors for G1ADD).
    outside = (
        bytes(63)
        + b"\4"
        + bytes(16)
        + bytes.fromhex(
            "0a989badd40d6212b33cffc3f3763e9bc760f988c9926b26da9dd85e928483446346b8ed00e1de5d5ea93e354abe706c"
        )
    )
    for point in (bytes(off_curve), outside):
        with pytest.raises(Exception, match="point"):
            g1_from_evm(point)
        for function, args in (
            ("proveRoute", ((subject, head, words(point)), messages)),
            ("proveRoutes", ([(subject, head, words(point))], messages)),
        ):
            assert rig.error(function, line.design.route, *args).name == "PrecompileCallFailed"


def test_an_unknown_route_or_wrong_kind_reverts(rig, line, trace):
    args = proof(claim_of(trace))
    assert rig.error("proveRoute", digest("no route"), *args).name == "UnknownRoute"
    assembly = rig.line(2, RouteKind.ASSEMBLY)
    error = rig.error("proveRoute", assembly.design.route, *args)
    assert (error.name, error.args_by_name["kind"]) == ("WrongRouteKind", RouteKind.ASSEMBLY)
    assert rig.error("proveAssembly", line.design.route, *args, [(digest("r"), SUBJECT)]).name == "WrongRouteKind"


def test_an_assembly_names_proven_components(rig, line):
    assembly = rig.line(2, RouteKind.ASSEMBLY)
    parts = [line.trace(digest(f"part {n}")) for n in range(2)]
    components = [Component(line.design.route, part.subject) for part in parts]
    named = [(part.route, part.subject) for part in components]
    trace = assembly.trace(digest("product"), components)
    args = proof_of(assembly.design, trace)
    error = rig.error("proveAssembly", assembly.design.route, *args, named)
    assert (error.name, error.args_by_name["subject"]) == ("ComponentNotProven", parts[0].subject)

    rig.chain.submit(calls.prove_routes(line.design.route, *proofs_of(line.design, parts)))
    assert rig.error("proveAssembly", assembly.design.route, *args, []).name == "NoComponents"
    assert rig.error("proveAssembly", assembly.design.route, *args, named[::-1]).name == "HeadMismatch"
    assert rig.error("proveAssembly", assembly.design.route, *args, named[:1]).name == "HeadMismatch"
    for other in (components[::-1], components[:1]):
        # The head is the one that the contract computes; only the pairing detects the difference.
        head = rebuild(assembly.design, origin(assembly.design, trace.subject, other), trace.messages).values[-1]
        (_, _, signature), messages = args
        claimed = (trace.subject, head, signature), messages, [(part.route, part.subject) for part in other]
        assert rig.error("proveAssembly", assembly.design.route, *claimed).name == "InvalidProof"
    receipt = rig.chain.submit(calls.prove_assembly(assembly.design.route, *args, named))
    event = receipt.event("AssemblyProven").args
    assert event["subject"] == trace.subject
    assert [(part["route"], part["subject"]) for part in event["components"]] == named
    assert rig.chain.read(reads.route_is_proven(assembly.design.route, trace.subject))


def test_registration_checks_the_key(rig):
    key = secret("a new station")
    possession = prove_possession(key, PLANT, rig.verifier)
    good = key_words(key.public_key), signature_words(possession)
    assert rig.error("registerStationKey", "new", *good) is None

    infinity = words(bytes(256))
    assert rig.error("registerStationKey", "new", infinity, good[1]).name == "StationKeyAtInfinity"
    for other in (
        prove_possession(secret("another"), PLANT, rig.verifier),
        prove_possession(key, PLANT + 1, rig.verifier),
        prove_possession(key, PLANT, replace(rig.verifier, chain_id=1)),
        key.sign(b"anything"),
    ):
        error = rig.error("registerStationKey", "new", good[0], signature_words(other))
        assert (error.name, error.args_by_name["organisation"]) == ("InvalidProofOfPossession", PLANT)
    assert rig.error("registerStationKey", "new", good[0], words(bytes(128))).name == "InvalidProofOfPossession"
    off_curve = bytearray(g2_to_evm(key.public_key.data))
    off_curve[-1] ^= 1
    assert rig.error("registerStationKey", "new", words(bytes(off_curve)), good[1]).name == "PrecompileCallFailed"


def test_a_rogue_key_cannot_be_registered(rig):
    """The possession of pk' = pk_rogue - pk_victim cannot be proven with any known key."""
    from py_arkworks_bls12381 import G2Point

    rig.register("station 1")
    rogue, victim = (G2Point.from_compressed_bytes(secret(name).public_key.data) for name in ("rogue", "station 1"))
    key = PublicKey(bytes((rogue - victim).to_compressed_bytes()))
    for by in ("rogue", "station 1"):
        possession = prove_possession(secret(by), PLANT, rig.verifier)
        error = rig.error("registerStationKey", "rogue", key_words(key), signature_words(possession))
        assert error.name == "InvalidProofOfPossession"


def test_a_revoked_key_proves_nothing(rig):
    line = rig.line(("station 1", "leaving station"))
    before, after = line.trace(digest("before")), line.trace(digest("after"))
    route, key = line.design.route, station("leaving station", rig.verifier).key_id
    rig.chain.submit(calls.prove_route(route, *proof_of(line.design, before)))
    now = int(rig.chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    assert rig.error("revokeStationKey", key, now - 100).name == "RevocationInThePast"
    rig.chain.submit(calls.revoke_station_key(key, now + 1_000))
    assert rig.error("proveRoute", route, *proof_of(line.design, after)) is None, "before the revocation"
    assert rig.error("revokeStationKey", key, now + 2_000).name == "StationKeyIsRevoked", (
        "a revocation cannot be postponed"
    )
    rig.chain.rpc.call("evm_setNextBlockTimestamp", now + 1_000)
    rig.chain.rpc.call("evm_mine")
    for function, args in (
        ("proveRoute", proof_of(line.design, after)),
        ("proveRoutes", proofs_of(line.design, [after])),
    ):
        error = rig.error(function, route, *args)
        assert (error.name, error.args_by_name) == ("StationKeyIsRevoked", {"key": key, "revokedFrom": now + 1_000})
    assert rig.error("designRoute", "later", 1, False, [key], ["x"]).name == "StationKeyIsRevoked"
    assert rig.chain.read(reads.route_is_proven(route, before.subject)), "earlier proofs remain valid"


def test_unverified_records_revert_if_the_chain_can_verify(rig, line, trace):
    error = rig.error("recordUnverified", line.design.route, *proof(claim_of(trace)))
    assert error.name == "VerificationAvailable"
    key = secret("a new station")
    key_arguments = key_words(key.public_key), signature_words(prove_possession(key, PLANT, rig.verifier))
    assert rig.error("recordStationKey", "new", *key_arguments).name == "KeyVerificationAvailable"
    assert rig.chain.read(Read("RouteVerifier", "canVerify", (), bool))


def test_an_unverified_key_proves_nothing_on_a_chain_that_can_verify(rig):
    """A chain that gained EIP-2537 after the key was recorded; the test sets the mark in the contract's storage."""
    line = rig.line(("station 1", "recorded station"), name="recorded")
    trace = line.trace(digest("recorded"))
    entry = station("recorded station", rig.verifier)
    # A revocation, however far in the future, makes the contract read the mark of the key.
    rig.chain.submit(calls.revoke_station_key(entry.key_id, 2**40))
    rpc, address = rig.chain.rpc, rig.verifier.address
    for slot in range(32):
        slot_key = "0x" + keccak(entry.key_id + slot.to_bytes(32, "big")).hex()
        before = rpc.call("eth_getStorageAt", address, slot_key, "latest")
        rpc.call("anvil_setStorageAt", address, slot_key, "0x" + "00" * 31 + "01")
        if rig.chain.read(reads.station_key_is_unverified(entry.key_id)):
            break
        rpc.call("anvil_setStorageAt", address, slot_key, before)
    for function, args in (
        ("proveRoute", proof_of(line.design, trace)),
        ("proveRoutes", proofs_of(line.design, [trace])),
    ):
        error = rig.error(function, line.design.route, *args)
        assert (error.name, error.args_by_name) == ("StationKeyIsUnverified", {"key": entry.key_id})
    checked = key_words(entry.key), signature_words(entry.possession)
    rig.chain.submit(calls.register_station_key("recorded station", *checked))
    assert rig.error("proveRoute", line.design.route, *proof_of(line.design, trace)) is None


def test_points_survive_conversion(line, trace):
    aggregate = trace.state.aggregate.data
    assert g1_from_evm(g1_to_evm(aggregate)) == aggregate
