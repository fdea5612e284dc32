"""Security of the plant's server.

Without settings, connections are anonymous and unencrypted. This is allowed on the loopback interface only and logs a
warning. Any other interface requires a certificate folder (policy Basic256Sha256, sign or sign and encrypt) and either
users with passwords or trusted client certificates.
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

from chromatrace.plant.errors import InsecureEndpointError, PlantSecurityError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Security:
    """Certificates and users of the server. Without both, connections are anonymous.

    certificates  folder with the server's certificate and key, which are created if missing; its subfolder `trusted/`
                  contains the client certificates (DER or PEM) that may connect
    users         JSON file that maps user names to argon2id hashes
    """

    certificates: Path | None = None
    users: Path | None = None

    def check(self, endpoint: str) -> None:
        """Raise `InsecureEndpointError` for an unencrypted server outside the loopback interface; warn on loopback."""
        host = urlparse(endpoint).hostname or ""
        if self.certificates is None and not is_loopback(host):
            raise InsecureEndpointError(
                f"an unencrypted server at {host} can be read and spoofed by anyone on the network",
                field="endpoint",
                hint="set a certificate folder and users, or listen on 127.0.0.1",
            )
        if self.certificates is None:
            _logger.warning(
                "OPC UA without encryption at %s: for development only, on the loopback interface", endpoint
            )
        if self.users is None and self.certificates is None:
            _logger.warning("any user of this machine can connect to %s", endpoint)

    async def apply(self, server: Server) -> None:
        """Set security policies, certificates and users. Call before the server starts."""
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
            raise PlantSecurityError(
                "no client can connect: there are no users and no trusted certificates",
                field="users",
                hint=f"set a users file, or copy client certificates to {self.certificates / 'trusted'}",
            )
        tokens: list[type] = [ua.UserNameIdentityToken] if users else []
        # The secure channel authenticates a trusted client by its certificate, so its user token may be anonymous.
        server.set_identity_tokens([*tokens, ua.AnonymousIdentityToken] if trusted or not users else tokens)
        server.iserver.user_manager = _Users(users, trusted, anonymous=self.certificates is None and not users)


def is_loopback(host: str) -> bool:
    """Return whether `host` is a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Users:
    """asyncua's user manager. All authenticated users can read; none can write."""

    def __init__(self, hashes: dict[str, str], trusted: frozenset[bytes], *, anonymous: bool) -> None:
        self._hashes = hashes
        self._trusted = trusted
        self._anonymous = anonymous

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        if username is not None:
            return User(role=UserRole.User, name=username) if self._verify(username, password) else None
        if certificate is not None and bytes(certificate) in self._trusted:
            return User(role=UserRole.User, name="certificate")
        return User(role=UserRole.User, name="anonymous") if self._anonymous else None

    def _verify(self, username: str, password: str | None) -> bool:
        password_hash = self._hashes.get(username)
        if password_hash is None or password is None:
            return False
        try:
            return PasswordHasher().verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _read_users(path: Path) -> dict[str, str]:
    try:
        users = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PlantSecurityError(f"{path} cannot be read: {error}", field="users") from error
    if not isinstance(users, dict) or not all(
        isinstance(value, str) and value.startswith("$argon2id$") for value in users.values()
    ):
        raise PlantSecurityError(
            f"{path} is not a JSON object that maps names to argon2id hashes",
            field="users",
            hint='create a hash with: python -c "import argon2,getpass; '
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
    certificates = [
        await uacrypto.load_certificate(path) for path in sorted(folder.iterdir()) if path.suffix in (".der", ".pem")
    ]
    return frozenset(certificate.public_bytes(Encoding.DER) for certificate in certificates)
