"""Log in with a wallet: the portal issues an EIP-4361 message, the wallet signs it."""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete

from app.errors import LoginFailedError
from app.sign_in_message import ContractSignatureCheck, InvalidSignInMessage, SignInMessage
from app.store.database import PortalDatabase
from app.store.models import LoginNonce
from chromatrace.domain.addresses import parse_address

VALID_S = 300
"""Seconds for which a message is valid."""

LOGIN = "Log in to the traceability portal. Signing is free and does not send a transaction."
"""Statement of a login."""

_LETTERS = string.ascii_letters + string.digits


def account_statement(name: str) -> str:
    """Return the statement by which an operator lets an account with a password act for its address."""
    return f"The account {name} of the traceability portal may act as this operator with its password."


def _error(detail: str) -> LoginFailedError:
    return LoginFailedError(f"wallet signature rejected: {detail}", field="signature", hint="start again")


def _timestamp(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class WalletLogins:
    """Issues messages and accepts them signed, for one portal and one chain. Each nonce is valid once.

    `accepted_by_contract` asks a contract wallet whether it accepts a signature (ERC-1271).
    """

    def __init__(
        self,
        database: PortalDatabase,
        base_url: str,
        domain: str,
        chain_id: int,
        accepted_by_contract: ContractSignatureCheck,
    ) -> None:
        self._database = database
        self._uri = f"{base_url}/login"
        self._domain = domain
        self._chain_id = chain_id
        self._accepted_by_contract = accepted_by_contract

    def challenge(self, address: str, now: datetime, statement: str = LOGIN, valid_s: int = VALID_S) -> str:
        """Return the message that the owner of `address` must sign. Raises `InvalidInput` for an invalid address."""
        nonce = "".join(secrets.choice(_LETTERS) for _ in range(20))
        until = now + timedelta(seconds=valid_s)
        message = SignInMessage(
            domain=self._domain,
            address=parse_address(address),
            statement=statement,
            uri=self._uri,
            chain_id=self._chain_id,
            nonce=nonce,
            issued_at=_timestamp(now),
            expiration_time=_timestamp(until),
        )
        with self._database.begin() as session:
            session.execute(delete(LoginNonce).where(LoginNonce.expires_at < now.timestamp()))
            session.add(LoginNonce(value=nonce, expires_at=int(until.timestamp())))
        return str(message)

    def accept(self, text: str, signature: str, now: datetime, statement: str = LOGIN) -> str:
        """Return the address that signed the message. Every attempt consumes its nonce, even a failed one.

        Raises `LoginFailedError` for another domain, URI, chain or statement, an unknown or used nonce, an expired
        message, or a signature that neither the key nor the contract at the address accepts.
        """
        try:
            message = SignInMessage.parse(text)
            self._use_nonce(message.nonce, now)
            self._check_fields(message, statement)
            message.verify(signature, now, self._accepted_by_contract)
        except InvalidSignInMessage as error:
            raise _error(str(error)) from error
        return message.address

    def _use_nonce(self, nonce: str, now: datetime) -> None:
        with self._database.begin() as session:
            deleted = session.execute(
                delete(LoginNonce).where(LoginNonce.value == nonce, LoginNonce.expires_at >= now.timestamp())
            )
        if deleted.rowcount != 1:  # type: ignore[attr-defined]
            raise InvalidSignInMessage("the nonce is unknown, used or expired")

    def _check_fields(self, message: SignInMessage, statement: str) -> None:
        for name, value, expected in (
            ("domain", message.domain, self._domain),
            ("URI", message.uri, self._uri),
            ("chain", message.chain_id, self._chain_id),
            ("statement", message.statement, statement),
        ):
            if value != expected:
                raise InvalidSignInMessage(f"the {name} is {value}; it must be {expected}")
        if message.expiration_time is None:
            raise InvalidSignInMessage("the message has no expiration time")
        if any((message.scheme, message.not_before, message.request_id, message.resources is not None)):
            raise InvalidSignInMessage("the message has fields that the issued message does not have")


def utc_now() -> datetime:
    """Return the current time with its time zone."""
    return datetime.now(UTC)
