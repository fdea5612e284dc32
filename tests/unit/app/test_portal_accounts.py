"""Accounts: made, checked, refused."""

from __future__ import annotations

import warnings

import pytest
from eth_account import Account

from app.accounts import check_password, create_account, list_accounts, remove_account
from app.errors import LoginFailedError
from app.services import checked_reason, dev_addresses
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer, keystore_signer

PASSWORD = "seven grey panes of glass"
WALLET = "0x" + "ab" * 20


def test_an_account_gets_a_key_that_its_password_opens(store, tmp_path):
    account = create_account(store, tmp_path / "keys", "shop@example", PASSWORD, private_key=b"\7" * 32)
    signer = keystore_signer(tmp_path / "keys" / account.keystore, PASSWORD)
    assert signer.address.lower() == account.address
    assert signer.address == Account.from_key(b"\7" * 32).address
    assert PASSWORD not in account.password_hash
    assert account.password_hash.startswith("$argon2id$")
    assert check_password(store, "shop@example", PASSWORD).address == account.address


def test_wrong_password_and_unknown_account_are_answered_alike(store, tmp_path):
    create_account(store, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    answers = []
    for name, password in (("shop@example", "wrong password here"), ("nobody@example", PASSWORD)):
        with pytest.raises(LoginFailedError) as refused:
            check_password(store, name, password)
        answers.append(refused.value.as_dict())
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", ["", "ab", "Shop", "shop 12", "../shop", "-shop", "shop/12", "x" * 65])
def test_a_bad_name_is_refused_before_any_file_is_written(store, tmp_path, name):
    with pytest.raises(InvalidInput) as refused:
        create_account(store, tmp_path / "keys", name, PASSWORD)
    assert refused.value.field == "name"
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("password", ["", "too short", "x" * 257])
def test_a_bad_password_is_refused(store, tmp_path, password):
    with pytest.raises(InvalidInput) as refused:
        create_account(store, tmp_path / "keys", "shop@example", password)
    assert refused.value.field == "password"


@pytest.mark.parametrize("more", [{}, {"private_key": b"\7" * 32}])
def test_a_wallets_address_is_checked(store, tmp_path, more):
    address = WALLET if more else "0x12"
    with pytest.raises(InvalidInput) as refused:
        create_account(store, tmp_path, "shop@example", PASSWORD, wallet_address=address, **more)
    assert refused.value.field == "wallet_address"


def test_a_name_is_taken_once_and_can_be_removed(store, tmp_path):
    create_account(store, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    with pytest.raises(Conflict):
        create_account(store, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    assert [account.name for account in list_accounts(store)] == ["shop@example"]
    remove_account(store, "shop@example")
    with pytest.raises(LoginFailedError):
        check_password(store, "shop@example", PASSWORD)
    with pytest.raises(NotFound):
        remove_account(store, "shop@example")


def test_the_published_addresses_are_those_of_the_development_chains():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        assert dev_addresses() == {dev_signer(number, 31337).address.lower() for number in range(10)}


@pytest.mark.parametrize("reason", ["", "  x ", "y" * 201])
def test_a_reason_is_short_and_not_empty(reason):
    with pytest.raises(InvalidInput) as refused:
        checked_reason(reason)
    assert refused.value.field == "reason"


def test_a_reason_is_one_line():
    assert checked_reason("  broken\n edge ") == "broken edge"
