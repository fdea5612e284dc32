"""A department record as it stands on the chain: the packed layout of `IDepartmentRecords` and its hash chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from typing import NewType

from eth_hash.auto import keccak

from chromatrace.domain.errors import InvalidInput

RecordId = NewType("RecordId", bytes)
"""20 bytes: which record it is, `record_id(kind, key)`."""
SubjectId = NewType("SubjectId", bytes)
"""20 bytes: which product a record is about, `subject_id(product)`."""

ID_SIZE = 20
ENTRY_SIZE = 92
HEAD_SIZE = 27
EMPTY_HEAD = bytes(HEAD_SIZE)
"""The head of a chain without records."""
_NONE = bytes(ID_SIZE)


class DepartmentRight(IntFlag):
    """What a member may do in a department (`DepartmentRights` in `contracts/libraries/Rights.sol`)."""

    READ = 1 << 0
    APPEND = 1 << 1


def record_id(kind: str, key: str) -> RecordId:
    """The record of `kind` (without its version, as in `sales.contract-order`) whose key is `key`."""
    return RecordId(_id("record", kind, key))


def subject_id(product: str) -> SubjectId:
    """The product with that product ID."""
    return SubjectId(_id("product", product))


def kind_hash(schema: str) -> bytes:
    """The 32 bytes that stand on the chain for a schema with its version."""
    return keccak(schema.encode())


def _id(*parts: str) -> bytes:
    # Each part with its length, so that no two lists of parts have the same bytes.
    encoded = [part.encode() for part in parts]
    return keccak(b"".join(len(part).to_bytes(4, "big") + part for part in encoded))[:ID_SIZE]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One record. `digest` is the SHA-256 of its document; `preceding` None: it is the first of its line."""

    record: RecordId
    subject: SubjectId
    preceding: RecordId | None
    digest: bytes

    def to_bytes(self) -> bytes:
        """The 92 bytes of the contract's layout."""
        packed = self.record + self.subject + (self.preceding or _NONE) + self.digest
        if len(packed) != ENTRY_SIZE or len(self.digest) != 32 or len(self.record) != ID_SIZE:
            raise InvalidInput("ids of 20 bytes and a digest of 32 are needed", field="record")
        return packed

    @classmethod
    def from_bytes(cls, packed: bytes) -> LedgerEntry:
        """Reads the 92 bytes."""
        preceding = packed[40:60]
        return cls(
            RecordId(packed[:20]),
            SubjectId(packed[20:40]),
            None if preceding == _NONE else RecordId(preceding),
            packed[60:],
        )


def pack(entries: Iterable[LedgerEntry]) -> bytes:
    """Many entries as `appendRecords` takes them."""
    return b"".join(entry.to_bytes() for entry in entries)


def unpack(packed: bytes) -> list[LedgerEntry]:
    """The entries of a `RecordsAppended` event; `InvalidInput` where they are not whole."""
    if len(packed) % ENTRY_SIZE:
        raise InvalidInput(f"records have {ENTRY_SIZE} bytes each, got {len(packed)}", field="records")
    return [LedgerEntry.from_bytes(packed[at : at + ENTRY_SIZE]) for at in range(0, len(packed), ENTRY_SIZE)]


def chained(head: bytes, kind: bytes, entries: Iterable[LedgerEntry]) -> bytes:
    """The head of a department's hash chain behind these entries: what the contract computes, readably."""
    for entry in entries:
        head = keccak(head + kind + entry.to_bytes())[:HEAD_SIZE]
    return head
