import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput
from chromatrace.exchange.errors import DocumentCorruptError, DocumentNotFoundError, DocumentStoreUnavailableError


@pytest.fixture
def store(tmp_path):
    return DocumentStore(tmp_path / "documents")


def the_file(store):
    return next(path for path in store.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("document", [b"", b"{}", bytes(range(256)) * 4096])
def test_what_was_put_is_got(store, document):
    digest = store.put(document)
    assert digest == hashlib.sha256(document).digest()
    assert store.get(digest) == document
    assert digest in store
    assert list(store.digests()) == [digest]


def test_putting_again_changes_nothing(store):
    digest = store.put(b"one")
    before = the_file(store).stat().st_mtime_ns
    assert store.put(b"one") == digest
    assert the_file(store).stat().st_mtime_ns == before


def test_documents_are_listed_in_their_order(store):
    digests = [store.put(str(number).encode()) for number in range(20)]
    assert list(store.digests()) == sorted(digests)


def test_an_unknown_digest(store):
    for digest in (bytes(32), hashlib.sha256(b"no").digest()):
        assert digest not in store
        with pytest.raises(DocumentNotFoundError) as refusal:
            store.get(digest)
        assert refusal.value.field == "digest"
    assert list(store.digests()) == []


def test_changed_bytes_are_never_given_out(store):
    digest = store.put(b"the truth")
    the_file(store).write_bytes(b"the trutH")
    with pytest.raises(DocumentCorruptError) as refusal:
        store.get(digest)
    assert hashlib.sha256(b"the trutH").hexdigest() in refusal.value.message
    assert store.put(b"the truth") == digest
    assert store.get(digest) == b"the truth"


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_what_is_no_digest_is_refused(store, digest):
    assert digest not in store
    with pytest.raises(InvalidInput):
        store.get(digest)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DocumentStoreUnavailableError) as refusal:
        DocumentStore(tmp_path / "file" / "documents").put(b"x")
    assert refusal.value.hint


def test_a_temporary_file_left_behind_is_no_document(store):
    digest = store.put(b"x")
    (the_file(store).parent / ".part-abandoned").write_bytes(b"half")
    assert list(store.digests()) == [digest]


def put_all(folder, numbers):
    store = DocumentStore(folder)
    for number in numbers:
        store.put(str(number).encode() * 1000)


def test_several_processes_share_a_folder(store):
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
def test_a_kill_in_the_middle_leaves_whole_documents_only(store, delay_s):
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
        told = [process.stdout.readline()]
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.readlines()
    whole = [bytes.fromhex(line.decode()) for line in told if line.endswith(b"\n")]
    assert whole
    for digest in {*whole, *store.digests()}:
        assert len(store.get(digest)) >= 100_000
