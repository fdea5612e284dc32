"""Files that are there whole or not at all: writers that are killed, and disks that are full."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from chromatrace.crypto.bls import SecretKey
from chromatrace.crypto.keystore import open_key, save_key
from chromatrace.domain.errors import IntegrityError, Unavailable
from chromatrace.ethereum.signer import create_keystore, keystore_signer
from chromatrace.records.reader_key import ReaderKey
from chromatrace.storage.files import deliver
from chromatrace.storage.sqlite import open_file

PASSWORD = "seven grey panes of glass"
SECRET = SecretKey.generate()
READER = ReaderKey.generate("Sales")


def operator(path):
    create_keystore(path, PASSWORD, work_factor=2)
    return keystore_signer(path, PASSWORD)


def station(path):
    save_key(path, SECRET, PASSWORD, "a")
    return open_key(path, PASSWORD)


def reader(path):
    READER.save(path)
    return ReaderKey.load(path, "Sales")


@pytest.mark.parametrize("make", [operator, station, reader])
def test_a_key_whose_writer_is_killed_can_be_made_again(make, tmp_path, monkeypatch):
    """No half key under the name, which nobody would overwrite."""
    path = tmp_path / "key"
    child = os.fork()
    if not child:
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        try:
            make(path)
        finally:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not path.exists()
    assert make(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", [operator, station, reader])
def test_a_key_that_finds_the_disk_full_leaves_nothing(make, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        make(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"junk" * 2_000)
    with pytest.raises(IntegrityError) as refusal:
        open_file(path, "outbox", 1.0).execute("SELECT 1 FROM t")
    assert (refusal.value.field, str(path) in refusal.value.message) == ("outbox", True)
    with pytest.raises(Unavailable) as refusal:
        open_file(tmp_path, "outbox", 1.0)
    assert refusal.value.field == "outbox"


def test_a_locked_and_a_full_database_are_told(tmp_path):
    path = Path(tmp_path) / "a.db"
    first, second = open_file(path, "answers", 0.0), open_file(path, "answers", 0.0)
    first.execute("CREATE TABLE t (a BLOB UNIQUE)")
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refusal:
        second.execute("BEGIN IMMEDIATE")
    assert (refusal.value.field, refusal.value.hint) == ("answers", "another process holds it: end that one, or wait")
    first.execute("PRAGMA max_page_count = 4")
    with pytest.raises(Unavailable) as refusal:
        first.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert refusal.value.hint == "free the disk, and do it again"
    assert not first.in_transaction
    first.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        first.execute("INSERT INTO t VALUES (1)")


def endless(first):
    """Pieces of which the last is never there: the writer is killed, or its disk is full."""
    yield first
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(OSError, match="No space left") as refusal:
        deliver(tmp_path / "a", endless(b"half"))
    assert refusal.value.filename == str(tmp_path / "a")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a", b"before")]
    assert deliver(tmp_path / "a", [b"af", b"ter"]) == 5
    assert (tmp_path / "a").read_bytes() == b"after"


def test_permissions_are_those_of_the_umask_or_of_before(tmp_path):
    before = os.umask(0o027)
    try:
        deliver(tmp_path / "a", [b"a"])
        deliver(tmp_path / "b", [b"b"], private=True)
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o640, 0o600]
    (tmp_path / "a").chmod(0o666)
    deliver(tmp_path / "a", [b"c"], private=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666


def test_a_file_that_refuses_writing_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"before")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everything
    with pytest.raises(PermissionError) as refusal:
        deliver(tmp_path / "a", [b"after"])
    assert (refusal.value.filename, (tmp_path / "a").read_bytes()) == (str(tmp_path / "a"), b"before")


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/file")
    for content in (b"first", b"second"):
        deliver(tmp_path / "link", [content])
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "folder" / "file").read_bytes() == content
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="levels of symbolic links"):
        deliver(tmp_path / "round", [b""])


@pytest.mark.parametrize("name", ["nowhere/file", "folder"])
def test_the_refusal_names_the_file_that_was_asked_for(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises((FileNotFoundError, IsADirectoryError)) as refusal:
        deliver(tmp_path / name, [b""])
    assert refusal.value.filename == str(tmp_path / name)


def test_what_is_no_file_takes_the_bytes(tmp_path):
    deliver(Path("/dev/null"), [b"gone"])
    reads, writes = os.pipe()
    deliver(Path(f"/dev/fd/{writes}"), [b"piped"])
    os.close(writes)
    assert os.read(reads, 99) == b"piped"
    os.close(reads)
    with (tmp_path / "out").open("wb", buffering=0) as out:
        out.write(b"one ")
        deliver(Path(f"/proc/self/fd/{out.fileno()}"), [b"two "])
        out.write(b"three")
    assert (tmp_path / "out").read_bytes() == b"one two three", "as a shell's > /dev/stdout"
