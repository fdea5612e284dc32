"""EIP-712 signatures of inspections, and their nonces."""

import pytest
from brownie import chain
from environment import NONE
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def inspection(env):
    return env.inspection(env.register())


def revert_of_record(env, inspection, signature):
    return revert_of(env.inspections.record, tuple(inspection.values()), signature, sender=env.stranger)


def invalid(env, inspection):
    return Revert(
        "InvalidInspectionSignature",
        inspector=inspection["inspector"],
        digest=bytes(env.inspections.digestOf(tuple(inspection.values()))),
    )


def test_the_digest_of_the_contract_is_the_signed_digest(env, inspection):
    from eth_account import Account

    recovered = Account._recover_hash(
        bytes(env.inspections.digestOf(tuple(inspection.values()))), signature=env.sign(inspection)
    )
    assert recovered == inspection["inspector"]


def test_publishes_its_eip712_domain(env):
    name, version, chain_id, contract = tuple(env.inspections.eip712Domain())[1:5]
    assert (str(name), str(version)) == ("ChromaTrace InspectionLedger", "1")
    assert (int(chain_id), contract) == (chain.id, env.inspections.address)


def test_rejects_the_key_of_another_inspector(env, inspection):
    assert revert_of_record(env, inspection, env.sign(inspection, env.plant_inspector)) == invalid(env, inspection)


def test_rejects_a_signature_for_another_chain(env, inspection):
    assert revert_of_record(env, inspection, env.sign(inspection, chainId=chain.id + 1)) == invalid(env, inspection)


def test_rejects_a_signature_for_another_contract(env, inspection):
    signature = env.sign(inspection, verifyingContract=env.registry.address)
    assert revert_of_record(env, inspection, signature) == invalid(env, inspection)


@pytest.mark.parametrize("domain", [{"name": "ChromaTrace"}, {"version": "2"}])
def test_rejects_a_signature_for_another_domain(env, inspection, domain):
    assert revert_of_record(env, inspection, env.sign(inspection, **domain)) == invalid(env, inspection)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verdict", 2),
        ("sampleSize", 4),
        ("defects", 1),
        ("instrument", NONE),
        ("evidence", NONE),
        ("inspectedAt", 1_700_000_000),
        ("deadline", 2**64 - 2),
    ],
)
def test_rejects_a_field_changed_after_signing(env, inspection, field, value):
    signature = env.sign(inspection)
    changed = inspection | {field: value}
    assert revert_of_record(env, changed, signature) == invalid(env, changed)


def test_rejects_the_malleable_signature(env, inspection):
    """(r, n - s) is also a signature of the digest; the ledger rejects it."""
    r, s, v = (lambda raw: (raw[:32], int.from_bytes(raw[32:64], "big"), raw[64]))(env.sign(inspection))
    malleable = r + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    assert revert_of_record(env, inspection, malleable) == invalid(env, inspection)


@pytest.mark.parametrize("signature", [b"", b"\0" * 65, b"\1" * 64, b"\1" * 66])
def test_rejects_a_malformed_signature(env, inspection, signature):
    assert revert_of_record(env, inspection, signature) == invalid(env, inspection)


def test_rejects_a_replay(env, inspection):
    signature = env.sign(inspection)
    env.inspections.record(tuple(inspection.values()), signature, {"from": env.stranger})
    assert revert_of_record(env, inspection, signature) == Revert(
        "InvalidAccountNonce", account=inspection["inspector"], currentNonce=1
    )


def test_rejects_a_nonce_out_of_order(env, inspection):
    early = inspection | {"nonce": 1}
    assert revert_of_record(env, early, env.sign(early)) == Revert(
        "InvalidAccountNonce", account=inspection["inspector"], currentNonce=0
    )


def test_nonce_keys_are_independent(env):
    first = 7 << 64
    env.inspect(env.register("L1"), nonce=first)
    env.inspect(env.register("L2"), nonce=0)
    env.inspect(env.register("L3"), nonce=first + 1)
    assert env.inspections.nonces(env.lab_inspector.address, 7) == first + 2
    again = env.inspection(env.register("L4"), nonce=first + 1)
    assert revert_of_record(env, again, env.sign(again)) == Revert(
        "InvalidAccountNonce", account=again["inspector"], currentNonce=first + 2
    )


def test_rejects_a_contract_without_erc_1271(env):
    env.appoint(env.process, env.lab, Role.INSPECTOR)
    inspection = env.inspection(env.register()) | {"inspector": env.process.address, "nonce": 0}
    assert revert_of_record(env, inspection, env.sign(inspection, env.lab_inspector)) == invalid(env, inspection)
