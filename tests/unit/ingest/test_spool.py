"""Test the spool."""

import math
import random
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.domain.reading import BAD, Reading
from chromatrace.ingest.errors import SpoolCorrupt, SpoolFull, SpoolUnavailable
from chromatrace.ingest.records import SeriesEnd
from chromatrace.ingest.spool import BATCH, AppendResult, Spool
from chromatrace.merkle.entry import decode_reading, encode_reading
from chromatrace.merkle.proofs import leaf_hash

START = 1_767_225_600_000_000_000


def reading(number, **changed):
    fields = {
        "source": "SP-201",
        "tag": f"tag {number % 3}",
        "source_time_ns": START + number // 3,
        "received_ns": START + 5,
        "value": number / 7,
        "unit": "Pa",
        "quality": 0,
        "sequence": number,
        "replayed": False,
    }
    return Reading(**(fields | changed))


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        yield spool


def test_readings_are_returned_unchanged_and_in_order(spool):
    readings = [reading(number) for number in random.Random(1).sample(range(20_000), 20_000)]
    assert spool.append("line", readings) == AppendResult(20_000, 0)
    assert spool.size("line") == 20_000
    assert list(spool.entries("line")) == readings
    assert list(spool.entries("line", 8190, 8195)) == readings[8190:8195]
    assert list(spool.entries("line", 5, 5)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"value": -0.0},
        {"value": 5e-324},
        {"value": 1.7976931348623157e308},
        {"value": 12},
        {"quality": 0x80000000},
        {"unit": ""},
        {"unit": "µm·s⁻¹"},
        {"tag": "température"},
        {"sequence": 2**63 - 1},
        {"replayed": True},
        {"source_time_ns": 1},
        {"source_time_ns": 2**63 - 1, "received_ns": 2**63 - 1},
    ],
)
def test_every_field_is_stored_exactly(spool, changed):
    given = reading(0, **changed)
    spool.append("line", [given])
    (stored,) = spool.entries("line")
    assert stored == given
    assert math.copysign(1, stored.value) == math.copysign(1, given.value)
    assert type(stored.replayed) is bool


def test_channels_are_independent(spool):
    spool.append("a", [reading(0), reading(1)])
    spool.append("b", [reading(1), reading(2), reading(0)])
    spool.append("a", [reading(2)])
    assert (spool.names(), spool.size("a"), spool.size("b"), spool.size("c")) == (["a", "b"], 3, 3, 0)
    assert list(spool.entries("a")) == [reading(0), reading(1), reading(2)]
    assert spool.find("b", "SP-201", "tag 0", START).index == 2
    assert spool.find("a", "SP-201", "tag 0", START).reading == reading(0)
    assert spool.find("c", "SP-201", "tag 0", START) is None
    assert spool.find("a", "SP-201", "tag 0", START + 1) is None


def test_second_delivery_is_a_duplicate(spool):
    spool.append("line", [reading(0)])
    again = reading(0, received_ns=START + 99, sequence=4, replayed=True)
    assert spool.append("line", [again]) == AppendResult(0, 1)
    assert list(spool.entries("line")) == [reading(0)]


def test_equal_values_at_different_times_are_stored(spool):
    readings = [reading(0, source_time_ns=START + at, value=1.5) for at in range(5)]
    assert spool.append("line", readings).stored == 5


@pytest.mark.parametrize("changed", [{"value": 9.0}, {"unit": "hPa"}, {"quality": 0x40000000}])
def test_conflict_is_reported_and_recorded_but_not_stored(spool, changed):
    spool.append("line", [reading(0), reading(1)])
    other = reading(1, received_ns=START + 77, **changed)
    for _ in range(2):
        result = spool.append("line", [reading(3), other])
        (conflict,) = result.conflicts
        assert (conflict.position, conflict.rejected, conflict.stored.index) == (1, other, 1)
        assert conflict.stored.reading == reading(1)
        assert result.conflicting == 1
    assert list(spool.entries("line")) == [reading(0), reading(1), reading(3)]
    assert [(rejected, stored.index) for rejected, stored in spool.conflicts("line")] == [(other, 1)]
    assert list(spool.conflicts("other")) == []


def test_batch_with_duplicates_and_conflicts(spool):
    result = spool.append("line", [reading(0), reading(0), reading(0, value=2.0), reading(1)])
    assert (result.stored, result.duplicates, result.conflicting) == (2, 1, 1)
    assert list(spool.entries("line")) == [reading(0), reading(1)]


def test_conflict_positions_continue_after_the_first_batch(spool):
    spool.append("line", [reading(0)])
    many = [reading(number) for number in range(1, BATCH + 10)]
    result = spool.append("line", [*many, reading(0, value=2.0)])
    assert [conflict.position for conflict in result.conflicts] == [len(many)]


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from([1.0, 2.0])), max_size=40), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_spool_equals_a_dictionary_model(offered, size):
    expected, duplicates, conflicting = {}, 0, 0
    spool = Spool(":memory:")
    counted = [0, 0, 0]
    for start in range(0, len(offered), size):
        batch = [reading(number, value=value) for number, value in offered[start : start + size]]
        result = spool.append("line", batch)
        counted = [a + b for a, b in zip(counted, (result.stored, result.duplicates, result.conflicting), strict=True)]
    for number, value in offered:
        if number not in expected:
            expected[number] = reading(number, value=value)
        elif expected[number].value == value:
            duplicates += 1
        else:
            conflicting += 1
    assert counted == [len(expected), duplicates, conflicting]
    assert list(spool.entries("line")) == list(expected.values())


def test_failed_source_leaves_whole_batches(spool):
    def failing():
        for number in range(2 * BATCH):
            yield reading(number)
            if number == BATCH + 10:
                raise ConnectionError("the connection was lost")

    with pytest.raises(ConnectionError):
        spool.append("line", failing())
    assert spool.size("line") == BATCH
    assert spool.append("line", map(reading, range(2 * BATCH))) == AppendResult(BATCH, BATCH)


def test_time_range(spool):
    spool.append("line", [reading(number) for number in (30, 3, 60, 9)])
    assert spool.time_range("line", 0, 4) == (START + 1, START + 20)
    assert spool.time_range("line", 3, 4) == (START + 3, START + 3)
    with pytest.raises(InvalidInput) as error:
        spool.time_range("line", 4, 5)
    assert error.value.field == "start"


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (2, 1), (0, 3)])
def test_entries_reject_ranges_outside_the_channel(spool, start, stop):
    spool.append("line", [reading(0), reading(1)])
    with pytest.raises(InvalidInput) as error:
        list(spool.entries("line", start, stop))
    assert error.value.field == "stop"


@pytest.mark.parametrize("channel", ["", "x" * 121, None])
def test_invalid_channel_names_are_rejected(spool, channel):
    with pytest.raises(InvalidInput) as error:
        spool.append(channel, [reading(0)])
    assert error.value.field == "channel"
    assert spool.names() == []


def test_size_limit_raises_an_error_and_keeps_whole_batches(tmp_path):
    path = tmp_path / "spool.db"
    with Spool(path, max_bytes=600_000) as spool:
        with pytest.raises(SpoolFull) as error:
            spool.append("line", map(reading, range(50_000)))
        assert "disk is full" in error.value.message
        assert "raise the limit" in error.value.hint
        kept = spool.size("line")
        assert 0 <= kept < 50_000
        assert kept % BATCH == 0
        assert list(spool.entries("line")) == [reading(number) for number in range(kept)]
    with Spool(path) as spool:
        assert spool.append("line", map(reading, range(50_000))) == AppendResult(50_000 - kept, kept)


def test_full_spool_can_be_read(tmp_path):
    with Spool(tmp_path / "spool.db", max_bytes=1_000_000) as spool:
        for start in range(0, 100_000, 1000):
            try:
                spool.append("line", map(reading, range(start, start + 1000)))
            except SpoolFull:
                break
        else:
            pytest.fail("the limit was never reached")
        # The id of a series that a failed batch created must not stay in the cache.
        with pytest.raises(SpoolFull):
            spool.append("line", [reading(n, source=f"new {n}") for n in range(5000)])
        assert spool.size("line") == start
        assert spool.append("line", map(reading, range(start))) == AppendResult(0, start)


def test_stored_readings_cannot_be_changed_or_deleted(spool, tmp_path):
    spool.append("line", [reading(0)])
    with sqlite3.connect(tmp_path / "spool.db") as db:
        for statement in ("UPDATE reading SET value = 1", "DELETE FROM reading"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()


def test_locked_spool_is_unavailable(spool, tmp_path):
    other = Spool(tmp_path / "spool.db", busy_timeout_s=0.05)
    db = sqlite3.connect(tmp_path / "spool.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(SpoolUnavailable, match="locked") as error:
        other.append("line", [reading(0)])
    assert not isinstance(error.value, SpoolFull)
    db.execute("ROLLBACK")
    db.close()
    assert other.append("line", [reading(0)]).stored == 1
    other.close()


def test_other_files_are_rejected(tmp_path):
    (tmp_path / "text.db").write_bytes(b"not a database" * 100)
    with pytest.raises(SpoolCorrupt) as error:
        Spool(tmp_path / "text.db")
    assert error.value.field == "path"
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE customers (id)")
    db.close()
    with pytest.raises(SpoolCorrupt, match="not a spool"):
        Spool(tmp_path / "other.db")
    with pytest.raises(SpoolUnavailable, match="absent"):
        Spool(tmp_path / "absent" / "spool.db")


def test_newer_version_is_rejected(spool, tmp_path):
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(SpoolCorrupt, match="version 9"):
        Spool(tmp_path / "spool.db")


WRITER = """
import sys
from chromatrace.domain.reading import Reading
from chromatrace.ingest.spool import Spool
path, first, stop, step, size = sys.argv[1], *map(int, sys.argv[2:])
spool = Spool(path)
stored = 0
numbers = range(first, stop, step)
for start in range(0, len(numbers), size):
    stored += spool.append("line", [
        Reading("SP-201", f"tag {n % 3}", 1_767_225_600_000_000_000 + n // 3, 5, n / 7, "Pa", 0, n)
        for n in numbers[start : start + size]
    ]).stored
    print(start + len(numbers[start : start + size]), flush=True)
print("stored", stored, flush=True)
"""


def start_writer(path, *arguments):
    command = [sys.executable, "-c", WRITER, str(path), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_concurrently(tmp_path):
    path = tmp_path / "spool.db"
    # Both create the file, and both write the readings 4,000 to 7,999.
    writers = [start_writer(path, 0, 8000, 1, 61), start_writer(path, 4000, 12_000, 1, 97)]
    outputs = [writer.communicate(timeout=300)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sum(int(output.split()[-1]) for output in outputs) == 12_000
    with Spool(path) as spool:
        stored = list(spool.entries("line"))
    assert len(stored) == 12_000
    assert {reading.sequence for reading in stored} == set(range(12_000))


@pytest.mark.parametrize("size", [1, 50, 5000])
def test_accepted_readings_survive_sigkill(tmp_path, size):
    path = tmp_path / "spool.db"
    chooser = random.Random(size)
    accepted = before = 0
    for _ in range(3):
        writer = start_writer(path, 0, 1_000_000, 1, size)
        try:
            wanted = accepted + chooser.randrange(1, 20 * size)
            while accepted < wanted:
                accepted = int(writer.stdout.readline())
        finally:
            writer.kill()
            rest = writer.stdout.read()
            writer.wait()
        accepted = max([accepted, *map(int, rest.split())])
        with Spool(path) as spool:
            kept = spool.size("line")
            assert kept >= max(accepted, before)
            numbers = [reading.sequence for reading in spool.entries("line")]
            assert numbers == list(range(kept))
            assert spool.find("line", "SP-201", "tag 0", START).index == 0
        accepted, before = 0, kept
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_values_of_every_kind_are_stored_exactly(spool):
    values = [2**53 + 1, -(2**63), 2**63 - 1, -0.0, 5, "Running", "", "12"]
    readings = [Reading("s", "t", START + n, 1, value) for n, value in enumerate(values)]
    readings.append(Reading("s", "t", START + len(values), 1, None, "", BAD | 0x0005_0000))
    assert spool.append("kinds", readings).stored == len(readings)
    stored = [reading.value for reading in spool.entries("kinds")]
    assert stored == [*values, None]
    assert [type(value) for value in stored[3:5]] == [float, float]
    assert math.copysign(1, stored[3]) == -1
    assert spool.append("kinds", readings).duplicates == len(readings)
    assert [decode_reading(entry) for entry in spool.log_entries("kinds")] == readings


def test_entries_of_a_channel_have_salts_unless_it_is_public(spool, tmp_path):
    readings = [Reading("s", "t", START + n, 1, 1.5) for n in range(3)]
    spool.make_public("open")
    for channel in ("closed", "other", "open"):
        spool.append(channel, readings)
    assert list(spool.log_entries("open")) == [encode_reading(reading) for reading in readings]
    assert (spool.is_public("open"), spool.is_public("closed"), spool.is_public("absent")) == (True, False, False)
    salts = [entry[-16:] for channel in ("closed", "other") for entry in spool.log_entries(channel)]
    assert len(set(salts)) == 6
    entries = list(spool.log_entries("closed"))
    assert [spool.log_entry("closed", index) for index in range(3)] == entries
    assert list(spool.log_entries("closed", 1, 3)) == entries[1:]
    with Spool(spool.path) as again:
        assert list(again.log_entries("closed")) == entries
    with pytest.raises(Conflict):
        spool.make_public("closed")
    spool.make_public("open")


def test_a_neighbour_in_a_proof_cannot_be_guessed(spool):
    """The hash of a public entry is found by trying its possible values; that of a salted entry is not."""
    spool.make_public("open")
    for channel in ("open", "closed"):
        spool.append(channel, [Reading("s", "door", START, 1, "open"), Reading("s", "door", START + 1, 1, "closed")])
    guesses = {leaf_hash(encode_reading(Reading("s", "door", START + 1, 1, text))) for text in ("open", "closed")}
    assert leaf_hash(spool.log_entry("open", 1)) in guesses
    assert leaf_hash(spool.log_entry("closed", 1)) not in guesses


def test_ends_of_series_are_those_of_the_last_readings(spool):
    spool.append("other", [reading(0, sequence=99)])
    spool.append("line", [reading(0, tag="old"), *(reading(number) for number in range(3, 9))])
    spool.append("line", [reading(9, tag="tag 0", source_time_ns=START + 10**12, sequence=9)])  # a clock ahead
    ends = spool.series_ends("line", 7, 10**9)
    assert ends == {
        ("SP-201", "old"): None,
        ("SP-201", "tag 0"): SeriesEnd(START + 10**12, START + 2, START + 1, 9, frozenset({"number"})),
        ("SP-201", "tag 1"): SeriesEnd(START + 2, START + 2, START + 1, 7, frozenset({"number"})),
        ("SP-201", "tag 2"): SeriesEnd(START + 2, START + 2, START + 1, 8, frozenset({"number"})),
    }
    assert spool.series_ends("absent", 7, 0) == {}
