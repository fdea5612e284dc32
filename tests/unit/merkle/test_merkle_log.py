"""Test the durable log: appends and proofs of any size, several processes, and a kill at any moment."""

import random
import sqlite3
import subprocess
import sys
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merkle_reference import (
    consistency_proof,
    inclusion_proof,
    reference_consistency,
    reference_path,
    reference_root,
)

from chromatrace.domain.errors import InvalidInput
from chromatrace.merkle.errors import LogConflictError, LogCorruptError, LogUnavailableError
from chromatrace.merkle.log import TILE, MerkleLog
from chromatrace.merkle.proofs import leaf_hash, root

MANY = 2 * TILE * TILE + 3 * TILE + 17
LEAVES = [sha256(number.to_bytes(4, "big")).digest() for number in range(MANY)]

appends = st.lists(st.sampled_from([1, 2, 255, 256, 257, 600]) | st.integers(0, 40), min_size=1, max_size=6)


@given(appends, st.data())
@settings(max_examples=60, deadline=None)
def test_log_matches_the_reference_at_any_size(sizes, data):
    entries = [number.to_bytes(4, "big") for number in range(sum(sizes))]
    log = MerkleLog()
    for size in sizes:
        assert log.append(entries[log.size : log.size + size]) == log.size
    assert log.size == len(entries)
    size = data.draw(st.integers(0, len(entries)))
    assert log.root(size) == reference_root(entries[:size])
    if not size:
        return
    index, old_size = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert log.leaf(index) == leaf_hash(entries[index])
    assert log.inclusion_proof(index, size) == reference_path(index, entries[:size])
    assert log.consistency_proof(old_size, size) == reference_consistency(old_size, entries[:size])


def test_log_with_three_tile_levels(tmp_path):
    with MerkleLog(tmp_path / "log.db") as log:
        for start in range(0, MANY, 50_001):
            log.append_hashes(LEAVES[start : start + 50_001])
            assert log.root() == root(LEAVES[: log.size])
    rng = random.Random(9162)
    sizes = [rng.randint(1, MANY) for _ in range(5)] + [TILE * TILE, TILE * TILE + 1, MANY]
    with MerkleLog(tmp_path / "log.db") as log:
        for size in sizes:
            index, old_size = rng.randrange(size), rng.randint(1, size)
            assert log.inclusion_proof(index, size) == inclusion_proof(LEAVES[:size], index)
            assert log.consistency_proof(old_size, size) == consistency_proof(LEAVES[:size], old_size)


def test_reader_sees_appends_of_another_writer(tmp_path):
    with MerkleLog(tmp_path / "log.db") as writer, MerkleLog(tmp_path / "log.db") as reader:
        for start in range(0, 1000, 7):
            writer.append_hashes(LEAVES[start : start + 7])
            # The reader has cached the last tile with fewer leaves.
            assert reader.root() == root(LEAVES[: start + 7])
            assert reader.inclusion_proof(start) == inclusion_proof(LEAVES[: start + 7], start)


def test_logs_in_one_file_are_independent(tmp_path):
    with MerkleLog(tmp_path / "log.db", "a") as a, MerkleLog(tmp_path / "log.db", "b") as b:
        a.append_hashes(LEAVES[:300])
        b.append_hashes(LEAVES[300:310])
        assert (a.size, b.size) == (300, 10)
        assert b.root() == root(LEAVES[300:310])


def test_append_is_atomic(tmp_path):
    def failing():
        yield from LEAVES[:5000]
        raise RuntimeError("the spool went away")

    with MerkleLog(tmp_path / "log.db") as log:
        log.append_hashes(LEAVES[:10])
        with pytest.raises(RuntimeError, match="went away"):
            log.append_hashes(failing())
        with pytest.raises(InvalidInput) as error:
            log.append_hashes([*LEAVES[10:400], b"short"])
        assert error.value.field == "leaf_hashes"
        assert (log.size, log.root()) == (10, root(LEAVES[:10]))
        log.append_hashes(LEAVES[10:700])
        assert log.root() == root(LEAVES[:700])


def test_concurrent_append_raises_conflict(tmp_path):
    with MerkleLog(tmp_path / "log.db") as first, MerkleLog(tmp_path / "log.db") as second:
        first.append_hashes(LEAVES[:3], expected_size=0)
        with pytest.raises(LogConflictError) as error:
            second.append_hashes(LEAVES[:3], expected_size=0)
        assert error.value.field == "size"
        assert "has 3 leaves, expected 0" in error.value.message
        assert second.size == 3


@pytest.mark.parametrize(
    "ask", [lambda log: log.root(4), lambda log: log.inclusion_proof(0, 4), lambda log: log.leaf(3)]
)
def test_sizes_beyond_the_log_are_rejected(ask):
    log = MerkleLog()
    log.append_hashes(LEAVES[:3])
    with pytest.raises(InvalidInput, match="has 3 leaves"):
        ask(log)


def test_file_that_is_not_a_database_is_rejected(tmp_path):
    path = tmp_path / "log.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LogCorruptError, match="not a database"):
        MerkleLog(path)


def test_missing_folder_is_reported(tmp_path):
    with pytest.raises(LogUnavailableError, match="absent"):
        MerkleLog(tmp_path / "absent" / "log.db")


def test_missing_tile_is_reported(tmp_path):
    with MerkleLog(tmp_path / "log.db") as log:
        log.append_hashes(LEAVES[:600])
    with sqlite3.connect(tmp_path / "log.db") as db:
        db.execute("DELETE FROM tile WHERE level = 0 AND number = 1")
    db.close()
    with MerkleLog(tmp_path / "log.db") as log, pytest.raises(LogCorruptError, match="tile 1 of level 0 is missing"):
        log.inclusion_proof(300)


APPENDER = """
import sys
from hashlib import sha256
from chromatrace.merkle.log import MerkleLog
log = MerkleLog(sys.argv[1])
print("ready", flush=True)
while True:
    size = log.size
    hashes = [sha256(n.to_bytes(4, "big")).digest() for n in range(size, size + 1 + size % 997)]
    log.append_hashes(hashes, expected_size=size)
    print(log.size, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_killed_process_leaves_a_valid_prefix(tmp_path, seed):
    path = tmp_path / "log.db"
    committed = 0
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", APPENDER, str(path)], stdout=subprocess.PIPE, text=True)
        lines = [process.stdout.readline()]
        try:
            target = committed + random.Random(seed).randrange(1, 4000)
            while committed < target:
                lines.append(process.stdout.readline())
                committed = int(lines[-1])
        finally:
            process.kill()
            rest = process.stdout.read()
            process.wait()
        committed = max([committed, *(int(line) for line in rest.splitlines() if line.strip())])
        with MerkleLog(path) as log:
            assert log.size >= committed
            leaves = [sha256(n.to_bytes(4, "big")).digest() for n in range(log.size)]
            assert log.root() == root(leaves)
            assert log.inclusion_proof(committed // 2) == inclusion_proof(leaves, committed // 2)
            committed = log.size
