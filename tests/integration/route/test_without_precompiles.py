"""A chain without EIP-2537: keys and proofs revert; recorded ones are marked as unverified."""

import pytest
from querying import query
from relations import own_items
from route_line import PLANT, Claim, digest, station
from route_rig import Rig, consortium_on, proof

from app import create_app
from app.cli import portal_config
from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.reads import Read
from chromatrace.cli.route import route as route_commands
from chromatrace.cli.route_station import station as station_commands
from chromatrace.crypto.route import key_words, proof_of, proofs_of, signature_words, verify_trace
from chromatrace.crypto.step import Verifier
from chromatrace.domain.identifiers import BatchKey, Gln
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.ethereum.abi import contract
from chromatrace.ethereum.contract_errors import decode_revert
from chromatrace.ethereum.errors import ContractError, RpcError
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.index import Follower
from chromatrace.index.views import RouteProofState
from chromatrace.services.workspace import Workspace

SUBJECT = digest("batch")
KEY = BatchKey.parse("09521234543213", "U1")
G1MSM = "0x000000000000000000000000000000000000000C"
MAP_FP_TO_G1 = "0x0000000000000000000000000000000000000010"


class RecordingRig(Rig):
    """Records station keys as unverified."""

    def register(self, name):
        entry = station(name, self.verifier)
        self.chain.submit(calls.record_station_key(name, *words_of(entry)))
        self.registered.add(name)


def words_of(entry):
    return key_words(entry.key), signature_words(entry.possession)


@pytest.fixture(scope="module")
def rig(cancun, cancun_deployment, tmp_path_factory):
    mark = cancun.rpc().call("evm_snapshot")
    with consortium_on(cancun, cancun_deployment, tmp_path_factory.mktemp("cancun")) as chain:
        address = cancun_deployment.address("RouteVerifier")
        yield RecordingRig(chain, Verifier(cancun_deployment.chain_id, address))
    cancun.rpc().call("evm_revert", mark)


@pytest.fixture(scope="module")
def line(rig):
    return rig.line(2)


@pytest.fixture(scope="module")
def trace(line):
    return line.trace(SUBJECT)


def error_of(rig, function, *args):
    with pytest.raises(ContractError) as error:
        rig.chain.simulate(Call("RouteVerifier", function, tuple(args)))
    return error.value


def test_proofs_and_keys_cannot_be_verified(rig, line, trace):
    assert not rig.chain.read(Read("RouteVerifier", "canVerify", (), bool))
    verify_trace(line.design, trace)
    for function, args, precompile in (
        ("proveRoute", proof_of(line.design, trace), MAP_FP_TO_G1),
        ("proveRoutes", proofs_of(line.design, [trace]), G1MSM),
    ):
        error = error_of(rig, function, line.design.route, *args)
        assert (error.name, error.args_by_name) == ("PrecompileUnavailable", {"precompile": precompile})
    new = station("new station", rig.verifier)
    error = error_of(rig, "registerStationKey", "new station", *words_of(new))
    assert (error.name, error.args_by_name) == ("PrecompileUnavailable", {"precompile": MAP_FP_TO_G1})


def test_the_hint_names_the_option_to_record(rig, line, trace):
    new, route = station("new station", rig.verifier), line.design.route
    register, prove = (
        "`chromatrace route station register --unverified`",
        "`chromatrace route prove --record-unverified`",
    )
    for function, args, option in (
        ("registerStationKey", ("new station", *words_of(new)), register),
        ("proveRoute", (route, *proof_of(line.design, trace)), prove),
        ("proveRoutes", (route, *proofs_of(line.design, [trace])), prove),
    ):
        assert option in error_of(rig, function, *args).hint


def test_keys_are_recorded_as_unverified(rig, line):
    for entry in line.design.stations:
        assert rig.chain.read(reads.station_key_is_unverified(entry.key_id))
    again = station("station 1", rig.verifier)
    assert error_of(rig, "recordStationKey", "again", *words_of(again)).name == "StationKeyAlreadyRegistered"


def test_a_recorded_signature_is_not_a_proof(rig, line, trace):
    route = line.design.route
    receipt = rig.chain.submit(calls.record_unverified(route, *proof_of(line.design, trace)))
    event = receipt.event("RouteRecordedUnverified").args
    assert (event["route"], event["subject"], event["head"]) == (route, SUBJECT, trace.state.link)
    assert tuple(event["signature"]) == signature_words(trace.state.aggregate)
    assert rig.chain.read(Read("RouteVerifier", "isRecordedUnverified", (route, SUBJECT), bool))
    assert not rig.chain.read(reads.route_is_proven(route, SUBJECT))
    assert error_of(rig, "recordUnverified", route, *proof_of(line.design, trace)).name == "AlreadyRecorded"
    claim = Claim(SUBJECT, trace.messages[:1], trace.state)
    assert error_of(rig, "recordUnverified", route, *proof(claim)).name == "WrongStepCount"
    assert error_of(rig, "recordUnverified", digest("no route"), *proof(claim)).name == "UnknownRoute"


def test_another_organisation_cannot_record_for_the_route(rig, line):
    """Without verification, a foreign invalid signature would block that of the stations."""
    trace = line.trace(digest("another batch"))
    competitor, roles = 2, Role.ADMIN | Role.PRODUCER | Role.GATEWAY
    with pytest.warns(DevKeyWarning):
        competitor_address = dev_signer(1, rig.verifier.chain_id).address
    kind = OrganisationKind.MANUFACTURER
    rig.chain.submit(calls.register_organisation(kind, Gln("9521234000020"), roles, "Example Competitor"))
    rig.chain.submit(calls.appoint_operator(competitor_address, competitor, roles))
    data = contract("RouteVerifier").encode_call("recordUnverified", line.design.route, *proof_of(line.design, trace))
    call = {"from": competitor_address, "to": rig.verifier.address, "data": "0x" + data.hex()}
    with pytest.raises(RpcError) as error:
        rig.chain.rpc.call("eth_call", call, "latest")
    revert = decode_revert(error.value.data)
    assert (revert.name, revert.args_by_name) == (
        "NotRouteOwner",
        {"route": line.design.route, "owner": PLANT, "caller": competitor},
    )


def test_no_output_calls_a_recorded_route_proven(run, rig, workspace_settings):
    """Command line, index and portal show recorded keys and signatures as unchecked."""
    for name in ("s201", "s202"):
        run(station_commands, "create", name)
        with pytest.raises(ContractError) as error:
            run(station_commands, "register", name)
        assert error.value.name == "PrecompileUnavailable"
        assert not run(station_commands, "register", name, "--unverified")["verified"]
    assert [entry["verified"] for entry in run(station_commands, "list", "--chain")["stations"]] == [False, False]
    steps = ("--step", "sputtering=s201", "--step", "inspection=s202", "--requires-proof")
    route = run(route_commands, "design", "unchecked", *steps, "--out", "design.json")["route"]
    sign = ("sign", "design.json", "lot.json", "--digest", "0x" + SUBJECT.hex(), "--station")
    run(route_commands, *sign, "s201", "--batch", f"{KEY.gtin}/{KEY.lot}")
    run(route_commands, *sign, "s202")
    assert run(route_commands, "verify", "design.json", "lot.json")["proven"], "verified off chain"
    with pytest.raises(ContractError) as error:
        run(route_commands, "prove", "design.json", "lot.json")
    assert error.value.name == "PrecompileUnavailable"
    assert not run(route_commands, "prove", "design.json", "lot.json", "--record-unverified")["proven"]

    content = calls.Registration(KEY, 10, digest("document"), bytes(32), bytes.fromhex(route[2:]))
    own_items(rig.chain, PLANT, [KEY.gtin])
    rig.chain.submit(calls.register_batch(content))
    with Workspace(workspace_settings) as workspace:
        Follower(workspace.index, workspace.rpc, workspace.manifest).sync()
        batch = query(workspace.index).batch_by_key(KEY)
        proof = query(workspace.index).proof_of(batch.batch_id, batch.route)
        assert (proof.state, proof.proven) == (RouteProofState.RECORDED, None)
        assert [step.verified for step in query(workspace.index).route(batch.route).steps] == [False, False]
        client = create_app(portal_config(workspace), workspace.spool).test_client()
        page = client.get(f"/01/{KEY.gtin}/10/{KEY.lot}").text
        facts = client.get(f"/api/v1/batches/{KEY.gtin}/{KEY.lot}").json["route"]
    assert "Not verified by the chain" in page
    assert page.count("key not verified by the chain") == 2
    assert "proven in order" not in page.lower()
    assert (facts["state"], [step["key_checked_by_chain"] for step in facts["steps"]]) == (
        "recorded-not-verified",
        [False, False],
    )
