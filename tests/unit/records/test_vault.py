"""The encrypted content store: who can read, what was changed, and how little memory it takes."""

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
def place(request, tmp_path):
    """Where a store is: on disk, and on an S3 server."""
    return tmp_path / "vault" if request.param == "folder" else request.getfixturevalue("bucket")()


@pytest.fixture
def vault(place):
    return Vault(place)


@pytest.fixture
def blobs(place):
    return open_blobs(place)


def stored(vault, document=DOCUMENT, readers=(SALES,)):
    return vault.put(io.BytesIO(document), [key.reader for key in readers]).digest


def sealed_name(vault, digest):
    seal = vault.content(digest).seal
    return f"sealed/{seal[:2]}/{seal[2:]}"


def everything(blobs, digest):
    """The names of all that is stored, by the layout that `vault` documents."""
    names = blobs.names(f"{digest.hex()[:2]}/{digest.hex()[2:]}/")
    if isinstance(blobs, FolderBlobs):
        return names + [str(path) for path in blobs.folder.glob("sealed/*/*")]
    prefix = blobs._prefix + "sealed/"
    found = blobs._client.list_objects("vault", prefix=prefix, recursive=True)
    return names + [item.object_name.removeprefix(blobs._prefix) for item in found]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_put_is_read(vault, size):
    document = bytes(range(251)) * (size // 251 + 1)
    digest = stored(vault, document[:size])
    assert digest == hashlib.sha256(document[:size]).digest()
    assert b"".join(vault.read(digest, SALES)) == document[:size]
    assert vault.content(digest).size == size
    vault.verify(digest)


def test_nothing_lies_there_in_the_clear(vault, blobs):
    names = everything(blobs, stored(vault))
    assert len(names) == 3
    assert all(DOCUMENT not in blobs.read(name) for name in names)


def test_others_cannot_read(vault):
    digest = stored(vault)
    with pytest.raises(KeyMissingError) as refused:
        list(vault.read(digest, DESIGN))
    assert refused.value.field == "reader"
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


def test_a_wrapped_key_opens_nothing_under_another_name_or_document(vault):
    digest = stored(vault)
    (wrapped,) = vault.content(digest).wrapped
    with pytest.raises(KeyMissingError):
        ReaderKey("Somebody", SALES.private).unwrap(wrapped, digest)
    with pytest.raises(KeyMissingError):
        SALES.unwrap(wrapped, bytes(32))


def test_put_again_keeps_the_readers_and_one_seal(vault, blobs):
    digest = stored(vault)
    assert stored(vault, readers=(DESIGN,)) == digest
    assert b"".join(vault.read(digest, SALES)) == b"".join(vault.read(digest, DESIGN)) == DOCUMENT
    assert [name.rpartition(".")[2] for name in everything(blobs, digest)[:3]] == ["key", "key", "json"]
    assert len(everything(blobs, digest)) == 4


def test_readers_granted_at_the_same_moment_all_read(place):
    readers = [ReaderKey.generate(f"Reader {number}") for number in range(8)]
    digest = stored(Vault(place))
    with ThreadPoolExecutor(4) as together:
        list(together.map(lambda key: Vault(place).grant(digest, SALES, key.reader), readers))
    for key in readers:
        assert b"".join(Vault(place).read(digest, key)) == DOCUMENT


def test_a_reader_granted_while_the_bytes_are_put_again_reads(place):
    digest = stored(Vault(place))
    with ThreadPoolExecutor(2) as together:
        again = together.submit(lambda: [stored(Vault(place)) for _ in range(5)])
        Vault(place).grant(digest, SALES, DESIGN.reader)
        again.result()
    assert b"".join(Vault(place).read(digest, DESIGN)) == DOCUMENT


def test_bytes_put_again_between_list_and_reading_are_read(place):
    vault = Vault(place)
    digest, names, lists = stored(vault), vault._blobs.names, []

    def then_put_again(prefix):
        lists.append(names(prefix))
        if len(lists) == 1:
            stored(Vault(place))
        return lists[-1]

    vault._blobs.names = then_put_again
    assert b"".join(vault.read(digest, SALES)) == DOCUMENT
    assert lists[0] != lists[1]


@pytest.mark.parametrize("at", [0, 5, 11, 300_000, -1])
def test_a_changed_byte_is_detected(vault, blobs, at):
    digest = stored(vault, bytes(600_000))
    data = bytearray(blobs.read(sealed_name(vault, digest)))
    data[at] ^= 1
    blobs.write(sealed_name(vault, digest), [bytes(data)])
    with pytest.raises(ContentCorruptError):
        list(vault.read(digest, SALES))
    with pytest.raises(ContentCorruptError):
        vault.verify(digest)


def test_bytes_that_are_gone_are_told(vault, blobs):
    digest = stored(vault)
    blobs.delete([sealed_name(vault, digest)])
    for asking in (lambda: list(vault.read(digest, SALES)), lambda: vault.verify(digest)):
        with pytest.raises(ContentCorruptError, match="gone"):
            asking()


def pieces_of(document):
    key = bytes(32)
    header, *chunks = seal(io.BytesIO(document), key)
    return key, header, chunks


@pytest.mark.parametrize(
    "order", [[0, 1], [1, 0, 2], [0, 0, 1, 2], [0, 2], [2], [], [0, 1, 2, 2]], ids=lambda order: str(order)
)
def test_chunks_cut_off_swapped_repeated_or_dropped_do_not_open(order):
    key, header, chunks = pieces_of(b"".join(bytes([number]) * CHUNK for number in range(3)))
    assert len(chunks) == 3
    with pytest.raises(ContentCorruptError):
        list(unseal(io.BytesIO(header + b"".join(chunks[place] for place in order)), key))


def test_chunks_of_another_document_do_not_open():
    key, header, chunks = pieces_of(bytes(2 * CHUNK))
    _, _, others = pieces_of(bytes(2 * CHUNK))
    with pytest.raises(ContentCorruptError):
        list(unseal(io.BytesIO(header + chunks[0] + others[1]), key))


def test_another_document_under_the_name_is_detected(vault, blobs):
    digest, other = stored(vault), stored(vault, b"another")
    key = SALES.unwrap(vault.content(other).wrapped[0], other)
    folder = f"{digest.hex()[:2]}/{digest.hex()[2:]}/"
    (wrapped,) = (name for name in blobs.names(folder) if name.endswith(".key"))
    forged = {"reader": str(SALES.reader), "wrapped": SALES.reader.wrap(key, digest).hex()}
    blobs.write(wrapped, [json.dumps(forged).encode()])
    blobs.write(sealed_name(vault, digest), [blobs.read(sealed_name(vault, other))])
    with pytest.raises(ContentCorruptError):
        list(vault.read(digest, SALES))


@pytest.mark.parametrize("spoilt", [b"", b"{}", b"\xff", b'{"schema":"chromatrace.vault/1"}'])
@pytest.mark.parametrize("ending", [".json", ".key"])
def test_changed_notes_are_detected(vault, blobs, ending, spoilt):
    digest = stored(vault)
    (name,) = (name for name in everything(blobs, digest) if name.endswith(ending))
    blobs.write(name, [spoilt])
    with pytest.raises(ContentCorruptError):
        vault.content(digest)


def test_a_file_appears_only_when_it_is_true(vault, blobs, tmp_path):
    digest, target = stored(vault, bytes(600_000)), tmp_path / "here"
    target.mkdir()
    assert vault.extract(digest, SALES, target / "out") == 600_000
    name = sealed_name(vault, digest)
    blobs.write(name, [blobs.read(name)[:-1]])
    with pytest.raises(ContentCorruptError):
        vault.extract(digest, SALES, target / "second")
    assert [item.name for item in target.iterdir()] == ["out"]


def test_an_unknown_document(vault):
    with pytest.raises(ContentNotFoundError):
        list(vault.read(bytes(32), SALES))


def test_a_failing_source_leaves_nothing(vault, blobs):
    class Failing:
        left = 40

        def read(self, size):
            self.left -= 1
            if not self.left:
                raise OSError("unplugged")
            return bytes(size)

    with pytest.raises(VaultUnavailableError, match="unplugged"):
        vault.put(Failing(), [SALES.reader])
    assert everything(blobs, bytes(32)) == []


def test_a_reader_without_a_usable_key_leaves_nothing(vault, blobs):
    with pytest.raises(InvalidInput):
        vault.put(io.BytesIO(DOCUMENT), [SALES.reader, Reader("Nobody", bytes(32))])
    assert everything(blobs, hashlib.sha256(DOCUMENT).digest()) == []


@pytest.mark.parametrize(
    "url", ["s3://", "s3://key:secret@vault", "s3://vault?endpoint=vault", "s3://vault?key=1", "https://vault"]
)
def test_a_place_that_is_none(url):
    with pytest.raises(InvalidInput) as refused:
        Vault(url)
    assert refused.value.field == "vault_url"


def test_a_bucket_that_is_not_there_is_told(bucket):
    away = Vault(bucket().replace("s3://vault/", "s3://elsewhere/"))
    for asking in (lambda: stored(away), lambda: away.content(bytes(32)), lambda: bytes(32) in away):
        with pytest.raises(VaultUnavailableError) as refused:
            asking()
        assert refused.value.field == "vault_url"


@pytest.mark.parametrize("text", ["Sales", "=x25519:" + "0" * 64, "Sales=x25519:0", "a\nb=x25519:" + "1" * 64])
def test_a_reader_that_is_none(text):
    with pytest.raises(InvalidInput) as refused:
        Reader.parse(text)
    assert refused.value.field == "reader"


def test_a_public_key_of_low_order_is_refused():
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
    left = 150_000_000
    def read(self, size):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)

key, vault = ReaderKey.generate("Sales"), Vault(sys.argv[1])
Vault(sys.argv[1]).put(open("/dev/null", "rb"), [key.reader])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
content = vault.put(Zeros(), [key.reader])
assert sum(map(len, vault.read(content.digest, key))) == content.size == 150_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(("where", "most_kib"), [("folder", 16 * 1024), ("bucket", 64 * 1024)])
def test_a_large_document_passes_through_little_memory(request, tmp_path, where, most_kib):
    place = str(tmp_path) if where == "folder" else request.getfixturevalue("bucket")()
    done = subprocess.run(
        [sys.executable, "-c", LARGE, place], capture_output=True, text=True, check=False, timeout=240, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < most_kib, "KiB more at its peak than before"
