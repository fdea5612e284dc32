"""Station keys at rest: EIP-2335 keystores (scrypt, AES-128-CTR, SHA-256 checksum), readable by their owner only.

`pubkey` has the 96 bytes of the public key in G2. A test opens the files with another EIP-2335 reader.
"""

from __future__ import annotations

import hmac
import json
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chromatrace.crypto.bls import PublicKey, SecretKey
from chromatrace.crypto.errors import KeyPasswordError
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.domain.passwords import check_key_password
from chromatrace.storage import strict_json
from chromatrace.storage.files import write_once
from chromatrace.storage.private import read_private
from chromatrace.storage.strict_json import JsonObject

_VERSION = 4
_SCRYPT = {"dklen": 32, "n": 1 << 18, "r": 8, "p": 1}
_SCRYPT_LIMIT_BYTES = 1 << 30
_MAX_PASSES = 16
_NONCE_BYTES = 16

_HexText = Annotated[str, msgspec.Meta(pattern="^(0x)?([0-9a-fA-F]{2})*$")]


class _Object(JsonObject, frozen=True, forbid_unknown_fields=False):
    """EIP-2335 allows further members."""


class _ScryptParameters(_Object, frozen=True):
    dklen: Literal[32]
    n: Annotated[int, msgspec.Meta(ge=2)]
    r: Annotated[int, msgspec.Meta(ge=1)]
    p: Annotated[int, msgspec.Meta(ge=1, le=_MAX_PASSES)]
    salt: _HexText

    def check(self) -> None:
        if 128 * self.n * self.r > _SCRYPT_LIMIT_BYTES:
            raise InvalidInput("the key derivation needs more than 1 GiB of memory", field="/n")


class _Kdf(_Object, frozen=True):
    function: Literal["scrypt"]
    params: _ScryptParameters


class _Checksum(_Object, frozen=True):
    function: Literal["sha256"]
    message: _HexText


class _CipherParameters(_Object, frozen=True):
    iv: Annotated[_HexText, msgspec.Meta(min_length=2 * _NONCE_BYTES, max_length=2 * _NONCE_BYTES)]


class _CipherObject(_Object, frozen=True):
    function: Literal["aes-128-ctr"]
    params: _CipherParameters
    message: _HexText


class _Crypto(_Object, frozen=True):
    kdf: _Kdf
    checksum: _Checksum
    cipher: _CipherObject


class _Keystore(_Object, frozen=True):
    version: Literal[4]
    crypto: _Crypto
    pubkey: _HexText
    description: str = ""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """The public part of a keystore."""

    path: Path
    name: str
    public_key: PublicKey


def save_key(path: Path, secret: SecretKey, password: str, name: str) -> StoredKey:
    """Write a new keystore with mode 0600. Raises `Conflict` if the file exists, `InvalidInput`."""
    check_key_password(password)
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(_NONCE_BYTES)
    derived = _derive(password, _ScryptParameters(**_SCRYPT, salt=salt.hex()))  # type: ignore[arg-type]
    encrypted = _cipher(derived, nonce, secret.to_bytes())
    keystore = {
        "version": _VERSION,
        "uuid": str(uuid.uuid4()),
        "description": name,
        "path": "",
        "pubkey": secret.public_key.data.hex(),
        "crypto": {
            "kdf": {"function": "scrypt", "params": _SCRYPT | {"salt": salt.hex()}, "message": ""},
            "checksum": {"function": "sha256", "params": {}, "message": _checksum(derived, encrypted).hex()},
            "cipher": {"function": "aes-128-ctr", "params": {"iv": nonce.hex()}, "message": encrypted.hex()},
        },
    }
    try:
        write_once(path, f"{json.dumps(keystore, indent=1)}\n".encode())
    except FileExistsError as error:
        raise Conflict(
            f"{path} already exists", field="keystore", hint="choose another name; keys are never overwritten"
        ) from error
    return StoredKey(path, name, secret.public_key)


def describe_key(path: Path) -> StoredKey:
    """Return name and public key of a keystore. Raises `NotFound`, `InvalidInput`."""
    keystore = _read(path)
    return StoredKey(path, keystore.description, PublicKey(_bytes(keystore.pubkey)))


def open_key(path: Path, password: str) -> SecretKey:
    """Decrypt the secret key. Raises `KeyPasswordError`, `NotFound`, and `InvalidInput` for another kind of file."""
    keystore = _read(path)
    crypto = keystore.crypto
    nonce, encrypted = _bytes(crypto.cipher.params.iv), _bytes(crypto.cipher.message)
    try:
        derived = _derive(password, crypto.kdf.params)
    except ValueError as error:
        raise InvalidInput(f"{path}: {error}", field="/crypto/kdf/params") from error
    if not hmac.compare_digest(_checksum(derived, encrypted), _bytes(crypto.checksum.message)):
        raise KeyPasswordError(f"wrong password for {path}, or the file is damaged", field="password")
    secret = SecretKey.from_bytes(_cipher(derived, nonce, encrypted))
    if secret.public_key.data != _bytes(keystore.pubkey):
        raise InvalidInput(f"{path}: the public key does not match the secret key", field="/pubkey")
    return secret


def _read(path: Path) -> _Keystore:
    try:
        return strict_json.decode(read_private(path), _Keystore)
    except FileNotFoundError as error:
        hint = "create one with `chromatrace route station create`"
        raise NotFound(f"keystore {path} does not exist", field="keystore", hint=hint) from error
    except InvalidInput as error:
        raise InvalidInput(
            f"{path} is not an EIP-2335 keystore: {error.message}", field=error.field or "keystore", hint=error.hint
        ) from error


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _derive(password: str, parameters: _ScryptParameters) -> bytes:
    scrypt = Scrypt(
        salt=_bytes(parameters.salt), length=parameters.dklen, n=parameters.n, r=parameters.r, p=parameters.p
    )
    return scrypt.derive(_normalised(password))


def _normalised(password: str) -> bytes:
    """Normalise as EIP-2335 requires: NFKD, without C0, C1 and Delete."""
    text = unicodedata.normalize("NFKD", password)
    return "".join(mark for mark in text if unicodedata.category(mark) != "Cc").encode("utf-8")


def _checksum(derived: bytes, encrypted: bytes) -> bytes:
    return sha256(derived[16:32] + encrypted).digest()


def _cipher(derived: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = Cipher(algorithms.AES(derived[:16]), modes.CTR(nonce)).encryptor()
    return stream.update(data) + stream.finalize()
