"""Department records on chain: the packed layout of `IDepartmentRecords` and its hash chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from typing import NewType

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak

RecordId = NewType("RecordId", bytes)
"""20 bytes: the record, `record_id(kind, key)`."""
SubjectId = NewType("SubjectId", bytes)
"""20 bytes: the product of a record, `subject_id(product)`."""

ID_SIZE = 20
ENTRY_SIZE = 92
HEAD_SIZE = 27
EMPTY_HEAD = bytes(HEAD_SIZE)
"""Head of a chain without records."""
_NONE = bytes(ID_SIZE)


class DepartmentRight(IntFlag):
    """Rights of a member in a department (`DepartmentRights` in `contracts/libraries/Rights.sol`)."""

    READ = 1 << 0
    APPEND = 1 << 1


def record_id(kind: str, key: str) -> RecordId:
    """Return the id of the record with this kind, such as `sales.contract-order` (no version), and key."""
    return RecordId(_id("record", kind, key))


def subject_id(product: str) -> SubjectId:
    """Return the id of a product."""
    return SubjectId(_id("product", product))


def kind_hash(schema: str) -> bytes:
    """Return the on-chain hash (32 bytes) of a schema with its version."""
    return keccak(schema.encode())


def _id(*parts: str) -> bytes:
    # The length of each part makes the encoding injective.
    encoded = [part.encode() for part in parts]
    return keccak(b"".join(len(part).to_bytes(4, "big") + part for part in encoded))[:ID_SIZE]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One record. `digest` is the SHA-256 of its document; `preceding` is None for the first record of a line."""

    record: RecordId
    subject: SubjectId
    preceding: RecordId | None
    digest: bytes

    def to_bytes(self) -> bytes:
        """Pack into the 92 bytes of the contract's layout."""
        packed = self.record + self.subject + (self.preceding or _NONE) + self.digest
        if len(packed) != ENTRY_SIZE or len(self.digest) != 32 or len(self.record) != ID_SIZE:
            raise InvalidInput("expected ids of 20 bytes and a digest of 32 bytes", field="record")
        return packed

    @classmethod
    def from_bytes(cls, packed: bytes) -> LedgerEntry:
        """Unpack 92 bytes."""
        preceding = packed[40:60]
        return cls(
            RecordId(packed[:20]),
            SubjectId(packed[20:40]),
            None if preceding == _NONE else RecordId(preceding),
            packed[60:],
        )


def pack(entries: Iterable[LedgerEntry]) -> bytes:
    """Pack entries for `appendRecords`."""
    return b"".join(entry.to_bytes() for entry in entries)


def unpack(packed: bytes) -> list[LedgerEntry]:
    """Unpack the entries of a `RecordsAppended` event. Raises `InvalidInput` for an incomplete entry."""
    if len(packed) % ENTRY_SIZE:
        raise InvalidInput(f"expected a multiple of {ENTRY_SIZE} bytes, got {len(packed)}", field="records")
    return [LedgerEntry.from_bytes(packed[start : start + ENTRY_SIZE]) for start in range(0, len(packed), ENTRY_SIZE)]


def chained(head: bytes, kind: bytes, entries: Iterable[LedgerEntry]) -> bytes:
    """Return the head of a department's hash chain after these entries, as the contract computes it."""
    for entry in entries:
        head = keccak(head + kind + entry.to_bytes())[:HEAD_SIZE]
    return head
