"""Sessions on the server's side: a cookie holds a random token, the database its digest, so that a session can end."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from flask import session as cookie
from sqlalchemy import delete

from app.store.database import PortalDatabase
from app.store.models import PortalSession

_TOKEN = "login"  # noqa: S105 - the name of the cookie's member


@dataclass(frozen=True, slots=True)
class SessionUser:
    """Who is logged in: an operator's address, and the account where a password was used. No rights."""

    address: str
    account: str | None


class SessionStore:
    """Starts, finds and ends sessions. Times are Unix seconds."""

    def __init__(self, store: PortalDatabase, longest_s: int, idle_s: int) -> None:
        self._store = store
        self._longest_s = longest_s
        self._idle_s = idle_s

    def start(self, visitor: SessionUser, now: int) -> None:
        """Logs in. Whatever the cookie held before, token and form key too, is replaced."""
        self.end()
        cookie.clear()
        token = secrets.token_urlsafe(32)
        with self._store.begin() as session:
            session.execute(delete(PortalSession).where(PortalSession.created_at < now - self._longest_s))
            session.add(
                PortalSession(
                    token_digest=_digest(token),
                    address=visitor.address.lower(),
                    account=visitor.account,
                    created_at=now,
                    seen_at=now,
                )
            )
        cookie[_TOKEN] = token

    def current(self, now: int) -> SessionUser | None:
        """Who the present request's cookie belongs to; None where nobody, or the session is over."""
        token = cookie.get(_TOKEN)
        if not isinstance(token, str):
            return None
        with self._store.begin() as session:
            login = session.get(PortalSession, _digest(token))
            if login is None:
                return None
            if now - login.created_at > self._longest_s or now - login.seen_at > self._idle_s:
                session.delete(login)
                return None
            if now - login.seen_at >= 60:
                login.seen_at = now
            return SessionUser(login.address, login.account)

    def end(self) -> None:
        """Logs the present request's session out."""
        token = cookie.pop(_TOKEN, None)
        if isinstance(token, str):
            with self._store.begin() as session:
                session.execute(delete(PortalSession).where(PortalSession.token_digest == _digest(token)))

    def end_all(self, address: str) -> None:
        """Logs every session of this operator out, wherever it is."""
        cookie.pop(_TOKEN, None)
        with self._store.begin() as session:
            session.execute(delete(PortalSession).where(PortalSession.address == address.lower()))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
