"""Test the vault: access, changes of stored bytes, concurrency, crashes, rotation and memory use."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyrage
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.blobs import open_blobs
from chromatrace.records.errors import (
    ContentCorruptError,
    ContentNotFoundError,
    KeyMissingError,
    ReaderExistsError,
    VaultUnavailableError,
)
from chromatrace.records.manifest import Content, Manifest, Purpose, Scope, manifest_name
from chromatrace.records.reader_key import WHOLE_ORGANISATION, ReaderIdentity, ReaderKey
from chromatrace.records.sealing import CHUNK
from chromatrace.records.vault import Vault

DOCUMENT = b'{"a drawing":"of a gear unit"}'


def key(organisation, department, name):
    return ReaderKey.generate(ReaderIdentity(organisation, hashlib.sha256(department.encode()).digest()), name)


SALES, DESIGN = key(1, "1/Sales", "Sales"), key(1, "1/Product design", "Product design")
OTHER_SALES = key(2, "2/Sales", "Sales")


@pytest.fixture(params=["folder", "bucket"])
def location(request, tmp_path):
    """Return the location of a vault: on disk, and on an S3 server."""
    return tmp_path / "vault" if request.param == "folder" else request.getfixturevalue("bucket")()


@pytest.fixture
def vault(location):
    return Vault(location)


@pytest.fixture
def blobs(location):
    return open_blobs(location)


def scope_of(document=DOCUMENT, record=1, owner=SALES):
    return Scope(owner.identity, bytes([record]) * 20, hashlib.sha256(document).digest())


def put(vault, document=DOCUMENT, record=1, owner=SALES, readers=(), files=()):
    """Store a record and return its scope."""
    scope = scope_of(document, record, owner)
    vault.put(scope, document, files, [owner.reader, *(other.reader for other in readers)], [owner])
    return scope


def read(vault, scope, reader, purpose=Purpose.DOCUMENT):
    """Return all contents of this purpose, joined."""
    manifest, _ = vault.open(scope, [reader])
    return b"".join(b"".join(vault.read(item)) for item in manifest.contents if item.purpose is purpose)


def names(blobs):
    return [*blobs.walk("contents/"), *blobs.walk("records/"), *blobs.walk("uploads/")]


def blob_of(content):
    return f"contents/{content.blob[:2]}/{content.blob[2:]}"


def fingerprints(manifest):
    return {reader.fingerprint for reader in manifest.readers}


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_files_of_any_size(vault, size):
    data = random.Random(size).randbytes(size)
    content = vault.upload(io.BytesIO(data), SALES)
    assert (content.digest, content.size) == (hashlib.sha256(data).digest(), size)
    assert b"".join(vault.read(vault.uploaded(content.digest, [SALES]))) == data


def test_record_with_files(vault):
    files = [vault.upload(io.BytesIO(data), SALES) for data in (b"one", b"two")]
    scope = put(vault, files=files)
    assert read(vault, scope, SALES) == DOCUMENT
    assert read(vault, scope, SALES, Purpose.FILE) == b"onetwo"


def test_nothing_is_stored_in_plain_text(vault, blobs):
    file = vault.upload(io.BytesIO(b"the drawing itself"), SALES)
    put(vault, files=[file], readers=[OTHER_SALES])
    stored = names(blobs)
    assert len(stored) == 4
    for name in stored:
        data = blobs.read(name)
        for secret in (DOCUMENT, b"the drawing itself", b"Sales", SALES.reader.public.hex().encode()):
            assert secret not in data
        assert hashlib.sha256(b"the drawing itself").hexdigest() not in name


def test_other_readers_cannot_read(vault):
    scope = put(vault)
    for other in (DESIGN, OTHER_SALES, ReaderKey.generate(SALES.identity, "Sales")):
        with pytest.raises(KeyMissingError):
            vault.open(scope, [other])


def test_all_keys_are_used(vault):
    scope = put(vault)
    manifest, used = vault.open(scope, iter([DESIGN, OTHER_SALES, SALES]))
    assert used is SALES
    assert manifest.scope == scope


def test_department_with_the_same_name_is_another_reader(vault):
    scope = put(vault)
    manifest = vault.change_readers(scope, [SALES], add=[OTHER_SALES.reader])
    assert fingerprints(manifest) == {SALES.fingerprint, OTHER_SALES.fingerprint}
    assert read(vault, scope, SALES) == read(vault, scope, OTHER_SALES) == DOCUMENT


def test_uploads_are_found_by_their_department_only(vault):
    content = vault.upload(io.BytesIO(b"a file"), SALES)
    errors = []
    for digest in (content.digest, hashlib.sha256(b"never stored").digest()):
        for other in (DESIGN, OTHER_SALES):
            with pytest.raises(ContentNotFoundError) as error:
                vault.uploaded(digest, [other])
            errors.append(str(error.value).replace(digest.hex(), ""))
    assert len(set(errors)) == 1
    newer = ReaderKey.generate(SALES.identity, "Sales")
    assert vault.uploaded(content.digest, [newer, SALES]) == content


def test_document_cannot_be_named_as_a_file(vault):
    put(vault)
    with pytest.raises(ContentNotFoundError):
        vault.uploaded(hashlib.sha256(DOCUMENT).digest(), [SALES])


def test_repeated_upload_is_stored_once(vault, blobs):
    first = vault.upload(io.BytesIO(b"a file"), SALES)
    assert vault.upload(io.BytesIO(b"a file"), SALES) == first
    assert len(names(blobs)) == 2


def test_repeated_upload_replaces_a_changed_file(vault, blobs):
    first = vault.upload(io.BytesIO(b"a file"), SALES)
    blobs.write(blob_of(first), [b"junk"])
    second = vault.upload(io.BytesIO(b"a file"), SALES)
    assert b"".join(vault.read(vault.uploaded(second.digest, [SALES]))) == b"a file"


def test_repeated_put_keeps_readers(vault, blobs):
    scope = put(vault, readers=[OTHER_SALES])
    assert put(vault, readers=[DESIGN]) == scope
    for reader in (SALES, DESIGN, OTHER_SALES):
        assert read(vault, scope, reader) == DOCUMENT
    assert len(names(blobs)) == 2


def test_put_does_not_replace_a_manifest_of_another_key(vault):
    scope = put(vault)
    stranger = ReaderKey.generate(SALES.identity, "Sales")
    with pytest.raises(KeyMissingError):
        vault.put(scope, DOCUMENT, [], [stranger.reader], [stranger])
    assert read(vault, scope, SALES) == DOCUMENT


def test_put_requires_readers_and_the_digest_of_the_record(vault, blobs):
    with pytest.raises(InvalidInput, match="reader"):
        vault.put(scope_of(), DOCUMENT, [], [], [SALES])
    with pytest.raises(InvalidInput, match="digest"):
        vault.put(scope_of(), b"another document", [], [SALES.reader], [SALES])
    with pytest.raises(ReaderExistsError):
        put(vault, readers=[ReaderKey.generate(SALES.identity, "Sales")])
    assert names(blobs) == []


def test_records_that_share_a_file_have_their_own_readers(vault):
    """A file shared by two records, and by a record of another department."""
    file = vault.upload(io.BytesIO(b"shared"), SALES)
    first, second = put(vault, files=[file], record=1), put(vault, b"{}", record=2, files=[file], readers=[DESIGN])
    vault.change_readers(first, [SALES], add=[DESIGN.reader, OTHER_SALES.reader])
    vault.change_readers(first, [SALES], revoke=[DESIGN.fingerprint])
    with pytest.raises(KeyMissingError):
        vault.open(first, [DESIGN])
    assert read(vault, second, DESIGN, Purpose.FILE) == b"shared"
    assert read(vault, first, OTHER_SALES, Purpose.FILE) == b"shared"
    with pytest.raises(KeyMissingError):
        vault.open(second, [OTHER_SALES])


LOCK_OUTS = {
    "revoke the last reader": {"revoke": [SALES.fingerprint]},
    "revoke the own key, keep others": {"add": [DESIGN.reader], "revoke": [SALES.fingerprint]},
    "replace the own key by one that is not held": {
        "add": [ReaderKey.generate(SALES.identity, "Sales").reader],
        "rotate": True,
    },
    "revoke by name": {"revoke": ["Sales"]},
    "revoke the name of another reader": {"add": [OTHER_SALES.reader], "revoke": ["Sales"]},
    "revoke twice": {"add": [DESIGN.reader], "revoke": [DESIGN.fingerprint, DESIGN.fingerprint]},
}


@pytest.mark.parametrize("change", LOCK_OUTS.values(), ids=LOCK_OUTS)
def test_lock_out_is_rejected_without_effect(vault, blobs, change):
    scope = put(vault, readers=[OTHER_SALES])
    before = blobs.read(manifest_name(scope))
    with pytest.raises(InvalidInput) as error:
        vault.change_readers(scope, [SALES], **change)
    assert error.value.field == "reader"
    assert blobs.read(manifest_name(scope)) == before


def test_reader_of_another_department_cannot_change_readers(vault):
    scope = put(vault, readers=[OTHER_SALES, DESIGN])
    for caller in (OTHER_SALES, DESIGN):
        with pytest.raises(InvalidInput, match="own department"):
            vault.change_readers(scope, [caller], add=[key(3, "EVE", "EVE").reader])
        with pytest.raises(InvalidInput):
            vault.change_readers(scope, [caller], revoke=[SALES.fingerprint])
    assert len(vault.open(scope, [SALES])[0].readers) == 3


def test_second_key_of_a_reader_requires_a_rotation(vault):
    scope = put(vault, readers=[OTHER_SALES])
    newer = ReaderKey.generate(OTHER_SALES.identity, "Sales")
    with pytest.raises(ReaderExistsError, match=OTHER_SALES.fingerprint):
        vault.change_readers(scope, [SALES], add=[newer.reader])
    assert read(vault, scope, OTHER_SALES) == DOCUMENT
    rotated = vault.change_readers(scope, [SALES], add=[newer.reader], rotate=True)
    assert fingerprints(rotated) == {SALES.fingerprint, newer.fingerprint}
    with pytest.raises(KeyMissingError):
        vault.open(scope, [OTHER_SALES])


def test_one_key_of_two_departments_does_not_replace_a_reader(vault):
    scope = put(vault)
    twin = ReaderKey(DESIGN.identity, "Product design", SALES.private)
    manifest = vault.change_readers(scope, [SALES], add=[twin.reader])
    assert {reader.identity for reader in manifest.readers} == {SALES.identity, DESIGN.identity}
    with pytest.raises(InvalidInput, match="own department"):
        vault.change_readers(scope, [SALES, twin], revoke=[SALES.fingerprint])


def test_grant_rewrites_the_manifest_only(vault, blobs):
    scope = put(vault, files=[vault.upload(io.BytesIO(bytes(100_000)), SALES)])
    before = {name: blobs.read(name) for name in names(blobs)}
    vault.change_readers(scope, [SALES], add=[DESIGN.reader])
    after = {name: blobs.read(name) for name in names(blobs)}
    assert {name for name in after if before[name] != after[name]} == {manifest_name(scope)}


def test_concurrent_grants(location):
    readers = [key(number, "Auditors", f"Reader {number}") for number in range(3, 9)]
    scope = put(Vault(location))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda other: Vault(location).change_readers(scope, [SALES], add=[other.reader]), readers))
    for reader in readers:
        assert read(Vault(location), scope, reader) == DOCUMENT


def test_killed_change_of_readers_has_all_or_no_effect(tmp_path):
    """The process is killed before each flush to disk, one after the other."""
    vault = Vault(tmp_path)
    scope = put(vault, readers=[OTHER_SALES])
    manifest, flushes = tmp_path / manifest_name(scope), 0
    before = manifest.read_bytes()
    while True:
        child = os.fork()
        if not child:
            remaining, fsync = [flushes], os.fsync

            def killing(descriptor, remaining=remaining, fsync=fsync):
                if not remaining[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                remaining[0] -= 1
                fsync(descriptor)

            os.fsync = killing
            try:
                vault.change_readers(scope, [SALES], add=[DESIGN.reader], revoke=[OTHER_SALES.fingerprint])
                os._exit(0)
            finally:
                os._exit(7)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        readers = fingerprints(vault.open(scope, [SALES])[0])
        old, new = {SALES.fingerprint, OTHER_SALES.fingerprint}, {SALES.fingerprint, DESIGN.fingerprint}
        assert readers == (old if manifest.read_bytes() == before else new)
        if status == 0:
            break
        flushes += 1
        if readers == new:
            vault.change_readers(scope, [SALES], add=[OTHER_SALES.reader], revoke=[DESIGN.fingerprint])
            before = manifest.read_bytes()
    assert readers == new
    assert flushes >= 2


# Changes of stored bytes.


@pytest.mark.parametrize("position", [0, 30, 150, 300_000, -1])
def test_changed_byte_of_a_content_is_detected(vault, blobs, position):
    content = vault.upload(io.BytesIO(bytes(600_000)), SALES)
    data = bytearray(blobs.read(blob_of(content)))
    data[position] ^= 1
    blobs.write(blob_of(content), [bytes(data)])
    with pytest.raises(ContentCorruptError):
        list(vault.read(content))


def test_every_changed_byte_of_a_manifest_is_detected(tmp_path):
    vault = Vault(tmp_path)
    scope = put(vault, readers=[OTHER_SALES])
    path, generator = tmp_path / manifest_name(scope), random.Random(4)
    data = path.read_bytes()
    for index in range(len(data)):
        path.write_bytes(data[:index] + bytes([data[index] ^ 1 << generator.randrange(8)]) + data[index + 1 :])
        # A change in the recipient's stanza looks like a manifest for other readers.
        with pytest.raises((ContentCorruptError, KeyMissingError)):
            vault.open(scope, [SALES])
    for length in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ContentCorruptError) as error:
            vault.open(scope, [SALES])
        assert manifest_name(scope) in error.value.message


def forged(vault, scope, change):
    """Return a manifest of a reader, changed as a participant with the key of a content could."""
    manifest, _ = vault.open(scope, [SALES])
    return Manifest(scope, manifest.readers, tuple(map(change, manifest.contents)))


@pytest.mark.parametrize("size", [0, 1, len(DOCUMENT) - 24, len(DOCUMENT) - 1, len(DOCUMENT) + 1, 10**9])
def test_wrong_size_is_detected_before_the_last_byte(vault, blobs, size):
    scope = put(vault)
    manifest = forged(vault, scope, lambda item: Content(item.purpose, item.digest, size, item.blob, item.key))
    blobs.write(manifest_name(scope), [manifest.seal()])
    received = []
    with pytest.raises(ContentCorruptError, match="size and digest"):
        received.extend(vault.read(vault.open(scope, [SALES])[0].contents[0]))
    assert not received


def test_swapped_contents_are_detected(vault, blobs):
    scope, other = put(vault), put(vault, b"{}", record=2)
    (replacement,) = vault.open(other, [SALES])[0].contents
    manifest = forged(
        vault, scope, lambda item: Content(item.purpose, item.digest, item.size, replacement.blob, replacement.key)
    )
    blobs.write(manifest_name(scope), [manifest.seal()])
    with pytest.raises(ContentCorruptError):
        read(vault, scope, SALES)


@pytest.mark.parametrize(
    "other",
    [
        scope_of(record=2),
        scope_of(owner=OTHER_SALES),
        scope_of(owner=DESIGN),
        scope_of(b"another document"),
        Scope(ReaderIdentity(2, SALES.identity.department), bytes([1]) * 20, scope_of().digest),
    ],
    ids=["record", "organisation and department", "department", "digest", "organisation"],
)
def test_manifest_at_the_place_of_another_record_is_rejected(vault, blobs, other):
    scope = put(vault, readers=[DESIGN, OTHER_SALES])
    blobs.write(manifest_name(other), [blobs.read(manifest_name(scope))])
    with pytest.raises(ContentCorruptError, match="another record"):
        vault.open(other, [SALES, DESIGN, OTHER_SALES])


def test_upload_at_the_place_of_a_record_is_rejected(vault, blobs):
    content = vault.upload(io.BytesIO(b"file"), SALES)
    (upload,) = blobs.walk("uploads/")
    scope = Scope(SALES.identity, bytes(20), content.digest)
    blobs.write(manifest_name(scope), [blobs.read(upload)])
    with pytest.raises(ContentCorruptError, match="another record"):
        vault.open(scope, [SALES])


def invalid_manifests():
    """Return values of wrong types for the members of a manifest."""
    scope = scope_of()
    content = {"purpose": "document", "digest": "0x" + scope.digest.hex(), "size": len(DOCUMENT)}
    content |= {"blob": "0" * 32, "key": "AGE-SECRET-KEY-1"}
    valid = {"schema": "chromatrace.vault/3", "organisation": 1, "record": "0x" + scope.record.hex()}
    valid |= {"department": "0x" + scope.identity.department.hex(), "digest": "0x" + scope.digest.hex()}
    valid |= {"readers": [str(SALES.reader)], "contents": []}
    changes = [{"readers": [5]}, {"readers": 5}, {"readers": ["Sales"]}, {"readers": None}, {"organisation": "1"}]
    changes += [{"contents": [content | item]} for item in ({"size": "5"}, {"size": -1}, {"size": 1.5}, {"key": 5})]
    changes += [{"contents": [content | item]} for item in ({"blob": "../../etc/passwd"}, {"purpose": "other"}, {})]
    changes += [{"record": 5}, {"record": "0x"}, {"digest": None}, {"schema": "chromatrace.vault/2"}, {"more": 1}]
    return [b"", b"null", b"[]", b"\xff", b"{"] + [json.dumps(valid | change).encode() for change in changes]


@pytest.mark.parametrize("plain", invalid_manifests())
def test_invalid_manifest_is_named(tmp_path, plain):
    vault, scope = Vault(tmp_path), scope_of()
    other = put(vault, b"{}", record=2)
    path = tmp_path / manifest_name(scope)
    path.write_bytes(pyrage.encrypt(plain, [SALES.reader.recipient]))
    for operation in (
        lambda: vault.open(scope, [SALES]),
        lambda: vault.change_readers(scope, [SALES], add=[DESIGN.reader]),
    ):
        with pytest.raises(ContentCorruptError) as error:
            operation()
        assert manifest_name(scope) in error.value.message
    assert read(vault, other, SALES) == b"{}"


def test_junk_in_the_vault_affects_no_record(vault, blobs):
    scope = put(vault)
    folder = manifest_name(scope).rpartition("/")[0]
    for name in ("junk", f"{folder}/junk", f"{folder}/invalid.key", f"{manifest_name(scope)}.json", "records/junk"):
        blobs.write(name, [b'{"reader": 5}'])
    assert read(vault, scope, SALES) == DOCUMENT
    vault.change_readers(scope, [SALES], add=[DESIGN.reader])
    newer = ReaderKey.generate(SALES.identity, "Sales")
    *_, report = vault.rewrap([SALES], {SALES.identity: newer.reader})
    assert (report.checked, report.changed, report.errors) == (1, 1, [])
    assert read(vault, scope, newer) == DOCUMENT


def test_any_change_of_the_stored_files_is_an_error_or_has_no_effect(tmp_path):
    """Bits, lengths and exchanged files, at random, in a vault with two records that share a file."""
    vault, generator = Vault(tmp_path), random.Random(6)
    file = vault.upload(io.BytesIO(generator.randbytes(150_000)), SALES)
    scopes = [put(vault, files=[file], readers=[OTHER_SALES]), put(vault, b"{}", record=2, files=[file])]
    paths = sorted(path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock")
    assert len(paths) == 6

    def state(scope, reader):
        manifest, _ = vault.open(scope, [reader])
        return manifest, [b"".join(vault.read(content)) for content in manifest.contents]

    expected = {scope: state(scope, SALES) for scope in scopes}
    outcomes = set()
    for _ in range(400):
        path = generator.choice(paths)
        before = path.read_bytes()
        position = generator.randrange(len(before))
        change = generator.choice(("bit", "truncate", "extend", "exchange", "delete", "insert"))
        if change == "bit":
            path.write_bytes(
                before[:position] + bytes([before[position] ^ 1 << generator.randrange(8)]) + before[position + 1 :]
            )
        elif change == "truncate":
            path.write_bytes(before[:position])
        elif change == "extend":
            path.write_bytes(before + generator.randbytes(1 + position % 100))
        elif change == "exchange":
            path.write_bytes(generator.choice([other for other in paths if other != path]).read_bytes())
        elif change == "insert":
            path.write_bytes(before[:position] + b"\n" + before[position:])
        else:
            path.unlink()
        for scope in scopes:
            try:
                assert state(scope, SALES) == expected[scope], (path, change, position)
                outcomes.add("unaffected")
            except (ContentCorruptError, ContentNotFoundError, KeyMissingError) as error:
                outcomes.add(type(error).__name__)
        path.write_bytes(before)
    assert outcomes == {"unaffected", "ContentCorruptError", "ContentNotFoundError", "KeyMissingError"}


def test_number_of_readers_is_limited(tmp_path, monkeypatch):
    vault = Vault(tmp_path)
    scope = put(vault, readers=[DESIGN])
    monkeypatch.setattr("chromatrace.records.manifest.MAX_READERS", 2)
    with pytest.raises(InvalidInput, match="maximum is 2"):
        vault.change_readers(scope, [SALES], add=[OTHER_SALES.reader])
    assert read(vault, scope, DESIGN) == DOCUMENT


def test_missing_content_is_named(vault, blobs):
    scope = put(vault)
    (content,) = vault.open(scope, [SALES])[0].contents
    blobs.delete([blob_of(content)])
    with pytest.raises(ContentCorruptError, match=content.blob[2:]):
        read(vault, scope, SALES)


def test_unknown_record_is_reported(vault):
    with pytest.raises(ContentNotFoundError):
        vault.open(scope_of(), [SALES])
    with pytest.raises(ContentNotFoundError):
        vault.change_readers(scope_of(), [SALES], add=[DESIGN.reader])


def test_extract_is_atomic(tmp_path):
    vault = Vault(tmp_path / "vault")
    content, target = vault.upload(io.BytesIO(bytes(600_000)), SALES), tmp_path / "target"
    target.mkdir()
    assert vault.extract(content, target / "out") == 600_000
    path = tmp_path / "vault" / blob_of(content)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ContentCorruptError):
        vault.extract(content, target / "second")
    assert [item.name for item in target.iterdir()] == ["out"]


# Rotation and recovery.


def rewrapped(vault, keys, current, recovery=()):
    *_, report = vault.rewrap(
        keys, {item.identity: item.reader for item in current}, [item.reader for item in recovery]
    )
    return report.checked, report.changed


def test_rotation_replaces_the_key_in_every_readable_record(vault):
    """Own records, and records of others that the department may read."""
    own = [put(vault, record=number, readers=[DESIGN]) for number in range(3)]
    shared = put(vault, record=4, owner=OTHER_SALES, readers=[SALES])
    hidden = put(vault, record=5, owner=OTHER_SALES)
    newer = ReaderKey.generate(SALES.identity, "Sales")
    assert rewrapped(vault, [newer, SALES], [newer]) == (5, 4)
    for scope in (*own, shared):
        assert read(vault, scope, newer) == DOCUMENT
        with pytest.raises(KeyMissingError):
            vault.open(scope, [SALES])
    assert read(vault, own[0], DESIGN) == read(vault, hidden, OTHER_SALES) == DOCUMENT
    with pytest.raises(KeyMissingError):
        vault.open(hidden, [newer])
    assert rewrapped(vault, [newer, SALES], [newer]) == (5, 0)


def test_rewrap_does_not_replace_the_keys_of_another_organisation(vault):
    """A reader of another organisation creates keys that name the department and the recovery key of the owner."""
    recovery = ReaderKey.generate(ReaderIdentity(1, WHOLE_ORGANISATION), "recovery")
    scope = put(vault, readers=[OTHER_SALES, DESIGN, recovery])
    false_sales, false_design = (ReaderKey.generate(other.identity, other.name) for other in (SALES, DESIGN))
    false_recovery = ReaderKey.generate(recovery.identity, "recovery")
    newer = ReaderKey.generate(OTHER_SALES.identity, "Sales")
    keys = [newer, OTHER_SALES, false_sales, false_design, false_recovery]
    assert rewrapped(vault, keys, [newer, false_sales, false_design], [false_recovery]) == (1, 1)
    readers = {reader.fingerprint for reader in vault.open(scope, [SALES])[0].readers}
    assert readers == {item.fingerprint for item in (SALES, DESIGN, recovery, newer)}


def test_interrupted_rewrap_is_resumed(vault):
    scopes = [put(vault, record=number) for number in range(4)]
    newer = ReaderKey.generate(SALES.identity, "Sales")
    steps = vault.rewrap([newer, SALES], {SALES.identity: newer.reader})
    next(steps)
    next(steps)
    steps.close()
    assert all(read(vault, scope, next(k for k in (newer, SALES) if _opens(vault, scope, k))) for scope in scopes)
    assert rewrapped(vault, [newer, SALES], [newer]) == (4, 2)
    assert all(read(vault, scope, newer) == DOCUMENT for scope in scopes)


def test_killed_rewrap_is_resumed(tmp_path):
    """The process is killed at its third flush to disk, in the middle of the second manifest."""
    vault = Vault(tmp_path)
    scopes = [put(vault, record=number) for number in range(4)]
    newer = ReaderKey.generate(SALES.identity, "Sales")
    child = os.fork()
    if not child:
        flushes, fsync = [], os.fsync

        def killing(descriptor):
            flushes.append(descriptor)
            if len(flushes) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(descriptor)

        os.fsync = killing
        try:
            rewrapped(vault, [newer, SALES], [newer])
        finally:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert rewrapped(vault, [newer, SALES], [newer]) == (4, 3)
    assert all(read(vault, scope, newer) == DOCUMENT for scope in scopes)


def _opens(vault, scope, reader):
    try:
        return vault.open(scope, [reader])
    except KeyMissingError:
        return None


def test_rewrap_reports_changed_manifests_and_continues(tmp_path):
    vault = Vault(tmp_path)
    scopes = [put(vault, record=number) for number in range(3)]
    (tmp_path / manifest_name(scopes[1])).write_bytes(b"junk")
    newer = ReaderKey.generate(SALES.identity, "Sales")
    *_, report = vault.rewrap([newer, SALES], {SALES.identity: newer.reader})
    assert (report.checked, report.changed) == (3, 2)
    assert [name for name, _ in report.errors] == [manifest_name(scopes[1])]


def test_recovery_key_replaces_a_lost_key(vault):
    recovery = ReaderKey.generate(ReaderIdentity(1, WHOLE_ORGANISATION), "recovery")
    before, after = put(vault, record=1), put(vault, record=2, readers=[recovery])
    foreign = put(vault, record=3, owner=OTHER_SALES, readers=[SALES])
    assert rewrapped(vault, [SALES], [SALES], [recovery]) == (3, 1), "only records of the organisation get its key"
    newer = ReaderKey.generate(SALES.identity, "Sales")
    assert rewrapped(vault, [newer, recovery], [newer], [recovery]) == (3, 2)
    for scope in (before, after):
        assert read(vault, scope, newer) == read(vault, scope, recovery) == DOCUMENT
    with pytest.raises(KeyMissingError):
        vault.open(foreign, [newer, recovery])


def test_recovery_key_can_be_replaced(vault):
    first, second = (ReaderKey.generate(ReaderIdentity(1, WHOLE_ORGANISATION), "recovery") for _ in range(2))
    scope = put(vault, readers=[first])
    assert rewrapped(vault, [SALES], [SALES], [second]) == (1, 1)
    assert read(vault, scope, second) == DOCUMENT
    with pytest.raises(KeyMissingError):
        vault.open(scope, [first])


# Sources and locations.


def test_failing_source_leaves_nothing(vault, blobs):
    class FailingSource:
        remaining = 40

        def read(self, size):
            self.remaining -= 1
            if not self.remaining:
                raise OSError("unplugged")
            return bytes(size)

    with pytest.raises((VaultUnavailableError, OSError), match="unplugged"):
        vault.upload(FailingSource(), SALES)
    assert names(blobs) == []


@pytest.mark.parametrize(
    "url", ["s3://", "s3://key:secret@vault", "s3://vault?endpoint=vault", "s3://vault?key=1", "https://vault"]
)
def test_invalid_url_is_rejected(url):
    with pytest.raises(InvalidInput) as error:
        Vault(url)
    assert error.value.field == "vault_url"


def test_missing_bucket_is_reported(bucket):
    vault = Vault(bucket().replace("s3://vault/", "s3://elsewhere/"))
    for operation in (lambda: put(vault), lambda: vault.open(scope_of(), [SALES])):
        with pytest.raises(VaultUnavailableError) as error:
            operation()
        assert error.value.field == "vault_url"


def test_replace_compares_the_content(blobs):
    assert not blobs.replace("a/b", b"old", b"new")
    assert blobs.read("a/b") is None
    assert blobs.replace("a/b", None, b"first")
    assert not blobs.replace("a/b", None, b"second")
    assert not blobs.replace("a/b", b"other", b"second")
    assert blobs.replace("a/b", b"first", b"second")
    assert blobs.read("a/b") == b"second"
    assert list(blobs.walk("a/")) == ["a/b"]


LARGE = """
import sys
from chromatrace.records.reader_key import ReaderIdentity, ReaderKey
from chromatrace.records.vault import Vault

class Zeros:
    remaining = size = int(sys.argv[2])
    def read(self, size):
        size = min(size, self.remaining)
        self.remaining -= size
        return bytes(size)

def peak_kib():
    # ru_maxrss would include the parent's memory at the time of the fork.
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

key, vault = ReaderKey.generate(ReaderIdentity(1, bytes(32)), "Sales"), Vault(sys.argv[1])
vault.upload(open("/dev/null", "rb"), key)
before = peak_kib()
content = vault.upload(Zeros(), key)
assert sum(map(len, vault.read(content))) == content.size == Zeros.size
print(peak_kib() - before)
"""


@pytest.mark.parametrize(
    ("kind", "size", "max_kib"), [("folder", 200_000_000, 16 * 1024), ("bucket", 80_000_000, 64 * 1024)]
)
def test_large_file_needs_little_memory(request, tmp_path, kind, size, max_kib):
    location = str(tmp_path) if kind == "folder" else request.getfixturevalue("bucket")()
    completed = subprocess.run(
        [sys.executable, "-c", LARGE, location, str(size)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=os.environ,
    )
    assert completed.returncode == 0, completed.stderr
    assert int(completed.stdout) < max_kib, "increase of peak memory in KiB"
