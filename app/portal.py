"""What the views of one portal worker share."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import current_app, g
from flask_limiter import Limiter

from app.accounts import check_password
from app.basic import credentials
from app.config import PortalConfig
from app.errors import LoginNeeded, LoginRefused, RightMissing, RightsEnded
from app.facts.batch import BatchReader
from app.facts.parties import Party, party_of
from app.logins import Logins, Visitor
from app.rights import Operator, ReadableLines
from app.services import CaptureRecorder, ChainPort, ContractError
from app.store.database import Store
from app.store.scans import ScanLog
from app.wallet import WalletLogins
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index import Index, Snapshot


@dataclass(frozen=True, slots=True)
class Portal:
    """One worker's parts, made by `create_app`."""

    config: PortalConfig
    store: Store
    index: Index
    batches: BatchReader
    chain: ChainPort
    logins: Logins
    wallets: WalletLogins
    scans: ScanLog
    limiter: Limiter
    recorder: CaptureRecorder | None
    kinds: tuple[RecordKind, ...]


def portal() -> Portal:
    """The portal that the present request belongs to."""
    return cast(Portal, current_app.extensions["portal"])


def snapshot() -> Snapshot:
    """Return the index snapshot of this request, so that everything on a page is of the same block."""
    if "index_snapshot" not in g:
        stack = ExitStack()
        g.index_snapshot = stack.enter_context(portal().index.snapshot())
        g.index_stack = stack
    return cast(Snapshot, g.index_snapshot)


def close_snapshot(error: BaseException | None = None) -> None:
    """Close the snapshot of this request, if it opened one."""
    stack = g.pop("index_stack", None)
    if stack is not None:
        stack.close()


def party(number: int) -> Party:
    """Return the organisation with this number on the chain."""
    return party_of(number, snapshot().organisation(number), now_s())


def now_s() -> int:
    """The present, Unix seconds."""
    return int(time.time())


def operator() -> Operator:
    """Who is acting, authorised by the chain in this request.

    Raises `LoginNeeded`; `RightsEnded`, with every session of the operator ended; `RightsUnknown` where the chain does
    not answer.
    """
    known = g.get("operator")
    if isinstance(known, Operator):
        return known
    here = portal()
    visitor = _visitor()
    if visitor is None:
        raise LoginNeeded("this page is for operators of the consortium", hint="log in to see it")
    try:
        organisation = authorise(here, visitor.address)
    except RightsEnded:
        here.logins.end_all(visitor.address)
        raise
    found = Operator(visitor.address, visitor.account, organisation, here.chain.roles_of(visitor.address))
    g.operator = found
    return found


def authorise(here: Portal, address: str) -> int:
    """The organisation for which `address` acts now. Raises `RightsEnded`, naming it, and `RightsUnknown`."""
    try:
        return here.chain.authorise(address)
    except RightsEnded as ended:
        raise _with_name(ended) from ended


def _with_name(ended: RightsEnded) -> RightsEnded:
    """The same refusal with the organisation's name where it had its number."""
    refusal = ended.__cause__
    number = refusal.args_by_name.get("organisation") if isinstance(refusal, ContractError) else None
    known = snapshot().organisation(number) if isinstance(number, int) else None
    if known is None:
        return ended
    message = ended.message.replace(f"organisation {number}", known.name)
    return RightsEnded(message, field=ended.field, hint=ended.hint)


def keystore_of(who: Operator, password: str) -> Path:
    """The keystore with which an operator signs, by the account's password; the caller opens it for one action.

    Raises `LoginRefused` for a wrong password, `InvalidInput` for a session without a key here, `RightMissing`.
    """
    if who.account is None:
        raise InvalidInput("this session belongs to a wallet", field="password", hint="sign with the wallet instead")
    try:
        account = check_password(portal().store, who.account, password)
    except LoginRefused as error:
        raise LoginRefused(
            "the password is wrong", field="password", hint="nothing was sent; give the password that you log in with"
        ) from error
    if account.keystore is None:
        raise InvalidInput(
            "this account has no key here", field="password", hint="log in with the wallet that holds its key"
        )
    if account.address.lower() != who.address.lower():
        raise RightMissing("the account's key has changed since you logged in", hint="log out and in again")
    return portal().config.keys / account.keystore


def _visitor() -> Visitor | None:
    """Who says so with this request, or whose session it belongs to."""
    here = portal()
    proven = credentials(here.store, here.limiter, here.config)
    if proven is not None:
        return Visitor(proven.account.address, proven.account.name)
    return here.logins.current(now_s())


def readable() -> ReadableLines:
    """What the operator of this request may read, asked of the chain."""
    if "readable" not in g:
        g.readable = ReadableLines(portal().chain, operator())
    return cast(ReadableLines, g.readable)
