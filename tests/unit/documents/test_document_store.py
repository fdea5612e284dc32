"""Test the document store: digests, corruption, concurrency and crashes."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from chromatrace.documents.errors import DocumentCorruptError, DocumentNotFoundError, DocumentStoreUnavailableError
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput


@pytest.fixture
def store(tmp_path):
    return DocumentStore(tmp_path / "documents")


def stored_file(store):
    return next(path for path in store.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("document", [b"", b"{}", bytes(range(256)) * 4096])
def test_put_and_get(store, document):
    digest = store.put(document)
    assert digest == hashlib.sha256(document).digest()
    assert store.get(digest) == document
    assert digest in store
    assert list(store.digests()) == [digest]


def test_put_is_idempotent(store):
    digest = store.put(b"one")
    before = stored_file(store).stat().st_mtime_ns
    assert store.put(b"one") == digest
    assert stored_file(store).stat().st_mtime_ns == before


def test_digests_are_listed_in_order(store):
    digests = [store.put(str(number).encode()) for number in range(20)]
    assert list(store.digests()) == sorted(digests)


def test_unknown_digest_is_reported(store):
    for digest in (bytes(32), hashlib.sha256(b"no").digest()):
        assert digest not in store
        with pytest.raises(DocumentNotFoundError) as error:
            store.get(digest)
        assert error.value.field == "digest"
    assert list(store.digests()) == []


def test_changed_bytes_are_never_returned(store):
    digest = store.put(b"original")
    stored_file(store).write_bytes(b"originaL")
    with pytest.raises(DocumentCorruptError) as error:
        store.get(digest)
    assert hashlib.sha256(b"originaL").hexdigest() in error.value.message
    assert store.put(b"original") == digest
    assert store.get(digest) == b"original"


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_invalid_digest_is_rejected(store, digest):
    assert digest not in store
    with pytest.raises(InvalidInput):
        store.get(digest)


def test_uncreatable_folder_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DocumentStoreUnavailableError) as error:
        DocumentStore(tmp_path / "file" / "documents").put(b"x")
    assert error.value.hint


def test_abandoned_temporary_file_is_ignored(store):
    digest = store.put(b"x")
    (stored_file(store).parent / ".part-abandoned").write_bytes(b"half")
    assert list(store.digests()) == [digest]


def put_all(folder, numbers):
    store = DocumentStore(folder)
    for number in numbers:
        store.put(str(number).encode() * 1000)


def test_concurrent_processes_share_a_folder(store):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=put_all, args=(store.folder, range(25))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
        assert worker.exitcode == 0
    documents = {store.get(digest) for digest in store.digests()}
    assert documents == {str(number).encode() * 1000 for number in range(25)}
    assert not list(store.folder.rglob(".part-*"))


@pytest.mark.parametrize("delay_s", [0.02, 0.05, 0.11])
def test_killed_writer_leaves_only_complete_documents(store, delay_s):
    writer = textwrap.dedent(
        """
        import sys
        from chromatrace.documents.store import DocumentStore
        store = DocumentStore(sys.argv[1])
        for number in range(10_000):
            print(store.put(str(number).encode() * 100_000).hex(), flush=True)
        """
    )
    with subprocess.Popen([sys.executable, "-c", writer, str(store.folder)], stdout=subprocess.PIPE) as process:
        lines = [process.stdout.readline()]
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    stored = [bytes.fromhex(line.decode()) for line in lines if line.endswith(b"\n")]
    assert stored
    for digest in {*stored, *store.digests()}:
        assert len(store.get(digest)) >= 100_000
