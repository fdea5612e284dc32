"""Orders as they were sent, before the check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MEMBERS = ("order", "material", "quantity", "start", "finish", "status", "lot")
"""Members of an order. The first five are required."""
REQUIRED = MEMBERS[:5]


@dataclass(frozen=True, slots=True)
class SentOrder:
    """The values of one order.

    row     line of the CSV file, or position in the JSON document, from 1
    values  text or number by member of `MEMBERS`; absent and empty values are left out
    names   column or JSON pointer of each member, for errors
    """

    row: int
    values: Mapping[str, str | int]
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, member: str) -> str:
        """Return what the sender calls a member."""
        return self.names.get(member, member)


@dataclass(frozen=True, slots=True)
class SentOrders:
    """The orders of a file or request. `ignored`: columns that the file has and no order uses."""

    orders: tuple[SentOrder, ...]
    ignored: tuple[str, ...] = ()
