"""Station keys at rest: EIP-2335 keystores (scrypt, AES-128-CTR, SHA-256 checksum), readable by their owner only.

`pubkey` holds the 96 bytes of the public key in G2. Other EIP-2335 readers open the file; a test holds it against one.
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
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chromatrace.crypto.bls import PublicKey, SecretKey
from chromatrace.crypto.errors import WrongKeyPassword
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.storage.files import write_once
from chromatrace.storage.strict_json import parse_any_object

_VERSION = 4
_SCRYPT = {"dklen": 32, "n": 1 << 18, "r": 8, "p": 1}
_SCRYPT_LIMIT_BYTES = 1 << 30
_MOST_PASSES = 16
_NONCE_BYTES = 16
_MIN_PASSWORD = 8


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What a keystore tells without its password."""

    path: Path
    name: str
    public_key: PublicKey


def save_key(path: Path, secret: SecretKey, password: str, name: str) -> StoredKey:
    """Writes a new keystore, mode 0600; never over another one."""
    if len(password) < _MIN_PASSWORD:
        raise InvalidInput(f"a password has at least {_MIN_PASSWORD} characters", field="password")
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(_NONCE_BYTES)
    derived = _derive(password, salt, _SCRYPT)
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
            f"{path} exists", field="keystore", hint="choose another name; keys are never overwritten"
        ) from error
    return StoredKey(path, name, secret.public_key)


def describe_key(path: Path) -> StoredKey:
    """Name and public key of a keystore."""
    keystore = _read(path)
    try:
        return StoredKey(path, str(keystore.get("description", "")), PublicKey(bytes.fromhex(keystore["pubkey"])))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} names no public key", field="pubkey") from error


def open_key(path: Path, password: str) -> SecretKey:
    """The secret key. `WrongKeyPassword` where the password does not open it, `InvalidInput` for another file."""
    keystore = _read(path)
    try:
        crypto = keystore["crypto"]
        kdf, cipher = crypto["kdf"], crypto["cipher"]
        functions = (kdf["function"], crypto["checksum"]["function"], cipher["function"])
        salt, nonce = bytes.fromhex(kdf["params"]["salt"]), bytes.fromhex(cipher["params"]["iv"])
        encrypted, checksum = bytes.fromhex(cipher["message"]), bytes.fromhex(crypto["checksum"]["message"])
        cost = {name: int(kdf["params"][name]) for name in _SCRYPT}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"{path} is no EIP-2335 keystore", field="keystore") from error
    if functions != ("scrypt", "sha256", "aes-128-ctr"):
        raise InvalidInput(f"{path} is encrypted with {functions}", field="crypto", hint="scrypt, sha256, aes-128-ctr")
    if cost["dklen"] != _SCRYPT["dklen"] or len(nonce) != _NONCE_BYTES:
        raise InvalidInput(f"{path} has keys or a nonce of another size", field="crypto")
    if not 0 < 128 * cost["n"] * cost["r"] <= _SCRYPT_LIMIT_BYTES or not 0 < cost["p"] <= _MOST_PASSES:
        raise InvalidInput(f"{path} asks for more than 1 GiB of memory or {_MOST_PASSES} passes", field="crypto.kdf")
    try:
        derived = _derive(password, salt, cost)
    except ValueError as error:
        raise InvalidInput(f"{path} has parameters that are none of scrypt's: {error}", field="crypto.kdf") from error
    if not hmac.compare_digest(_checksum(derived, encrypted), checksum):
        raise WrongKeyPassword(f"the password does not open {path}, or the file is damaged", field="password")
    secret = SecretKey.from_bytes(_cipher(derived, nonce, encrypted))
    if secret.public_key.data.hex() != str(keystore.get("pubkey", "")).removeprefix("0x"):
        raise InvalidInput(f"{path} names another public key than its secret has", field="pubkey")
    return secret


def _read(path: Path) -> dict[str, Any]:
    try:
        keystore = parse_any_object(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(f"there is no keystore {path}", field="keystore", hint="`chromatrace station keygen`") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path} is no keystore: {error.message}", field="keystore") from error
    if keystore.get("version") != _VERSION:
        raise InvalidInput(f"{path} is no EIP-2335 keystore of version {_VERSION}", field="version")
    return keystore


def _derive(password: str, salt: bytes, cost: dict[str, int]) -> bytes:
    scrypt = Scrypt(salt=salt, length=cost["dklen"], n=cost["n"], r=cost["r"], p=cost["p"])
    return scrypt.derive(_normalised(password))


def _normalised(password: str) -> bytes:
    """EIP-2335: NFKD, without C0, C1 and Delete."""
    text = unicodedata.normalize("NFKD", password)
    return "".join(mark for mark in text if unicodedata.category(mark) != "Cc").encode("utf-8")


def _checksum(derived: bytes, encrypted: bytes) -> bytes:
    return sha256(derived[16:32] + encrypted).digest()


def _cipher(derived: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = Cipher(algorithms.AES(derived[:16]), modes.CTR(nonce)).encryptor()
    return stream.update(data) + stream.finalize()
