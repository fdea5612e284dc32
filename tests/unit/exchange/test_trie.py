"""Test Merkle-Patricia proofs of inclusion and of absence, and the rejection of invalid proofs."""

from __future__ import annotations

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chromatrace.exchange.trie import EMPTY_ROOT, prove, verify
from chromatrace.merkle.errors import ProofError

KEYS = st.one_of(st.binary(min_size=1, max_size=3), st.binary(min_size=32, max_size=32))
VALUES = st.one_of(st.binary(min_size=1, max_size=4), st.binary(min_size=40, max_size=60))
TRIES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=10)


def test_published_roots():
    """From ethereum/tests, TrieTests/trietest.json and trieanyorder.json."""
    root, _ = prove({b"do": b"verb", b"horse": b"stallion", b"doge": b"coin", b"dog": b"puppy"}, b"do")
    assert root.hex() == "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84"
    root, _ = prove({b"foo": b"bar", b"food": b"bass"}, b"foo")
    assert root.hex() == "17beaa1648bafa633cda809c90c04af50fc8aed3cb40d16efbddee6fdf63c4c3"
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert verify(EMPTY_ROOT, b"anything", []) is None


@settings(max_examples=100, suppress_health_check=HealthCheck.all(), deadline=None)
@given(TRIES, KEYS)
def test_inclusion_and_absence_are_proven(entries, other_key):
    for key in [*entries, other_key]:
        root, nodes = prove(entries, key)
        assert verify(root, key, nodes) == entries.get(key)


@settings(max_examples=40, suppress_health_check=HealthCheck.all(), deadline=None)
@given(TRIES, st.data())
def test_changed_byte_is_rejected(entries, data):
    key = data.draw(st.sampled_from(sorted(entries)))
    root, nodes = prove(entries, key)
    for number, node in enumerate(nodes):
        for index in range(len(node)):
            flipped = node[:index] + bytes([node[index] ^ 1 << index % 8]) + node[index + 1 :]
            with pytest.raises(ProofError):
                verify(root, key, [*nodes[:number], flipped, *nodes[number + 1 :]])


@settings(max_examples=40, suppress_health_check=HealthCheck.all(), deadline=None)
@given(TRIES, st.data())
def test_missing_or_extra_node_is_rejected(entries, data):
    key = data.draw(st.sampled_from(sorted(entries)))
    root, nodes = prove(entries, key)
    with pytest.raises(ProofError, match="too short"):
        verify(root, key, nodes[:-1])
    with pytest.raises(ProofError, match="unused nodes"):
        verify(root, key, [*nodes, nodes[-1]])


@settings(max_examples=40, suppress_health_check=HealthCheck.all(), deadline=None)
@given(TRIES, st.binary(min_size=32, max_size=32))
def test_other_root_is_rejected(entries, root):
    key = next(iter(entries))
    _, nodes = prove(entries, key)
    with pytest.raises(ProofError, match="does not have the hash in its parent"):
        verify(root, key, nodes)


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        (b"", "not RLP"),
        (b"\xc1", "not RLP"),
        (rlp.encode(b"text"), "neither 2 nor 17"),
        (rlp.encode([b"\x20", b"a", b"b"]), "neither 2 nor 17"),
        (rlp.encode([b"", b"value"]), "hex-prefix"),
        (rlp.encode([b"\x41", b"value"]), "hex-prefix"),
        (rlp.encode([b"\x21\x11", b"value"]), "hex-prefix"),
        (rlp.encode([[b"\x20"], b"value"]), "hex-prefix"),
        (rlp.encode([b"\x20\x61", [b"value"]]), "not bytes"),
        (rlp.encode([b"\x00", b"x" * 32]), "empty path"),
        (rlp.encode([b"\x16", b""]), "too short"),
        (b"\xc0" + b"\x80" * 3, "not RLP"),
    ],
)
def test_malformed_nodes_are_rejected(node, problem):
    with pytest.raises(ProofError, match=problem):
        verify(keccak(node), b"a", [node])


def test_deep_nesting_is_rejected():
    node = b"x"
    for _ in range(5_000):
        node = _nest(node)
    with pytest.raises(ProofError):
        verify(keccak(node), b"a", [node])


def _nest(node):
    size = len(node)
    if size < 56:
        return bytes([0xC0 + size]) + node
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(length)]) + length + node
