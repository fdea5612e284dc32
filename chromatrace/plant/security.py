"""Who may connect to the plant's server, and how.

Without settings the server is open to anyone, unencrypted: allowed on the loopback interface only, with a warning.
Anything else needs a certificate folder (policy Basic256Sha256, sign or sign and encrypt) and either users with
passwords or trusted client certificates.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from asyncua import Server, ua
from asyncua.crypto import cert_gen, uacrypto
from asyncua.crypto.permission_rules import User, UserRole
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from chromatrace.plant.errors import InsecureEndpoint, PlantError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Security:
    """`certificates`: folder of the server's certificate and key, made where missing; `trusted/` in it has the client
    certificates (DER or PEM) that may connect. `users`: JSON file of name to argon2id hash. With neither, anyone may.
    """

    certificates: Path | None = None
    users: Path | None = None

    def check(self, endpoint: str) -> None:
        """Raises `InsecureEndpoint` where others than this machine could reach an open server; warns on loopback."""
        host = urlparse(endpoint).hostname or ""
        if self.certificates is None and not is_loopback(host):
            raise InsecureEndpoint(
                f"an unencrypted server at {host} could be read and spoofed by anyone on the network",
                field="endpoint",
                hint="give a certificate folder and users, or listen on 127.0.0.1",
            )
        if self.certificates is None:
            _logger.warning(
                "OPC UA without encryption at %s: for development only, on the loopback interface", endpoint
            )
        if self.users is None and self.certificates is None:
            _logger.warning("anyone on this machine may connect to %s", endpoint)

    async def apply(self, server: Server) -> None:
        """Sets policies, certificates and who may connect. Before the server starts."""
        server.allow_remote_admin(False)
        trusted: frozenset[bytes] = frozenset()
        if self.certificates is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            await _load_certificate(server, self.certificates)
            trusted = await _trusted(self.certificates / "trusted")
            server.set_security_policy(
                [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt, ua.SecurityPolicyType.Basic256Sha256_Sign]
            )
        users = _read_users(self.users) if self.users is not None else {}
        if self.certificates is not None and not users and not trusted:
            raise PlantError(
                "nobody could connect: there are neither users nor trusted certificates",
                field="users",
                hint=f"give a users file, or put client certificates into {self.certificates / 'trusted'}",
            )
        tokens: list[type] = [ua.UserNameIdentityToken] if users else []
        # A trusted client proves its certificate when it opens the encrypted channel; its token may then be anonymous.
        server.set_identity_tokens([*tokens, ua.AnonymousIdentityToken] if trusted or not users else tokens)
        server.iserver.user_manager = _Users(users, trusted, anyone=self.certificates is None and not users)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Users:
    """asyncua's user manager. Everyone let in may read; nobody may write."""

    def __init__(self, hashes: dict[str, str], trusted: frozenset[bytes], *, anyone: bool) -> None:
        self._hashes = hashes
        self._trusted = trusted
        self._anyone = anyone

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        if username is not None:
            return User(role=UserRole.User, name=username) if self._knows(username, password) else None
        if certificate is not None and bytes(certificate) in self._trusted:
            return User(role=UserRole.User, name="certificate")
        return User(role=UserRole.User, name="anonymous") if self._anyone else None

    def _knows(self, username: str, password: str | None) -> bool:
        known = self._hashes.get(username)
        if known is None or password is None:
            return False
        try:
            return PasswordHasher().verify(known, password)
        except (VerificationError, InvalidHashError):
            return False


def _read_users(path: Path) -> dict[str, str]:
    try:
        users = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PlantError(f"{path} cannot be read: {error}", field="users") from error
    if not isinstance(users, dict) or not all(
        isinstance(known, str) and known.startswith("$argon2id$") for known in users.values()
    ):
        raise PlantError(
            f"{path} is not a JSON object of names and argon2id hashes",
            field="users",
            hint='make a hash with: python -c "import argon2,getpass; '
            'print(argon2.PasswordHasher().hash(getpass.getpass()))"',
        )
    return users


async def _load_certificate(server: Server, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = folder / "server.der", folder / "server.pem"
    await cert_gen.setup_self_signed_certificate(
        key, certificate, server.get_application_uri(), socket.gethostname(), [ExtendedKeyUsageOID.SERVER_AUTH], {}
    )
    key.chmod(0o600)
    await server.load_certificate(certificate)
    await server.load_private_key(key)


async def _trusted(folder: Path) -> frozenset[bytes]:
    if not folder.is_dir():
        return frozenset()
    found = [
        await uacrypto.load_certificate(path) for path in sorted(folder.iterdir()) if path.suffix in (".der", ".pem")
    ]
    return frozenset(certificate.public_bytes(Encoding.DER) for certificate in found)
