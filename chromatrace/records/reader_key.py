"""Readers of documents and their keys.

A reader is a department of an organisation, or an organisation as a whole, with one key:

    identity     number of the organisation and id of the department on the chain
    public       Ed25519 public key; its fingerprint distinguishes the keys of an identity
    name         label for people; it identifies nothing
    proof        Ed25519 signature over identity, public key and name, by the key itself

Only the holder of the private key can create the proof, so an invented key cannot become a reader. age encrypts to the
X25519 key that corresponds to the Ed25519 key: RFC 7748, section 4.1, gives the map between the curves. The security of
one key pair for both is analysed in E. Thormarker, "On using the same key pair for Ed25519 and an X25519 based KEM"
(2021).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import pyrage
from bech32 import bech32_encode, convertbits
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import DepartmentId, OrganisationId

WHOLE_ORGANISATION = DepartmentId(bytes(32))
"""Department of a reader that is an organisation as a whole, such as an auditor or a recovery key."""
MAX_NAME = 64
"""Maximum length of a reader's name in characters."""

_TEXT = re.compile(
    r"(?P<name>.+)=(?P<organisation>[1-9][0-9]{0,14})/0x(?P<department>[0-9a-f]{64})"
    r"/ed25519:(?P<public>[0-9a-f]{64})/(?P<proof>[0-9a-f]{128})",
    re.ASCII | re.DOTALL,
)
_CONTEXT = b"chromatrace.reader/1"
_P = 2**255 - 19
_ANY_KEY = X25519PrivateKey.generate()


class ReaderIdentity(NamedTuple):
    """A department of an organisation, by their ids on the chain."""

    organisation: OrganisationId
    department: DepartmentId

    def __str__(self) -> str:
        if self.department == WHOLE_ORGANISATION:
            return f"organisation {self.organisation}"
        return f"department 0x{self.department.hex()} of organisation {self.organisation}"


@dataclass(frozen=True)
class Reader:
    """A reader whose key has proven its possession. Raises `InvalidInput` for an invalid name, key or proof."""

    identity: ReaderIdentity
    name: str
    public: bytes
    proof: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        try:
            _ANY_KEY.exchange(X25519PublicKey.from_public_bytes(_montgomery(self.public)))
        except ValueError as error:  # low order: decryption and signatures need no private key
            raise InvalidInput(f"the public key of {self.name!r} is not valid", field="reader") from error
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(
                self.proof, _signed(self.identity, self.public, self.name)
            )
        except (InvalidSignature, ValueError) as error:
            raise InvalidInput(
                f"the reader {self.name!r} does not prove that it holds its key",
                field="reader",
                hint="pass the text exactly as `chromatrace key reader` prints it",
            ) from error

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse the text that `chromatrace key reader` prints: `NAME=ORGANISATION/DEPARTMENT/ed25519:…/PROOF`."""
        match = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InvalidInput(
                f"expected NAME=ORGANISATION/DEPARTMENT/ed25519:…/PROOF, got {text!r:.80}",
                field="reader",
                hint="`chromatrace key reader` prints it",
            )
        department = DepartmentId(bytes.fromhex(match["department"]))
        identity = ReaderIdentity(OrganisationId(int(match["organisation"])), department)
        return cls(identity, match["name"], bytes.fromhex(match["public"]), bytes.fromhex(match["proof"]))

    def __str__(self) -> str:
        organisation, department = self.identity
        return f"{self.name}={organisation}/0x{department.hex()}/ed25519:{self.public.hex()}/{self.proof.hex()}"

    def as_dict(self) -> dict[str, Any]:
        """Return the reader as JSON, for the command line and the HTTP interface."""
        organisation, department = self.identity
        return {
            "name": self.name,
            "organisation": organisation,
            "department": None if department == WHOLE_ORGANISATION else f"0x{department.hex()}",
            "fingerprint": self.fingerprint,
            "reader": str(self),
        }

    @cached_property
    def fingerprint(self) -> str:
        """First 16 bytes of the SHA-256 of the public key, in hexadecimal digits."""
        return hashlib.sha256(self.public).hexdigest()[:32]

    @cached_property
    def recipient(self) -> pyrage.x25519.Recipient:
        """The key that age encrypts to, `age1…`."""
        return pyrage.x25519.Recipient.from_str(_bech32("age", _montgomery(self.public)))


@dataclass(frozen=True)
class ReaderKey:
    """The private key of a reader."""

    identity: ReaderIdentity
    name: str
    private: Ed25519PrivateKey

    @classmethod
    def generate(cls, identity: ReaderIdentity, name: str) -> Self:
        """Generate a key."""
        require_name(name)
        return cls(identity, name, Ed25519PrivateKey.generate())

    @cached_property
    def reader(self) -> Reader:
        """The public part, with the proof of possession."""
        public = self.private.public_key().public_bytes_raw()
        proof = self.private.sign(_signed(self.identity, public, self.name))
        return Reader(self.identity, self.name, public, proof)

    @property
    def fingerprint(self) -> str:
        """See `Reader`."""
        return self.reader.fingerprint

    @property
    def age_identity(self) -> str:
        """The private key in the form of the program age, `AGE-SECRET-KEY-1…`."""
        return _bech32("age-secret-key-", hashlib.sha512(self.private.private_bytes_raw()).digest()[:32]).upper()

    @cached_property
    def identity_key(self) -> pyrage.x25519.Identity:
        """The key that age decrypts with."""
        return pyrage.x25519.Identity.from_str(self.age_identity)

    def secret(self, purpose: bytes) -> bytes:
        """Return 32 bytes that only the holder of this key can derive."""
        return hashlib.blake2b(purpose, key=self.private.private_bytes_raw(), digest_size=32).digest()


def require_name(name: object) -> None:
    """Raise `InvalidInput` unless `name` is a label of 1 to 64 characters in any script."""
    if (
        not isinstance(name, str)
        or not 1 <= len(name) <= MAX_NAME
        or any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
    ):
        raise InvalidInput(
            f"expected a name of 1 to {MAX_NAME} characters without control characters, got {name!r:.80}",
            field="reader",
        )


def _signed(identity: ReaderIdentity, public: bytes, name: str) -> bytes:
    organisation, department = identity
    return _CONTEXT + organisation.to_bytes(8, "big") + department + public + name.encode()


def _montgomery(public: bytes) -> bytes:
    """Return the X25519 public key of an Ed25519 public key: u = (1 + y) / (1 - y)."""
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    return ((1 + y) * pow(1 - y, _P - 2, _P) % _P).to_bytes(32, "little")


def _bech32(prefix: str, data: bytes) -> str:
    words = convertbits(data, 8, 5)
    assert words is not None
    return bech32_encode(prefix, words)
