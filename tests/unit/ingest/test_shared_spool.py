"""Several sources fill one spool: each append has its own result, and one bad append does not affect the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import SpoolFull, SpoolUnavailable
from chromatrace.ingest.records import reading_fields
from chromatrace.ingest.shared_spool import SharedSpool
from chromatrace.ingest.spool import Spool

SOURCES, APPENDS, PER_APPEND = 8, 20, 5


def readings(source, start, number, value=1.0):
    return [Reading(source, "t", start + index + 1, 1, value) for index in range(number)]


@pytest.fixture
def spool(tmp_path):
    with SharedSpool(tmp_path / "spool.db") as opened:
        yield opened


def test_appends_of_many_threads_are_all_stored_once(spool, tmp_path):
    def fill(number):
        for turn in range(APPENDS):
            result = spool.append("line", readings(f"s{number}", turn * PER_APPEND, PER_APPEND))
            assert (result.stored, result.duplicates) == (PER_APPEND, 0)
            again = spool.append("line", readings(f"s{number}", turn * PER_APPEND, PER_APPEND))
            assert (again.stored, again.duplicates) == (0, PER_APPEND)

    with ThreadPoolExecutor(SOURCES) as threads:
        list(threads.map(fill, range(SOURCES)))
    with Spool(tmp_path / "spool.db") as reopened:
        assert reopened.size("line") == SOURCES * APPENDS * PER_APPEND
        for number in range(SOURCES):
            times = [r.source_time_ns for r in reopened.entries("line") if r.source == f"s{number}"]
            assert times == sorted(times)


def test_the_result_of_an_append_has_its_own_conflicts(spool):
    spool.append("line", readings("a", 0, 3))
    result = spool.append("line", [*readings("a", 0, 1), *readings("a", 1, 2, value=2.0)])
    assert (result.stored, result.duplicates, result.conflicting) == (0, 1, 2)
    assert [conflict.position for conflict in result.conflicts] == [1, 2]


def test_one_invalid_group_does_not_fail_the_others(spool):
    """The fields of an append must be valid. If they are not, only that append fails."""
    invalid = (*reading_fields(readings("bad", 0, 1)[0])[:4], object(), "", 0, 0, False)
    barrier = threading.Barrier(9)

    def append(fields):
        barrier.wait()
        return spool.append_fields("line", [fields])

    valid = [reading_fields(readings(f"s{number}", 0, 1)[0]) for number in range(8)]
    with ThreadPoolExecutor(9) as threads:
        results = [threads.submit(append, fields) for fields in (*valid, invalid)]
        assert [result.result().stored for result in results[:-1]] == [1] * 8
        with pytest.raises(Exception, match="not supported"):
            results[-1].result()
    assert spool.size("line") == 8


def fill(spool):
    """Append until the disk is full, and return the number of readings stored."""
    stored = 0
    with suppress(SpoolFull):
        while stored < 100_000:
            spool.append("line", readings("a", stored, 1000))
            stored += 1000
    return stored


def test_a_full_disk_is_reported_and_ends_by_itself(tmp_path):
    with SharedSpool(tmp_path / "spool.db", max_bytes=256 * 1024) as spool:
        stored = fill(spool)
        assert list(spool.faults()) == ["line"]
        spool._db.execute("PRAGMA max_page_count = 100000")
        deadline = time.monotonic() + 60
        while spool.faults():  # ends without an append
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert spool.append("line", readings("b", 0, 1)).stored == 1
        assert spool.size("line") == stored + 1


def test_a_closed_spool_rejects_appends(tmp_path):
    with SharedSpool(tmp_path / "spool.db") as spool:
        spool.append("line", readings("a", 0, 1))
    with pytest.raises(SpoolUnavailable):
        spool.append("line", readings("a", 1, 1))
