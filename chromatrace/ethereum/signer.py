"""Signing keys: an encrypted keystore or, on development chains only, Anvil's published mnemonic."""

from __future__ import annotations

import json
import re
import stat
import warnings
from functools import cache
from pathlib import Path
from typing import Protocol

import orjson
from coincurve import PrivateKey

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.errors import Conflict
from chromatrace.domain.hashing import keccak
from chromatrace.domain.passwords import check_key_password
from chromatrace.ethereum.errors import KeystoreError, RpcError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.transaction import Transaction
from chromatrace.storage.files import write_once

_MAX_BYTES = 1_000_000
"""Size limit of a keystore file."""
WORK_FACTOR = 1 << 18
"""Scrypt's N in new keystores; opening one takes about a second."""

ANVIL_CHAIN = 31337
DEV_CHAINS = (ANVIL_CHAIN, 1337)
"""Chain ids on which the development keys may sign. Private networks use 1337 too: see `require_known_dev_account`."""
MNEMONIC = "test test test test test test test test test test test junk"
"""Anvil's published mnemonic. Its keys protect nothing."""


class DevKeyWarning(UserWarning):
    """A published key is in use."""


class Signer(Protocol):
    """Signs for one address."""

    @property
    def address(self) -> str:
        """EIP-55 text."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign 32 bytes; return r, s, v (65 bytes, v 27 or 28), as contracts expect them."""

    def sign_transaction(self, transaction: Transaction) -> bytes:
        """Return the signed transaction, ready to send."""


class LocalSigner:
    """A private key in memory."""

    def __init__(self, key: bytes) -> None:
        self._key = PrivateKey(key)
        self.address = checksummed(keccak(self._key.public_key.format(compressed=False)[1:])[12:])

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    @property
    def secret(self) -> bytes:
        """The 32 bytes of the private key."""
        return self._key.secret

    def sign_digest(self, digest: bytes) -> bytes:
        """See `Signer`. Deterministic (RFC 6979), with s in the lower half."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])

    def sign_transaction(self, transaction: Transaction) -> bytes:
        """See `Signer`."""
        return transaction.signed(self.sign_digest)


class DevSigner(LocalSigner):
    """A key of Anvil's mnemonic. It signs transactions of development chains only."""

    def sign_transaction(self, transaction: Transaction) -> bytes:
        """See `Signer`. Raises `KeystoreError` for other chains."""
        _require_dev_chain(transaction.chain_id)
        return super().sign_transaction(transaction)


def dev_signer(index: int, chain_id: int) -> DevSigner:
    """Return key `index` of Anvil's mnemonic, and warn. Raises `KeystoreError` on other chains."""
    _require_dev_chain(chain_id)
    warnings.warn(
        f"INSECURE: signing with development key {index}, which is public (chain {chain_id})",
        DevKeyWarning,
        stacklevel=2,
    )
    return DevSigner(_derived_key(index))


def require_known_dev_account(rpc: RpcClient, signer: DevSigner) -> None:
    """Raise `KeystoreError` unless the node lists the development account, or the first one, as its own.

    The chain id does not identify Anvil: `geth --dev` and private networks use 1337 too, with keys of their own.
    """
    try:
        known = [str(address).lower() for address in rpc.call("eth_accounts") or ()]
    except RpcError:
        known = []
    if not {signer.address.lower(), DevSigner(_derived_key(0)).address.lower()} & set(known):
        raise KeystoreError(
            f"the node at {rpc.url} does not have the development account {signer.address}: it is not Anvil with its "
            "published mnemonic",
            field="dev_account",
            hint="import a key of this chain (`chromatrace key import`) and name it with --keystore",
        )


@cache
def _derived_key(index: int) -> bytes:
    """Return a key of Anvil's mnemonic (BIP-39, BIP-32, BIP-44)."""
    from eth_account.hdaccount import key_from_seed, seed_from_mnemonic  # takes 0.5 s

    return bytes(key_from_seed(seed_from_mnemonic(MNEMONIC, ""), f"m/44'/60'/0'/0/{index}"))


def _require_dev_chain(chain_id: int) -> None:
    if chain_id not in DEV_CHAINS:
        raise KeystoreError(
            f"development keys sign only for chains {' and '.join(map(str, DEV_CHAINS))}, not for {chain_id}",
            field="signer",
            hint="create a keystore with `chromatrace key create` and configure it",
        )


def parse_private_key(text: str) -> bytes:
    """Return a private key from hexadecimal text, with or without 0x. Raises `KeystoreError`, without the text."""
    digits = text.strip().removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        hint = "a keystore file of another program is used as it is, with --keystore" if "{" in text else None
        raise KeystoreError("a private key has 64 hexadecimal digits", field="private_key", hint=hint)
    try:
        return PrivateKey(bytes.fromhex(digits)).secret
    except ValueError as error:
        raise KeystoreError("the private key is not in the range of secp256k1", field="private_key") from error


def create_keystore(
    path: str | Path, password: str, *, key: bytes | None = None, work_factor: int | None = None
) -> LocalSigner:
    """Write a new key (or `key`) encrypted to a new file of mode 0600 (Web3 Secret Storage, scrypt).

    `work_factor`: scrypt's N; default `WORK_FACTOR`. Raises `Conflict` if the file exists, `InvalidInput` if the
    password is too short.
    """
    from eth_keyfile.keyfile import create_keyfile_json

    path = Path(path)
    check_key_password(password)
    secret = key if key is not None else PrivateKey().secret
    signer = LocalSigner(secret)
    content = create_keyfile_json(secret, password.encode(), kdf="scrypt", iterations=work_factor or WORK_FACTOR)
    content["address"] = signer.address
    try:
        write_once(path, json.dumps(content).encode())
    except FileExistsError as error:
        raise Conflict(
            f"{path} already exists", field="keystore", hint="keys are never overwritten; choose another file"
        ) from error
    return signer


def reencrypt_keystore(path: str | Path, password: str, new_path: str | Path, new_password: str) -> None:
    """Write the key of a keystore to a new file with another password. Raises as the two functions that it calls."""
    create_keystore(new_path, new_password, key=keystore_signer(path, password).secret)


def keystore_signer(path: str | Path, password: str) -> LocalSigner:
    """Open an encrypted keystore. Raises `KeystoreError` that names `keystore` or `password`."""
    from eth_keyfile.keyfile import decode_keyfile_json

    path = Path(path)
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            content = orjson.loads(file.read(_MAX_BYTES))
    except FileNotFoundError as error:
        raise KeystoreError(
            f"keystore {path} does not exist", field="keystore", hint="create one with `chromatrace key create`"
        ) from error
    except (OSError, ValueError) as error:
        raise KeystoreError(f"keystore {path} cannot be read: {error}", field="keystore") from error
    if not isinstance(content, dict):
        raise KeystoreError(f"{path} is not a keystore (Web3 Secret Storage)", field="keystore")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeystoreError(
            f"keystore {path} is accessible to other users (mode {stat.S_IMODE(mode):04o})",
            field="keystore",
            hint=f"chmod 600 {path}",
        )
    try:
        return LocalSigner(bytes(decode_keyfile_json(content, password.encode())))
    except (KeyError, TypeError, NotImplementedError) as error:
        raise KeystoreError(f"{path} is not a keystore (Web3 Secret Storage)", field="keystore") from error
    except ValueError as error:
        raise KeystoreError(f"wrong password for keystore {path}", field="password") from error
