"""What the logged-in operator may do and see: asked of the chain at each request, never stored, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.errors import InsufficientRightsError
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Role, Scope

CUSTODY_ROLES = Role.LOGISTICS | Role.FRANCHISEE
"""Roles that may accept a batch (`ICustodyLedger.accept`)."""

CONSOLE_ROLES = Role.ADMIN | Role.SUPERVISOR | Role.GATEWAY
"""Roles that see the operations console."""

OFFER_SCOPES = Scope.PRODUCT | Scope.LOGISTICS
"""What an organisation needs to have been granted to see another's batch and its offers here."""


class RightsReader(Protocol):
    """Where rights come from; `app.services.ChainPort` asks the chain."""

    def authorise(self, address: str, roles: Role) -> int:
        """The organisation for which `address` may act in one of `roles` now; `RightsEnded` or `RightsUnknown`."""

    def roles_of(self, address: str) -> Role:
        """The operator's roles as they stand now."""

    def may_read(self, address: str, owner: int, gtin: Gtin, scopes: Scope) -> bool:
        """Whether `address` may read all of `scopes` of `owner`'s product line now; `RightsUnknown`."""


@dataclass(frozen=True, slots=True)
class ActingOperator:
    """The operator of one request, authorised by the chain for that request alone."""

    address: str
    account: str | None
    organisation: int
    roles: Role

    def has(self, roles: Role) -> bool:
        """Whether it holds at least one of `roles`."""
        return bool(self.roles & roles)

    def need(self, roles: Role, what: str) -> None:
        """Raises `RightMissing`, saying what the roles are needed for."""
        if not self.has(roles):
            names = " or ".join(role.name.lower() for role in Role if role & roles and role.name)
            raise InsufficientRightsError(
                f"{what} needs the role {names}",
                field="role",
                hint="an administrator of your organisation gives roles, on the chain",
            )


class ReadableProductLines:
    """Which product lines an operator may read; each line is asked of the chain once per request."""

    def __init__(self, reader: RightsReader, operator: ActingOperator) -> None:
        self._reader = reader
        self._operator = operator
        self._known: dict[tuple[int, Gtin, Scope], bool] = {}

    def __call__(self, owner: int, gtin: Gtin, scopes: Scope) -> bool:
        line = (owner, gtin, scopes)
        if line not in self._known:
            self._known[line] = self._reader.may_read(self._operator.address, owner, gtin, scopes)
        return self._known[line]
