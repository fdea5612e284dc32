"""HTTP Basic authentication for the JSON APIs. Pages use sessions only.

The password may also unlock the account's key for this one request. It is not stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse

from app.accounts import check_password
from app.errors import LoginFailedError, RateLimitError
from app.settings import PortalSettings
from app.store.database import PortalDatabase
from app.store.models import Account

PATHS = ("/api/", "/epcis/")


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """The authenticated account and its password."""

    account: Account
    password: str


def basic_credentials(database: PortalDatabase, limiter: Limiter, config: PortalSettings) -> BasicCredentials | None:
    """Return the request's credentials; None if it has none.

    Raises `LoginFailedError` if they are wrong, and `RateLimitError` after too many wrong ones.
    """
    header = request.authorization
    if header is None or header.type != "basic" or not request.path.startswith(PATHS):
        return None
    if "credentials" in g:
        return cast(BasicCredentials, g.credentials)
    name = (header.username or "").strip().lower()[:64]
    counters = [
        (parse(config.account_limit), "basic-account", name),
        (parse(config.login_limit), "basic-address", get_remote_address()),
    ]
    if not all(limiter.limiter.test(limit, kind, key) for limit, kind, key in counters):
        raise RateLimitError("too many wrong passwords", field="Authorization", hint="try again in a few minutes")
    try:
        account = check_password(database, name, header.password or "")
    except LoginFailedError:
        for limit, kind, key in counters:
            limiter.limiter.hit(limit, kind, key)
        raise
    g.credentials = BasicCredentials(account, header.password or "")
    return cast(BasicCredentials, g.credentials)
