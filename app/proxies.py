"""The client address behind reverse proxies, and the public origin.

This is the only place that interprets forwarding headers. Werkzeug's `ProxyFix` counts proxies and also trusts
clients that connect directly, and waitress trusts a single address. This trusts addresses and networks, at any number
of hops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network


class ReverseProxyMiddleware:
    """Sets the client's address from X-Forwarded-For, and scheme and host from the public origin.

    X-Forwarded-Proto, X-Forwarded-Host and Host have no effect: a client can forge them, and the origin is configured.
    """

    def __init__(self, app: WSGIApplication, trusted: Sequence[Network], base_url: str) -> None:
        self._app, self._trusted = app, trusted
        self._scheme, self._host, *_ = urlsplit(base_url)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client_address(environ.get("REMOTE_ADDR", ""), forwarded, self._trusted)
        environ["wsgi.url_scheme"], environ["HTTP_HOST"] = self._scheme, self._host
        return self._app(environ, start_response)


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the address nearest to the portal that is not a trusted proxy.

    Each proxy appends the address that connected to it, so entries to the left of that address may be forged. A
    malformed entry ends the search at the proxy that sent it.
    """
    client = peer
    hops = [peer, *reversed(forwarded.split(","))] if forwarded else [peer]
    for hop in hops:
        address = _parse(hop)
        if address is None:
            return client
        client = str(address)
        if not any(address in network for network in trusted):
            return client
    return client


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
