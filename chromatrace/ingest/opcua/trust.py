"""Certificates of OPC UA servers that a gateway trusts. A server is authenticated before a password is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chromatrace.domain.errors import InvalidInput, NotAuthorised
from chromatrace.storage.files import write_whole
from chromatrace.storage.private import private_folder

_SUFFIXES = (".der", ".crt", ".cer", ".pem")


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a DER certificate in hexadecimal digits."""
    return hashlib.sha256(certificate).hexdigest()


def read_certificate(path: Path) -> bytes:
    """Return the certificate in a file as DER. Raises `InvalidInput`."""
    try:
        data = path.read_bytes()
        parse = x509.load_pem_x509_certificate if data.startswith(b"-----") else x509.load_der_x509_certificate
        return parse(data).public_bytes(Encoding.DER)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} is not a certificate: {error}", field="server_certificate") from error


def trusted_certificates(folder: Path, files: Iterable[Path] = ()) -> frozenset[bytes]:
    """Return the certificates in the trust list `folder` and in `files`. Raises `InvalidInput`."""
    listed = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES) if folder.is_dir() else []
    return frozenset(read_certificate(path) for path in (*listed, *files))


def add_to_trust_list(folder: Path, certificate: bytes) -> Path:
    """Store a certificate in the trust list and return its file."""
    path = private_folder(folder) / f"{fingerprint(certificate)[:16]}.der"
    write_whole(path, [certificate])
    return path


async def server_certificate(url: str, timeout_s: float, mode: Any = None) -> bytes:
    """Return the certificate that a server presents, without logging in. Raises `InvalidInput` if it has none.

    mode  message security mode of the endpoint; None: any that is encrypted
    """
    client = Client(url, timeout=timeout_s)
    endpoints = await asyncio.wait_for(client.connect_and_get_server_endpoints(), timeout_s)
    for endpoint in endpoints:
        encrypted = endpoint.SecurityMode != ua.MessageSecurityMode.None_
        if encrypted and (mode is None or endpoint.SecurityMode == mode) and endpoint.ServerCertificate:
            return bytes(endpoint.ServerCertificate)
    raise InvalidInput(
        f"{url} offers no encrypted connection", field="url", hint="use --unencrypted if you accept that"
    )


def require_trusted(certificate: bytes, trusted: frozenset[bytes], url: str) -> None:
    """Raise `NotAuthorised` unless the certificate is trusted."""
    if certificate not in trusted:
        raise NotAuthorised(
            f"the certificate of {url} is not trusted; its SHA-256 is {fingerprint(certificate)}",
            field="server_certificate",
            hint=f"compare it with the server's, then run `chromatrace ingest trust {url}`",
        )
