"""Merkle trees as in RFC 9162, section 2.1: hashes, roots, inclusion and consistency proofs, and their verification.

    leaf:  SHA-256(0x00 ‖ entry)          node:  SHA-256(0x01 ‖ left ‖ right)

A tree of n leaves has the largest power of two smaller than n in its left half. Proofs are lists of 32-byte hashes,
the lowest first. What makes proofs works on anything that knows the hash of a range of leaves (`RangeHash`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice

from chromatrace.domain.errors import InvalidInput
from chromatrace.merkle.errors import ProofError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

RangeHash = Callable[[int, int], bytes]
"""The root of the leaves `start` to `stop` (excluded), of which there is at least one."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two smaller than `size` (at least 2): how many leaves lie in the left half."""
    return 1 << (size - 1).bit_length() - 1


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over `leaf_hashes`, taken one by one: memory grows with the logarithm of their number."""
    subtrees: list[bytes] = []
    _append(subtrees, 0, leaf_hashes)
    return fold(subtrees)


def roots(leaf_hashes: Iterable[bytes], sizes: Iterable[int]) -> Iterator[bytes]:
    """The root over the first n of `leaf_hashes`, for each n of rising `sizes`; in as little memory as `root`.

    Raises `InvalidInput` where there are fewer, or a size is below the one before.
    """
    subtrees: list[bytes] = []
    size, hashes = 0, iter(leaf_hashes)
    for wanted in sizes:
        if wanted < size:
            raise InvalidInput(f"{wanted} comes after {size}", field="sizes")
        size = _append(subtrees, size, islice(hashes, wanted - size))
        if size != wanted:
            raise InvalidInput(f"there are {size} leaves, not {wanted}", field="leaf_hashes")
        yield fold(subtrees)


def _append(subtrees: list[bytes], size: int, leaf_hashes: Iterable[bytes]) -> int:
    """Adds leaves to a tree of `size` leaves, kept as its complete subtrees; how many it has then."""
    for node in leaf_hashes:
        rest, size = size, size + 1
        while rest & 1:
            node = node_hash(subtrees.pop(), node)
            rest >>= 1
        subtrees.append(node)
    return size


def fold(subtrees: list[bytes]) -> bytes:
    """The root over complete subtrees of falling size, as they make up a tree from the left."""
    if not subtrees:
        return EMPTY_ROOT
    node = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        node = node_hash(left, node)
    return node


def inclusion_path(index: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162, 2.1.3.1. Raises `InvalidInput` unless 0 <= index < size."""
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
    """PROOF(old_size, D[size]) of RFC 9162, 2.1.4.1. Raises `InvalidInput` unless 0 < old_size <= size."""
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
    # The old tree itself is left out where it is a complete subtree of the new one: the verifier has its root.
    if start:
        path.append(range_hash(start, stop))
    path.reverse()
    return path


def _range_hash_of(leaf_hashes: Sequence[bytes]) -> RangeHash:
    return lambda start, stop: root(leaf_hashes[position] for position in range(start, stop))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that leaf `index` is in the tree over `leaf_hashes`."""
    return inclusion_path(index, len(leaf_hashes), _range_hash_of(leaf_hashes))


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """The proof that the tree over `leaf_hashes` extends the one over its first `old_size` leaves."""
    return consistency_path(old_size, len(leaf_hashes), _range_hash_of(leaf_hashes))


def _require_hash(value: object, field: str) -> None:
    if not isinstance(value, bytes) or len(value) != HASH_SIZE:
        raise ProofError(f"{HASH_SIZE} bytes are needed, got {value!r}", field=field)


def _require_proof(proof: Sequence[bytes]) -> None:
    for position, node in enumerate(proof):
        if not isinstance(node, bytes) or len(node) != HASH_SIZE:
            _require_hash(node, f"proof[{position}]")


def _require_root(made: bytes, root: bytes, field: str) -> None:
    if made != root:
        raise ProofError(f"the proof leads to {made.hex()}, not to {root.hex()}", field=field)


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Returns where `proof` shows `leaf_hash` to be leaf `index` of the tree (`size`, `root`); else `ProofError`.

    RFC 9162, 2.1.3.2, with the length of the proof checked as well.
    """
    _require_hash(leaf_hash, "leaf_hash")
    _require_hash(root, "root")
    _require_proof(proof)
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} cannot be in a tree of {size}", field="index")
    # Up to the level at which the path leaves the tree's right edge every level has a node, above it one per set bit.
    inner = (index ^ (size - 1)).bit_length()
    needed = inner + (index >> inner).bit_count()
    if len(proof) != needed:
        raise ProofError(f"{needed} hashes are needed, got {len(proof)}", field="proof")
    node = leaf_hash
    for level, sibling in enumerate(proof):
        left = level >= inner or index >> level & 1
        node = node_hash(sibling, node) if left else node_hash(node, sibling)
    _require_root(node, root, "root")


def verify_consistency(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Returns where `proof` shows that the tree (`size`, `root`) extends (`old_size`, `old_root`); else `ProofError`.

    RFC 9162, 2.1.4.2. An empty old tree is refused: everything extends it, so that nothing would be shown.
    """
    _require_hash(old_root, "old_root")
    _require_hash(root, "root")
    _require_proof(proof)
    if not 0 < old_size <= size:
        raise ProofError(f"a tree of {size} cannot extend one of {old_size}", field="old_size")
    if old_size == size:
        if proof:
            raise ProofError("two trees of one size need no hashes", field="proof")
        _require_root(old_root, root, "root")
        return
    nodes = list(proof)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise ProofError("it is empty", field="proof")
    first, last = old_size - 1, size - 1
    while first & 1:
        first >>= 1
        last >>= 1
    old_node = node = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ProofError("it is longer than the path", field="proof")
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
        raise ProofError("it is shorter than the path", field="proof")
    _require_root(old_node, old_root, "old_root")
    _require_root(node, root, "root")
