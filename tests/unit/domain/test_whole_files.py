"""Files that are there whole or not at all: writers that are killed, and disks that are full."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from chromatrace.chain.signer import create_keystore, keystore_signer
from chromatrace.crypto.bls import SecretKey
from chromatrace.crypto.keystore import open_key, save_key
from chromatrace.domain.database_file import open_file
from chromatrace.domain.errors import IntegrityError, Unavailable
from chromatrace.records.reader_key import ReaderKey

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
