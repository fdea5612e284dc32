"""Durable files: killed writers, full disks, permissions and links."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

from chromatrace.crypto.bls import SecretKey
from chromatrace.crypto.keystore import open_key, save_key
from chromatrace.ethereum.signer import create_keystore, keystore_signer
from chromatrace.records.key_ring import load_key as load_reader_key
from chromatrace.records.key_ring import save_key as save_reader_key
from chromatrace.records.reader_key import ReaderIdentity, ReaderKey
from chromatrace.storage.files import deliver, write_once, write_whole

PASSWORD = "seven grey panes of glass"
SECRET = SecretKey.generate()
READER = ReaderKey.generate(ReaderIdentity(1, bytes(32)), "Sales")


def test_a_complete_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "state"
    assert write_whole(path, [b"one ", b"and two"]) == 11
    assert write_whole(path, [b"three"]) == 5
    assert path.read_bytes() == b"three"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_keeps_the_old_file_and_removes_the_temporary_one(tmp_path):
    path = tmp_path / "state"
    write_whole(path, [b"old"])

    def pieces():
        yield b"half"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_whole(path, pieces())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_once_does_not_replace_a_file(tmp_path):
    path = tmp_path / "keys" / "key.json"
    write_once(path, b"secret")
    with pytest.raises(FileExistsError):
        write_once(path, b"other")
    assert path.read_bytes() == b"secret"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)


def operator(path):
    create_keystore(path, PASSWORD, work_factor=2)
    return keystore_signer(path, PASSWORD)


def station(path):
    save_key(path, SECRET, PASSWORD, "a")
    return open_key(path, PASSWORD)


def reader(path):
    save_reader_key(READER, path)
    return load_reader_key(path)


@pytest.mark.parametrize("create", [operator, station, reader])
def test_a_key_can_be_created_after_its_writer_was_killed(create, tmp_path):
    """A killed writer leaves no incomplete key, which later attempts would not overwrite."""
    path = tmp_path / "key"
    child = os.fork()
    if not child:
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        try:
            create(path)
        finally:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not path.exists()
    assert create(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("create", [operator, station, reader])
def test_a_full_disk_leaves_no_key(create, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        create(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


def fail_after(first):
    yield first
    raise OSError(errno.ENOSPC, "No space left on device")


def test_deliver_keeps_the_old_file_until_the_new_one_is_complete(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(OSError, match="No space left") as error:
        deliver(tmp_path / "a", fail_after(b"half"))
    assert error.value.filename == str(tmp_path / "a")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"before")]
    assert deliver(tmp_path / "a", [b"af", b"ter"]) == 5
    assert (tmp_path / "a").read_bytes() == b"after"


def test_deliver_follows_the_umask_or_keeps_the_permissions(tmp_path):
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


def test_deliver_does_not_replace_a_read_only_file(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"before")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write to any file
    with pytest.raises(PermissionError) as error:
        deliver(tmp_path / "a", [b"after"])
    assert (error.value.filename, (tmp_path / "a").read_bytes()) == (str(tmp_path / "a"), b"before")


def test_deliver_follows_a_symbolic_link_and_keeps_it(tmp_path):
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
def test_the_error_names_the_requested_file(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises((FileNotFoundError, IsADirectoryError)) as error:
        deliver(tmp_path / name, [b""])
    assert error.value.filename == str(tmp_path / name)


def test_devices_and_pipes_receive_the_bytes(tmp_path):
    deliver(Path("/dev/null"), [b"gone"])
    read_end, write_end = os.pipe()
    deliver(Path(f"/dev/fd/{write_end}"), [b"piped"])
    os.close(write_end)
    assert os.read(read_end, 99) == b"piped"
    os.close(read_end)
    with (tmp_path / "out").open("wb", buffering=0) as out:
        out.write(b"one ")
        deliver(Path(f"/proc/self/fd/{out.fileno()}"), [b"two "])
        out.write(b"three")
    assert (tmp_path / "out").read_bytes() == b"one two three", "as with `> file` and /dev/stdout"
