"""Station keys at rest."""

import json
import stat

import eth_keyfile
import pytest
from route_line import secret

from chromatrace.crypto import keystore
from chromatrace.crypto.errors import WrongKeyPassword
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound

PASSWORD = "correct horse ﬁ battery"


COSTS = dict(keystore._SCRYPT)
"""As they are in service: the tests' own are cheap."""


def test_to_guess_a_password_takes_long():
    assert COSTS["n"] * COSTS["r"] * COSTS["p"] >= 8 << 18


@pytest.fixture
def stored(tmp_path):
    return keystore.save_key(tmp_path / "keys" / "sputtering.json", secret("A"), PASSWORD, "sputtering 201")


def test_there_and_back(stored):
    assert keystore.open_key(stored.path, PASSWORD) == secret("A")
    assert keystore.describe_key(stored.path) == stored
    assert stored.public_key == secret("A").public_key
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert secret("A").to_bytes().hex() not in stored.path.read_text()


def test_another_reader_of_eip_2335_opens_it(tmp_path):
    stored = keystore.save_key(tmp_path / "key.json", secret("A"), "plain password", "sputtering 201")
    opened = eth_keyfile.decode_keyfile_json(json.loads(stored.path.read_text()), b"plain password")
    assert opened == secret("A").to_bytes()


def test_password_is_normalised(stored):
    assert keystore.open_key(stored.path, "correct horse fi\x07 battery") == secret("A")


def test_wrong_password(stored):
    with pytest.raises(WrongKeyPassword) as refused:
        keystore.open_key(stored.path, "wrong password")
    assert refused.value.field == "password"


def test_never_over_another_key(stored):
    before = stored.path.read_bytes()
    with pytest.raises(Conflict):
        keystore.save_key(stored.path, secret("B"), PASSWORD, "other")
    assert stored.path.read_bytes() == before


def test_short_password(tmp_path):
    with pytest.raises(InvalidInput) as refused:
        keystore.save_key(tmp_path / "key.json", secret("A"), "short", "name")
    assert refused.value.field == "password"
    assert not (tmp_path / "key.json").exists()


def _change(stored, change):
    document = json.loads(stored.path.read_text())
    change(document)
    stored.path.write_text(json.dumps(document))


def test_damage_is_told(stored):
    _change(stored, lambda document: document["crypto"]["cipher"].update(message="00" * 32))
    with pytest.raises(WrongKeyPassword):
        keystore.open_key(stored.path, PASSWORD)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda document: document.update(version=3), "version"),
        (lambda document: document.pop("crypto"), "keystore"),
        (lambda document: document["crypto"]["kdf"].update(function="pbkdf2"), "crypto"),
        (lambda document: document["crypto"]["kdf"]["params"].update(n=1 << 30), "crypto.kdf"),
        (lambda document: document["crypto"]["kdf"]["params"].update(n=3), "crypto.kdf"),
        (lambda document: document["crypto"]["kdf"]["params"].update(n="1e400"), "keystore"),
        (lambda document: document["crypto"]["kdf"]["params"].update(p=1 << 30), "crypto.kdf"),
        (lambda document: document["crypto"]["kdf"]["params"].update(dklen=8), "crypto"),
        (lambda document: document["crypto"]["cipher"]["params"].update(iv="00"), "crypto"),
        (lambda document: document["crypto"].update(kdf=[]), "keystore"),
        (lambda document: document.update(pubkey=secret("B").public_key.data.hex()), "pubkey"),
    ],
)
def test_other_files_are_refused(stored, change, field):
    _change(stored, change)
    with pytest.raises(InvalidInput) as refused:
        keystore.open_key(stored.path, PASSWORD)
    assert refused.value.field == field


def test_no_such_file(tmp_path):
    with pytest.raises(NotFound):
        keystore.open_key(tmp_path / "none.json", PASSWORD)
    for junk in (b"no json", b"\xff", b"[]", b"[" * 100_000, b'{"version": 4, "version": 4}'):
        (tmp_path / "text.json").write_bytes(junk)
        with pytest.raises(InvalidInput) as refused:
            keystore.describe_key(tmp_path / "text.json")
        assert refused.value.field == "keystore"
