"""Which addresses a message may be sent to. A target must not reach services of the internal network (SSRF)."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from chromatrace.domain.errors import Unavailable
from chromatrace.orders.errors import WebhookTargetError

_TRANSLATED = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]
"""IPv6 networks that embed an IPv4 address (NAT64, 6to4, Teredo): it could be private."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resolved target: the connection goes to `address`, the certificate must be for `host`."""

    secure: bool
    host: str
    port: int
    address: str
    path: str

    @property
    def host_header(self) -> str:
        """Value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def resolve(url: str, *, allow_private: bool) -> Endpoint:
    """Resolve a URL once. Raises `WebhookTargetError` for a private address, `Unavailable` if the name is unknown.

    The connection must use the returned address: a second look-up could give another one.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise WebhookTargetError(f"invalid URL: {error}", field="url") from error
    if parts.scheme not in ("https", "http") or not host or parts.username is not None:
        raise WebhookTargetError("expected an http or https URL without user name", field="url")
    if parts.scheme == "http" and not allow_private:
        raise WebhookTargetError("expected https", field="url")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"cannot resolve {host}: {error}", field="url") from error
    addresses = [str(item[4][0]) for item in found]
    for address in addresses:
        if not allow_private and not is_public(address):
            raise WebhookTargetError(
                f"{host} has the address {address}, which is not public",
                field="url",
                hint="set allow_private = true for a target in the own network",
            )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.scheme == "https", host, port, addresses[0], path)


def is_public(text: str) -> bool:
    """Return whether an address is reachable on the internet and cannot lead to a private network."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast
