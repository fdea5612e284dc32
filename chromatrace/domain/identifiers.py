"""GS1 keys and on-chain identifiers. A GS1 key validates itself once, when it is built.
Source: GS1 General Specifications (check digits 7.9, character set 82 in figure 7.11-1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak

BatchId = NewType("BatchId", bytes)
"""32 bytes: keccak256("01" ‖ GTIN-14 ‖ "10" ‖ lot)."""
OrganisationId = NewType("OrganisationId", int)
"""Number of an organisation in the consortium, from 1; 0 stands for none."""
ChannelId = NewType("ChannelId", bytes)
"""32 bytes: a log channel of an organisation."""
DepartmentId = NewType("DepartmentId", bytes)
"""32 bytes: a department of an organisation."""
RouteId = NewType("RouteId", bytes)
"""32 bytes: one version of a designed route."""
StationKeyId = NewType("StationKeyId", bytes)
"""32 bytes: keccak256 of a station's public key."""
LaneId = NewType("LaneId", int)
"""48 bits: a lane of a panel, in which its rounds follow one another."""
ZERO_BYTES32 = bytes(32)
"""The contracts' value for "none": no serial root, no route, no instrument."""

SET_82 = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")

_DIGITS = re.compile(r"[0-9]+")


def check_digit(body: str) -> str:
    """Compute the GS1 modulo-10 check digit of `body`, digits without a check digit: weights 3, 1 from the right."""
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(body)))
    return str(-total % 10)


def _checked_key(text: str, length: int, name: str, field: str) -> str:
    if len(text) != length or not _DIGITS.fullmatch(text):
        raise InvalidInput(f"expected {length} digits of a {name}, got {text!r}", field=field)
    expected = check_digit(text[:-1])
    if text[-1] != expected:
        raise InvalidInput(
            f"check digit of {name} {text} is {text[-1]}; expected {expected}",
            field=field,
            hint="look for a mistyped digit or two swapped digits",
        )
    return text


def _checked_text(text: str, name: str, field: str) -> str:
    if not 1 <= len(text) <= 20:
        raise InvalidInput(f"expected 1 to 20 characters of a {name}, got {len(text)}", field=field)
    for index, character in enumerate(text):
        if character not in SET_82:
            raise InvalidInput(
                f"{character!r} at position {index + 1} of {name} {text!r} is not in GS1 character set 82", field=field
            )
    return text


@dataclass(frozen=True, slots=True, order=True)
class Gtin:
    """Global Trade Item Number, 14 digits; shorter forms are rejected."""

    value: str

    def __post_init__(self) -> None:
        _checked_key(self.value, 14, "GTIN-14", "gtin")

    def __str__(self) -> str:
        return self.value

    def __int__(self) -> int:
        return int(self.value)

    @classmethod
    def from_number(cls, number: int) -> Gtin:
        """Build the key from its on-chain number."""
        return cls(f"{number:014d}")


@dataclass(frozen=True, slots=True, order=True)
class CompanyPrefix:
    """A GS1 company prefix, or a part of it, as licensed on the chain: 4 to 12 digits. 12 digits are one item."""

    value: str

    def __post_init__(self) -> None:
        if not (self.value.isascii() and self.value.isdigit() and 4 <= len(self.value) <= 12):
            raise InvalidInput(f"{self.value!r} is not a company prefix of 4 to 12 digits", field="prefix")

    def __str__(self) -> str:
        return self.value

    def __int__(self) -> int:
        return int(self.value)

    @property
    def digits(self) -> int:
        """The number of digits."""
        return len(self.value)

    @classmethod
    def of_item(cls, gtin: Gtin) -> CompanyPrefix:
        """Return the 12 digits of one item: the GTIN-14 without its indicator and its check digit."""
        return cls(gtin.value[1:13])

    @classmethod
    def from_number(cls, number: int, digits: int) -> CompanyPrefix:
        """Build the prefix from its on-chain number and number of digits."""
        return cls(f"{number:0{digits}d}")

    def covers(self, gtin: Gtin) -> bool:
        """Return whether a GTIN-14 starts with this prefix, not counting its indicator digit."""
        return gtin.value[1:].startswith(self.value)


@dataclass(frozen=True, slots=True, order=True)
class Gln:
    """Global Location Number, 13 digits."""

    value: str

    def __post_init__(self) -> None:
        _checked_key(self.value, 13, "GLN", "gln")

    def __str__(self) -> str:
        return self.value

    def __int__(self) -> int:
        return int(self.value)

    @classmethod
    def from_number(cls, number: int) -> Gln:
        """Build the key from its on-chain number."""
        return cls(f"{number:013d}")


@dataclass(frozen=True, slots=True, order=True)
class Sscc:
    """Serial Shipping Container Code, 18 digits."""

    value: str

    def __post_init__(self) -> None:
        _checked_key(self.value, 18, "SSCC", "sscc")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Lot:
    """Batch or lot number, GS1 AI (10): 1 to 20 characters of set 82."""

    value: str

    def __post_init__(self) -> None:
        _checked_text(self.value, "lot", "lot")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Serial:
    """Serial number of a unit, GS1 AI (21): 1 to 20 characters of set 82."""

    value: str

    def __post_init__(self) -> None:
        _checked_text(self.value, "serial", "serial")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class BatchKey:
    """GTIN and lot of a batch."""

    gtin: Gtin
    lot: Lot

    @classmethod
    def parse(cls, gtin: str, lot: str) -> BatchKey:
        """Parse GTIN and lot. Raises `InvalidInput` naming `gtin` or `lot`."""
        return cls(Gtin(gtin), Lot(lot))

    @property
    def batch_id(self) -> BatchId:
        """The on-chain identifier."""
        return BatchId(keccak(f"01{self.gtin}10{self.lot}".encode("ascii")))

    def __str__(self) -> str:
        return f"(01){self.gtin}(10){self.lot}"
