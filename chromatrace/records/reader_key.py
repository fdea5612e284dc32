"""X25519 keys of readers (departments or organisations), to which the keys of documents are wrapped.

Keys are wrapped with HPKE (RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM). Its `info`
contains the document and the reader, so a wrapped key is valid for these only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.errors import KeyMissingError
from chromatrace.storage.files import write_once

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_CONTEXT = b"chromatrace.vault/1"
_PUBLIC = re.compile(r"x25519:[0-9a-f]{64}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of documents: a name, such as that of a department, and a public key."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput("expected a reader's name of 1 to 64 characters", field="reader")
        if len(self.public) != 32:
            raise InvalidInput("expected a public key of 32 bytes", field="reader")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `NAME=x25519:…`."""
        name, _, public = text.rpartition("=")
        if not name or not _PUBLIC.fullmatch(public):
            raise InvalidInput(
                f"expected NAME=x25519:… with 64 hexadecimal digits, got {text[:80]!r}",
                field="reader",
                hint="`chromatrace key reader` prints it",
            )
        return cls(name, bytes.fromhex(public.removeprefix("x25519:")))

    def __str__(self) -> str:
        return f"{self.name}=x25519:{self.public.hex()}"

    def wrap(self, key: bytes, digest: bytes) -> bytes:
        """Wrap a document's key for this reader."""
        try:
            public = X25519PublicKey.from_public_bytes(self.public)
            return _SUITE.encrypt(key, public, info=_info(self.name, digest))
        except ValueError as error:
            raise InvalidInput(f"the public key of {self.name!r} is not valid: {error}", field="reader") from error


@dataclass(frozen=True, slots=True)
class ReaderKey:
    """The private key of a reader."""

    name: str
    private: X25519PrivateKey

    @classmethod
    def generate(cls, name: str) -> Self:
        """Generate a key."""
        key = cls(name, X25519PrivateKey.generate())
        key.reader  # noqa: B018 - rejects an invalid name
        return key

    @property
    def reader(self) -> Reader:
        """Name and public key."""
        return Reader(self.name, self.private.public_key().public_bytes_raw())

    def unwrap(self, wrapped: bytes, digest: bytes) -> bytes:
        """Unwrap a document's key. Raises `KeyMissingError`."""
        try:
            return _SUITE.decrypt(wrapped, self.private, info=_info(self.name, digest))
        except (InvalidTag, ValueError) as error:
            raise KeyMissingError(
                f"this key of {self.name!r} does not decrypt the document",
                field="reader",
                hint="the key may have been replaced since",
            ) from error

    def save(self, path: Path, password: str | None = None) -> None:
        """Write the key as PKCS #8, encrypted if a password is given. Raises `InvalidInput` if the file exists."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password.encode())
        pem = self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        try:
            write_once(path, pem)
        except FileExistsError as error:
            raise InvalidInput(
                f"{path} already exists", field="output", hint="keep the old key; a lost key cannot be recovered"
            ) from error

    @classmethod
    def load(cls, path: Path, name: str, password: str | None = None) -> Self:
        """Read a key that `save` wrote. Raises `InvalidInput`, and `KeyMissingError` if the file does not exist."""
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password.encode() if password else None)
        except FileNotFoundError as error:
            raise KeyMissingError(
                f"no reader key of {name!r}", field="reader", hint="create one with `chromatrace key reader`"
            ) from error
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{path} is not a key, or the password is wrong: {error}", field="reader") from error
        if not isinstance(key, X25519PrivateKey):
            raise InvalidInput(f"{path} is not an X25519 key", field="reader")
        return cls(name, key)


class KeyRing:
    """The private reader keys in a folder, optionally encrypted with one password."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self._folder, self._password = folder, password

    def path(self, name: str) -> Path:
        """Return the path of a reader's key. Raises `InvalidInput`."""
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        if not plain:
            raise InvalidInput("a reader's name must contain a letter or digit", field="reader")
        return self._folder / f"{plain}.pem"

    def key(self, name: str) -> ReaderKey:
        """Load the key of a reader. Raises `KeyMissingError`."""
        return ReaderKey.load(self.path(name), name, self._password)

    def make(self, name: str) -> tuple[ReaderKey, Path]:
        """Generate and save a key. Raises `InvalidInput` if the reader has one."""
        key = ReaderKey.generate(name)
        key.save(self.path(name), self._password)
        return key, self.path(name)


def _info(name: str, digest: bytes) -> bytes:
    return _CONTEXT + digest + name.encode()
