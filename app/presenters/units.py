"""Check the serial of a unit against the serials that its batch committed to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from app.presenters.documents import CheckedDocument
from chromatrace.documents.content import BatchContent
from chromatrace.domain.identifiers import Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.exchange.units import serial_root


class SerialMembership(StrEnum):
    """Result of checking one serial."""

    MEMBER = "member"
    NOT_A_MEMBER = "not-a-member"
    NO_SERIALS = "no-serials"
    UNCHECKED = "unchecked"


_MESSAGES = {
    SerialMembership.MEMBER: (
        "This unit belongs to the batch",
        "Its serial is one of those that the producer recorded on the chain when it registered the batch.",
    ),
    SerialMembership.NOT_A_MEMBER: (
        "This serial is not part of this batch",
        "The producer recorded the serials of this batch on the chain, and this serial is not one of them. "
        "Either the code was mistyped or the producer did not make the label.",
    ),
    SerialMembership.NO_SERIALS: (
        "This batch has no unit serials",
        "The producer registered this batch without unit serials, so no serial is valid for it.",
    ),
    SerialMembership.UNCHECKED: (
        "This serial could not be checked",
        "The serial list of this batch is not available here or does not match the chain.",
    ),
}


@dataclass(frozen=True, slots=True)
class UnitPresenter:
    """The serial of one unit and the result of its check."""

    serial: Serial
    membership: SerialMembership

    @property
    def headline(self) -> str:
        """The result in a few words."""
        return _MESSAGES[self.membership][0]

    @property
    def explanation(self) -> str:
        """The meaning of the result."""
        return _MESSAGES[self.membership][1]

    @property
    def invalid(self) -> bool:
        """Whether the batch has no unit with this serial."""
        return self.membership in (SerialMembership.NOT_A_MEMBER, SerialMembership.NO_SERIALS)

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {
            "serial": str(self.serial),
            "membership": self.membership.value,
            "message": self.explanation,
            "grade": None,  # the chain has the number of units of each grade, not the grade of each unit
        }


def present_unit(serial: Serial, committed_root: bytes | None, content: CheckedDocument[BatchContent]) -> UnitPresenter:
    """Check `serial` against the serial root on the chain (32 bytes, or None if the units have no serials)."""
    if committed_root is None:
        return UnitPresenter(serial, SerialMembership.NO_SERIALS)
    serials = content.value.serials if content.value else None
    if serials is None or _cached_root(serials) != committed_root:
        return UnitPresenter(serial, SerialMembership.UNCHECKED)
    return UnitPresenter(serial, SerialMembership.MEMBER if serial in serials else SerialMembership.NOT_A_MEMBER)


@lru_cache(maxsize=1024)
def _cached_root(serials: SerialRange) -> bytes:
    """Return the serial root. Cached because hashing ten million serials takes seconds."""
    return serial_root(serials)
