"""HTTP Basic authentication for the JSON APIs. Pages use sessions only.

The password may also unlock the account's key for this one request. It is not stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import g, request

from app.password_logins import PasswordLogins
from app.store.models import Account

PATHS = ("/api/", "/epcis/")


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """The authenticated account and its password."""

    account: Account
    password: str


def basic_credentials(logins: PasswordLogins) -> BasicCredentials | None:
    """Return the request's credentials; None if it has none.

    Raises `LoginFailedError` if they are wrong, and `RateLimitError` after too many wrong ones.
    """
    header = request.authorization
    if header is None or header.type != "basic" or not request.path.startswith(PATHS):
        return None
    if "credentials" not in g:
        password = header.password or ""
        g.credentials = BasicCredentials(logins.verify(header.username or "", password, issue_device=False), password)
    return cast(BasicCredentials, g.credentials)
