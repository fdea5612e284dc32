"""The units of a batch under one serial root: an RFC 9162 tree whose entries are the serials in ASCII.

The chain stores the root, and the batch's document the range of serials. `verify_unit` checks a unit's proof against
the root alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.merkle.errors import ProofError
from chromatrace.merkle.proofs import inclusion_path, leaf_hash, root, verify_inclusion
from chromatrace.storage.strict_json import Digest, JsonObject, Positive, Whole

BLOCK = 1 << 10
"""Leaves per stored hash. A proof hashes at most this many leaves; a million units take 31 kB."""

CACHED_TREES = 64


class UnitProof(JsonObject, frozen=True):
    """Proof that `serial` is entry `index` of the `size` units under a batch's root. `path` has hashes of 32 bytes."""

    serial: str
    index: Whole
    size: Positive
    path: tuple[Digest, ...]

    def check(self) -> None:
        try:
            Serial(self.serial)
        except InvalidInput as error:
            raise InvalidInput(error.message, field="/serial") from error
        if self.index >= self.size:
            raise InvalidInput(f"the index must be below the size {self.size}, got {self.index}", field="/index")


class SerialTree:
    """The tree over a range of serials. Building it hashes every serial once; each proof is then cheap."""

    def __init__(self, serials: SerialRange) -> None:
        self.serials = serials
        self._blocks = [
            root(self._leaves(start, min(start + BLOCK, serials.count))) for start in range(0, serials.count, BLOCK)
        ]

    @property
    def root(self) -> bytes:
        """The batch's serial root on the chain, 32 bytes."""
        return root(self._blocks)

    def proof(self, serial: Serial) -> UnitProof:
        """Return the proof for `serial`. Raises `InvalidInput` if it is not in the range."""
        index = self.serials.index(serial)
        path = inclusion_path(index, self.serials.count, self._range_hash)
        return UnitProof(serial.value, index, self.serials.count, tuple(map(Digest, path)))

    def _range_hash(self, start: int, stop: int) -> bytes:
        # A subtree larger than BLOCK starts at a multiple of BLOCK, and RFC 9162 splits it at multiples of BLOCK.
        if stop - start > BLOCK:
            return root(self._blocks[start // BLOCK : -(-stop // BLOCK)])
        return root(self._leaves(start, stop))

    def _leaves(self, start: int, stop: int) -> Iterator[bytes]:
        part = SerialRange(self.serials.first + start, stop - start, self.serials.width)
        return (leaf_hash(text.encode("ascii")) for text in part.texts())


@lru_cache(maxsize=CACHED_TREES)
def serial_tree(serials: SerialRange) -> SerialTree:
    """Return the tree over `serials`, from a cache of recent trees."""
    return SerialTree(serials)


def serial_root(serials: SerialRange) -> bytes:
    """Return the root over the units of a batch, 32 bytes."""
    return serial_tree(serials).root


def unit_proof(serials: SerialRange, serial: Serial) -> UnitProof:
    """Return the proof that `serial` is one of `serials`. Raises `InvalidInput` if it is not."""
    return serial_tree(serials).proof(serial)


def verify_unit(root: bytes, proof: UnitProof, *, units: int | None = None, serial: Serial | None = None) -> None:
    """Check that a serial is a unit of the batch with this serial root. Raises `ProofError` otherwise.

    units   number of units on the chain. Without it, `proof.index` and `proof.size` are unproven, because in RFC 9162
            one path can be valid in trees of several sizes.
    serial  the scanned serial; raises `InvalidInput` if the proof is about another unit
    """
    if serial is not None and serial.value != proof.serial:
        raise InvalidInput(f"the proof is about unit {proof.serial}, expected {serial}", field="serial")
    if units is not None and proof.size != units:
        raise ProofError(f"the proof is about a batch of {proof.size} units, but the chain has {units}", field="size")
    verify_inclusion(leaf_hash(proof.serial.encode("ascii")), proof.index, proof.size, proof.path, root)
