"""Station keys at rest."""

import json
import stat

import eth_keyfile
import pytest
from route_line import secret

from chromatrace.crypto import keystore
from chromatrace.crypto.errors import KeyPasswordError
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound

PASSWORD = "correct horse ﬁ battery"


PRODUCTION_COST = dict(keystore._SCRYPT)
"""Copied before the tests' fixture lowers it."""


def test_the_key_derivation_is_expensive():
    assert PRODUCTION_COST["n"] * PRODUCTION_COST["r"] * PRODUCTION_COST["p"] >= 8 << 18


@pytest.fixture
def stored(tmp_path):
    return keystore.save_key(tmp_path / "keys" / "sputtering.json", secret("A"), PASSWORD, "sputtering 201")


def test_a_saved_key_opens_with_its_password(stored):
    assert keystore.open_key(stored.path, PASSWORD) == secret("A")
    assert keystore.describe_key(stored.path) == stored
    assert stored.public_key == secret("A").public_key
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert secret("A").to_bytes().hex() not in stored.path.read_text()


def test_another_reader_of_eip_2335_opens_it(tmp_path):
    stored = keystore.save_key(tmp_path / "key.json", secret("A"), "plain password", "sputtering 201")
    opened = eth_keyfile.decode_keyfile_json(json.loads(stored.path.read_text()), b"plain password")
    assert opened == secret("A").to_bytes()


def test_the_password_is_normalised(stored):
    assert keystore.open_key(stored.path, "correct horse fi\x07 battery") == secret("A")


def test_a_wrong_password_is_rejected(stored):
    with pytest.raises(KeyPasswordError) as error:
        keystore.open_key(stored.path, "wrong password")
    assert error.value.field == "password"


def test_an_existing_key_is_not_overwritten(stored):
    before = stored.path.read_bytes()
    with pytest.raises(Conflict):
        keystore.save_key(stored.path, secret("B"), PASSWORD, "other")
    assert stored.path.read_bytes() == before


def test_a_short_password_is_rejected(tmp_path):
    with pytest.raises(InvalidInput) as error:
        keystore.save_key(tmp_path / "key.json", secret("A"), "short", "name")
    assert error.value.field == "password"
    assert not (tmp_path / "key.json").exists()


def _change(stored, change):
    document = json.loads(stored.path.read_text())
    change(document)
    stored.path.write_text(json.dumps(document))


def test_damage_is_detected(stored):
    _change(stored, lambda document: document["crypto"]["cipher"].update(message="00" * 32))
    with pytest.raises(KeyPasswordError):
        keystore.open_key(stored.path, PASSWORD)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda document: document.update(version=3), "/version"),
        (lambda document: document.pop("crypto"), "/crypto"),
        (lambda document: document["crypto"]["kdf"].update(function="pbkdf2"), "/crypto/kdf/function"),
        (lambda document: document["crypto"]["kdf"]["params"].update(n=1 << 30), "/crypto/kdf/params/n"),
        (lambda document: document["crypto"]["kdf"]["params"].update(n=3), "/crypto/kdf/params"),
        (lambda document: document["crypto"]["kdf"]["params"].update(n="1e400"), "/crypto/kdf/params/n"),
        (lambda document: document["crypto"]["kdf"]["params"].update(p=1 << 30), "/crypto/kdf/params/p"),
        (lambda document: document["crypto"]["kdf"]["params"].update(dklen=8), "/crypto/kdf/params/dklen"),
        (lambda document: document["crypto"]["cipher"]["params"].update(iv="00"), "/crypto/cipher/params/iv"),
        (lambda document: document["crypto"].update(kdf=[]), "/crypto/kdf"),
        (lambda document: document.update(pubkey=secret("B").public_key.data.hex()), "/pubkey"),
    ],
)
def test_an_invalid_keystore_names_the_member(stored, change, field):
    _change(stored, change)
    with pytest.raises(InvalidInput) as error:
        keystore.open_key(stored.path, PASSWORD)
    assert error.value.field == field


def test_a_missing_or_unreadable_file_is_an_error(tmp_path):
    with pytest.raises(NotFound):
        keystore.open_key(tmp_path / "none.json", PASSWORD)
    for junk in (b"no json", b"\xff", b"[]", b"[" * 100_000, b'{"version": 4, "version": 4}'):  # not JSON objects
        (tmp_path / "text.json").write_bytes(junk)
        with pytest.raises(InvalidInput) as error:
            keystore.describe_key(tmp_path / "text.json")
        assert str(tmp_path) in error.value.message
