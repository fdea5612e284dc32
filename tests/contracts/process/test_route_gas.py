"""Gas of route proofs, whole transactions, under Prague rules, held against route_gas.json; ECDSA × k beside them.

As in test_gas.py: CHROMATRACE_UPDATE_GAS=1 writes new figures.
"""

import json
import os
from pathlib import Path

import pytest
from brownie import EcdsaRoute
from eth_keys.datatypes import PrivateKey
from eth_utils import keccak
from refusals import Refused, refusal_of_data
from stations import Stations, digest, secret

from chromatrace.crypto.route import RouteTrace, batches, origin, proofs_of, signature_words, subject_of
from chromatrace.crypto.route.link import rebuild

RECORDED = Path(__file__).with_name("route_gas.json")
TOLERANCE = 0.005
TRANSACTION_CAP = 2**24
STEPS = (1, 3, 5, 8, 12)
BARS = {"prove 8": 540_000, "prove 64 x 8 of one batch": 64 * 8 * 24_000}


@pytest.fixture(scope="module")
def recorded():
    figures = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    yield figures
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        RECORDED.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


@pytest.fixture
def stations(world):
    return Stations(world)


def held(recorded, name, used):
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        recorded[name] = used
    assert used <= BARS.get(name, TRANSACTION_CAP)
    assert used == pytest.approx(recorded[name], rel=TOLERANCE), "meant? see this module's docstring"


def test_register_and_design(world, stations, recorded):
    tx = world.routes.registerStationKey(*stations.key_arguments("station 1"), {"from": world.gateway})
    held(recorded, "register a key", tx.gas_used)
    keys = stations.register(*(f"step {n}" for n in range(8)))
    names = [f"process {n}" for n in range(8)]
    tx = world.routes.designRoute("pane", 1, False, keys, names, {"from": world.producer})
    held(recorded, "design 8", tx.gas_used)


@pytest.mark.parametrize("steps", STEPS)
def test_prove(stations, recorded, steps):
    line = stations.line(steps)
    held(recorded, f"prove {steps}", stations.prove(line, digest("batch")).gas_used)


@pytest.mark.parametrize("shape", ["of one batch", "of as many batches"])
def test_prove_many(world, stations, recorded, shape):
    line = stations.line(8)
    one = shape == "of one batch"
    subjects = [subject_of(digest("batch"), n) if one else digest(f"batch {n}") for n in range(64)]
    proofs = proofs_of(line.design, [line.trace(subject) for subject in subjects])
    tx = world.routes.proveRoutes(line.design.route, *proofs, {"from": world.producer, "gas_limit": TRANSACTION_CAP})
    held(recorded, f"prove 64 x 8 {shape}", tx.gas_used)


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 64])
def test_the_largest_portion_of_many_fits_a_transaction(world, stations, steps):
    """Of subjects that share no storage slot. Any point does as a signature: the pairing that refuses it comes last."""
    line = stations.line(steps)
    design, signature = line.design, signature_words(secret("any").sign(b"anything"))
    (portion, *_) = batches(design, [RouteTrace(design.route, digest(f"batch {n}")) for n in range(512)])
    messages = [digest(f"step {n}") for n in range(steps)]
    heads = [rebuild(design, origin(design, trace.subject), messages).values[-1] for trace in portion]
    proofs = [(trace.subject, head, signature) for trace, head in zip(portion, heads, strict=True)]
    data = world.routes.proveRoutes.encode_input(design.route, proofs, messages * len(proofs))
    refused = refusal_of_data(world.routes.address, data, world.producer, TRANSACTION_CAP)
    assert refused == Refused("InvalidProofSet", route=design.route, count=len(portion))


@pytest.mark.parametrize("steps", [8])
def test_ecdsa(world, recorded, steps):
    rival = world.registrar.deploy(EcdsaRoute, world.consortium)
    keys = [PrivateKey(keccak(b"station %d" % n)) for n in range(steps)]
    addresses = [key.public_key.to_checksum_address() for key in keys]
    rival.design(addresses, {"from": world.registrar})
    route, subject, messages = digest("route"), digest("batch"), [digest(f"step {n}") for n in range(steps)]
    signatures = ecdsa_signatures(rival, route, subject, messages, keys)
    assert len(signatures) == 65 * steps
    tx = rival.prove(route, subject, messages, signatures, {"from": world.producer})
    held(recorded, f"ECDSA {steps}", tx.gas_used)


def ecdsa_signatures(rival, route, subject, messages, keys):
    from brownie import chain

    def words(*values):
        return b"".join(value if isinstance(value, bytes) else value.to_bytes(32, "big") for value in values)

    link = keccak(words(chain.id, int(str(rival.address), 16), route, subject))
    signatures = b""
    for step, (message, key) in enumerate(zip(messages, keys, strict=True), 1):
        station = key.public_key.to_canonical_address().rjust(32, b"\0")
        link = keccak(words(keccak(b"ChromaTrace route link/1"), link, message, station, step))
        signature = key.sign_msg_hash(link)
        signatures += signature.to_bytes()[:64] + bytes([signature.v + 27])
    return signatures
