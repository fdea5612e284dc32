"""X25519 keys of those who read documents, a department or an organisation each; documents' keys are wrapped to them.

The wrapping is HPKE (RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM); its `info` names the
document and the reader, so that a wrapped key opens nothing under another name.
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
    """Who may be given documents: a name (such as a department's) and a public key."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput("a reader's name has 1 to 64 characters", field="reader")
        if len(self.public) != 32:
            raise InvalidInput("a public key has 32 bytes", field="reader")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `NAME=x25519:…`."""
        name, _, public = text.rpartition("=")
        if not name or not _PUBLIC.fullmatch(public):
            raise InvalidInput(
                f"NAME=x25519:… with 64 hexadecimal digits is needed, got {text[:80]!r}",
                field="reader",
                hint="`chromatrace key reader` prints it",
            )
        return cls(name, bytes.fromhex(public.removeprefix("x25519:")))

    def __str__(self) -> str:
        return f"{self.name}=x25519:{self.public.hex()}"

    def wrap(self, key: bytes, digest: bytes) -> bytes:
        """A document's key, which only this reader can unwrap."""
        try:
            public = X25519PublicKey.from_public_bytes(self.public)
            return _SUITE.encrypt(key, public, info=_info(self.name, digest))
        except ValueError as error:
            raise InvalidInput(f"the public key of {self.name!r} is not usable: {error}", field="reader") from error


@dataclass(frozen=True, slots=True)
class ReaderKey:
    """A reader's own, private key."""

    name: str
    private: X25519PrivateKey

    @classmethod
    def generate(cls, name: str) -> Self:
        """A new key."""
        made = cls(name, X25519PrivateKey.generate())
        made.reader  # noqa: B018 - refuses a bad name at once
        return made

    @property
    def reader(self) -> Reader:
        """What others need to give it documents."""
        return Reader(self.name, self.private.public_key().public_bytes_raw())

    def unwrap(self, wrapped: bytes, digest: bytes) -> bytes:
        """The document's key. Raises `KeyMissingError`."""
        try:
            return _SUITE.decrypt(wrapped, self.private, info=_info(self.name, digest))
        except (InvalidTag, ValueError) as error:
            raise KeyMissingError(
                f"this key of {self.name!r} does not open the document", field="reader", hint="was it made anew since?"
            ) from error

    def save(self, path: Path, password: str | None = None) -> None:
        """Writes it as PKCS #8 for its owner's eyes, encrypted where a password is given; refuses to overwrite."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password.encode())
        pem = self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        try:
            write_once(path, pem)
        except FileExistsError as error:
            raise InvalidInput(
                f"{path} is there already", field="output", hint="a lost key is lost: keep it"
            ) from error

    @classmethod
    def load(cls, path: Path, name: str, password: str | None = None) -> Self:
        """Reads what `save` wrote. Raises `InvalidInput`, `KeyMissingError` where there is none."""
        try:
            found = serialization.load_pem_private_key(path.read_bytes(), password.encode() if password else None)
        except FileNotFoundError as error:
            raise KeyMissingError(
                f"there is no reading key of {name!r} here", field="reader", hint="make one by `chromatrace key reader`"
            ) from error
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{path} is no key, or the password is wrong: {error}", field="reader") from error
        if not isinstance(found, X25519PrivateKey):
            raise InvalidInput(f"{path} is no X25519 key", field="reader")
        return cls(name, found)


class KeyRing:
    """The private reading keys in a folder, under one password where they are encrypted."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self._folder, self._password = folder, password

    def path(self, name: str) -> Path:
        """Where the key of the reader `name` lies. Raises `InvalidInput`."""
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        if not plain:
            raise InvalidInput("a reader's name needs a letter or digit", field="reader")
        return self._folder / f"{plain}.pem"

    def key(self, name: str) -> ReaderKey:
        """The key of the reader `name`. Raises `KeyMissingError`."""
        return ReaderKey.load(self.path(name), name, self._password)

    def make(self, name: str) -> tuple[ReaderKey, Path]:
        """Makes and saves a key; refuses to overwrite one."""
        made = ReaderKey.generate(name)
        made.save(self.path(name), self._password)
        return made, self.path(name)


def _info(name: str, digest: bytes) -> bytes:
    return _CONTEXT + digest + name.encode()
