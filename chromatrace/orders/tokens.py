"""Access tokens of ERP and MES systems. Only the digest of a token is stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select

from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.orders.errors import TokenError, TokenScopeError
from chromatrace.orders.store import OrderStore
from chromatrace.orders.tables import TokenRow

_PREFIX = "cto_"
"""Lets secret scanners recognise a token."""


class TokenScope(StrEnum):
    """Rights of a token."""

    READ = "orders:read"
    WRITE = "orders:write"


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. Times are in Unix seconds; `expires` is None without an end."""

    name: str
    scopes: tuple[TokenScope, ...]
    created: int
    expires: int | None


class Tokens:
    """The tokens of one plant."""

    def __init__(self, store: OrderStore) -> None:
        self._store = store

    def create(self, name: str, scopes: Sequence[TokenScope], expires: int | None = None) -> str:
        """Create a token and return its secret, which cannot be shown again. Raises `Conflict` for a used name."""
        if not 1 <= len(name) <= 60 or not name.isprintable():
            raise InvalidInput("expected 1 to 60 characters without control characters", field="name")
        if not scopes:
            raise InvalidInput("expected at least one scope", field="scope")
        secret = _PREFIX + secrets.token_urlsafe(32)
        with self._store.begin() as session:
            if session.get(TokenRow, (self._store.plant, name)) is not None:
                raise Conflict(f"token {name!r} exists", field="name", hint="revoke it first, or use another name")
            session.add(
                TokenRow(
                    plant=self._store.plant,
                    name=name,
                    digest=_digest(secret),
                    scopes=" ".join(sorted(set(scopes))),
                    created=self._store.now(),
                    expires=expires,
                )
            )
        return secret

    def all(self) -> list[Token]:
        """Return all tokens by name."""
        statement = select(TokenRow).where(TokenRow.plant == self._store.plant).order_by(TokenRow.name)
        with self._store.read() as session:
            return [_token(row) for row in session.scalars(statement)]

    def revoke(self, name: str) -> None:
        """Delete a token. Raises `NotFound`."""
        with self._store.begin() as session:
            row = session.get(TokenRow, (self._store.plant, name))
            if row is None:
                raise NotFound(f"token {name!r} does not exist", field="name")
            session.delete(row)

    def check(self, secret: str, scope: TokenScope) -> Token:
        """Return the token of a secret. Raises `TokenError`, and `TokenScopeError` if it lacks `scope`."""
        statement = select(TokenRow).where(TokenRow.plant == self._store.plant, TokenRow.digest == _digest(secret))
        with self._store.read() as session:
            row = session.scalars(statement).first()
        if row is None or (row.expires is not None and row.expires <= self._store.now()):
            raise TokenError("the access token is unknown, revoked or expired", field="Authorization")
        token = _token(row)
        if scope not in token.scopes:
            raise TokenScopeError(f"the access token lacks the scope {scope}", field="Authorization")
        return token


def _digest(secret: str) -> str:
    """Return the digest of a secret. It has 256 random bits, so a fast hash is sufficient."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: TokenRow) -> Token:
    return Token(row.name, tuple(TokenScope(scope) for scope in row.scopes.split()), row.created, row.expires)
