"""Enterprise accounts: a name, an argon2id password, and an operator's encrypted key. Rights are never stored here.

The command line wires these functions; the portal itself only verifies.
"""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select

from app.errors import InsecureConfigurationError, LoginFailedError
from app.services import adopt_keystore, dev_addresses, new_keystore
from app.store.database import PortalDatabase
from app.store.models import Account, PortalSession
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound

MIN_PASSWORD = 12
"""Characters. Length is what counts; no rules on which (NIST SP 800-63B)."""

_MAX_PASSWORD = 256
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,62}[a-z0-9]")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")

_hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """A hash that is verified where the account does not exist, so that the answer takes as long."""
    return _hasher.hash("no account has this password")


def create_account(
    store: PortalDatabase,
    keys_folder: Path,
    name: str,
    password: str,
    *,
    private_key: bytes | None = None,
    wallet_address: str | None = None,
    demonstration: bool = False,
) -> Account:
    """Makes an account whose operator key is new, given (`private_key`), or held by a wallet (`wallet_address`).

    A key is written to `keys_folder` as an encrypted keystore under the same password. The address has no rights until
    an administrator of its organisation appoints it on chain (`Consortium.appointOperator`).
    Raises `InvalidInput` naming `name`, `password` or `wallet_address`, and `Conflict` where the name is taken.
    """
    _check_name(name)
    _check_password(password)
    if wallet_address is not None and not _ADDRESS.fullmatch(wallet_address):
        raise InvalidInput(f"an address is 0x and 40 hex digits, got {wallet_address!r}", field="wallet_address")
    if wallet_address is not None and private_key is not None:
        raise InvalidInput("give a key or a wallet's address, not both", field="wallet_address")
    with store.begin() as session:
        if session.get(Account, name) is not None:
            raise Conflict(f"there is an account {name!r} already", field="name", hint="choose another name")
    keystore = None
    if wallet_address is None:
        path = keys_folder / f"account-{name}.json"
        address = new_keystore(path, password) if private_key is None else adopt_keystore(path, password, private_key)
        keystore = path.name
    else:
        address = wallet_address
    account = Account(
        name=name,
        password_hash=_hasher.hash(password),
        address=address.lower(),
        keystore=keystore,
        demonstration=demonstration,
        created_at=int(time.time()),
    )
    with store.begin() as session:
        session.add(account)
    return account


def list_accounts(store: PortalDatabase) -> list[Account]:
    """Every account, by name."""
    with store.begin() as session:
        return list(session.scalars(select(Account).order_by(Account.name)))


def remove_account(store: PortalDatabase, name: str) -> None:
    """Removes the account and ends its logins; its keystore file stays. Raises `NotFound`."""
    with store.begin() as session:
        account = session.get(Account, name)
        if account is None:
            raise NotFound(f"there is no account {name!r}", field="name", hint="see `chromatrace portal accounts`")
        session.delete(account)
        session.execute(delete(PortalSession).where(PortalSession.account == name))


def check_password(store: PortalDatabase, name: str, password: str) -> Account:
    """The account, where name and password hold together; `LoginRefused`, always the same, where not."""
    with store.begin() as session:
        account = session.get(Account, name)
    hashed = account.password_hash if account else _nobody()
    try:
        _hasher.verify(hashed, password[:_MAX_PASSWORD])
    except (VerificationError, InvalidHashError):
        account = None
    if account is None:
        raise LoginFailedError(
            "the name or the password is wrong", hint="check both; your administrator can make the account anew"
        )
    if _hasher.check_needs_rehash(account.password_hash):
        with store.begin() as session:
            session.merge(account).password_hash = _hasher.hash(password)
    return account


def reject_demonstration_accounts(store: PortalDatabase) -> None:
    """For production: raises `InsecureConfiguration` where an account is a demonstration's or its key is published."""
    published = dev_addresses()
    for account in list_accounts(store):
        if account.demonstration or account.address in published:
            raise InsecureConfigurationError(
                f"account {account.name!r} was made for a demonstration",
                field="portal_url",
                hint=f"remove it: `chromatrace portal remove-account {account.name}`",
            )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"an account's name has 3 to 64 of a-z, 0-9, '.', '_', '@', '-', got {name!r}",
            field="name",
            hint="for example store-12@example-glass",
        )


def _check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise InvalidInput(
            f"a password has {MIN_PASSWORD} to {_MAX_PASSWORD} characters, got {len(password)}",
            field="password",
            hint="a few unrelated words make a good one",
        )
