"""Files and transactions that are there whole or not at all."""

import sqlite3
import stat

import pytest

from chromatrace.storage.files import transaction, write_once, write_whole


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path):
    path = tmp_path / "state"
    assert write_whole(path, [b"one ", b"and two"]) == 11
    assert write_whole(path, [b"three"]) == 5
    assert path.read_bytes() == b"three"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_where_the_pieces_end_in_an_error_the_old_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "state"
    write_whole(path, [b"old"])

    def pieces():
        yield b"half"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_whole(path, pieces())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_is_not_written_again(tmp_path):
    path = tmp_path / "keys" / "one.json"
    write_once(path, b"secret")
    with pytest.raises(FileExistsError):
        write_once(path, b"other")
    assert path.read_bytes() == b"secret"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)


@pytest.fixture
def database(tmp_path):
    made = sqlite3.connect(tmp_path / "database", isolation_level=None)
    made.execute("CREATE TABLE t (value BLOB)")
    yield made
    made.close()


def test_what_raises_undoes_the_transaction(database):
    with transaction(database):
        database.execute("INSERT INTO t VALUES (x'01')")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), transaction(database):
        database.execute("INSERT INTO t VALUES (x'02')").execute("INSERT INTO nowhere VALUES (1)")
    assert database.execute("SELECT value FROM t").fetchall() == [(b"\x01",)]


def test_a_full_disk_is_told_as_that_and_the_next_transaction_begins(database):
    """SQLite has undone such a transaction by itself: to undo it again would be the error that is told."""
    database.execute("PRAGMA max_page_count = 8")
    with pytest.raises(sqlite3.OperationalError, match="full"), transaction(database):
        database.executemany("INSERT INTO t VALUES (zeroblob(?))", [(4000,)] * 20)
    with transaction(database):
        database.execute("INSERT INTO t VALUES (x'03')")
    assert database.execute("SELECT value FROM t").fetchall() == [(b"\x03",)]
