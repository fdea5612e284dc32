"""Rights of the current operator. They are read from the chain on every request and never stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.errors import InsufficientRightsError
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Role, Scope

CUSTODY_ROLES = Role.LOGISTICS | Role.FRANCHISEE
"""Roles that may accept a batch (`ICustodyLedger.accept`)."""

CONSOLE_ROLES = Role.ADMIN | Role.SUPERVISOR | Role.GATEWAY
"""Roles that may use the operations console."""

OFFER_SCOPES = Scope.PRODUCT | Scope.LOGISTICS
"""Scopes that an organisation must be granted to see another organisation's batch and its offers."""


class RightsReader(Protocol):
    """A source of rights, such as `app.services.ChainService`."""

    def readable_scopes(self, address: str, owner: int, gtin: Gtin) -> Scope:
        """Return the scopes of `owner`'s product line that `address` may now read.

        Raises `RightsUnavailableError`.
        """


@dataclass(frozen=True, slots=True)
class ActingOperator:
    """The operator of one request. The authorisation is valid for that request only."""

    address: str
    account: str | None
    organisation: int
    roles: Role

    def has(self, roles: Role) -> bool:
        """Return whether the operator holds at least one of `roles`."""
        return bool(self.roles & roles)

    def require(self, roles: Role, action: str) -> None:
        """Raise `InsufficientRightsError` unless the operator holds at least one of `roles`."""
        if not self.has(roles):
            names = " or ".join(role.name.lower() for role in Role if role & roles and role.name)
            raise InsufficientRightsError(
                f"{action} requires the role {names}",
                field="role",
                hint="ask an administrator of your organisation to assign the role",
            )


class ReadableProductLines:
    """The product lines that an operator may read. The chain is queried at most once per line and request."""

    def __init__(self, reader: RightsReader, operator: ActingOperator) -> None:
        self._reader = reader
        self._operator = operator
        self._scopes: dict[tuple[int, Gtin], Scope] = {}

    def __call__(self, owner: int, gtin: Gtin, scopes: Scope) -> bool:
        """Return whether the operator may read all of `scopes`."""
        return scopes in self.scopes(owner, gtin)

    def scopes(self, owner: int, gtin: Gtin) -> Scope:
        """Return the scopes that the operator may read."""
        if (owner, gtin) not in self._scopes:
            self._scopes[owner, gtin] = self._reader.readable_scopes(self._operator.address, owner, gtin)
        return self._scopes[owner, gtin]
