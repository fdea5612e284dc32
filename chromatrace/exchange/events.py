"""The contract events that a proof bundle cites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.ethereum.abi import contract as abi_of
from chromatrace.ethereum.errors import AbiError
from chromatrace.exchange.blocks import ReceiptLog
from chromatrace.merkle.errors import ProofError

CITED_EVENTS = {
    "Consortium": (
        "OrganisationRegistered",
        "OperatorAppointed",
        "OperatorDismissed",
        "PrefixLicensed",
        "PrefixLicenceWithdrawn",
    ),
    "BatchRegistry": (
        "BatchRegistered",
        "VerdictApplied",
        "BatchRecycled",
        "BatchAssembled",
        "BatchGraded",
        "BatchReleased",
        "BatchHeld",
        "BatchHoldReleased",
        "BatchRecalled",
        "SupplierNoticeGiven",
        "RecallSkipped",
        "RegistrationSkipped",
        "CustodyTransferred",
    ),
    "InspectionLedger": ("InspectionRecorded", "Accredited"),
    "CustodyLedger": (
        "CustodyOffered",
        "CustodyAccepted",
        "CustodyRejected",
        "CustodyOfferWithdrawn",
        "CustodyReturnOrdered",
    ),
    "ProcessLedger": ("ChannelSucceeded", "LogAnchored"),
    "RouteVerifier": (
        "StationKeyRegistered",
        "StationKeyVerified",
        "StationKeyRevoked",
        "RouteDesigned",
        "RouteProven",
        "AssemblyProven",
        "RouteRecordedUnverified",
    ),
}
"""The events that bundles cite, by contract."""


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """One decoded log of a proven receipt. `args` are those of `EventAbi.decode`.

    `position` orders events as the chain does: block number, transaction index in it, log index in its receipt.
    """

    contract: str
    name: str
    args: dict[str, Any]
    position: tuple[int, int, int]

    @property
    def block(self) -> int:
        """The block number."""
        return self.position[0]

    @property
    def transaction(self) -> tuple[int, int]:
        """Block number and transaction index."""
        return self.position[:2]


def decode_receipt_log(contract: str, log: ReceiptLog, position: tuple[int, int, int]) -> ProvenEvent | None:
    """Decode a log of `contract`. Return None if bundles do not cite its event. Raises `ProofError`."""
    event = abi_of(contract).events_by_topic.get(log.topics[0]) if log.topics else None
    if event is None or event.name not in CITED_EVENTS.get(contract, ()):
        return None
    try:
        return ProvenEvent(contract, event.name, event.decode(log.topics, log.data), position)
    except AbiError as error:
        raise ProofError(f"a log of {contract} is not a valid {event.name}", field="receipt") from error
