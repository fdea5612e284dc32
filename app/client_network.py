"""The network that a client's address stands for in limits and counts."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

_IPV6_PREFIX = 64
"""A subscriber has at least this network, so each of its addresses is the same client."""


def client_network(address: str | None) -> str:
    """Return an IPv4 address unchanged, and the /64 network of an IPv6 address. Other text is returned unchanged."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_PREFIX), strict=False))
    return str(parsed)
