"""Logins with an EIP-4361 message."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import defunct_hash_message, encode_defunct

from app.errors import LoginFailedError
from app.wallet import VALID_S, WalletLogins
from chromatrace.domain.errors import InvalidInput

KEY = Account.from_key(b"\7" * 32)
NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


@pytest.fixture
def wallets(database):
    return WalletLogins(database, "https://trace.example", "trace.example", 8453, lambda *_: False)


def _sign(text, key=KEY):
    return key.sign_message(encode_defunct(text=text)).signature.to_0x_hex()


def test_a_signed_challenge_returns_its_address(wallets):
    text = wallets.challenge(KEY.address, NOW)
    assert "trace.example wants you to sign in" in text
    assert "Chain ID: 8453" in text
    assert wallets.accept(text, _sign(text), NOW + timedelta(seconds=30)) == KEY.address


def test_a_challenge_works_once(wallets):
    text = wallets.challenge(KEY.address, NOW)
    wallets.accept(text, _sign(text), NOW)
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


def test_a_failed_attempt_uses_up_the_nonce(wallets):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError, match="the message is signed by"):
        wallets.accept(text, _sign(text, Account.from_key(b"\x08" * 32)), NOW)
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("trace.example wants", "evil.example wants", "the domain is evil.example; it must be trace.example"),
        ("URI: https://trace.example/login", "URI: https://evil.example/login", "evil.example"),
        ("Chain ID: 8453", "Chain ID: 1", "the chain is 1; it must be 8453"),
        ("Version: 1", "Version: 2", "EIP-4361"),
    ],
)
def test_a_message_for_another_site_or_chain_is_rejected(wallets, old, new, reason):
    text = wallets.challenge(KEY.address, NOW).replace(old, new)
    with pytest.raises(LoginFailedError, match=reason):
        wallets.accept(text, _sign(text), NOW)


def test_an_expired_message_is_rejected(wallets):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError, match="expired"):
        wallets.accept(text, _sign(text), NOW + timedelta(seconds=VALID_S + 1))


def test_a_message_without_expiration_time_is_rejected(wallets):
    text = wallets.challenge(KEY.address, NOW)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("Expiration Time"))
    with pytest.raises(LoginFailedError, match="has no expiration time"):
        wallets.accept(text, _sign(text), NOW)


def test_an_unknown_nonce_is_rejected(wallets):
    text = wallets.challenge(KEY.address, NOW)
    nonce = next(line for line in text.splitlines() if line.startswith("Nonce: "))
    text = text.replace(nonce, "Nonce: aaaaaaaaaaaaaaaaaaaa")
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


@pytest.mark.parametrize("address", [KEY.address.lower(), "0x" + KEY.address[2:].upper()])
def test_an_address_without_checksum_logs_in(wallets, address):
    text = wallets.challenge(address, NOW)
    assert KEY.address in text
    assert wallets.accept(text, _sign(text), NOW) == KEY.address


@pytest.mark.parametrize("address", ["", "0x12", "not an address", KEY.address.swapcase().replace("X", "x")])
def test_a_challenge_for_an_invalid_address_is_rejected(wallets, address):
    with pytest.raises(InvalidInput) as raised:
        wallets.challenge(address, NOW)
    assert raised.value.field == "address"
    assert address in raised.value.message


def test_a_contract_decides_about_signatures_that_are_not_of_the_address(database):
    asked = []

    def accepted(address, digest, signature):
        asked.append((address, digest, signature))
        return signature == b"\1\2\3"

    wallets = WalletLogins(database, "https://trace.example", "trace.example", 8453, accepted)
    text = wallets.challenge(KEY.address, NOW)
    assert wallets.accept(text, "0x010203", NOW) == KEY.address
    assert asked == [(KEY.address, defunct_hash_message(text=text), b"\1\2\3")]
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError, match="no contract there accepts it"):
        wallets.accept(text, "0x010204", NOW)
    text = wallets.challenge(KEY.address, NOW)
    assert wallets.accept(text, _sign(text), NOW) == KEY.address
    assert len(asked) == 2


@pytest.mark.parametrize("signature", ["", "0x", "0x00", "zz", "0x" + "00" * 65, "0x" + "ff" * 65])
def test_a_malformed_signature_is_rejected(wallets, signature):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError):
        wallets.accept(text, signature, NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\nNot Before: 2026-11-22T05:00:00Z",
        lambda text: text + "\nResources:\n- https://trace.example/a",
        lambda text: text.replace("Signing is free", "This transfers everything"),
    ],
)
def test_a_message_that_was_not_issued_is_rejected(wallets, change):
    text = change(wallets.challenge(KEY.address, NOW))
    with pytest.raises(LoginFailedError, match=r"statement|the issued message does not have"):
        wallets.accept(text, _sign(text), NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "a" * 100_000,
        lambda text: text + "\nResources:" + "\n- https://trace.example/a" * 5_000 + " ",
        lambda text: text.replace("Signing is", "a" * 100_000 + "\n"),
        lambda text: text.replace("trace.example wants", "a" * 100_000 + "/ wants"),
        lambda text: text.replace("/login", "/a:@" * 25_000 + " "),
        lambda text: text.replace("URI: https://", "URI: https://" + "a:" * 50_000 + " "),
    ],
)
def test_long_invalid_messages_are_rejected_in_linear_time(wallets, change):
    text = change(wallets.challenge(KEY.address, NOW))
    started = time.process_time()
    with pytest.raises(LoginFailedError, match="not an EIP-4361 message"):
        wallets.accept(text, "0x", NOW)
    assert time.process_time() - started < 0.5
