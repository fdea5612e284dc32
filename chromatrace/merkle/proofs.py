"""Merkle trees of RFC 9162, section 2.1: hashes, roots, inclusion and consistency proofs, and their verification.

    leaf:  SHA-256(0x00 ‖ entry)          node:  SHA-256(0x01 ‖ left ‖ right)

The left subtree of n leaves has the largest power of two smaller than n. A proof is a list of 32-byte hashes, lowest
level first. Proofs are built from a `RangeHash`, which gives the root of any range of leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice

from chromatrace.domain.errors import InvalidInput
from chromatrace.merkle.errors import ProofError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of the empty tree."""

RangeHash = Callable[[int, int], bytes]
"""Returns the root of the leaves from `start` up to, but not including, `stop`; the range is not empty."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """Return the number of leaves in the left subtree: the largest power of two smaller than `size` (at least 2)."""
    return 1 << (size - 1).bit_length() - 1


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root over `leaf_hashes`, in memory logarithmic in their number."""
    subtrees: list[bytes] = []
    _append(subtrees, 0, leaf_hashes)
    return root_of_subtrees(subtrees)


def roots(leaf_hashes: Iterable[bytes], sizes: Iterable[int]) -> Iterator[bytes]:
    """Yield the root over the first n of `leaf_hashes` for each n of ascending `sizes`, in logarithmic memory.

    Raises `InvalidInput` if `sizes` is not ascending or there are too few leaves.
    """
    subtrees: list[bytes] = []
    size, hashes = 0, iter(leaf_hashes)
    for target_size in sizes:
        if target_size < size:
            raise InvalidInput(f"sizes must be ascending, got {target_size} after {size}", field="sizes")
        size = _append(subtrees, size, islice(hashes, target_size - size))
        if size != target_size:
            raise InvalidInput(f"expected {target_size} leaves, got {size}", field="leaf_hashes")
        yield root_of_subtrees(subtrees)


def _append(subtrees: list[bytes], size: int, leaf_hashes: Iterable[bytes]) -> int:
    """Append leaves to a tree of `size` leaves, given as its complete subtrees, and return its new size."""
    for node in leaf_hashes:
        rest, size = size, size + 1
        while rest & 1:
            node = node_hash(subtrees.pop(), node)
            rest >>= 1
        subtrees.append(node)
    return size


def root_of_subtrees(subtrees: list[bytes]) -> bytes:
    """Return the root over the complete subtrees that make up a tree, largest first."""
    if not subtrees:
        return EMPTY_ROOT
    node = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        node = node_hash(left, node)
    return node


def inclusion_path(index: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """Return PATH(index, D[size]) of RFC 9162, 2.1.3.1. Raises `InvalidInput` unless 0 <= index < size."""
    if not 0 <= index < size:
        raise InvalidInput(f"leaf {index} is not in a tree of {size}", field="index")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + split(stop - start)
        if index < middle:
            path.append(range_hash(middle, stop))
            stop = middle
        else:
            path.append(range_hash(start, middle))
            start = middle
    path.reverse()
    return path


def consistency_path(old_size: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """Return PROOF(old_size, D[size]) of RFC 9162, 2.1.4.1. Raises `InvalidInput` unless 0 < old_size <= size."""
    if not 0 < old_size <= size:
        raise InvalidInput(f"a tree of {size} cannot extend one of {old_size}", field="old_size")
    path: list[bytes] = []
    start, stop = 0, size
    while stop != old_size:
        middle = start + split(stop - start)
        if old_size <= middle:
            path.append(range_hash(middle, stop))
            stop = middle
        else:
            path.append(range_hash(start, middle))
            start = middle
    # If the old tree is a complete subtree of the new one, the proof omits it: the verifier has its root.
    if start:
        path.append(range_hash(start, stop))
    path.reverse()
    return path


def _require_hash(value: object, field: str) -> None:
    if not isinstance(value, bytes) or len(value) != HASH_SIZE:
        raise ProofError(f"expected {HASH_SIZE} bytes, got {value!r}", field=field)


def _require_proof(proof: Sequence[bytes]) -> None:
    for position, node in enumerate(proof):
        if not isinstance(node, bytes) or len(node) != HASH_SIZE:
            _require_hash(node, f"proof[{position}]")


def _require_root(computed: bytes, root: bytes, field: str) -> None:
    if computed != root:
        raise ProofError(f"the proof gives root {computed.hex()}, expected {root.hex()}", field=field)


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf_hash` is leaf `index` of the tree (`size`, `root`). Raises `ProofError` otherwise.

    Implements RFC 9162, 2.1.3.2, and checks the length of the proof as well.
    """
    _require_hash(leaf_hash, "leaf_hash")
    _require_hash(root, "root")
    _require_proof(proof)
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} cannot be in a tree of {size}", field="index")
    # Below the level where the path leaves the right edge, each level has a node; above it, each set bit has one.
    inner = (index ^ (size - 1)).bit_length()
    length = inner + (index >> inner).bit_count()
    if len(proof) != length:
        raise ProofError(f"expected {length} hashes, got {len(proof)}", field="proof")
    node = leaf_hash
    for level, sibling in enumerate(proof):
        left = level >= inner or index >> level & 1
        node = node_hash(sibling, node) if left else node_hash(node, sibling)
    _require_root(node, root, "root")


def verify_consistency(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Check that the tree (`size`, `root`) extends (`old_size`, `old_root`). Raises `ProofError` otherwise.

    Implements RFC 9162, 2.1.4.2. Rejects an empty old tree, because every tree extends it.
    """
    _require_hash(old_root, "old_root")
    _require_hash(root, "root")
    _require_proof(proof)
    if not 0 < old_size <= size:
        raise ProofError(f"a tree of {size} cannot extend one of {old_size}", field="old_size")
    if old_size == size:
        if proof:
            raise ProofError("the proof between trees of equal size must be empty", field="proof")
        _require_root(old_root, root, "root")
        return
    nodes = list(proof)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise ProofError("the proof is empty", field="proof")
    first, last = old_size - 1, size - 1
    while first & 1:
        first >>= 1
        last >>= 1
    old_node = node = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ProofError("the proof is too long", field="proof")
        if first & 1 or first == last:
            old_node = node_hash(sibling, old_node)
            node = node_hash(sibling, node)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        first >>= 1
        last >>= 1
    if last:
        raise ProofError("the proof is too short", field="proof")
    _require_root(old_node, old_root, "old_root")
    _require_root(node, root, "root")
