"""Merkle-Patricia trie proofs, for receipts under a block's `receiptsRoot` and storage under its `stateRoot`.

A node is the RLP of 17 items (branch: 16 children and a value) or of 2 items (leaf or extension: hex-prefix path, then
value or child). A child shorter than 32 bytes is embedded; a longer one is referenced by its keccak-256. Source:
Ethereum yellow paper, appendices C and D.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rlp

from chromatrace.domain.hashing import keccak
from chromatrace.merkle.errors import ProofError

EMPTY_ROOT = keccak(rlp.encode(b""))
"""Root of the empty trie."""

Nibbles = tuple[int, ...]


def verify(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """Return the value at `key` under `root` (32 bytes), or None if the proof shows that there is none.

    nodes  RLP of the nodes from the root down

    Raises `ProofError` if the proof is invalid.
    """
    path = _nibbles(key)
    expected: Any = root
    remaining = list(nodes)
    if root == EMPTY_ROOT and remaining in ([], [rlp.encode(b"")]):
        return None
    while True:
        node, remaining = _resolve(expected, remaining)
        if len(node) == 17:
            if not path:
                return _final_value(node[16], remaining)
            expected, path = node[path[0]], path[1:]
            if expected == b"":
                return _final_value(b"", remaining)
        else:
            prefix, is_leaf = _hex_prefix(node[0])
            if path[: len(prefix)] != prefix or (is_leaf and len(path) != len(prefix)):
                return _final_value(b"", remaining)
            if is_leaf:
                return _final_value(node[1], remaining)
            if not prefix:
                raise ProofError("an extension of the trie proof has an empty path", field="proof")
            expected, path = node[1], path[len(prefix) :]


def prove(entries: Mapping[bytes, bytes], key: bytes) -> tuple[bytes, list[bytes]]:
    """Return the root over all `entries`, and the nodes from it to `key` for `verify`."""
    items = sorted((_nibbles(name), value) for name, value in entries.items())
    if not items:
        return EMPTY_ROOT, []
    top = _build(items)
    nodes, node, path = [rlp.encode(top)], top, _nibbles(key)
    while True:
        if len(node) == 17:
            if not path:
                break
            child, path = node[path[0]], path[1:]
        else:
            prefix, is_leaf = _hex_prefix(node[0])
            if is_leaf or path[: len(prefix)] != prefix:
                break
            child, path = node[1], path[len(prefix) :]
        if child == b"":
            break
        node = child.structure if isinstance(child, _HashedNode) else child
        if isinstance(child, _HashedNode):
            nodes.append(rlp.encode(node))
    return keccak(nodes[0]), nodes


class _HashedNode(bytes):
    """The hash of a node that is too long to be embedded, with the node."""

    structure: list[Any]


def _build(items: list[tuple[Nibbles, bytes]]) -> list[Any]:
    if len(items) == 1:
        path, value = items[0]
        return [_pack(path, is_leaf=True), value]
    first, last = items[0][0], items[-1][0]
    shared = next((index for index, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    if shared:
        return [_pack(first[:shared], is_leaf=False), _child([(path[shared:], value) for path, value in items])]
    branch: list[Any] = [b""] * 17
    for digit in range(16):
        below = [(path[1:], value) for path, value in items if path and path[0] == digit]
        if below:
            branch[digit] = _child(below)
    branch[16] = next((value for path, value in items if not path), b"")
    return branch


def _child(items: list[tuple[Nibbles, bytes]]) -> Any:
    structure = _build(items)
    encoded = rlp.encode(structure)
    if len(encoded) < 32:
        return structure
    hashed = _HashedNode(keccak(encoded))
    hashed.structure = structure
    return hashed


def _resolve(expected: Any, remaining: list[bytes]) -> tuple[list[Any], list[bytes]]:
    if isinstance(expected, list):
        node: Any = expected
    else:
        if not remaining:
            raise ProofError("the trie proof is too short", field="proof")
        encoded, *remaining = remaining
        if keccak(encoded) != expected:
            raise ProofError("a node of the trie proof does not have the hash in its parent", field="proof")
        try:
            node = rlp.decode(encoded)
        except (rlp.DecodingError, RecursionError) as error:
            raise ProofError("a node of the trie proof is not RLP", field="proof") from error
    if not isinstance(node, list) or len(node) not in (2, 17):
        raise ProofError("a node of the trie proof has neither 2 nor 17 items", field="proof")
    return node, remaining


def _final_value(value: Any, remaining: list[bytes]) -> bytes | None:
    if remaining:
        raise ProofError("the trie proof has unused nodes", field="proof")
    if not isinstance(value, bytes):
        raise ProofError("a value of the trie proof is not bytes", field="proof")
    return value or None


def _nibbles(key: bytes) -> Nibbles:
    return tuple(digit for byte in key for digit in (byte >> 4, byte & 15))


def _pack(path: Nibbles, *, is_leaf: bool) -> bytes:
    flag = 2 if is_leaf else 0
    digits = (flag + 1, *path) if len(path) % 2 else (flag, 0, *path)
    return bytes(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))


def _hex_prefix(packed: Any) -> tuple[Nibbles, bool]:
    digits = _nibbles(bytes(packed)) if isinstance(packed, bytes) and packed else (16,)
    if digits[0] > 3 or (digits[0] in (0, 2) and digits[1] != 0):
        raise ProofError("a path of the trie proof is not in hex-prefix form", field="proof")
    return digits[1:] if digits[0] & 1 else digits[2:], digits[0] >= 2
