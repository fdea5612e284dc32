"""Server-side sessions. The cookie holds a random token and the database its digest, so a session can be revoked."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass

from flask import session as cookie
from sqlalchemy import delete, update

from app.errors import StorageFullError
from app.store.database import PortalDatabase
from app.store.models import PortalSession

_TOKEN = "login"  # noqa: S105 - name of the cookie member
_REFRESH_S = 60


@dataclass(frozen=True, slots=True)
class SessionUser:
    """The logged-in operator's address, and the account if a password was used. Contains no rights."""

    address: str
    account: str | None


class SessionStore:
    """Starts, finds and ends sessions. Times are Unix seconds."""

    def __init__(self, database: PortalDatabase, maximum_s: int, idle_s: int) -> None:
        self._database = database
        self._maximum_s = maximum_s
        self._idle_s = idle_s

    def start(self, user: SessionUser, now: int) -> None:
        """Log in. Replaces the whole cookie, including the CSRF token."""
        self.end()
        cookie.clear()
        token = secrets.token_urlsafe(32)
        with self._database.begin() as session:
            expired = (PortalSession.created_at < now - self._maximum_s) | (PortalSession.seen_at < now - self._idle_s)
            session.execute(delete(PortalSession).where(expired))
            session.add(
                PortalSession(
                    token_digest=_digest(token),
                    address=user.address.lower(),
                    account=user.account,
                    created_at=now,
                    seen_at=now,
                )
            )
        cookie[_TOKEN] = token

    def current(self, now: int) -> SessionUser | None:
        """Return the user of the current request's cookie; None without a valid session."""
        token = cookie.get(_TOKEN)
        if not isinstance(token, str):
            return None
        with self._database.read() as session:
            row = session.get(PortalSession, _digest(token))
        if row is None or now - row.created_at > self._maximum_s or now - row.seen_at > self._idle_s:
            return None
        if now - row.seen_at >= _REFRESH_S:
            with suppress(StorageFullError), self._database.begin() as session:
                seen = update(PortalSession).where(PortalSession.token_digest == row.token_digest)
                session.execute(seen.values(seen_at=now))
        return SessionUser(row.address, row.account)

    def end(self) -> None:
        """End the session of the current request."""
        token = cookie.pop(_TOKEN, None)
        if isinstance(token, str):
            with self._database.begin() as session:
                session.execute(delete(PortalSession).where(PortalSession.token_digest == _digest(token)))

    def end_account(self, account: str) -> None:
        """End all sessions that began with this account's password."""
        with self._database.begin() as session:
            session.execute(delete(PortalSession).where(PortalSession.account == account))

    def end_all(self, address: str) -> None:
        """End all sessions of this operator."""
        cookie.pop(_TOKEN, None)
        with self._database.begin() as session:
            session.execute(delete(PortalSession).where(PortalSession.address == address.lower()))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
