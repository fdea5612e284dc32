"""`ReadingProof`: proves that a reading is under an anchored root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.merkle.entry import decode_reading
from chromatrace.merkle.proofs import leaf_hash, verify_inclusion

SCHEMA = "chromatrace.reading-proof/1"


@dataclass(frozen=True, slots=True)
class ReadingProof:
    """Proof that `entry` is leaf `index` of the log of `channel`, whose root at `size` is `root`.

    The proof holds only relative to `root`. The verifier must find that root, with its channel and size, on the chain.
    """

    channel: str
    index: int
    size: int
    root: bytes
    entry: bytes
    path: tuple[bytes, ...]

    def verify(self) -> Reading:
        """Check the proof against its root and return the reading.

        Raises `EntryError` if the entry is not a canonical reading, `ProofError` if the path does not lead to the root.
        """
        reading = decode_reading(self.entry)
        verify_inclusion(leaf_hash(self.entry), self.index, self.size, self.path, self.root)
        return reading

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as JSON, with bytes in hexadecimal without a prefix."""
        return {
            "schema": SCHEMA,
            "channel": self.channel,
            "index": self.index,
            "size": self.size,
            "root": self.root.hex(),
            "entry": self.entry.hex(),
            "path": [node.hex() for node in self.path],
        }

    @classmethod
    def from_dict(cls, document: object) -> ReadingProof:
        """Parse the output of `as_dict`. Raises `InvalidInput` naming the field."""
        if not isinstance(document, dict):
            raise InvalidInput("expected a JSON object", field="proof")
        if document.get("schema") != SCHEMA:
            raise InvalidInput(f"expected {SCHEMA!r}, got {document.get('schema')!r}", field="schema")
        names = {"schema", "channel", "index", "size", "root", "entry", "path"}
        if wrong := names ^ document.keys():
            raise InvalidInput("missing or unknown field", field=str(sorted(map(str, wrong))[0]))
        path = document["path"]
        if not isinstance(path, list):
            raise InvalidInput("expected an array", field="path")
        if not isinstance(document["channel"], str):
            raise InvalidInput("expected text", field="channel")
        return cls(
            document["channel"],
            _number(document["index"], "index"),
            _number(document["size"], "size"),
            _bytes(document["root"], "root"),
            _bytes(document["entry"], "entry"),
            tuple(_bytes(node, f"path[{position}]") for position, node in enumerate(path)),
        )


def _number(value: object, field: str) -> int:
    if type(value) is not int or value < 0:
        raise InvalidInput(f"expected a whole number of at least 0, got {value!r}", field=field)
    return value


def _bytes(value: object, field: str) -> bytes:
    if isinstance(value, str):
        try:
            data = bytes.fromhex(value)
        except ValueError:
            data = None
        if data is not None and data.hex() == value:
            return data
    raise InvalidInput(f"expected lower-case hexadecimal digits without a prefix, got {value!r}", field=field)
