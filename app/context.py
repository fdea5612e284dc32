"""The components of a portal worker, and the operator of the current request."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import current_app, g
from flask_limiter import Limiter
from sqlalchemy.exc import SQLAlchemyError

from app.basic_auth import basic_credentials
from app.errors import (
    InsufficientRightsError,
    LoginFailedError,
    LoginRequiredError,
    RightsRevokedError,
    RightsUnavailableError,
)
from app.password_logins import PasswordLogins
from app.presenters.batch import BatchLoader
from app.presenters.organisations import OrganisationSummary, organisation_summary
from app.presenters.reading_window import ReadingsSource
from app.rights import ActingOperator, ReadableProductLines
from app.services import CaptureRecorder, ChainService, ContractError
from app.sessions import SessionStore, SessionUser
from app.settings import PortalSettings
from app.store.database import PortalDatabase
from app.store.scans import ScanLog
from app.twin import Workshop
from app.wallet import WalletLogins
from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.domain.rights import ALL_SCOPES, OrganisationKind, Role, Scope
from chromatrace.index import Index, Snapshot
from chromatrace.index.views import BatchView, Reader
from chromatrace.plant import Plant
from chromatrace.services.orders.desk import OrderDesk
from chromatrace.services.rights import Rights
from chromatrace.services.search import Relation


@dataclass(frozen=True, slots=True)
class Portal:
    """The components of one worker, built by `create_app`."""

    config: PortalSettings
    database: PortalDatabase
    index: Index
    batches: BatchLoader
    chain: ChainService
    sessions: SessionStore
    logins: PasswordLogins
    wallets: WalletLogins
    scans: ScanLog
    limiter: Limiter
    recorder: CaptureRecorder | None
    kinds: tuple[RecordKind, ...]
    readings: ReadingsSource | None
    plant: Plant | None
    workshop: Workshop | None
    orders: OrderDesk | None

    def stop_streams(self) -> None:
        """End open streams of events, so the server can stop."""
        if self.workshop is not None:
            self.workshop.streams.stop()

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
        self.index.close()
        self.chain.close()
        if self.workshop is not None:
            self.workshop.close()
        if self.orders is not None:
            self.orders.close()


def current_portal() -> Portal:
    """Return the portal of the current request."""
    return cast(Portal, current_app.extensions["portal"])


def now_s() -> int:
    """Return the current time in Unix seconds."""
    return int(time.time())


def current_snapshot() -> Snapshot:
    """Return the index snapshot of the current request, so everything on a page is of the same block."""
    if "index_snapshot" not in g:
        stack = ExitStack()
        g.index_snapshot = stack.enter_context(current_portal().index.snapshot())
        g.index_stack = stack
    return cast(Snapshot, g.index_snapshot)


def close_snapshot(error: BaseException | None = None) -> None:
    """Close the snapshot of the current request, if it opened one."""
    stack = g.pop("index_stack", None)
    if stack is not None:
        try:
            stack.close()
        except (ChromaTraceError, SQLAlchemyError) as closing_error:  # the response is complete
            current_app.logger.warning("closing a snapshot of the index failed: %s", closing_error)


def lookup_organisation(number: int) -> OrganisationSummary:
    """Return the organisation with the consortium's `number`."""
    return organisation_summary(number, current_snapshot().organisation(number), now_s())


def current_operator() -> ActingOperator:
    """Return the operator of the current request, as authorised by the chain.

    Raises `LoginRequiredError`; `RightsRevokedError`, after ending all of the operator's sessions; and
    `RightsUnavailableError`.
    """
    cached = g.get("operator")
    if isinstance(cached, ActingOperator):
        return cached
    portal = current_portal()
    user = _authenticated_user()
    if user is None:
        raise LoginRequiredError("this page is for operators of the consortium", hint="log in to see it")
    try:
        rights = check_rights(portal, user.address)
    except RightsRevokedError:
        portal.sessions.end_all(user.address)
        raise
    operator = ActingOperator(user.address, user.account, rights.organisation, rights.roles)
    g.operator = operator
    return operator


def check_rights(portal: Portal, address: str) -> Rights:
    """Return the organisation that `address` may act for now, and its roles; without roles it may only read.

    Raises `RightsRevokedError`, with the organisation's name, and `RightsUnavailableError`.
    """
    try:
        return portal.chain.rights_of(address)
    except RightsRevokedError as error:
        raise _with_name(error) from error


def _with_name(error: RightsRevokedError) -> RightsRevokedError:
    """Replace the organisation's number in the message by its name."""
    cause = error.__cause__
    number = cause.args_by_name.get("organisation") if isinstance(cause, ContractError) else None
    organisation = current_snapshot().organisation(number) if isinstance(number, int) else None
    if organisation is None:
        return error
    message = error.message.replace(f"organisation {number}", organisation.name)
    return RightsRevokedError(message, field=error.field, hint=error.hint)


def account_keystore(operator: ActingOperator, password: str) -> Path:
    """Return the keystore that the operator signs with, after checking the account's password.

    Raises `LoginFailedError` if the password is wrong, `InvalidInput` if the portal has no keystore for it, and
    `InsufficientRightsError` if the account's key changed during the session.
    """
    portal = current_portal()
    if operator.account is None:
        raise InvalidInput("this is a wallet session", field="password", hint="sign with the wallet")
    try:
        account = portal.logins.verify(operator.account, password)
    except LoginFailedError as error:
        raise LoginFailedError(
            "wrong password", field="password", hint="nothing was sent; enter the password of your account"
        ) from error
    if account.keystore is None:
        raise InvalidInput(
            "the portal has no keystore for this account",
            field="password",
            hint="log in with the wallet that holds its key",
        )
    if account.address.lower() != operator.address.lower():
        raise InsufficientRightsError("the account's key changed after you logged in", hint="log out and log in again")
    return portal.config.keys / account.keystore


def _authenticated_user() -> SessionUser | None:
    portal = current_portal()
    credentials = basic_credentials(portal.logins)
    if credentials is not None:
        return SessionUser(credentials.account.address, credentials.account.name)
    return portal.sessions.current(now_s())


def visible_scopes(owner: int, gtin: Gtin) -> Scope:
    """Return the scopes of a product line that the visitor may see: published ones, and those of an operator."""
    lines: dict[tuple[int, Gtin], Scope] = g.setdefault("visible_lines", {})
    if (owner, gtin) not in lines:
        published = current_snapshot().published_scopes(owner, gtin, now_s())
        lines[owner, gtin] = published if published == ALL_SCOPES else published | _operator_scopes(owner, gtin)
    return lines[owner, gtin]


def _operator_scopes(owner: int, gtin: Gtin) -> Scope:
    """Return the scopes that the operator of the request may read; none without one or without the chain."""
    try:
        return readable_lines().scopes(owner, gtin)
    except (LoginRequiredError, RightsRevokedError, RightsUnavailableError):
        return Scope(0)


def batch_scopes(view: BatchView) -> Scope:
    """Return the scopes of a batch that the visitor may see."""
    return visible_scopes(view.producer, view.gtin)


def batch_relation(view: BatchView) -> Relation:
    """Return how a batch relates to the operator's organisation: own, granted (scope product), or neither."""
    if current_operator().organisation in (view.producer, view.custodian):
        return Relation.OWN
    granted = readable_lines()(view.producer, view.gtin, Scope.PRODUCT)
    return Relation.GRANTED if granted else Relation.OTHER


def require_listed(view: BatchView) -> None:
    """Raise `InsufficientRightsError` for a batch that the operator's organisation neither has nor was granted."""
    if batch_relation(view) is Relation.OTHER:
        raise InsufficientRightsError(
            "the producer has not granted your organisation the scope product of this product line",
            field="scope",
            hint=f"ask {lookup_organisation(view.producer).name} for access",
        )


def listing_reader() -> Reader | None:
    """Return the reader whose batches lists show; None for a supervisor of an authority, who may read everything."""
    operator = current_operator()
    organisation = current_snapshot().organisation(operator.organisation)
    authority = organisation is not None and organisation.kind is OrganisationKind.AUTHORITY
    return None if authority and operator.has(Role.SUPERVISOR) else Reader(operator.organisation, now_s())


def require_visible(owner: int, gtin: Gtin, scopes: Scope) -> None:
    """Raise unless the visitor may see all of `scopes` of a product line.

    Raises `LoginRequiredError` for a visitor, and `InsufficientRightsError` for an operator without a grant.
    """
    if scopes in visible_scopes(owner, gtin):
        return
    current_operator()
    names = " and ".join(scope.name.lower() for scope in Scope if scope & scopes and scope.name)
    raise InsufficientRightsError(
        f"the producer has not granted your organisation the scope {names} of this product line",
        field="scope",
        hint=f"ask {lookup_organisation(owner).name} for access",
    )


def readable_lines() -> ReadableProductLines:
    """Return the product lines that the operator of the current request may read."""
    if "readable_lines" not in g:
        g.readable_lines = ReadableProductLines(current_portal().chain, current_operator())
    return cast(ReadableProductLines, g.readable_lines)
