"""Logging in with a wallet: EIP-4361 messages, made here, signed there, checked here."""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete

from app.errors import LoginRefused
from app.store.database import Store
from app.store.models import Nonce

# `siwe` works its grammars out when it is imported, for longer than all the rest of the portal takes to start: it is
# imported by the first wallet that comes.
if TYPE_CHECKING:
    from siwe import SiweMessage

VALID_S = 300
"""Seconds between the making of a message and the last moment at which its signature is taken."""

_MAX_MESSAGE = 4096
_STATEMENT = "Log in to the traceability portal. This costs nothing and moves nothing."
_LETTERS = string.ascii_letters + string.digits


def refused(detail: str) -> LoginRefused:
    """One shape for every wallet refusal; a wallet's owner may know what was wrong with the own message."""
    return LoginRefused(f"the wallet's signature was not taken: {detail}", field="signature", hint="start over")


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

    def __init__(self, store: Store, base_url: str, domain: str, chain_id: int) -> None:
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
            session.execute(delete(Nonce).where(Nonce.expires_at < now.timestamp()))
            session.add(Nonce(value=nonce, expires_at=int(until.timestamp())))
        return str(message.prepare_message())

    def accept(self, text: str, signature: str, now: datetime) -> str:
        """The address that logged in. The nonce is spent by the attempt, whatever its outcome.

        Raises `LoginRefused` for another domain, URI or chain, a nonce not given out or used, a message out of its
        time, or a signature by another key.
        """
        if len(text) > _MAX_MESSAGE:
            raise refused("the message is too long")
        message = parse(text)
        with self._store.begin() as session:
            spent = session.execute(
                delete(Nonce).where(Nonce.value == message.nonce, Nonce.expires_at >= now.timestamp())
            )
            known = spent.rowcount == 1  # type: ignore[attr-defined]
        if not known:
            raise refused("its nonce is not ours, used or too old")
        if message.uri != self._uri:
            raise refused(f"it is for {message.uri}, not for {self._uri}")
        if message.chain_id != self._chain_id:
            raise refused(f"it is for chain {message.chain_id}, not for chain {self._chain_id}")
        if message.expiration_time is None:
            raise refused("it does not expire")
        return verify(message, signature, now=now, domain=self._domain)


def utc_now() -> datetime:
    """The present, with its time zone."""
    return datetime.now(UTC)
