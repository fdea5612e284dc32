"""Test BLS signatures of noble-curves in G1, with its domain separation tag, off chain and in Solidity."""

import pytest
from bls_harness import Harness

from chromatrace.crypto.bls import ORDER, SIGNATURE_TAG, SecretKey, Signature, verify
from chromatrace.crypto.eip2537 import g1_to_evm, g2_to_evm

TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


@pytest.fixture(scope="module")
def cases(vectors_dir):
    lines = (vectors_dir / "bls-g1" / "g1-signatures.txt").read_text(encoding="ascii").split()
    fields = [[bytes.fromhex(field) for field in line.split(":")] for line in lines]
    assert len(fields) == 64
    return [
        (SecretKey(int.from_bytes(secret, "big") % ORDER), message, signature) for secret, message, signature in fields
    ]


def test_sign_and_verify(cases):
    for secret, message, signature in cases:
        assert secret.sign(message, TAG).data == signature
        assert verify(secret.public_key, message, Signature(signature), TAG)


def test_other_tag_message_or_key_is_invalid(cases):
    for (secret, message, signature), (other, *_) in zip(cases, cases[1:] + cases[:1], strict=True):
        given = Signature(signature)
        assert not verify(secret.public_key, message, given, SIGNATURE_TAG)
        assert not verify(secret.public_key, message + b"\0", given, TAG)
        assert not verify(other.public_key, message, given, TAG)


def test_through_solidity(cases, anvil):
    harness = Harness(anvil)
    minus_g2 = harness.negated_generator()
    valid = invalid = 0
    for secret, message, signature in cases:
        key, given = g2_to_evm(secret.public_key.data), g1_to_evm(signature) + minus_g2
        valid += harness.pairing_holds(given + harness.hash_to_g1(message, TAG) + key)
        invalid += not harness.pairing_holds(given + harness.hash_to_g1(message, SIGNATURE_TAG) + key)
    assert (valid, invalid) == (64, 64)
