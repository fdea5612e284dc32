"""EIP-4361 messages ("Sign-In with Ethereum"): the grammar, and the check of times and signature.

docs/adr/0007-sign-in-message.md explains why this is not the `siwe` library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address
from typing import Self

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.hashing import keccak

# RFC 3986, sections 2 and 3.
_PERCENT = r"%[0-9A-Fa-f]{2}"
_UNRESERVED_OR_DELIMITER = r"A-Za-z0-9._~!$&'()*+,;=\-"
_CHARACTER = rf"(?:[{_UNRESERVED_OR_DELIMITER}:@]|{_PERCENT})"
_NAME = rf"(?:[{_UNRESERVED_OR_DELIMITER}]|{_PERCENT})"
_AUTHORITY = rf"(?:(?:{_NAME}|:)*@)?(?:\[(?P<ip>[0-9A-Fa-f:.]+)\]|{_NAME}+)(?::[0-9]*)?"
_URI_AUTHORITY = _AUTHORITY.replace("?P<ip>", "?:")
_SEGMENTS = rf"(?:/{_CHARACTER}*)*"
_PATH = rf"(?://{_URI_AUTHORITY}{_SEGMENTS}|/(?:{_CHARACTER}+{_SEGMENTS})?|{_CHARACTER}+{_SEGMENTS})?"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*"
_QUERY = rf"(?:{_CHARACTER}|[/?])*"
_URI = rf"{_SCHEME}:{_PATH}(?:\?{_QUERY})?(?:#{_QUERY})?"
# RFC 3339, section 5.6.
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"

_MESSAGE = re.compile(
    rf"(?:(?P<scheme>{_SCHEME})://)?(?P<domain>{_AUTHORITY}) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9A-Fa-f]{40})\n\n"
    rf"(?:(?P<statement>[{_UNRESERVED_OR_DELIMITER}:/?#\[\]@ ]+)\n)?\n"
    rf"URI: (?P<uri>{_URI})\nVersion: 1\nChain ID: (?P<chain_id>[0-9]{{1,20}})\nNonce: (?P<nonce>[A-Za-z0-9]{{8,}})\n"
    rf"Issued At: (?P<issued_at>{_TIME})(?:\nExpiration Time: (?P<expiration_time>{_TIME}))?"
    rf"(?:\nNot Before: (?P<not_before>{_TIME}))?(?:\nRequest ID: (?P<request_id>{_CHARACTER}*))?"
    rf"(?P<resources>\nResources:(?:\n- {_URI})*)?"
)
"""Every repetition is over disjoint alternatives, so matching takes time linear in the length."""

_SIGNATURE = re.compile("0x(?:[0-9A-Fa-f]{2}){1,4096}")

ContractSignatureCheck = Callable[[str, bytes, bytes], bool]
"""Return whether the contract at an address accepts a signature of a digest (ERC-1271)."""


class InvalidSignInMessage(ValueError):
    """The message breaks the grammar, is out of its times, or was not signed by its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMessage:
    """The fields of a message. `str()` gives the text that a wallet signs. Raises `InvalidSignInMessage`."""

    domain: str
    address: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None
    scheme: str | None = None

    def __post_init__(self) -> None:
        _match(str(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a message."""
        match = _match(text)
        listed = match["resources"]
        return cls(
            scheme=match["scheme"],
            domain=match["domain"],
            address=match["address"],
            statement=match["statement"],
            uri=match["uri"],
            chain_id=int(match["chain_id"]),
            nonce=match["nonce"],
            issued_at=match["issued_at"],
            expiration_time=match["expiration_time"],
            not_before=match["not_before"],
            request_id=match["request_id"],
            resources=None if listed is None else tuple(listed.split("\n- ")[1:]),
        )

    def __str__(self) -> str:
        scheme = f"{self.scheme}://" if self.scheme else ""
        lines = [f"{scheme}{self.domain} wants you to sign in with your Ethereum account:", self.address, ""]
        lines += [] if self.statement is None else [self.statement]
        lines += ["", f"URI: {self.uri}", "Version: 1", f"Chain ID: {self.chain_id}", f"Nonce: {self.nonce}"]
        lines.append(f"Issued At: {self.issued_at}")
        for name, value in (
            ("Expiration Time", self.expiration_time),
            ("Not Before", self.not_before),
            ("Request ID", self.request_id),
        ):
            lines += [] if value is None else [f"{name}: {value}"]
        if self.resources is not None:
            lines += ["Resources:", *(f"- {resource}" for resource in self.resources)]
        return "\n".join(lines)

    def digest(self) -> bytes:
        """Return the EIP-191 hash that a wallet signs."""
        text = str(self).encode()
        return keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(text), text))

    def verify(self, signature: str, now: datetime, accepted_by_contract: ContractSignatureCheck | None = None) -> None:
        """Raise `InvalidSignInMessage` unless `now` is within the message's times and its address signed it.

        `accepted_by_contract` is asked if the signature is not one of the address's own key.
        """
        if self.expiration_time is not None and now >= datetime.fromisoformat(self.expiration_time):
            raise InvalidSignInMessage(f"the message expired at {self.expiration_time}")
        if self.not_before is not None and now < datetime.fromisoformat(self.not_before):
            raise InvalidSignInMessage(f"the message is not valid before {self.not_before}")
        if not _SIGNATURE.fullmatch(signature):
            raise InvalidSignInMessage("the signature is not 0x and hexadecimal digits, 65 bytes for a key")
        signed = bytes.fromhex(signature[2:])
        digest = self.digest()
        signer = _signer(digest, signed)
        if signer == self.address:
            return
        if accepted_by_contract is not None and accepted_by_contract(self.address, digest, signed):
            return
        by = f"signed by {signer}" if signer else "not signed by a key"
        raise InvalidSignInMessage(f"the message is {by}, not by {self.address}, and no contract there accepts it")


def _signer(digest: bytes, signature: bytes) -> str | None:
    """Return the address that signed a digest, None if `signature` is not a signature of a key."""
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    if len(signature) != 65:
        return None
    recovery = signature[64] - 27 if signature[64] >= 27 else signature[64]
    try:
        key = Signature(signature[:64] + bytes([recovery])).recover_public_key_from_msg_hash(digest)
    except (ValueError, BadSignature, ValidationError):
        return None
    return key.to_checksum_address()


def _match(text: str) -> re.Match[str]:
    match = _MESSAGE.fullmatch(text)
    if match is None:
        raise InvalidSignInMessage("the text is not an EIP-4361 message")
    address, host = match["address"], match["ip"]
    if checksummed(bytes.fromhex(address[2:])) != address:
        raise InvalidSignInMessage(f"{address} does not have a valid EIP-55 checksum")
    try:
        if host is not None:
            IPv6Address(host)
        for time in filter(None, match.group("issued_at", "expiration_time", "not_before")):
            datetime.fromisoformat(time)
    except ValueError as error:
        raise InvalidSignInMessage(str(error)) from error
    return match
