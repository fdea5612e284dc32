"""A production order of an ERP or MES, and the difference between two versions of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from chromatrace.domain.identifiers import Gtin, Lot
from chromatrace.storage.strict_json import canonical

MAX_NUMBER = 60
"""Maximum length of an order number or material number, in characters."""
MAX_QUANTITY = 2**31 - 1


class OrderState(StrEnum):
    """Status of an order in the ERP."""

    PLANNED = "planned"
    RELEASED = "released"
    CLOSED = "closed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """One order: `quantity` units of the product `gtin`, from `start` to `finish` (Unix seconds).

    number    order number of the ERP
    material  the product as the ERP names it
    lot       planned lot of the product; None if the ERP does not plan lots
    """

    number: str
    material: str
    gtin: Gtin
    quantity: int
    start: int
    finish: int
    state: OrderState = OrderState.RELEASED
    lot: Lot | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the members of an order in JSON; times are RFC 3339 in UTC."""
        return {
            "order": self.number,
            "material": self.material,
            "gtin": str(self.gtin),
            "quantity": self.quantity,
            "start": format_utc(self.start),
            "finish": format_utc(self.finish),
            "status": self.state.value,
            "lot": None if self.lot is None else str(self.lot),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal digits: equal orders have equal digests."""
        return hashlib.sha256(canonical(self.as_dict())).hexdigest()

    @classmethod
    def from_dict(cls, members: dict[str, Any]) -> Order:
        """Return the order of `as_dict`, as the store keeps it."""
        return cls(
            members["order"],
            members["material"],
            Gtin(members["gtin"]),
            members["quantity"],
            parse_utc(members["start"]),
            parse_utc(members["finish"]),
            OrderState(members["status"]),
            None if members["lot"] is None else Lot(members["lot"]),
        )


def difference(before: Order, after: Order) -> dict[str, list[Any]]:
    """Return the members that differ: name to [before, after]."""
    old, new = before.as_dict(), after.as_dict()
    return {name: [old[name], new[name]] for name in new if old[name] != new[name]}


def format_utc(seconds: int) -> str:
    """Return Unix seconds as RFC 3339 text in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def parse_utc(text: str) -> int:
    """Return the Unix seconds of `format_utc`."""
    return int(datetime.fromisoformat(text).timestamp())
