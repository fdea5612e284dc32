"""The client address behind reverse proxies."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from app.errors import InsecureConfigurationError
from app.proxies import client_address
from chromatrace.domain.errors import InvalidInput

TRUSTED = tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/8", "2001:db8::/32")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.9", "192.0.2.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("127.0.0.1", "198.51.100.7, 192.0.2.9", "192.0.2.9"),
        ("127.0.0.1", "198.51.100.7,192.0.2.9 , 10.1.2.3", "192.0.2.9"),
        ("127.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ("127.0.0.1", "192.0.2.9, unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.9, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "192.0.2.9:4711", "127.0.0.1"),
        ("127.0.0.1", ",", "127.0.0.1"),
        ("2001:db8::1", "2001:db9::7", "2001:db9::7"),
        ("::ffff:127.0.0.1", "::ffff:192.0.2.9", "192.0.2.9"),
        ("", "192.0.2.9", ""),
    ],
)
def test_client_address(peer, forwarded, expected):
    assert client_address(peer, forwarded, TRUSTED) == expected


def test_no_proxy_is_trusted_by_default():
    assert client_address("127.0.0.1", "192.0.2.9", ()) == "127.0.0.1"


@pytest.mark.parametrize("text", ["1", "localhost", "10.0.0.1/8", ""])
def test_invalid_network_is_rejected(config, text):
    with pytest.raises(InvalidInput) as raised:
        replace(config, trusted_proxies=(text,))
    assert raised.value.field == "trusted_proxies"


def test_production_server_requires_trusted_proxy(config):
    production = replace(config, production=True, base_url="https://trace.example")
    with pytest.raises(InsecureConfigurationError) as raised:
        production.require_proxy()
    assert raised.value.field == "trusted_proxies"
    replace(production, trusted_proxies=("127.0.0.1",)).require_proxy()
