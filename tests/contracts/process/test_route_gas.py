"""Gas of route proofs, for whole transactions under Prague rules, compared with route_gas.json. ECDSA is the baseline.

CHROMATRACE_UPDATE_GAS=1 writes new figures, as in test_gas.py.
"""

import json
import os
from pathlib import Path

import pytest
from brownie import EcdsaRoute
from eth_keys.datatypes import PrivateKey
from eth_utils import keccak
from reverts import Revert, revert_of_data
from stations import Stations, digest, secret

from chromatrace.crypto.route import RouteTrace, batches, origin, proofs_of, signature_words, subject_of
from chromatrace.crypto.route.link import rebuild

RECORDED = Path(__file__).with_name("route_gas.json")
TOLERANCE = 0.005
TRANSACTION_CAP = 2**24
STEPS = (1, 3, 5, 8, 12)
LIMITS = {"prove 8": 540_000, "prove 64 x 8 of one batch": 64 * 8 * 24_000}


@pytest.fixture(scope="module")
def recorded():
    figures = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    yield figures
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        RECORDED.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


@pytest.fixture
def stations(env):
    return Stations(env)


def check_gas(recorded, name, used):
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        recorded[name] = used
    assert used <= LIMITS.get(name, TRANSACTION_CAP)
    assert used == pytest.approx(recorded[name], rel=TOLERANCE), "see the module docstring to update"


def test_register_and_design(env, stations, recorded):
    tx = env.routes.registerStationKey(*stations.key_arguments("station 1"), {"from": env.gateway})
    check_gas(recorded, "register a key", tx.gas_used)
    keys = stations.register(*(f"step {n}" for n in range(8)))
    names = [f"process {n}" for n in range(8)]
    tx = env.routes.designRoute("pane", 1, False, keys, names, {"from": env.producer})
    check_gas(recorded, "design 8", tx.gas_used)


@pytest.mark.parametrize("steps", STEPS)
def test_prove_one(stations, recorded, steps):
    line = stations.line(steps)
    check_gas(recorded, f"prove {steps}", stations.prove(line, digest("batch")).gas_used)


@pytest.mark.parametrize("shape", ["of one batch", "of as many batches"])
def test_prove_many(env, stations, recorded, shape):
    line = stations.line(8)
    same_batch = shape == "of one batch"
    subjects = [subject_of(digest("batch"), n) if same_batch else digest(f"batch {n}") for n in range(64)]
    proofs = proofs_of(line.design, [line.trace(subject) for subject in subjects])
    tx = env.routes.proveRoutes(line.design.route, *proofs, {"from": env.producer, "gas_limit": TRANSACTION_CAP})
    check_gas(recorded, f"prove 64 x 8 {shape}", tx.gas_used)


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 64])
def test_the_largest_chunk_of_proofs_fits_into_a_transaction(env, stations, steps):
    """The subjects share no storage slot. Any point will do as a signature, because the pairing check comes last."""
    line = stations.line(steps)
    design, signature = line.design, signature_words(secret("any").sign(b"anything"))
    (chunk, *_) = batches(design, [RouteTrace(design.route, digest(f"batch {n}")) for n in range(512)])
    messages = [digest(f"step {n}") for n in range(steps)]
    heads = [rebuild(design, origin(design, trace.subject), messages).values[-1] for trace in chunk]
    proofs = [(trace.subject, head, signature) for trace, head in zip(chunk, heads, strict=True)]
    data = env.routes.proveRoutes.encode_input(design.route, proofs, messages * len(proofs))
    revert = revert_of_data(env.routes.address, data, env.producer, TRANSACTION_CAP)
    assert revert == Revert("InvalidProofSet", route=design.route, count=len(chunk))


@pytest.mark.parametrize("steps", [8])
def test_ecdsa(env, recorded, steps):
    baseline = env.registrar.deploy(EcdsaRoute, env.consortium)
    keys = [PrivateKey(keccak(b"station %d" % n)) for n in range(steps)]
    addresses = [key.public_key.to_checksum_address() for key in keys]
    baseline.design(addresses, {"from": env.registrar})
    route, subject, messages = digest("route"), digest("batch"), [digest(f"step {n}") for n in range(steps)]
    signatures = ecdsa_signatures(baseline, route, subject, messages, keys)
    assert len(signatures) == 65 * steps
    tx = baseline.prove(route, subject, messages, signatures, {"from": env.producer})
    check_gas(recorded, f"ECDSA {steps}", tx.gas_used)


def ecdsa_signatures(baseline, route, subject, messages, keys):
    from brownie import chain

    def words(*values):
        return b"".join(value if isinstance(value, bytes) else value.to_bytes(32, "big") for value in values)

    link = keccak(words(chain.id, int(str(baseline.address), 16), route, subject))
    signatures = b""
    for step, (message, key) in enumerate(zip(messages, keys, strict=True), 1):
        station = key.public_key.to_canonical_address().rjust(32, b"\0")
        link = keccak(words(keccak(b"ChromaTrace route link/1"), link, message, station, step))
        signature = key.sign_msg_hash(link)
        signatures += signature.to_bytes()[:64] + bytes([signature.v + 27])
    return signatures
