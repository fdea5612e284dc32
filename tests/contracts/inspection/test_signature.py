"""The EIP-712 signature: of this inspector, on this chain, for this ledger, once."""

import pytest
from brownie import chain
from refusals import Refused, refusal
from world import NONE

from chromatrace.domain.rights import Role

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def inspection(world):
    return world.inspection(world.register())


def refused(world, inspection, signature):
    return refusal(world.inspections.record, tuple(inspection.values()), signature, sender=world.stranger)


def wrong(world, inspection):
    return Refused(
        "InvalidInspectionSignature",
        inspector=inspection["inspector"],
        digest=bytes(world.inspections.digestOf(tuple(inspection.values()))),
    )


def test_the_contracts_digest_is_what_was_signed(world, inspection):
    from eth_account import Account

    recovered = Account._recover_hash(
        bytes(world.inspections.digestOf(tuple(inspection.values()))), signature=world.sign(inspection)
    )
    assert recovered == inspection["inspector"]


def test_publishes_its_domain(world):
    name, version, chain_id, contract = tuple(world.inspections.eip712Domain())[1:5]
    assert (str(name), str(version)) == ("ChromaTrace InspectionLedger", "1")
    assert (int(chain_id), contract) == (chain.id, world.inspections.address)


def test_refuses_the_wrong_key(world, inspection):
    assert refused(world, inspection, world.sign(inspection, world.plant_inspector)) == wrong(world, inspection)


def test_refuses_another_chain(world, inspection):
    assert refused(world, inspection, world.sign(inspection, chainId=chain.id + 1)) == wrong(world, inspection)


def test_refuses_another_contract(world, inspection):
    signature = world.sign(inspection, verifyingContract=world.registry.address)
    assert refused(world, inspection, signature) == wrong(world, inspection)


@pytest.mark.parametrize("domain", [{"name": "ChromaTrace"}, {"version": "2"}])
def test_refuses_another_domain(world, inspection, domain):
    assert refused(world, inspection, world.sign(inspection, **domain)) == wrong(world, inspection)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verdict", 2),
        ("sampleSize", 4),
        ("defects", 1),
        ("instrument", NONE),
        ("evidence", NONE),
        ("inspectedAt", 1),
        ("deadline", 2**64 - 2),
    ],
)
def test_refuses_a_field_changed_after_signing(world, inspection, field, value):
    signature = world.sign(inspection)
    changed = inspection | {field: value}
    assert refused(world, changed, signature) == wrong(world, changed)


def test_refuses_the_twin_signature(world, inspection):
    """(r, n - s) signs the same digest: accepted once by naive verifiers, refused here."""
    r, s, v = (lambda raw: (raw[:32], int.from_bytes(raw[32:64], "big"), raw[64]))(world.sign(inspection))
    twin = r + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    assert refused(world, inspection, twin) == wrong(world, inspection)


@pytest.mark.parametrize("signature", [b"", b"\0" * 65, b"\1" * 64, b"\1" * 66])
def test_refuses_junk(world, inspection, signature):
    assert refused(world, inspection, signature) == wrong(world, inspection)


def test_refuses_a_replay(world, inspection):
    signature = world.sign(inspection)
    world.inspections.record(tuple(inspection.values()), signature, {"from": world.stranger})
    assert refused(world, inspection, signature) == Refused(
        "InvalidAccountNonce", account=inspection["inspector"], currentNonce=1
    )


def test_refuses_a_nonce_out_of_turn(world, inspection):
    early = inspection | {"nonce": 1}
    assert refused(world, early, world.sign(early)) == Refused(
        "InvalidAccountNonce", account=inspection["inspector"], currentNonce=0
    )


def test_lanes_of_nonces_are_independent(world):
    lane = 7 << 64
    world.inspect(world.register("L1"), nonce=lane)
    world.inspect(world.register("L2"), nonce=0)
    world.inspect(world.register("L3"), nonce=lane + 1)
    assert world.inspections.nonces(world.lab_inspector.address, 7) == lane + 2
    again = world.inspection(world.register("L4"), nonce=lane + 1)
    assert refused(world, again, world.sign(again)) == Refused(
        "InvalidAccountNonce", account=again["inspector"], currentNonce=lane + 2
    )


def test_a_contract_that_does_not_answer_erc_1271_is_no_inspector(world):
    world.appoint(world.process, world.lab, Role.INSPECTOR)
    inspection = world.inspection(world.register()) | {"inspector": world.process.address, "nonce": 0}
    assert refused(world, inspection, world.sign(inspection, world.lab_inspector)) == wrong(world, inspection)
