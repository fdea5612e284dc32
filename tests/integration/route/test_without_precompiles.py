"""A chain without EIP-2537: no key and no proof passes, and what is recorded is marked as verified by nobody."""

import pytest
from conftest import Rig, consortium_on, proof
from route_line import Claim, digest, station

from chromatrace.chain.errors import ContractRefusal
from chromatrace.crypto.route import key_words, proof_of, proofs_of, signature_words, verify_trace
from chromatrace.crypto.step import Verifier

SUBJECT = digest("batch")
FIRST_PRECOMPILE = "0x0000000000000000000000000000000000000010"


class RecordingRig(Rig):
    """Stations' keys are recorded, unverified."""

    def register(self, name):
        one = station(name, self.verifier)
        self.chain.send("RouteVerifier", "recordStationKey", name, *words(one))
        self.registered.add(name)


def words(one):
    return key_words(one.key), signature_words(one.possession)


@pytest.fixture(scope="module")
def rig(ganache, ganache_deployment, tmp_path_factory):
    with consortium_on(ganache, ganache_deployment, tmp_path_factory.mktemp("ganache")) as chain:
        address = ganache_deployment.address("RouteVerifier")
        yield RecordingRig(chain, Verifier(ganache_deployment.chain_id, address))


@pytest.fixture(scope="module")
def line(rig):
    return rig.line(2)


@pytest.fixture(scope="module")
def trace(line):
    return line.trace(SUBJECT)


def refused(rig, function, *args):
    with pytest.raises(ContractRefusal) as refusal:
        rig.chain.simulate("RouteVerifier", function, *args)
    return refusal.value


def test_nothing_is_verified_and_nothing_passes(rig, line, trace):
    assert not rig.chain.read("RouteVerifier", "canVerify")
    verify_trace(line.design, trace)
    arguments = proof_of(line.design, trace)
    many = proofs_of(line.design, [trace])
    for function, args in (("proveRoute", arguments), ("proveRoutes", many)):
        assert refused(rig, function, line.design.route, *args).name in (
            "PrecompileUnavailable",
            "StationKeyIsUnverified",
        )
    new = station("new station", rig.verifier)
    found = refused(rig, "registerStationKey", "new station", *words(new))
    assert (found.name, found.args_by_name["precompile"]) == ("PrecompileUnavailable", FIRST_PRECOMPILE)


def test_keys_are_recorded_as_unverified(rig, line):
    for one in line.design.stations:
        assert rig.chain.read("RouteVerifier", "isUnverified", one.key_id)
    again = station("station 1", rig.verifier)
    assert refused(rig, "recordStationKey", "again", *words(again)).name == "StationKeyAlreadyRegistered"


def test_a_signature_is_recorded_and_never_counts(rig, line, trace):
    route = line.design.route
    receipt = rig.chain.send("RouteVerifier", "recordUnverified", route, *proof_of(line.design, trace))
    told = receipt.event("RouteRecordedUnverified").args
    assert (told["route"], told["subject"], told["head"]) == (route, SUBJECT, trace.state.link)
    assert tuple(told["signature"]) == signature_words(trace.state.aggregate)
    assert rig.chain.read("RouteVerifier", "isRecordedUnverified", route, SUBJECT)
    assert not rig.chain.read("RouteVerifier", "isProven", route, SUBJECT)
    assert refused(rig, "recordUnverified", route, *proof_of(line.design, trace)).name == "AlreadyRecorded"
    claim = Claim(SUBJECT, trace.messages[:1], trace.state)
    assert refused(rig, "recordUnverified", route, *proof(claim)).name == "WrongStepCount"
    assert refused(rig, "recordUnverified", digest("no route"), *proof(claim)).name == "UnknownRoute"
