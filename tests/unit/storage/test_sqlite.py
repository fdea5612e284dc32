"""SQLite files: typed errors and transactions."""

import sqlite3

import pytest

from chromatrace.domain.errors import IntegrityError, Unavailable
from chromatrace.storage.sqlite import FileErrors, open_file, transaction


@pytest.fixture
def database(tmp_path):
    database = sqlite3.connect(tmp_path / "database", isolation_level=None)
    database.execute("CREATE TABLE t (value BLOB)")
    yield database
    database.close()


def test_an_exception_rolls_the_transaction_back(database):
    with transaction(database):
        database.execute("INSERT INTO t VALUES (x'01')")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), transaction(database):
        database.execute("INSERT INTO t VALUES (x'02')").execute("INSERT INTO nowhere VALUES (1)")
    assert database.execute("SELECT value FROM t").fetchall() == [(b"\x01",)]


def test_a_full_disk_is_reported_as_such_and_the_next_transaction_works(database):
    """SQLite rolls such a transaction back by itself; a second ROLLBACK would hide the cause."""
    database.execute("PRAGMA max_page_count = 8")
    with pytest.raises(sqlite3.OperationalError, match="full"), transaction(database):
        database.executemany("INSERT INTO t VALUES (zeroblob(?))", [(4000,)] * 20)
    with transaction(database):
        database.execute("INSERT INTO t VALUES (x'03')")
    assert database.execute("SELECT value FROM t").fetchall() == [(b"\x03",)]


def test_a_file_that_is_not_a_database_is_an_integrity_error(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"junk" * 2_000)
    with pytest.raises(IntegrityError) as error:
        open_file(path, FileErrors("outbox"), 1.0).execute("SELECT 1 FROM t")
    assert (error.value.field, str(path) in error.value.message) == ("outbox", True)
    with pytest.raises(Unavailable) as error:
        open_file(tmp_path, FileErrors("outbox"), 1.0)
    assert error.value.field == "outbox"


def test_a_locked_and_a_full_database_are_unavailable(tmp_path):
    path = tmp_path / "a.db"
    first, second = open_file(path, FileErrors("answers"), 0.0), open_file(path, FileErrors("answers"), 0.0)
    first.execute("CREATE TABLE t (a BLOB UNIQUE)")
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as error:
        second.execute("BEGIN IMMEDIATE")
    assert error.value.field == "answers"
    assert error.value.hint == "another process has locked it; stop that process, or wait"
    first.execute("PRAGMA max_page_count = 4")
    with pytest.raises(Unavailable) as error:
        first.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert error.value.hint == "free disk space and try again"
    assert not first.in_transaction
    first.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        first.execute("INSERT INTO t VALUES (1)")
