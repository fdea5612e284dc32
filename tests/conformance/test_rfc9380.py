"""Run the hash-to-curve vectors of RFC 9380 for G1, with their DST, off chain and in Solidity."""

import json
import random

import pytest
from bls_harness import Harness

from chromatrace.crypto.bls import SIGNATURE_TAG, SecretKey
from chromatrace.crypto.eip2537 import g1_to_evm

IDENTITY = SecretKey(1)
"""1 · H(message) is H(message)."""


@pytest.fixture(scope="module")
def harness(anvil):
    return Harness(anvil)


@pytest.fixture(scope="module")
def suite(vectors_dir):
    path = vectors_dir / "rfc9380" / "BLS12381G1_XMD_SHA-256_SSWU_RO_.json"
    return json.loads(path.read_text(encoding="utf-8"))


def expected(vector):
    return b"".join(int(vector["P"][name], 16).to_bytes(64, "big") for name in ("x", "y"))


def test_off_chain(suite):
    assert len(suite["vectors"]) == 5
    for vector in suite["vectors"]:
        hashed = IDENTITY.sign(vector["msg"].encode(), suite["dst"].encode())
        assert g1_to_evm(hashed.data) == expected(vector)


def test_through_solidity(suite, harness):
    passed = [
        vector
        for vector in suite["vectors"]
        if harness.hash_to_g1(vector["msg"].encode(), suite["dst"].encode()) == expected(vector)
    ]
    assert len(passed) == len(suite["vectors"]) == 5


def test_other_tag_gives_another_point(suite, harness):
    vector = suite["vectors"][0]
    assert harness.hash_to_g1(vector["msg"].encode(), b"another tag") != expected(vector)


def test_random_digests_agree(harness):
    """Hash 32-byte digests, as for proofs; 300 of them cover both cases of the reduction modulo p."""
    rng = random.Random(9380)
    digests = [rng.randbytes(32) for _ in range(300)]
    for digest, point in zip(digests, harness.hash_digests_to_g1(digests, SIGNATURE_TAG), strict=True):
        assert point == g1_to_evm(IDENTITY.sign(digest).data)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 255, 1000])
@pytest.mark.parametrize("tag", [b"t", b"t" * 31, b"t" * 32, b"t" * 33, b"t" * 255])
def test_messages_and_tags_of_all_sizes(harness, size, tag):
    message = bytes(range(256)) * 4
    assert harness.hash_to_g1(message[:size], tag) == g1_to_evm(IDENTITY.sign(message[:size], tag).data)
