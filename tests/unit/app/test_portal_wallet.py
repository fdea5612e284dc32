"""EIP-4361 logins: accepted and rejected messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from app.errors import LoginFailedError
from app.wallet import VALID_S, WalletLogins

KEY = Account.from_key(b"\7" * 32)
NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


@pytest.fixture
def wallets(database):
    return WalletLogins(database, "https://trace.example", "trace.example", 8453)


def _sign(text, key=KEY):
    return key.sign_message(encode_defunct(text=text)).signature.to_0x_hex()


def test_signed_challenge_returns_address(wallets):
    text = wallets.challenge(KEY.address, NOW)
    assert "trace.example wants you to sign in" in text
    assert "Chain ID: 8453" in text
    assert wallets.accept(text, _sign(text), NOW + timedelta(seconds=30)) == KEY.address


def test_challenge_is_valid_once(wallets):
    text = wallets.challenge(KEY.address, NOW)
    wallets.accept(text, _sign(text), NOW)
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


def test_failed_attempt_consumes_nonce(wallets):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError, match="InvalidSignature"):
        wallets.accept(text, _sign(text, Account.from_key(b"\x08" * 32)), NOW)
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("trace.example wants", "evil.example wants", "is for domain evil.example, expected trace.example"),
        ("URI: https://trace.example/login", "URI: https://evil.example/login", "evil.example"),
        ("Chain ID: 8453", "Chain ID: 1", "chain 1"),
        ("Version: 1", "Version: 2", "EIP-4361"),
    ],
)
def test_message_for_other_target_is_rejected(wallets, old, new, reason):
    text = wallets.challenge(KEY.address, NOW).replace(old, new)
    with pytest.raises(LoginFailedError, match=reason):
        wallets.accept(text, _sign(text), NOW)


def test_expired_message_is_rejected(wallets):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError, match="expired"):
        wallets.accept(text, _sign(text), NOW + timedelta(seconds=VALID_S + 1))


def test_message_without_expiration_is_rejected(wallets):
    text = wallets.challenge(KEY.address, NOW)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("Expiration Time"))
    with pytest.raises(LoginFailedError, match="expiration"):
        wallets.accept(text, _sign(text), NOW)


def test_unknown_nonce_is_rejected(wallets):
    text = wallets.challenge(KEY.address, NOW)
    nonce = next(line for line in text.splitlines() if line.startswith("Nonce: "))
    text = text.replace(nonce, "Nonce: aaaaaaaaaaaaaaaaaaaa")
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


@pytest.mark.parametrize("address", ["", "0x12", KEY.address.lower(), "not an address"])
def test_challenge_requires_checksummed_address(wallets, address):
    with pytest.raises(LoginFailedError, match="EIP-55"):
        wallets.challenge(address, NOW)


@pytest.mark.parametrize("signature", ["", "0x", "0x00", "zz", "0x" + "00" * 65, "0x" + "ff" * 65])
def test_malformed_signature_is_rejected(wallets, signature):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError):
        wallets.accept(text, signature, NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "a" * 4000,
        lambda text: text + "\nResources:\n" + "- https://trace.example/a\n" * 500,
        lambda text: text.replace("Signing is", "a" * 4000 + " Signing is"),
        lambda text: text.replace("trace.example wants", "a" * 4000 + " wants"),
    ],
)
def test_arbitrary_message_is_rejected_before_parsing(wallets, monkeypatch, change):
    """Parsing takes minutes for a few thousand characters, so one request could block a worker."""
    monkeypatch.setattr("app.wallet.parse", lambda _text: pytest.fail("the message was parsed"))
    text = change(wallets.challenge(KEY.address, NOW))
    with pytest.raises(LoginFailedError, match="not the EIP-4361 message that this portal issued"):
        wallets.accept(text, _sign(text), NOW)
