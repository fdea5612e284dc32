"""The units of a batch under one root: an RFC 9162 tree whose entries are the serials in ASCII.

The chain keeps the root, the batch's document the range. Whoever holds a unit's proof can check it against the root on
the chain with nothing else: `verify_unit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.merkle.errors import ProofError
from chromatrace.merkle.proofs import inclusion_path, leaf_hash, root, verify_inclusion
from chromatrace.storage import strict_json
from chromatrace.storage.strict_json import array, below, members

BLOCK = 1 << 10
"""Leaves under one kept hash: a proof hashes at most this many leaves anew, a million units keep 31 kB."""

KEPT_TREES = 64


@dataclass(frozen=True, slots=True)
class UnitProof:
    """That `serial` is entry `index` of the `size` units under a batch's root. `path` holds hashes of 32 bytes."""

    serial: Serial
    index: int
    size: int
    path: tuple[bytes, ...]

    def as_json(self) -> dict[str, Any]:
        """For bundles and interfaces; hashes as 0x and hexadecimal digits."""
        path = [f"0x{node.hex()}" for node in self.path]
        return {"serial": self.serial.value, "index": self.index, "size": self.size, "path": path}

    @classmethod
    def from_json(cls, value: object, pointer: str = "") -> Self:
        """Strict; `InvalidInput` with the JSON pointer of what is wrong."""
        parts = members(value, pointer, ("serial", "index", "size", "path"))
        with below(f"{pointer}/serial", whole=True):
            serial = Serial(strict_json.text(parts["serial"], ""))
        size = strict_json.whole(parts["size"], f"{pointer}/size", minimum=1)
        index = strict_json.whole(parts["index"], f"{pointer}/index", maximum=size - 1)
        nodes = array(parts["path"], f"{pointer}/path")
        path = tuple(strict_json.digest(node, f"{pointer}/path/{place}") for place, node in enumerate(nodes))
        return cls(serial, index, size, path)


class SerialTree:
    """The tree over a range. Building it hashes every serial once; proofs are cheap then."""

    def __init__(self, serials: SerialRange) -> None:
        self.serials = serials
        self._blocks = [
            root(self._leaves(start, min(start + BLOCK, serials.count))) for start in range(0, serials.count, BLOCK)
        ]

    @property
    def root(self) -> bytes:
        """32 bytes: what the chain keeps as the root of the batch's units."""
        return root(self._blocks)

    def proof(self, serial: Serial) -> UnitProof:
        """The proof for `serial`; `InvalidInput` naming `serial` where it is not in the range."""
        index = self.serials.index(serial)
        path = inclusion_path(index, self.serials.count, self._range_hash)
        return UnitProof(serial, index, self.serials.count, tuple(path))

    def _range_hash(self, start: int, stop: int) -> bytes:
        # A subtree of more than a block begins at one, and RFC 9162 splits it at multiples of BLOCK, a power of 2.
        if stop - start > BLOCK:
            return root(self._blocks[start // BLOCK : -(-stop // BLOCK)])
        return root(self._leaves(start, stop))

    def _leaves(self, start: int, stop: int) -> Iterator[bytes]:
        part = SerialRange(self.serials.first + start, stop - start, self.serials.width)
        return (leaf_hash(text.encode("ascii")) for text in part.texts())


@lru_cache(maxsize=KEPT_TREES)
def serial_tree(serials: SerialRange) -> SerialTree:
    """The tree over `serials`; the last ones are kept."""
    return SerialTree(serials)


def serial_root(serials: SerialRange) -> bytes:
    """The root over the units of a batch, 32 bytes."""
    return serial_tree(serials).root


def unit_proof(serials: SerialRange, serial: Serial) -> UnitProof:
    """The proof that `serial` is one of `serials`; `InvalidInput` naming `serial` where it is not."""
    return serial_tree(serials).proof(serial)


def verify_unit(root: bytes, proof: UnitProof, *, units: int | None = None, serial: Serial | None = None) -> None:
    """Returns where `proof` shows its serial to be a unit of the batch with `root` on the chain; else `ProofError`.

    units   how many the chain says there are. Without it `proof.index` and `proof.size` are claims only: RFC 9162 lets
            one path hold in trees of several sizes, so the root does not bind them.
    serial  what was scanned; raises `InvalidInput` where the proof is about another unit
    """
    if serial is not None and serial != proof.serial:
        raise InvalidInput(f"the proof is about unit {proof.serial}, not {serial}", field="serial")
    if units is not None and proof.size != units:
        raise ProofError(f"the proof is about a batch of {proof.size} units, the chain has {units}", field="size")
    verify_inclusion(leaf_hash(proof.serial.value.encode("ascii")), proof.index, proof.size, proof.path, root)
