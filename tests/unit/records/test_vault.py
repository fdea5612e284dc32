"""Test the vault: access, corruption, concurrency and memory use."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.blobs import FolderBlobs, open_blobs
from chromatrace.records.errors import ContentCorruptError, ContentNotFoundError, KeyMissingError, VaultUnavailableError
from chromatrace.records.reader_key import Reader, ReaderKey
from chromatrace.records.sealing import CHUNK, seal, unseal
from chromatrace.records.vault import Vault

SALES, DESIGN = ReaderKey.generate("Sales"), ReaderKey.generate("Product design")
DOCUMENT = b"a drawing of a gear unit"


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


def stored(vault, document=DOCUMENT, readers=(SALES,)):
    return vault.put(io.BytesIO(document), [key.reader for key in readers]).digest


def sealed_name(vault, digest):
    seal = vault.content(digest).seal
    return f"sealed/{seal[:2]}/{seal[2:]}"


def all_blobs(blobs, digest):
    """Return the names of all blobs, by the layout documented in `vault`."""
    names = blobs.names(f"{digest.hex()[:2]}/{digest.hex()[2:]}/")
    if isinstance(blobs, FolderBlobs):
        return names + [str(path) for path in blobs.folder.glob("sealed/*/*")]
    prefix = blobs._prefix + "sealed/"
    items = blobs._client.list_objects("vault", prefix=prefix, recursive=True)
    return names + [item.object_name.removeprefix(blobs._prefix) for item in items]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_put_and_read(vault, size):
    document = bytes(range(251)) * (size // 251 + 1)
    digest = stored(vault, document[:size])
    assert digest == hashlib.sha256(document[:size]).digest()
    assert b"".join(vault.read(digest, SALES)) == document[:size]
    assert vault.content(digest).size == size
    vault.verify(digest)


def test_blobs_are_encrypted(vault, blobs):
    names = all_blobs(blobs, stored(vault))
    assert len(names) == 3
    assert all(DOCUMENT not in blobs.read(name) for name in names)


def test_other_readers_cannot_read(vault):
    digest = stored(vault)
    with pytest.raises(KeyMissingError) as error:
        list(vault.read(digest, DESIGN))
    assert error.value.field == "reader"
    with pytest.raises(KeyMissingError):
        list(vault.read(digest, ReaderKey.generate("Sales")))


def test_grant_and_revoke(vault):
    digest = stored(vault)
    with pytest.raises(KeyMissingError):
        vault.grant(digest, DESIGN, DESIGN.reader)
    vault.grant(digest, SALES, DESIGN.reader)
    assert b"".join(vault.read(digest, DESIGN)) == DOCUMENT
    vault.revoke(digest, "Product design")
    with pytest.raises(KeyMissingError):
        list(vault.read(digest, DESIGN))
    with pytest.raises(InvalidInput):
        vault.revoke(digest, "Product design")
    with pytest.raises(InvalidInput):
        vault.revoke(digest, "Sales")
    assert b"".join(vault.read(digest, SALES)) == DOCUMENT


def test_wrapped_key_is_bound_to_reader_and_document(vault):
    digest = stored(vault)
    (wrapped,) = vault.content(digest).wrapped
    with pytest.raises(KeyMissingError):
        ReaderKey("Other", SALES.private).unwrap(wrapped, digest)
    with pytest.raises(KeyMissingError):
        SALES.unwrap(wrapped, bytes(32))


def test_repeated_put_keeps_readers_and_one_seal(vault, blobs):
    digest = stored(vault)
    assert stored(vault, readers=(DESIGN,)) == digest
    assert b"".join(vault.read(digest, SALES)) == b"".join(vault.read(digest, DESIGN)) == DOCUMENT
    assert [name.rpartition(".")[2] for name in all_blobs(blobs, digest)[:3]] == ["key", "key", "json"]
    assert len(all_blobs(blobs, digest)) == 4


def test_concurrent_grants(location):
    readers = [ReaderKey.generate(f"Reader {number}") for number in range(8)]
    digest = stored(Vault(location))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: Vault(location).grant(digest, SALES, key.reader), readers))
    for key in readers:
        assert b"".join(Vault(location).read(digest, key)) == DOCUMENT


def test_grant_during_repeated_put(location):
    digest = stored(Vault(location))
    with ThreadPoolExecutor(2) as pool:
        puts = pool.submit(lambda: [stored(Vault(location)) for _ in range(5)])
        Vault(location).grant(digest, SALES, DESIGN.reader)
        puts.result()
    assert b"".join(Vault(location).read(digest, DESIGN)) == DOCUMENT


def test_read_during_repeated_put(location):
    vault = Vault(location)
    digest, names, lists = stored(vault), vault._blobs.names, []

    def list_then_put(prefix):
        lists.append(names(prefix))
        if len(lists) == 1:
            stored(Vault(location))
        return lists[-1]

    vault._blobs.names = list_then_put
    assert b"".join(vault.read(digest, SALES)) == DOCUMENT
    assert lists[0] != lists[1]


@pytest.mark.parametrize("position", [0, 5, 11, 300_000, -1])
def test_changed_byte_is_detected(vault, blobs, position):
    digest = stored(vault, bytes(600_000))
    data = bytearray(blobs.read(sealed_name(vault, digest)))
    data[position] ^= 1
    blobs.write(sealed_name(vault, digest), [bytes(data)])
    with pytest.raises(ContentCorruptError):
        list(vault.read(digest, SALES))
    with pytest.raises(ContentCorruptError):
        vault.verify(digest)


def test_missing_bytes_are_reported(vault, blobs):
    digest = stored(vault)
    blobs.delete([sealed_name(vault, digest)])
    for operation in (lambda: list(vault.read(digest, SALES)), lambda: vault.verify(digest)):
        with pytest.raises(ContentCorruptError, match="missing"):
            operation()


def chunks_of(document):
    key = bytes(32)
    header, *chunks = seal(io.BytesIO(document), key)
    return key, header, chunks


@pytest.mark.parametrize(
    "order", [[0, 1], [1, 0, 2], [0, 0, 1, 2], [0, 2], [2], [], [0, 1, 2, 2]], ids=lambda order: str(order)
)
def test_truncated_swapped_repeated_or_missing_chunks_are_rejected(order):
    key, header, chunks = chunks_of(b"".join(bytes([number]) * CHUNK for number in range(3)))
    assert len(chunks) == 3
    with pytest.raises(ContentCorruptError):
        list(unseal(io.BytesIO(header + b"".join(chunks[index] for index in order)), key))


def test_chunks_of_another_document_are_rejected():
    key, header, chunks = chunks_of(bytes(2 * CHUNK))
    _, _, other_chunks = chunks_of(bytes(2 * CHUNK))
    with pytest.raises(ContentCorruptError):
        list(unseal(io.BytesIO(header + chunks[0] + other_chunks[1]), key))


def test_swapped_document_is_detected(vault, blobs):
    digest, other = stored(vault), stored(vault, b"another")
    key = SALES.unwrap(vault.content(other).wrapped[0], other)
    folder = f"{digest.hex()[:2]}/{digest.hex()[2:]}/"
    (wrapped,) = (name for name in blobs.names(folder) if name.endswith(".key"))
    forged = {"reader": str(SALES.reader), "wrapped": SALES.reader.wrap(key, digest).hex()}
    blobs.write(wrapped, [json.dumps(forged).encode()])
    blobs.write(sealed_name(vault, digest), [blobs.read(sealed_name(vault, other))])
    with pytest.raises(ContentCorruptError):
        list(vault.read(digest, SALES))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"schema":"chromatrace.vault/1"}'])
@pytest.mark.parametrize("ending", [".json", ".key"])
def test_changed_metadata_is_detected(vault, blobs, ending, content):
    digest = stored(vault)
    (name,) = (name for name in all_blobs(blobs, digest) if name.endswith(ending))
    blobs.write(name, [content])
    with pytest.raises(ContentCorruptError):
        vault.content(digest)


def test_extract_is_atomic(vault, blobs, tmp_path):
    digest, target = stored(vault, bytes(600_000)), tmp_path / "target"
    target.mkdir()
    assert vault.extract(digest, SALES, target / "out") == 600_000
    name = sealed_name(vault, digest)
    blobs.write(name, [blobs.read(name)[:-1]])
    with pytest.raises(ContentCorruptError):
        vault.extract(digest, SALES, target / "second")
    assert [item.name for item in target.iterdir()] == ["out"]


def test_unknown_document_is_reported(vault):
    with pytest.raises(ContentNotFoundError):
        list(vault.read(bytes(32), SALES))


def test_failing_source_leaves_nothing(vault, blobs):
    class FailingSource:
        remaining = 40

        def read(self, size):
            self.remaining -= 1
            if not self.remaining:
                raise OSError("unplugged")
            return bytes(size)

    with pytest.raises(VaultUnavailableError, match="unplugged"):
        vault.put(FailingSource(), [SALES.reader])
    assert all_blobs(blobs, bytes(32)) == []


def test_reader_with_invalid_key_leaves_nothing(vault, blobs):
    with pytest.raises(InvalidInput):
        vault.put(io.BytesIO(DOCUMENT), [SALES.reader, Reader("Invalid", bytes(32))])
    assert all_blobs(blobs, hashlib.sha256(DOCUMENT).digest()) == []


@pytest.mark.parametrize(
    "url", ["s3://", "s3://key:secret@vault", "s3://vault?endpoint=vault", "s3://vault?key=1", "https://vault"]
)
def test_invalid_url_is_rejected(url):
    with pytest.raises(InvalidInput) as error:
        Vault(url)
    assert error.value.field == "vault_url"


def test_missing_bucket_is_reported(bucket):
    vault = Vault(bucket().replace("s3://vault/", "s3://elsewhere/"))
    for operation in (lambda: stored(vault), lambda: vault.content(bytes(32)), lambda: bytes(32) in vault):
        with pytest.raises(VaultUnavailableError) as error:
            operation()
        assert error.value.field == "vault_url"


@pytest.mark.parametrize("text", ["Sales", "=x25519:" + "0" * 64, "Sales=x25519:0", "a\nb=x25519:" + "1" * 64])
def test_invalid_reader_is_rejected(text):
    with pytest.raises(InvalidInput) as error:
        Reader.parse(text)
    assert error.value.field == "reader"


def test_public_key_of_low_order_is_rejected():
    with pytest.raises(InvalidInput):
        Reader("Sales", bytes(32)).wrap(bytes(32), bytes(32))


def test_keys_are_saved_and_loaded(tmp_path):
    SALES.save(tmp_path / "sales.pem", "secret")
    assert (tmp_path / "sales.pem").stat().st_mode & 0o777 == 0o600
    assert ReaderKey.load(tmp_path / "sales.pem", "Sales", "secret").reader == SALES.reader
    with pytest.raises(InvalidInput):
        ReaderKey.load(tmp_path / "sales.pem", "Sales", "wrong")
    with pytest.raises(InvalidInput):
        SALES.save(tmp_path / "sales.pem")
    with pytest.raises(KeyMissingError):
        ReaderKey.load(tmp_path / "none.pem", "Sales")


LARGE = """
import resource, sys
from chromatrace.records.reader_key import ReaderKey
from chromatrace.records.vault import Vault

class Zeros:
    remaining = 150_000_000
    def read(self, size):
        size = min(size, self.remaining)
        self.remaining -= size
        return bytes(size)

key, vault = ReaderKey.generate("Sales"), Vault(sys.argv[1])
Vault(sys.argv[1]).put(open("/dev/null", "rb"), [key.reader])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
content = vault.put(Zeros(), [key.reader])
assert sum(map(len, vault.read(content.digest, key))) == content.size == 150_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(("kind", "max_kib"), [("folder", 16 * 1024), ("bucket", 64 * 1024)])
def test_large_document_needs_little_memory(request, tmp_path, kind, max_kib):
    location = str(tmp_path) if kind == "folder" else request.getfixturevalue("bucket")()
    completed = subprocess.run(
        [sys.executable, "-c", LARGE, location],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=os.environ,
    )
    assert completed.returncode == 0, completed.stderr
    assert int(completed.stdout) < max_kib, "increase of peak memory in KiB"
