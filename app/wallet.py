"""Login with a wallet (EIP-4361): create the message, and verify the signed message."""

from __future__ import annotations

import re
import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete

from app.errors import LoginFailedError
from app.store.database import PortalDatabase
from app.store.models import LoginNonce

# Importing `siwe` compiles its grammars, which takes longer than the rest of the start-up: import it on first use.
if TYPE_CHECKING:
    from siwe import SiweMessage

VALID_S = 300
"""Seconds for which a message is valid."""

_STATEMENT = "Log in to the traceability portal. Signing is free and does not send a transaction."
_LETTERS = string.ascii_letters + string.digits
_TIME = r"[-+.:0-9TZ]{20,40}"
_ISSUED_MESSAGE = re.compile(
    r"(?P<domain>\S{1,300}) wants you to sign in with your Ethereum account:\n0x[0-9a-fA-F]{40}\n\n"
    rf"{re.escape(_STATEMENT)}\n\nURI: (?P<uri>\S{{1,300}})\nVersion: 1\nChain ID: (?P<chain>[0-9]{{1,20}})\n"
    rf"Nonce: (?P<nonce>[a-zA-Z0-9]{{20}})\nIssued At: {_TIME}(?P<expires>\nExpiration Time: {_TIME})?"
)
"""The form of a message from `challenge`. Checked before `siwe` parses: its parser takes quadratic time, two minutes
for 4,000 characters, so arbitrary messages would block a worker."""


def login_error(detail: str) -> LoginFailedError:
    """Return the error for a rejected wallet login."""
    return LoginFailedError(f"wallet login rejected: {detail}", field="signature", hint="start again")


def parse(message: str) -> SiweMessage:
    """Parse an EIP-4361 message. Raises `LoginFailedError`."""
    from pydantic import ValidationError
    from siwe import SiweMessage

    try:
        return SiweMessage.from_message(message)
    except (ValueError, ValidationError) as error:
        raise login_error("the message is not an EIP-4361 message") from error


def verify(message: SiweMessage, signature: str, *, now: datetime, domain: str | None = None) -> str:
    """Return the address that signed `message` within its validity. Raises `LoginFailedError`."""
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError as InvalidSignatureValue
    from siwe import VerificationError

    try:
        message.verify(signature, domain=domain, timestamp=now)
    except VerificationError as error:
        raise login_error(type(error).__name__) from error
    except (ValueError, BadSignature, InvalidSignatureValue) as error:
        raise login_error("malformed time or signature") from error
    return str(message.address)


class WalletLogins:
    """Issues nonces and accepts signed messages for one portal and one chain. Each nonce is valid once."""

    def __init__(self, database: PortalDatabase, base_url: str, domain: str, chain_id: int) -> None:
        self._database = database
        self._uri = f"{base_url}/login"
        self._domain = domain
        self._chain_id = chain_id

    def challenge(self, address: str, now: datetime) -> str:
        """Return the message for `address` (EIP-55) to sign."""
        from pydantic import ValidationError
        from siwe import ISO8601Datetime, SiweMessage

        nonce = "".join(secrets.choice(_LETTERS) for _ in range(20))
        until = now + timedelta(seconds=VALID_S)
        try:
            message = SiweMessage(
                domain=self._domain,
                address=address,
                statement=_STATEMENT,
                uri=self._uri,
                version="1",
                chain_id=self._chain_id,
                nonce=nonce,
                issued_at=ISO8601Datetime.from_datetime(now),
                expiration_time=ISO8601Datetime.from_datetime(until),
            )
        except ValidationError as error:
            raise login_error("the address has no valid EIP-55 checksum") from error
        with self._database.begin() as session:
            session.execute(delete(LoginNonce).where(LoginNonce.expires_at < now.timestamp()))
            session.add(LoginNonce(value=nonce, expires_at=int(until.timestamp())))
        return str(message.prepare_message())

    def accept(self, text: str, signature: str, now: datetime) -> str:
        """Return the address that signed the message. Every attempt consumes the nonce, even a failed one.

        Raises `LoginFailedError` for another domain, URI or chain, an unknown or used nonce, an expired message, or a
        signature by another key.
        """
        match = _ISSUED_MESSAGE.fullmatch(text)
        if match is None:
            raise login_error("the message is not the EIP-4361 message that this portal issued")
        with self._database.begin() as session:
            consumed = session.execute(
                delete(LoginNonce).where(LoginNonce.value == match["nonce"], LoginNonce.expires_at >= now.timestamp())
            )
            known = consumed.rowcount == 1  # type: ignore[attr-defined]
        if not known:
            raise login_error("the nonce is unknown, used or expired")
        if match["domain"] != self._domain:
            raise login_error(f"the message is for domain {match['domain']}, expected {self._domain}")
        if match["uri"] != self._uri:
            raise login_error(f"the message is for {match['uri']}, expected {self._uri}")
        if int(match["chain"]) != self._chain_id:
            raise login_error(f"the message is for chain {match['chain']}, expected chain {self._chain_id}")
        if match["expires"] is None:
            raise login_error("the message has no expiration time")
        message = parse(text)
        return verify(message, signature, now=now, domain=self._domain)


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
