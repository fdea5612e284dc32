"""Test roots and proofs against a literal implementation of RFC 9162."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merkle_reference import (
    consistency_proof,
    inclusion_proof,
    reference_consistency,
    reference_path,
    reference_root,
)

from chromatrace.domain.errors import InvalidInput
from chromatrace.merkle.errors import ProofError
from chromatrace.merkle.proofs import leaf_hash, root, roots, verify_consistency, verify_inclusion

ENTRIES = [f"entry {number}".encode() for number in range(70)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def test_root_of_empty_tree_and_single_leaf():
    assert root([]) == sha256(b"").digest()
    assert root(LEAVES[:1]) == sha256(b"\x00" + ENTRIES[0]).digest()


@pytest.mark.parametrize("size", range(1, 40))
def test_all_proofs_of_small_trees(size):
    entries, leaves = ENTRIES[:size], LEAVES[:size]
    head = root(leaves)
    assert head == reference_root(entries)
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        assert proof == reference_path(index, entries)
        verify_inclusion(leaves[index], index, size, proof, head)
    for old_size in range(1, size + 1):
        proof = consistency_proof(leaves, old_size)
        assert proof == reference_consistency(old_size, entries)
        verify_consistency(old_size, size, proof, root(leaves[:old_size]), head)


def test_roots_at_several_sizes_in_one_pass():
    sizes = [0, 1, 2, 2, 7, 8, 33, 64, 70]
    assert list(roots(LEAVES, sizes)) == [reference_root(ENTRIES[:size]) for size in sizes]
    taken = iter(LEAVES)
    assert list(roots(taken, [5, 9])) == [root(LEAVES[:5]), root(LEAVES[:9])]
    assert next(taken) == LEAVES[9]


@pytest.mark.parametrize(("sizes", "field"), [([3, 2], "sizes"), ([3, 71], "leaf_hashes")])
def test_roots_rejects_descending_or_missing_sizes(sizes, field):
    with pytest.raises(InvalidInput) as error:
        list(roots(LEAVES, sizes))
    assert error.value.field == field


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_changed_inclusion_proof_is_rejected(data):
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    leaf, proof, head = LEAVES[index], inclusion_proof(LEAVES[:size], index), root(LEAVES[:size])
    claims = {"leaf": leaf, "index": index, "size": size, "proof": proof, "root": head}
    changed = claims | data.draw(
        st.one_of(
            st.builds(lambda other: {"leaf": LEAVES[other]}, st.integers(0, 69)),
            st.builds(lambda other: {"index": other}, st.integers(-2, 140)),
            st.builds(lambda other: {"root": root(LEAVES[:other])}, st.integers(0, 70)),
            _changed_hashes(proof),
        )
    )
    if changed == claims:
        return
    with pytest.raises(ProofError):
        verify_inclusion(changed["leaf"], changed["index"], changed["size"], changed["proof"], changed["root"])


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_changed_consistency_proof_is_rejected(data):
    size = data.draw(st.integers(1, 70))
    old_size = data.draw(st.integers(1, size))
    proof = consistency_proof(LEAVES[:size], old_size)
    claims = {"proof": proof, "old_root": root(LEAVES[:old_size]), "root": root(LEAVES[:size])}
    changed = claims | data.draw(
        st.one_of(
            st.builds(lambda other: {"old_root": root(LEAVES[:other])}, st.integers(0, 70)),
            st.builds(lambda other: {"root": root(LEAVES[:other])}, st.integers(0, 70)),
            _changed_hashes(proof),
        )
    )
    if changed == claims:
        return
    with pytest.raises(ProofError):
        verify_consistency(old_size, size, changed["proof"], changed["old_root"], changed["root"])


def _changed_hashes(proof):
    """Draw the proof with a hash added, a hash removed, or a bit flipped."""
    choices = [
        st.builds(lambda index: {"proof": [*proof[:index], LEAVES[index], *proof[index:]]}, st.integers(0, len(proof)))
    ]
    if proof:
        indexes = st.integers(0, len(proof) - 1)
        choices.append(st.builds(lambda index: {"proof": proof[:index] + proof[index + 1 :]}, indexes))
        choices.append(
            st.builds(
                lambda index, bit: {"proof": [*proof[:index], _flipped(proof[index], bit), *proof[index + 1 :]]},
                indexes,
                st.integers(0, 255),
            )
        )
    return st.one_of(choices)


def _flipped(node, bit):
    return (int.from_bytes(node, "big") ^ 1 << bit).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((LEAVES[0], 0, 1, [], b""), "root"),
        ((b"", 0, 1, [], LEAVES[0]), "leaf_hash"),
        ((LEAVES[0], 0, 0, [], root([])), "index"),
        ((LEAVES[0], 1, 1, [], LEAVES[0]), "index"),
        ((LEAVES[0], 0, 2, [b"short"], LEAVES[0]), "proof[0]"),
        ((LEAVES[0], 0, 2, [], LEAVES[0]), "proof"),
        ((LEAVES[0], 0, 2, [LEAVES[1]], LEAVES[0]), "root"),
    ],
)
def test_proof_error_names_the_field(arguments, field):
    with pytest.raises(ProofError) as error:
        verify_inclusion(*arguments)
    assert error.value.field == field


def test_empty_old_tree_is_rejected():
    with pytest.raises(ProofError) as error:
        verify_consistency(0, 3, [], root([]), root(LEAVES[:3]))
    assert error.value.field == "old_size"


@pytest.mark.parametrize("index", [-1, 3])
def test_no_inclusion_proof_for_a_missing_leaf(index):
    with pytest.raises(InvalidInput) as error:
        inclusion_proof(LEAVES[:3], index)
    assert error.value.field == "index"


@pytest.mark.parametrize("old_size", [0, 4])
def test_no_consistency_proof_for_an_invalid_old_size(old_size):
    with pytest.raises(InvalidInput) as error:
        consistency_proof(LEAVES[:3], old_size)
    assert error.value.field == "old_size"
