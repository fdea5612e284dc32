"""Errors of orders.

InvalidInput
├── OrderError            an invalid order; `field` is its column or JSON pointer
├── OrdersRejectedError   a file with invalid orders; nothing was stored
└── WebhookTargetError    a target that messages must not be sent to
NotFound
└── OrderNotFoundError
Conflict
└── OrderConflictError    a change that does not fit to what was produced
NotAuthorised
├── TokenError            the access token is unknown, expired or revoked
└── TokenScopeError       the access token lacks a scope
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.domain.errors import Conflict, InvalidInput, NotAuthorised, NotFound


class OrderError(InvalidInput):
    """An invalid order; `field` is its column or JSON pointer."""


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a sent order is invalid. `row`: line of a CSV file, or position in a JSON document, from 1."""

    row: int
    field: str
    message: str
    hint: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        parts = {"row": self.row, "field": self.field, "message": self.message, "hint": self.hint}
        return {name: value for name, value in parts.items() if value is not None}


class OrdersRejectedError(InvalidInput):
    """A file with invalid orders; nothing was stored. `errors` names the row and field of each one."""

    def __init__(self, errors: Sequence[RowError], sent: int) -> None:
        first = errors[0]
        super().__init__(
            f"row {first.row}: {first.message}; {len(errors)} error{'s' * (len(errors) > 1)} in {sent} orders, "
            "nothing was stored",
            field=first.field,
            hint=first.hint,
        )
        self.errors = tuple(errors)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of the error, with all `errors`."""
        return super().as_dict() | {"errors": [error.as_dict() for error in self.errors]}


class OrderNotFoundError(NotFound):
    """There is no such order."""


class OrderConflictError(Conflict):
    """A change that does not fit to what was produced."""


class TokenError(NotAuthorised):
    """The access token is unknown, expired or revoked."""


class TokenScopeError(NotAuthorised):
    """The access token lacks a scope."""


class WebhookTargetError(InvalidInput):
    """A target that messages must not be sent to."""
