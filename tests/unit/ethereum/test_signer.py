"""Keystores and development keys."""

import json

import pytest
from eth_account import Account

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.ethereum.errors import KeystoreError
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import (
    MNEMONIC,
    WORK_FACTOR,
    DevKeyWarning,
    create_keystore,
    dev_signer,
    keystore_signer,
)
from chromatrace.ethereum.transaction import Transaction

ANVIL_FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture
def keystore(tmp_path):
    path = tmp_path / "keys" / "operator.json"
    return path, create_keystore(path, "correct horse", work_factor=2)


def test_keystore_opens_only_with_its_password(keystore):
    path, created = keystore
    assert path.stat().st_mode & 0o777 == 0o600
    assert keystore_signer(path, "correct horse").address == created.address
    assert json.loads(path.read_text())["address"] == created.address
    with pytest.raises(KeystoreError) as raised:
        keystore_signer(path, "battery staple")
    assert raised.value.field == "password"


def test_password_derivation_is_expensive(tmp_path, monkeypatch):
    monkeypatch.setattr("chromatrace.ethereum.signer.WORK_FACTOR", WORK_FACTOR)
    create_keystore(tmp_path / "key.json", "correct horse")
    costs = json.loads((tmp_path / "key.json").read_text())["crypto"]["kdfparams"]
    assert costs["n"] * costs["r"] * costs["p"] >= 8 << 18


def test_eth_account_opens_the_keystore(keystore):
    path, created = keystore
    assert Account.from_key(Account.decrypt(path.read_text(), "correct horse")).address == created.address


def test_keystore_is_never_overwritten(keystore):
    path, _ = keystore
    before = path.read_bytes()
    with pytest.raises(Conflict):
        create_keystore(path, "another password", work_factor=2)
    assert path.read_bytes() == before


def test_keystore_accessible_to_others_is_rejected(keystore):
    path, _ = keystore
    path.chmod(0o640)
    with pytest.raises(KeystoreError, match="0640") as raised:
        keystore_signer(path, "correct horse")
    assert raised.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 3, "crypto": {}}'])
def test_json_that_is_not_a_keystore_is_rejected(tmp_path, content):
    path = tmp_path / "key.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeystoreError) as raised:
        keystore_signer(path, "x")
    assert raised.value.field == "keystore"


def test_missing_keystore_is_reported(tmp_path):
    with pytest.raises(KeystoreError, match="does not exist"):
        keystore_signer(tmp_path / "absent.json", "x")


@pytest.mark.parametrize("password", ["", "7 chars"])
def test_short_password_is_rejected(tmp_path, password):
    with pytest.raises(InvalidInput, match=f"is {len(password)}; it must be at least 8") as raised:
        create_keystore(tmp_path / "key.json", password)
    assert raised.value.field == "password"
    assert not (tmp_path / "key.json").exists()


def test_development_keys_warn_and_sign_only_for_development_chains():
    with pytest.warns(DevKeyWarning, match="INSECURE"):
        signer = dev_signer(0, 31337)
    assert signer.address == ANVIL_FIRST
    with pytest.raises(KeystoreError, match=r"not for 1 "):
        dev_signer(0, 1)
    with pytest.raises(KeystoreError, match="not for 11155111"):
        signer.sign_transaction(Transaction(11155111, 0, 1, 1, 21_000, bytes(20), 0, b""))


def test_development_keys_equal_eth_account():
    Account.enable_unaudited_hdwallet_features()
    for index in (0, 1, 9, 99):
        with pytest.warns(DevKeyWarning):
            signer = dev_signer(index, 31337)
        assert signer.address == Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").address


def test_digest_signatures_recover_the_signer():
    with pytest.warns(DevKeyWarning):
        signer = dev_signer(0, 1337)
    signature = signer.sign_digest(b"\7" * 32)
    assert signature[64] in (27, 28)
    assert Account._recover_hash(b"\7" * 32, signature=signature) == ANVIL_FIRST


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff\xfe{", b"null", b"[1]", b'{"a": NaN}'])
def test_file_that_is_not_a_keystore_is_rejected(tmp_path, content):
    path = tmp_path / "key.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeystoreError) as raised:
        keystore_signer(path, "a password")
    assert raised.value.field == "keystore"


def test_endless_file_is_rejected():
    with pytest.raises(KeystoreError):
        keystore_signer("/dev/zero", "a password")
    with pytest.raises(InvalidInput) as raised:
        Manifest.load("/dev/zero")
    assert raised.value.field == "manifest"
