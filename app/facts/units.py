"""Whether a serial is one of those that the batch committed to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from app.facts.documents import CheckedDocument
from chromatrace.documents.content import BatchContent
from chromatrace.domain.identifiers import Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.exchange.units import serial_root


class Membership(StrEnum):
    """What is known about one serial."""

    MEMBER = "member"
    STRANGER = "not-a-member"
    NO_SERIALS = "no-serials"
    UNCHECKED = "unchecked"


_WORDS = {
    Membership.MEMBER: (
        "This unit belongs to the batch",
        "Its serial is one of those that the producer committed to on the chain when the batch was registered.",
    ),
    Membership.STRANGER: (
        "This serial is not one of this batch",
        "The producer committed to the serials of this batch on the chain, and this one is not among them. The code is "
        "mistyped, or the label was not made by the producer.",
    ),
    Membership.NO_SERIALS: (
        "Units of this batch carry no serials",
        "The producer registered this batch without unit serials, so this serial stands for nothing.",
    ),
    Membership.UNCHECKED: (
        "This serial could not be checked",
        "The list of serials behind the batch's commitment is not available here, or does not match it.",
    ),
}


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """One unit's serial and how it stands to the batch's commitment."""

    serial: Serial
    membership: Membership

    @property
    def headline(self) -> str:
        return _WORDS[self.membership][0]

    @property
    def explanation(self) -> str:
        return _WORDS[self.membership][1]

    @property
    def alarming(self) -> bool:
        return self.membership in (Membership.STRANGER, Membership.NO_SERIALS)

    def as_dict(self) -> dict[str, object]:
        return {"serial": str(self.serial), "membership": self.membership.value, "message": self.explanation}


def unit_facts(serial: Serial, committed_root: bytes | None, content: CheckedDocument[BatchContent]) -> UnitFacts:
    """Checks `serial` against the root on the chain (32 bytes, None where units carry no serials)."""
    if committed_root is None:
        return UnitFacts(serial, Membership.NO_SERIALS)
    serials = content.value.serials if content.value else None
    if serials is None or _root(serials) != committed_root:
        return UnitFacts(serial, Membership.UNCHECKED)
    return UnitFacts(serial, Membership.MEMBER if serial in serials else Membership.STRANGER)


@lru_cache(maxsize=1024)
def _root(serials: SerialRange) -> bytes:
    """Hashing ten million serials takes seconds, and a range never changes its root."""
    return serial_root(serials)
