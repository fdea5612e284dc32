"""EIP-4361 logins: what is taken, and everything that is not."""

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
def wallets(store):
    return WalletLogins(store, "https://trace.example", "trace.example", 8453)


def _sign(text, key=KEY):
    return key.sign_message(encode_defunct(text=text)).signature.to_0x_hex()


def test_a_signed_challenge_logs_its_address_in(wallets):
    text = wallets.challenge(KEY.address, NOW)
    assert "trace.example wants you to sign in" in text
    assert "Chain ID: 8453" in text
    assert wallets.accept(text, _sign(text), NOW + timedelta(seconds=30)) == KEY.address


def test_a_challenge_works_once(wallets):
    text = wallets.challenge(KEY.address, NOW)
    wallets.accept(text, _sign(text), NOW)
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


def test_a_failed_attempt_spends_the_nonce(wallets):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError, match="InvalidSignature"):
        wallets.accept(text, _sign(text, Account.from_key(b"\x08" * 32)), NOW)
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("trace.example wants", "evil.example wants", "it is for evil.example, not for trace.example"),
        ("URI: https://trace.example/login", "URI: https://evil.example/login", "evil.example"),
        ("Chain ID: 8453", "Chain ID: 1", "chain 1"),
        ("Version: 1", "Version: 2", "EIP-4361"),
    ],
)
def test_a_message_for_elsewhere_is_refused(wallets, old, new, reason):
    text = wallets.challenge(KEY.address, NOW).replace(old, new)
    with pytest.raises(LoginFailedError, match=reason):
        wallets.accept(text, _sign(text), NOW)


def test_an_old_message_is_refused(wallets):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError, match="too old"):
        wallets.accept(text, _sign(text), NOW + timedelta(seconds=VALID_S + 1))


def test_a_message_that_never_expires_is_refused(wallets):
    text = wallets.challenge(KEY.address, NOW)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("Expiration Time"))
    with pytest.raises(LoginFailedError, match="expire"):
        wallets.accept(text, _sign(text), NOW)


def test_a_nonce_of_ones_own_is_refused(wallets):
    text = wallets.challenge(KEY.address, NOW)
    nonce = next(line for line in text.splitlines() if line.startswith("Nonce: "))
    text = text.replace(nonce, "Nonce: aaaaaaaaaaaaaaaaaaaa")
    with pytest.raises(LoginFailedError, match="nonce"):
        wallets.accept(text, _sign(text), NOW)


@pytest.mark.parametrize("address", ["", "0x12", KEY.address.lower(), "not an address"])
def test_a_challenge_needs_a_checksummed_address(wallets, address):
    with pytest.raises(LoginFailedError, match="EIP-55"):
        wallets.challenge(address, NOW)


@pytest.mark.parametrize("signature", ["", "0x", "0x00", "zz", "0x" + "00" * 65, "0x" + "ff" * 65])
def test_a_malformed_signature_is_refused(wallets, signature):
    text = wallets.challenge(KEY.address, NOW)
    with pytest.raises(LoginFailedError):
        wallets.accept(text, signature, NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "a" * 4000,
        lambda text: text + "\nResources:\n" + "- https://trace.example/a\n" * 500,
        lambda text: text.replace("This costs", "a" * 4000 + " This costs"),
        lambda text: text.replace("trace.example wants", "a" * 4000 + " wants"),
    ],
)
def test_what_was_not_given_out_is_refused_before_the_grammar(wallets, monkeypatch, change):
    """Whose reading takes minutes for a few thousand letters: one request of a stranger would stop a worker."""
    monkeypatch.setattr("app.wallet.parse", lambda _text: pytest.fail("the grammar was asked"))
    text = change(wallets.challenge(KEY.address, NOW))
    with pytest.raises(LoginFailedError, match="not the EIP-4361 message that was given out"):
        wallets.accept(text, _sign(text), NOW)
