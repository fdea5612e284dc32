"""The encrypted content store: who can read, what was changed, and how little memory it takes."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.errors import ContentChanged, ContentNotFound, KeyMissing
from chromatrace.records.reader_key import Reader, ReaderKey
from chromatrace.records.sealing import CHUNK, seal, unseal
from chromatrace.records.vault import Vault

SALES, DESIGN = ReaderKey.generate("Sales"), ReaderKey.generate("Product design")
DOCUMENT = b"a drawing of a gear unit"


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "vault")


def stored(vault, document=DOCUMENT, readers=(SALES,)):
    return vault.put(io.BytesIO(document), [key.reader for key in readers]).digest


def sealed_file(vault, digest):
    (path,) = vault.folder.glob(f"{digest.hex()[:2]}/*.sealed")
    return path


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_put_is_read(vault, size):
    document = bytes(range(251)) * (size // 251 + 1)
    digest = stored(vault, document[:size])
    assert digest == hashlib.sha256(document[:size]).digest()
    assert b"".join(vault.read(digest, SALES)) == document[:size]
    assert vault.content(digest).size == size
    vault.verify(digest)


def test_nothing_lies_there_in_the_clear(vault):
    stored(vault)
    for path in vault.folder.rglob("*"):
        assert not path.is_file() or DOCUMENT not in path.read_bytes()


def test_others_cannot_read(vault):
    digest = stored(vault)
    with pytest.raises(KeyMissing) as refused:
        list(vault.read(digest, DESIGN))
    assert refused.value.field == "reader"
    with pytest.raises(KeyMissing):
        list(vault.read(digest, ReaderKey.generate("Sales")))


def test_grant_and_revoke(vault):
    digest = stored(vault)
    with pytest.raises(KeyMissing):
        vault.grant(digest, DESIGN, DESIGN.reader)
    vault.grant(digest, SALES, DESIGN.reader)
    assert b"".join(vault.read(digest, DESIGN)) == DOCUMENT
    vault.revoke(digest, "Product design")
    with pytest.raises(KeyMissing):
        list(vault.read(digest, DESIGN))
    with pytest.raises(InvalidInput):
        vault.revoke(digest, "Product design")
    with pytest.raises(InvalidInput):
        vault.revoke(digest, "Sales")
    assert b"".join(vault.read(digest, SALES)) == DOCUMENT


def test_a_wrapped_key_opens_nothing_under_another_name_or_document(vault):
    digest = stored(vault)
    (wrapped,) = vault.content(digest).wrapped
    with pytest.raises(KeyMissing):
        ReaderKey("Somebody", SALES.private).unwrap(wrapped, digest)
    with pytest.raises(KeyMissing):
        SALES.unwrap(wrapped, bytes(32))


def test_put_again_keeps_the_readers_and_one_file(vault):
    digest = stored(vault)
    assert stored(vault, readers=(DESIGN,)) == digest
    assert b"".join(vault.read(digest, SALES)) == b"".join(vault.read(digest, DESIGN)) == DOCUMENT
    sealed_file(vault, digest)


@pytest.mark.parametrize("place", [0, 5, 11, 300_000, -1])
def test_a_changed_byte_is_detected(vault, place):
    digest = stored(vault, bytes(600_000))
    path = sealed_file(vault, digest)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ContentChanged):
        list(vault.read(digest, SALES))
    with pytest.raises(ContentChanged):
        vault.verify(digest)


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
    with pytest.raises(ContentChanged):
        list(unseal(io.BytesIO(header + b"".join(chunks[place] for place in order)), key))


def test_chunks_of_another_document_do_not_open():
    key, header, chunks = pieces_of(bytes(2 * CHUNK))
    _, _, others = pieces_of(bytes(2 * CHUNK))
    with pytest.raises(ContentChanged):
        list(unseal(io.BytesIO(header + chunks[0] + others[1]), key))


def test_another_document_under_the_name_is_detected(vault):
    digest, other = stored(vault), stored(vault, b"another")
    content = vault.content(other)
    key = SALES.unwrap(content.wrapped[0], other)
    target = vault.folder / digest.hex()[:2] / f"{digest.hex()[2:]}.json"
    forged = SALES.reader.wrap(key, digest).hex()
    text = target.read_text().replace(vault.content(digest).wrapped[0].hex(), forged)
    target.write_text(text)
    sealed_file(vault, digest).write_bytes((vault.folder / other.hex()[:2] / content.sealed).read_bytes())
    with pytest.raises(ContentChanged):
        list(vault.read(digest, SALES))


@pytest.mark.parametrize("spoilt", [b"", b"{}", b"\xff", b'{"schema":"chromatrace.vault/2"}'])
def test_a_changed_list_of_readers_is_detected(vault, spoilt):
    digest = stored(vault)
    (vault.folder / digest.hex()[:2] / f"{digest.hex()[2:]}.json").write_bytes(spoilt)
    with pytest.raises(ContentChanged):
        vault.content(digest)


def test_a_file_appears_only_when_it_is_true(vault, tmp_path):
    digest = stored(vault, bytes(600_000))
    assert vault.extract(digest, SALES, tmp_path / "out") == 600_000
    path = sealed_file(vault, digest)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ContentChanged):
        vault.extract(digest, SALES, tmp_path / "second")
    assert [item.name for item in tmp_path.iterdir() if item.is_file()] == ["out"]


def test_an_unknown_document(vault):
    with pytest.raises(ContentNotFound):
        list(vault.read(bytes(32), SALES))


def test_a_failing_source_leaves_nothing(vault):
    class Failing:
        def read(self, size):
            raise OSError("unplugged")

    with pytest.raises(Exception, match="unplugged"):
        vault.put(Failing(), [SALES.reader])
    assert [path for path in vault.folder.rglob("*") if path.is_file()] == []


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
    with pytest.raises(KeyMissing):
        ReaderKey.load(tmp_path / "none.pem", "Sales")


LARGE = """
import resource, sys
from chromatrace.records.reader_key import ReaderKey
from chromatrace.records.vault import Vault

class Zeros:
    left = 300_000_000
    def read(self, size):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)

key, vault = ReaderKey.generate("Sales"), Vault(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
content = vault.put(Zeros(), [key.reader])
assert sum(map(len, vault.read(content.digest, key))) == content.size == 300_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_three_hundred_megabytes_pass_through_little_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 16 * 1024, "KiB more at its peak than before"
