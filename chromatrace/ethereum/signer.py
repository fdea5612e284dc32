"""Keys: an encrypted keystore file, or on development chains only, and loudly, Anvil's mnemonic."""

from __future__ import annotations

import hmac
import json
import os
import stat
import warnings
from functools import cache
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Protocol

import orjson
from coincurve import PrivateKey

from chromatrace.chain.dev_node import MNEMONIC
from chromatrace.domain.addresses import checksummed
from chromatrace.domain.errors import Conflict
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.errors import KeystoreError
from chromatrace.ethereum.transaction import Transaction, sign_digest
from chromatrace.storage.files import write_once

_MOST_BYTES = 1_000_000
"""Of a keystore; what is longer is read no further, and so is no JSON."""
PASSWORD_VARIABLE = "CHROMATRACE_KEY_PASSWORD"  # noqa: S105 - the name of the variable
WORK_FACTOR = 1 << 18
"""Scrypt's N in new keystores: about a second to open one."""

DEV_CHAINS = (31337, 1337)
"""Chain ids on which the development keys may sign: Anvil's and `geth --dev`'s."""


class DevKeyWarning(UserWarning):
    """A key that everybody has is in use."""


class Signer(Protocol):
    """Whoever can sign for one address."""

    @property
    def address(self) -> str:
        """EIP-55 text."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Signs 32 bytes; returns r, s, v (65 bytes, v 27 or 28), as contracts take them."""

    def sign_transaction(self, transaction: Transaction) -> bytes:
        """The signed transaction, ready to send."""


class LocalSigner:
    """A private key in this process's memory."""

    def __init__(self, key: bytes) -> None:
        self._key = PrivateKey(key)
        self.address = checksummed(keccak(self._key.public_key.format(compressed=False)[1:])[12:])

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    def sign_digest(self, digest: bytes) -> bytes:
        """See `Signer`."""
        signature = sign_digest(self._key, digest)
        return signature[:64] + bytes([signature[64] + 27])

    def sign_transaction(self, transaction: Transaction) -> bytes:
        """See `Signer`."""
        return transaction.signed(self.sign_digest)


class DevSigner(LocalSigner):
    """A key of Anvil's mnemonic; signs nothing for a chain that is not a development chain."""

    def sign_transaction(self, transaction: Transaction) -> bytes:
        """See `Signer`; raises `KeystoreError` for any other chain."""
        _refuse_unless_dev(transaction.chain_id)
        return super().sign_transaction(transaction)


def dev_signer(index: int, chain_id: int) -> DevSigner:
    """The `index`-th key of Anvil's mnemonic, with a warning; refused unless `chain_id` is a development chain's."""
    _refuse_unless_dev(chain_id)
    warnings.warn(
        f"INSECURE: signing with development key {index}, which everybody has (chain {chain_id})",
        DevKeyWarning,
        stacklevel=2,
    )
    return DevSigner(_derived(*_ACCOUNTS, index)[0])


_HARDENED = 1 << 31
_ACCOUNTS = (_HARDENED + 44, _HARDENED + 60, _HARDENED, 0)
"""m/44'/60'/0'/0, below which the accounts of a mnemonic are."""


@cache
def _derived(*path: int) -> tuple[bytes, bytes]:
    """Key and chain code of Anvil's mnemonic at a path (BIP-39, BIP-32)."""
    if not path:
        whole = hmac.digest(b"Bitcoin seed", pbkdf2_hmac("sha512", MNEMONIC.encode(), b"mnemonic", 2048), "sha512")
        return whole[:32], whole[32:]
    key, chain_code = _derived(*path[:-1])
    parent = PrivateKey(key)
    shown = b"\0" + key if path[-1] >= _HARDENED else parent.public_key.format()
    whole = hmac.digest(chain_code, shown + path[-1].to_bytes(4, "big"), "sha512")
    return parent.add(whole[:32]).secret, whole[32:]


def _refuse_unless_dev(chain_id: int) -> None:
    if chain_id not in DEV_CHAINS:
        raise KeystoreError(
            f"development keys sign only for the chains {', '.join(map(str, DEV_CHAINS))}, not for {chain_id}",
            field="signer",
            hint="create a keystore (`chromatrace key create`) and name it in the configuration",
        )


def create_keystore(
    path: str | Path, password: str, *, key: bytes | None = None, work_factor: int | None = None
) -> LocalSigner:
    """Writes a new key (or `key`), encrypted (Web3 Secret Storage, scrypt), mode 0600; never over an existing file.

    `work_factor`: scrypt's N; None: `WORK_FACTOR`.
    """
    from eth_keyfile.keyfile import create_keyfile_json

    path = Path(path)
    if not password:
        raise KeystoreError("an empty password protects nothing", field="password")
    secret = key if key is not None else PrivateKey().secret
    signer = LocalSigner(secret)
    content = create_keyfile_json(secret, password.encode(), kdf="scrypt", iterations=work_factor or WORK_FACTOR)
    content["address"] = checksummed(bytes.fromhex(signer.address[2:]))
    try:
        write_once(path, json.dumps(content).encode())
    except FileExistsError as error:
        raise Conflict(f"{path} exists", field="keystore", hint="a key is never overwritten; name another") from error
    return signer


def keystore_signer(path: str | Path, password: str) -> LocalSigner:
    """Opens an encrypted keystore; raises `KeystoreError` naming `keystore` or `password`."""
    from eth_keyfile.keyfile import decode_keyfile_json

    path = Path(path)
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            content = orjson.loads(file.read(_MOST_BYTES))
    except FileNotFoundError as error:
        raise KeystoreError(
            f"there is no keystore at {path}", field="keystore", hint="create one: `chromatrace key create`"
        ) from error
    except (OSError, ValueError) as error:
        raise KeystoreError(f"{path} cannot be read as a keystore: {error}", field="keystore") from error
    if not isinstance(content, dict):
        raise KeystoreError(f"{path} is not a keystore (Web3 Secret Storage)", field="keystore")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeystoreError(
            f"{path} is open to other users (mode {stat.S_IMODE(mode):04o})",
            field="keystore",
            hint=f"chmod 600 {path}",
        )
    try:
        return LocalSigner(bytes(decode_keyfile_json(content, password.encode())))
    except (KeyError, TypeError, NotImplementedError) as error:
        raise KeystoreError(f"{path} is not a keystore (Web3 Secret Storage)", field="keystore") from error
    except ValueError as error:
        raise KeystoreError(f"the password does not open {path}", field="password") from error


def password_from_environment() -> str | None:
    """The value of CHROMATRACE_KEY_PASSWORD, or the first line of the file named after an `@` in it; None if unset."""
    value = os.environ.get(PASSWORD_VARIABLE)
    if value and value.startswith("@"):
        try:
            return Path(value[1:]).read_text(encoding="utf-8").splitlines()[0]
        except (OSError, IndexError) as error:
            raise KeystoreError(f"no password in {value[1:]}: {error}", field=PASSWORD_VARIABLE) from error
    return value or None
