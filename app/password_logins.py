"""Check an account's password, and delay further attempts after wrong ones.

The login form, HTTP Basic and forms that ask for the password again count together. All workers of a database share
the counters. Keys are keyed digests: no account name or address is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from flask import Response, after_this_request, request
from limits import RateLimitItem, parse
from limits.storage import Storage

from app.accounts import check_password
from app.client_network import client_network
from app.errors import LoginFailedError, RateLimitError
from app.settings import PortalSettings
from app.store.database import PortalDatabase
from app.store.models import Account

FIRST_DELAY_S = 15
"""Delay after the first wrong password beyond a limit. Each further one doubles it, up to the period of the limit."""

FORGOTTEN_AFTER_S = 86_400
"""Wrong passwords are counted for a day."""

KNOWN_FOR_S = 180 * 86_400
"""A device or network where an account logged in is known for this time."""

ALL_NETWORKS = 10
"""Wrong passwords from all unknown clients together have this multiple of the limit of one client."""


class PasswordLogins:
    """Verifies passwords for one portal.

    Wrong passwords count against:
    - the account and the client, which is a known device, otherwise the network (`account_limit`);
    - the account and all unknown clients together (ten times `account_limit`);
    - the network, for all accounts together (`login_limit`).

    A device or network where the account logged in before is known: only the first count applies to a known device,
    and the first and third to a known network. An attacker at other addresses cannot delay its owner there.
    """

    def __init__(self, database: PortalDatabase, storage: Storage, secret: bytes, config: PortalSettings) -> None:
        self._database = database
        self._storage = storage
        self._secret = secret
        self._account_limit = parse(config.account_limit)
        self._network_limit = parse(config.login_limit)
        self._cookie = "__Host-device" if config.secure else "device"
        self._secure = config.secure

    def verify(self, name: str, password: str, *, issue_device: bool = True) -> Account:
        """Return the account if name and password match.

        issue_device  give an unknown device a cookie by which it is known; programs keep no cookies
        Raises `LoginFailedError`, the same for every mismatch, and `RateLimitError` while a delay lasts.
        """
        name = name.strip().lower()
        network = f"network:{client_network(request.remote_addr)}"
        device = f"device:{request.cookies.get(self._cookie, '')}"
        knows_device = self._is_known(name, device)
        counters = [("account-client", name, device if knows_device else network, self._account_limit, 1)]
        if not knows_device:
            counters.append(("network", "", network, self._network_limit, 1))
            if not self._is_known(name, network):
                counters.append(("account", name, "", self._account_limit, ALL_NETWORKS))
        keys = [(self._key(kind, account, client), limit, factor) for kind, account, client, limit, factor in counters]
        delay_s = max(self._remaining(key) for key, _, _ in keys)
        if delay_s:
            raise RateLimitError(
                "too many wrong passwords", hint=f"try again in {delay_s} seconds", retry_after_s=delay_s
            )
        try:
            account = check_password(self._database, name, password)
        except LoginFailedError:
            for key, limit, factor in keys:
                self._count(key, limit, factor)
            raise
        if self._storage.get(keys[0][0]):
            self._storage.clear(keys[0][0])
        self._remember(name, network)
        if issue_device and not knows_device:
            self._issue_device(name)
        return account

    def _remaining(self, key: str) -> int:
        """Return the seconds until another attempt is accepted."""
        blocked = f"{key}/delay"
        return max(1, int(self._storage.get_expiry(blocked) - time.time()) + 1) if self._storage.get(blocked) else 0

    def _count(self, key: str, limit: RateLimitItem, factor: int) -> None:
        beyond = self._storage.incr(key, FORGOTTEN_AFTER_S) - factor * limit.amount
        if beyond >= 0:
            delay_s = min(FIRST_DELAY_S * 2 ** min(beyond, 20), limit.get_expiry())
            self._storage.incr(f"{key}/delay", delay_s)

    def _is_known(self, name: str, client: str) -> bool:
        return self._storage.get(self._key("known", name, client)) > 0

    def _remember(self, name: str, client: str) -> None:
        key = self._key("known", name, client)
        if not self._storage.get(key):
            self._storage.incr(key, KNOWN_FOR_S)

    def _issue_device(self, name: str) -> None:
        token = secrets.token_urlsafe(32)
        self._remember(name, f"device:{token}")

        @after_this_request
        def set_cookie(response: Response) -> Response:
            response.set_cookie(
                self._cookie, token, max_age=KNOWN_FOR_S, secure=self._secure, httponly=True, samesite="Lax"
            )
            return response

    def _key(self, kind: str, *parts: str) -> str:
        message = "\0".join((kind, *parts)).encode("utf-8", "surrogatepass")
        return f"password/{kind}/{hmac.new(self._secret, message, hashlib.sha256).hexdigest()}"
