"""`ReadingProof`: proves that a reading is under an anchored root."""

from __future__ import annotations

import re
from typing import Any, Self

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.merkle.entry import decode_reading
from chromatrace.merkle.proofs import leaf_hash, verify_inclusion
from chromatrace.storage.strict_json import JsonObject, Whole, convert, to_builtins

SCHEMA = "chromatrace.reading-proof/1"
_HEX = re.compile(r"([0-9a-f]{2})*", re.ASCII)


class PlainHex(bytes):
    """Bytes written as lower-case hexadecimal digits without a prefix."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Decode the JSON value. Raises `InvalidInput`."""
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise InvalidInput("expected lower-case hexadecimal digits without a prefix")
        return cls(bytes.fromhex(value))

    def to_json(self) -> str:
        """Return the JSON value."""
        return self.hex()


class ReadingProof(JsonObject, frozen=True, tag_field="schema", tag=SCHEMA):
    """Proof that `entry` is leaf `index` of the log of `channel`, whose root at `size` is `root`.

    The proof holds only relative to `root`. The verifier must find that root, with its channel and size, on the chain.
    """

    channel: str
    index: Whole
    size: Whole
    root: PlainHex
    entry: PlainHex
    path: tuple[PlainHex, ...]

    def verify(self) -> Reading:
        """Check the proof against its root and return the reading.

        Raises `EntryError` if the entry is not a canonical reading, `ProofError` if the path does not lead to the root.
        """
        reading = decode_reading(self.entry)
        verify_inclusion(leaf_hash(self.entry), self.index, self.size, self.path, self.root)
        return reading

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as JSON."""
        document: dict[str, Any] = to_builtins(self)
        return document

    @classmethod
    def from_dict(cls, document: object) -> Self:
        """Parse the output of `as_dict`. Raises `InvalidInput` with a JSON pointer."""
        return convert(document, cls)
