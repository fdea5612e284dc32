"""The contract events that a proof bundle cites, by their Solidity declarations; a test holds them to the ABIs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from chromatrace.exchange.blocks import ReceiptLog
from chromatrace.merkle.errors import ProofError

DECLARATIONS = {
    "Consortium": [
        "OrganisationRegistered(uint32 indexed organisation, uint8 kind, uint64 indexed gln, uint16 permittedRoles, "
        "uint64 validUntil, string name)",
        "OperatorAppointed(address indexed operator, uint32 indexed organisation, uint16 roles, uint64 validUntil, "
        "address indexed by)",
        "OperatorDismissed(address indexed operator, uint32 indexed organisation, address indexed by)",
    ],
    "BatchRegistry": [
        "BatchRegistered(bytes32 indexed batch, uint32 indexed producer, uint64 indexed gtin, string lot, "
        "uint32 quantity, bytes32 serialRoot, bytes32 contentDigest, bytes32 route, (bytes32,uint32)[] inputs)",
        "VerdictApplied(bytes32 indexed batch, uint8 indexed stage, uint8 verdict, uint8 revision, uint8 state)",
        "BatchRecycled(bytes32 indexed batch, address indexed by)",
        "BatchAssembled(bytes32 indexed batch, address indexed by)",
        "BatchGraded(bytes32 indexed batch, uint32 standard, uint32 defective, uint32 scrap, address indexed by)",
        "BatchReleased(bytes32 indexed batch, uint8 indexed channel, address indexed by)",
        "BatchHeld(bytes32 indexed batch, address indexed by, string reason)",
        "BatchHoldReleased(bytes32 indexed batch, address indexed by, string reason)",
        "BatchRecalled(bytes32 indexed batch, bytes32 indexed cause, address indexed by, string reason)",
        "CustodyTransferred(bytes32 indexed batch, uint32 indexed from, uint32 indexed to)",
    ],
    "InspectionLedger": [
        "InspectionRecorded(bytes32 indexed batch, uint8 indexed stage, address indexed inspector, "
        "uint32 organisation, uint8 verdict, uint8 revision, uint32 sampleSize, uint32 defects, bytes32 instrument, "
        "bytes32 evidence, uint64 inspectedAt)",
    ],
    "CustodyLedger": [
        "CustodyOffered(bytes32 indexed batch, uint32 indexed from, uint32 indexed to, address by, uint64 validUntil)",
        "CustodyAccepted(bytes32 indexed batch, uint32 indexed from, uint32 indexed to, address by)",
        "CustodyRejected(bytes32 indexed batch, uint32 indexed from, uint32 indexed to, address by, string reason)",
        "CustodyOfferWithdrawn(bytes32 indexed batch, uint32 indexed from, uint32 indexed to, address by)",
    ],
    "ProcessLedger": [
        "LogAnchored(bytes32 indexed channel, uint64 indexed size, bytes32 root, uint64 firstTimeNs, "
        "uint64 lastTimeNs, address indexed by)",
    ],
    "RouteVerifier": [
        "StationKeyRegistered(bytes32 indexed key, uint32 indexed organisation, string name, bytes32[8] publicKey, "
        "bytes32[4] proofOfPossession, address indexed by)",
        "StationKeyVerified(bytes32 indexed key, uint32 indexed organisation, bytes32[4] proofOfPossession, "
        "address indexed by)",
        "StationKeyRevoked(bytes32 indexed key, uint64 revokedFrom, address indexed by)",
        "RouteDesigned(bytes32 indexed route, uint32 indexed organisation, string name, uint16 version, uint8 kind, "
        "bool requiresProof, bytes32[] keys, string[] processes, address indexed by)",
        "RouteProven(bytes32 indexed route, bytes32 indexed subject, bytes32 head, address indexed by)",
        "AssemblyProven(bytes32 indexed route, bytes32 indexed subject, (bytes32,bytes32)[] components)",
        "RouteRecordedUnverified(bytes32 indexed route, bytes32 indexed subject, bytes32 head, bytes32[4] signature, "
        "address indexed by)",
    ],
}


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded log. `args` by name: integers, text, bytes; addresses as 0x and lower-case hexadecimal digits.

    `place` orders events as the chain does: block number, transaction index in it, log in its receipt.
    """

    contract: str
    name: str
    args: dict[str, Any]
    place: tuple[int, int, int]

    @property
    def block(self) -> int:
        """The number of its block."""
        return self.place[0]

    @property
    def transaction(self) -> tuple[int, int]:
        """Block number and transaction index."""
        return self.place[:2]


@dataclass(frozen=True, slots=True)
class _Declared:
    name: str
    parameters: tuple[tuple[str, str, bool], ...]

    @property
    def topic(self) -> bytes:
        return keccak(f"{self.name}({','.join(kind for kind, _, _ in self.parameters)})".encode())


def _parse(declaration: str) -> _Declared:
    name, inner = re.fullmatch(r"(\w+)\((.*)\)", declaration).groups()  # type: ignore[union-attr]
    parts = [part.split() for part in inner.split(", ")]
    return _Declared(name, tuple((part[0], part[-1], len(part) == 3) for part in parts))


_BY_TOPIC = {
    (contract, event.topic): event
    for contract, declarations in DECLARATIONS.items()
    for event in map(_parse, declarations)
}


def decode_log(contract: str, log: ReceiptLog, place: tuple[int, int, int]) -> Event | None:
    """The event that a log of `contract` is, or None where bundles do not cite its kind; raises `ProofError`."""
    declared = _BY_TOPIC.get((contract, log.topics[0])) if log.topics else None
    if declared is None:
        return None
    indexed = [kind for kind, _, is_indexed in declared.parameters if is_indexed]
    plain = [kind for kind, _, is_indexed in declared.parameters if not is_indexed]
    try:
        topics = [_decode([kind], topic)[0] for kind, topic in zip(indexed, log.topics[1:], strict=True)]
        data = _decode(plain, log.data)
    except (DecodingError, ValueError, OverflowError) as error:
        raise ProofError(f"a log of {contract} is no {declared.name}", field="receipt") from error
    args = {name: (topics if is_indexed else data).pop(0) for _, name, is_indexed in declared.parameters}
    return Event(contract, declared.name, args, place)


def _decode(kinds: list[str], data: bytes) -> list[Any]:
    """Text that is not UTF-8 is no ground to refuse: Solidity lets anyone write it."""
    values = decode([kind.replace("string", "bytes") for kind in kinds], data)
    return [_text(value) if "string" in kind else value for kind, value in zip(kinds, values, strict=True)]


def _text(value: bytes | tuple[bytes, ...]) -> str | list[str]:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return [part.decode("utf-8", "backslashreplace") for part in value]
