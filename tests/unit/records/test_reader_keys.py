"""Test readers, their keys and key files: identities, proof of possession, rotation, invalid files."""

from __future__ import annotations

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.errors import KeyMissingError
from chromatrace.records.key_ring import KeyRing, load_key, save_key
from chromatrace.records.reader_key import WHOLE_ORGANISATION, Reader, ReaderIdentity, ReaderKey

SALES = ReaderIdentity(1, b"\x51" * 32)
KEY = ReaderKey.generate(SALES, "Sales")
TEXT = str(KEY.reader)


def identity(number, organisation=1):
    return ReaderIdentity(organisation, hashlib.sha256(bytes([number])).digest())


@pytest.mark.parametrize("name", ["Sales", "销售", "Продажи", "المبيعات", "a=b/c", "x" * 64, "Ω"])
def test_reader_is_written_and_parsed(name):
    reader = ReaderKey.generate(SALES, name).reader
    assert Reader.parse(str(reader)) == reader
    assert reader.as_dict()["reader"] == str(reader)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Sales=", "Finance="),
        lambda text: text.replace("=1/", "=2/"),
        lambda text: text.replace("0x51", "0x52"),
        lambda text: text.replace(KEY.reader.public.hex(), ReaderKey.generate(SALES, "x").reader.public.hex()),
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.rpartition("/")[0] + "/" + "0" * 128,
        lambda text: text.rpartition("/")[0],
        lambda text: text.partition("=")[2],
        lambda text: "=" + text.partition("=")[2],
        lambda text: text.replace("=1/", "=0/"),
        lambda text: text.replace("=1/", "=١/"),
        lambda text: text + "\n",
        lambda text: "a\nb=" + text.partition("=")[2],
        lambda text: "\ud800=" + text.partition("=")[2],
        lambda text: "x" * 65 + "=" + text.partition("=")[2],
        lambda text: text.upper(),
        lambda text: "Sales=x25519:" + "1" * 64,
        lambda text: "",
        lambda text: 5,
        lambda text: None,
        lambda text: [text],
        lambda text: text.encode(),
    ],
)
def test_changed_reader_is_rejected(change):
    with pytest.raises(InvalidInput) as error:
        Reader.parse(change(TEXT))
    assert error.value.field == "reader"


@pytest.mark.parametrize(
    "y",
    [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18],
    ids=["order 4", "identity", "order 2", "0 + p", "1 + p"],
)
def test_public_key_of_low_order_is_rejected(y):
    """Signatures of these keys, and decryption, need no private key."""
    public = y.to_bytes(32, "little")
    forged = (1).to_bytes(32, "little") + bytes(32)
    with pytest.raises(InvalidInput, match="not valid"):
        Reader(SALES, "Sales", public, forged)


def test_age_identity_belongs_to_the_reader():
    assert str(KEY.identity_key.to_public()) == str(KEY.reader.recipient)
    assert KEY.age_identity.startswith("AGE-SECRET-KEY-1")


def test_secret_depends_on_key_and_purpose():
    other = ReaderKey.generate(SALES, "Sales")
    assert len({KEY.secret(b"a"), KEY.secret(b"b"), other.secret(b"a")}) == 3


@pytest.mark.parametrize("names", [("SALES!", "Sales", "sales"), ("销售", "Продажи", "営業"), ("", "Sales")])
def test_departments_with_similar_names_have_separate_keys(tmp_path, names):
    ring = KeyRing(tmp_path)
    names = [name for name in names if name]
    keys = [ring.create(identity(number), name)[0] for number, name in enumerate(names)]
    assert len({key.fingerprint for key in keys}) == len(names)
    for number, key in enumerate(keys):
        assert ring.current(identity(number)).reader == key.reader


def test_departments_of_two_organisations_have_separate_keys(tmp_path):
    ring = KeyRing(tmp_path)
    own, other = ring.create(identity(1, 1), "Sales")[0], ring.create(identity(1, 2), "Sales")[0]
    assert ring.current(identity(1, 1)).fingerprint == own.fingerprint != other.fingerprint


def test_second_key_requires_a_rotation(tmp_path):
    ring = KeyRing(tmp_path)
    with pytest.raises(KeyMissingError):
        ring.rotate(SALES)
    first = ring.create(SALES, "Sales")[0]
    with pytest.raises(InvalidInput, match="already has a key") as error:
        ring.create(SALES, "Sales")
    assert error.value.field == "name"
    keys = [first]
    for _ in range(10):
        keys.insert(0, ring.rotate(SALES)[0])
    assert [key.fingerprint for key in ring.keys(SALES)] == [key.fingerprint for key in keys]
    assert ring.current(SALES).name == "Sales"


def test_keys_are_encrypted_with_the_password(tmp_path):
    _, path = KeyRing(tmp_path, "secret").create(SALES, "Sales")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "ENCRYPTED" in path.read_text()
    assert KeyRing(tmp_path, "secret").current(SALES).name == "Sales"
    for password in (None, "wrong", ""):
        with pytest.raises(InvalidInput, match=path.name):
            KeyRing(tmp_path, password).current(SALES)


def test_key_file_that_others_may_read_is_rejected(tmp_path):
    _, path = KeyRing(tmp_path).create(SALES, "Sales")
    path.chmod(0o640)
    with pytest.raises(InvalidInput, match="other users") as error:
        KeyRing(tmp_path).current(SALES)
    assert str(path) in error.value.message
    assert error.value.field == "reader"


def test_saved_key_is_not_overwritten(tmp_path):
    save_key(KEY, tmp_path / "key.json")
    with pytest.raises(InvalidInput):
        save_key(ReaderKey.generate(SALES, "Sales"), tmp_path / "key.json")
    assert load_key(tmp_path / "key.json").reader == KEY.reader
    with pytest.raises(KeyMissingError):
        load_key(tmp_path / "none.json")


def files():
    """Return invalid contents of a key file."""
    valid = {"schema": "chromatrace.reader-key/1", "organisation": 1, "department": "0x" + "51" * 32, "name": "Sales"}
    valid["private"] = "not a key"
    changes = [{"name": 5}, {"name": ""}, {"name": None}, {"organisation": "1"}, {"organisation": 0}]
    changes += [{"department": 5}, {"department": "0x51"}, {"private": 5}, {"private": None}, {"reader": 5}, {}]
    changes += [{"schema": "chromatrace.reader-key/2"}, {"organisation": True}, {"name": ["Sales"]}]
    return [b"", b"null", b"5", b"[]", b"{}", b"\xff", b"junk", b"x" * 100_000] + [
        json.dumps(valid | change).encode() for change in changes
    ]


@pytest.mark.parametrize("content", files())
def test_invalid_key_file_is_named_and_affects_no_other_reader(tmp_path, content):
    ring = KeyRing(tmp_path)
    design = ring.create(identity(2), "Product design")[0]
    _, path = ring.create(SALES, "Sales")
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as error:
        ring.current(SALES)
    assert str(path) in error.value.message
    assert ring.current(identity(2)).reader == design.reader
    candidates = ring.candidates(identity(3))
    assert next(candidates).reader == design.reader
    with pytest.raises(InvalidInput):
        next(candidates)


def test_junk_next_to_the_keys_is_ignored(tmp_path):
    ring = KeyRing(tmp_path)
    key, path = ring.create(SALES, "Sales")
    (path.parent / "invalid.key").write_text("junk")
    (path.parent / "02.json").write_text("junk")
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "junk-folder").mkdir()
    assert ring.identities() == [SALES]
    assert [other.reader for other in ring.keys(SALES)] == [key.reader]


def test_key_file_of_another_identity_is_rejected(tmp_path):
    ring = KeyRing(tmp_path)
    _, path = ring.create(identity(1), "Sales")
    _, other = ring.create(identity(2), "Sales")
    other.write_bytes(path.read_bytes())
    with pytest.raises(InvalidInput, match="is a key of"):
        ring.current(identity(2))


def test_recovery_key_is_a_reader_of_new_documents(tmp_path):
    ring = KeyRing(tmp_path / "ring")
    own = ring.create(SALES, "Sales")[0]
    assert ring.readers(SALES) == [own.reader]
    recovery = ring.create_recovery(1, tmp_path / "offline.json")
    assert ring.readers(SALES) == [own.reader, recovery.reader]
    assert load_key(tmp_path / "offline.json").reader == recovery.reader
    assert recovery.identity == (1, WHOLE_ORGANISATION)
    assert recovery.fingerprint not in {key.fingerprint for key in ring.candidates(SALES)}
    with pytest.raises(InvalidInput, match="already has a recovery key"):
        ring.create_recovery(1, tmp_path / "second.json")
    assert not (tmp_path / "second.json").exists()
    assert ring.recovery(2) is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"junk", str(KEY.reader).encode()])
def test_invalid_recovery_file_is_named(tmp_path, content):
    (tmp_path / "1.recovery").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"1\.recovery"):
        KeyRing(tmp_path).recovery(1)


def test_proof_of_one_identity_is_not_valid_for_another():
    private = Ed25519PrivateKey.generate()
    sales, design = ReaderKey(SALES, "Sales", private).reader, ReaderKey(identity(2), "Sales", private).reader
    with pytest.raises(InvalidInput, match="does not prove"):
        Reader(design.identity, "Sales", sales.public, sales.proof)
