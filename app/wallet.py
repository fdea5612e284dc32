"""Logging in with a wallet: EIP-4361 messages, made here, signed there, checked here."""

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

# `siwe` works its grammars out when it is imported, for longer than all the rest of the portal takes to start: it is
# imported by the first wallet that comes.
if TYPE_CHECKING:
    from siwe import SiweMessage

VALID_S = 300
"""Seconds between the making of a message and the last moment at which its signature is taken."""

_STATEMENT = "Log in to the traceability portal. This costs nothing and moves nothing."
_LETTERS = string.ascii_letters + string.digits
_TIME = r"[-+.:0-9TZ]{20,40}"
_OURS = re.compile(
    r"(?P<domain>\S{1,300}) wants you to sign in with your Ethereum account:\n0x[0-9a-fA-F]{40}\n\n"
    rf"{re.escape(_STATEMENT)}\n\nURI: (?P<uri>\S{{1,300}})\nVersion: 1\nChain ID: (?P<chain>[0-9]{{1,20}})\n"
    rf"Nonce: (?P<nonce>[a-zA-Z0-9]{{20}})\nIssued At: {_TIME}(?P<expires>\nExpiration Time: {_TIME})?"
)
"""A message as `challenge` makes it. `siwe` reads its grammar in time that grows with the square of the length, two
minutes for 4,000 letters: what is not of this form, for us and with a nonce of ours never comes there."""


def refused(detail: str) -> LoginFailedError:
    """One shape for every wallet refusal; a wallet's owner may know what was wrong with the own message."""
    return LoginFailedError(f"the wallet's signature was not taken: {detail}", field="signature", hint="start over")


def parse(message: str) -> SiweMessage:
    """Reads an EIP-4361 message by its grammar; `LoginRefused` where it breaks it."""
    from pydantic import ValidationError
    from siwe import SiweMessage

    try:
        return SiweMessage.from_message(message)
    except (ValueError, ValidationError) as error:
        raise refused("the message is not an EIP-4361 message") from error


def verify(message: SiweMessage, signature: str, *, now: datetime, domain: str | None = None) -> str:
    """The address that signed `message`, within its times; `LoginRefused` where it did not."""
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError as InvalidSignatureValue
    from siwe import VerificationError

    try:
        message.verify(signature, domain=domain, timestamp=now)
    except VerificationError as error:
        raise refused(type(error).__name__) from error
    except (ValueError, BadSignature, InvalidSignatureValue) as error:
        raise refused("a time or the signature is malformed") from error
    return str(message.address)


class WalletLogins:
    """Gives out nonces and takes signed messages for one portal and one chain. Each nonce works once."""

    def __init__(self, store: PortalDatabase, base_url: str, domain: str, chain_id: int) -> None:
        self._store = store
        self._uri = f"{base_url}/login"
        self._domain = domain
        self._chain_id = chain_id

    def challenge(self, address: str, now: datetime) -> str:
        """The message that the owner of `address` (EIP-55) is to sign."""
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
            raise refused("the address is not one with its EIP-55 checksum") from error
        with self._store.begin() as session:
            session.execute(delete(LoginNonce).where(LoginNonce.expires_at < now.timestamp()))
            session.add(LoginNonce(value=nonce, expires_at=int(until.timestamp())))
        return str(message.prepare_message())

    def accept(self, text: str, signature: str, now: datetime) -> str:
        """The address that logged in. The nonce of a message in our form is spent by the attempt, whatever comes of it.

        Raises `LoginRefused` for another domain, URI or chain, a nonce not given out or used, a message out of its
        time, or a signature by another key.
        """
        found = _OURS.fullmatch(text)
        if found is None:
            raise refused("the message is not the EIP-4361 message that was given out")
        with self._store.begin() as session:
            spent = session.execute(
                delete(LoginNonce).where(LoginNonce.value == found["nonce"], LoginNonce.expires_at >= now.timestamp())
            )
            known = spent.rowcount == 1  # type: ignore[attr-defined]
        if not known:
            raise refused("its nonce is not ours, used or too old")
        if found["domain"] != self._domain:
            raise refused(f"it is for {found['domain']}, not for {self._domain}")
        if found["uri"] != self._uri:
            raise refused(f"it is for {found['uri']}, not for {self._uri}")
        if int(found["chain"]) != self._chain_id:
            raise refused(f"it is for chain {found['chain']}, not for chain {self._chain_id}")
        if found["expires"] is None:
            raise refused("it does not expire")
        message = parse(text)
        return verify(message, signature, now=now, domain=self._domain)


def utc_now() -> datetime:
    """The present, with its time zone."""
    return datetime.now(UTC)
