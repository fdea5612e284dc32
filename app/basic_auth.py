"""HTTP Basic on the JSON interfaces: an account's name and password with each request, for programs.

Pages know sessions only. The password may also unlock the account's key for this one request; nothing of it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse

from app.accounts import check_password
from app.config import PortalConfig
from app.errors import LoginFailedError, RateLimitError
from app.store.database import PortalDatabase
from app.store.models import Account

PATHS = ("/api/", "/epcis/")


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """Who the request says it is, with the password that proved it."""

    account: Account
    password: str


def credentials(store: PortalDatabase, limiter: Limiter, config: PortalConfig) -> BasicCredentials | None:
    """The request's credentials; None where it has none. Raises `LoginRefused`, `TooMany` after too many wrong ones."""
    given = request.authorization
    if given is None or given.type != "basic" or not request.path.startswith(PATHS):
        return None
    if "credentials" in g:
        return cast(BasicCredentials, g.credentials)
    name = (given.username or "").strip().lower()[:64]
    counts = [
        (parse(config.account_limit), "basic-account", name),
        (parse(config.login_limit), "basic-address", get_remote_address()),
    ]
    if not all(limiter.limiter.test(limit, kind, operator) for limit, kind, operator in counts):
        raise RateLimitError(
            "too many wrong passwords", field="Authorization", hint="wait some minutes, then try again"
        )
    try:
        account = check_password(store, name, given.password or "")
    except LoginFailedError:
        for limit, kind, operator in counts:
            limiter.limiter.hit(limit, kind, operator)
        raise
    g.credentials = BasicCredentials(account, given.password or "")
    return cast(BasicCredentials, g.credentials)
