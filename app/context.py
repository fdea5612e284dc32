"""What the views of one portal worker share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import current_app, g
from flask_limiter import Limiter

from app.accounts import check_password
from app.basic_auth import credentials
from app.config import PortalConfig
from app.errors import InsufficientRightsError, LoginFailedError, LoginRequiredError, RightsRevokedError
from app.presenters.batch import BatchLoader
from app.rights import ActingOperator, ReadableProductLines
from app.services import CaptureRecorder, ChainService, ContractError
from app.sessions import SessionStore, SessionUser
from app.store.database import PortalDatabase
from app.store.scans import ScanLog
from app.wallet import WalletLogins
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index import Index


@dataclass(frozen=True, slots=True)
class Portal:
    """One worker's parts, made by `create_app`."""

    config: PortalConfig
    store: PortalDatabase
    index: Index
    batches: BatchLoader
    chain: ChainService
    logins: SessionStore
    wallets: WalletLogins
    scans: ScanLog
    limiter: Limiter
    recorder: CaptureRecorder | None
    kinds: tuple[RecordKind, ...]


def current_portal() -> Portal:
    """The portal that the present request belongs to."""
    return cast(Portal, current_app.extensions["portal"])


def now_s() -> int:
    """The present, Unix seconds."""
    return int(time.time())


def current_operator() -> ActingOperator:
    """Who is acting, authorised by the chain in this request.

    Raises `LoginNeeded`; `RightsEnded`, with every session of the operator ended; `RightsUnknown` where the chain does
    not answer.
    """
    known = g.get("operator")
    if isinstance(known, ActingOperator):
        return known
    portal = current_portal()
    visitor = _visitor()
    if visitor is None:
        raise LoginRequiredError("this page is for operators of the consortium", hint="log in to see it")
    try:
        organisation = authorise(portal, visitor.address)
    except RightsRevokedError:
        portal.logins.end_all(visitor.address)
        raise
    found = ActingOperator(visitor.address, visitor.account, organisation, portal.chain.roles_of(visitor.address))
    g.operator = found
    return found


def authorise(portal: Portal, address: str) -> int:
    """The organisation for which `address` acts now. Raises `RightsEnded`, naming it, and `RightsUnknown`."""
    try:
        return portal.chain.authorise(address)
    except RightsRevokedError as ended:
        raise _with_name(portal.index, ended) from ended


def _with_name(index: Index, ended: RightsRevokedError) -> RightsRevokedError:
    """The same refusal with the organisation's name where it had its number."""
    refusal = ended.__cause__
    number = refusal.args_by_name.get("organisation") if isinstance(refusal, ContractError) else None
    known = index.organisation(number) if isinstance(number, int) else None
    if known is None:
        return ended
    message = ended.message.replace(f"organisation {number}", known.name)
    return RightsRevokedError(message, field=ended.field, hint=ended.hint)


def account_keystore(operator: ActingOperator, password: str) -> Path:
    """The keystore with which an operator signs, by the account's password; the caller opens it for one action.

    Raises `LoginRefused` for a wrong password, `InvalidInput` for a session without a key here, `RightMissing`.
    """
    if operator.account is None:
        raise InvalidInput("this session belongs to a wallet", field="password", hint="sign with the wallet instead")
    try:
        account = check_password(current_portal().store, operator.account, password)
    except LoginFailedError as error:
        raise LoginFailedError(
            "the password is wrong", field="password", hint="nothing was sent; give the password that you log in with"
        ) from error
    if account.keystore is None:
        raise InvalidInput(
            "this account has no key here", field="password", hint="log in with the wallet that holds its key"
        )
    if account.address.lower() != operator.address.lower():
        raise InsufficientRightsError("the account's key has changed since you logged in", hint="log out and in again")
    return current_portal().config.keys / account.keystore


def _visitor() -> SessionUser | None:
    """Who says so with this request, or whose session it belongs to."""
    portal = current_portal()
    proven = credentials(portal.store, portal.limiter, portal.config)
    if proven is not None:
        return SessionUser(proven.account.address, proven.account.name)
    return portal.logins.current(now_s())


def readable() -> ReadableProductLines:
    """What the operator of this request may read, asked of the chain."""
    if "readable" not in g:
        g.readable = ReadableProductLines(current_portal().chain, current_operator())
    return cast(ReadableProductLines, g.readable)
