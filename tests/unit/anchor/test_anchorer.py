"""Anchoring: by count and by time, once, in order, after any crash, and only what is spooled."""

import json
import random
import subprocess
import sys
import threading

import pytest
from anchoring import START, Board, readings, root_of

from chromatrace.anchor import Anchorer, ReadingProof, TreeHead
from chromatrace.anchor.errors import (
    HeadConflictError,
    NotAnchoredError,
    ReadingNotFoundError,
    SpoolMismatchError,
)
from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.ingest.spool import Spool
from chromatrace.merkle.log import verify_consistency


def test_a_head_says_what_is_under_it(anchorer, spool, board):
    some = readings(0, 10)
    random.Random(3).shuffle(some)
    spool.append("line", some)
    spool.append("other", readings(50, 52))
    head = TreeHead("line", 10, root_of(some), START, START + 9)
    assert anchorer.anchor("line") == head
    assert anchorer.anchor("line") is None
    spool.append("line", readings(20, 23))
    second = anchorer.anchor("line")
    # Its times are those of the entries since the head before.
    assert second == TreeHead("line", 13, root_of(some + readings(20, 23)), START + 20, START + 22)
    assert board.heads == [head, second]
    verify_consistency(10, 13, anchorer.prove_consistency("line", 10, 13), head.root, second.root)


def test_by_count(anchorer, spool, board):
    spool.append("line", readings(0, 99))
    assert anchorer.poll() == []
    spool.append("line", readings(99, 250))
    assert [head.size for head in anchorer.poll()] == [250]
    assert anchorer.poll() == []
    spool.append("line", readings(250, 349))
    assert anchorer.poll() == []


def test_by_time(anchorer, spool, clock):
    spool.append("line", readings(0, 5))
    assert anchorer.poll() == []
    clock.now += 59.9
    assert anchorer.poll() == []
    spool.append("line", readings(5, 6))
    clock.now += 0.2
    assert [head.size for head in anchorer.poll()] == [6]
    # The next wait begins when the next reading is seen.
    clock.now += 1000
    assert anchorer.poll() == []
    spool.append("line", readings(6, 7))
    assert anchorer.poll() == []
    clock.now += 60
    assert [head.size for head in anchorer.poll()] == [7]


def test_a_publisher_that_is_away_gets_every_head_later_in_order(anchorer, spool, board):
    board.away = True
    for start in (0, 100, 200):
        spool.append("line", readings(start, start + 100))
        with pytest.raises(Unavailable):
            anchorer.poll()
    assert [head.size for head in anchorer.heads.unpublished()] == [100, 200, 300]
    assert anchorer.heads.last_published("line") is None
    board.away = False
    anchorer.poll()
    assert [head.size for head in board.heads] == [100, 200, 300]
    assert anchorer.heads.unpublished() == []
    assert anchorer.heads.last_published("line") == board.heads[-1]


def test_a_restart_publishes_the_recorded_head_again_unchanged(anchorer, spool, board, tmp_path):
    board.away = True
    spool.append("line", readings(0, 100))
    with pytest.raises(Unavailable):
        anchorer.poll()
    (recorded,) = anchorer.heads.unpublished("line")
    anchorer.close()
    spool.append("line", readings(100, 150))
    board.away = False
    with Anchorer(spool, board, tmp_path / "log.db", every_count=100) as again:
        again.poll()
        assert board.heads == [recorded]
        assert again.anchor("line").size == 150
    assert [head.size for head in board.heads] == [100, 150]


def test_two_anchorers_make_each_head_once(anchorer, spool, board, tmp_path):
    with Anchorer(spool, board, tmp_path / "log.db", every_count=100) as other:
        spool.append("line", readings(0, 100))
        anchorer.poll()
        spool.append("line", readings(100, 220))
        other.poll()
        anchorer.poll()
    assert [head.size for head in board.heads] == [100, 220]
    assert board.heads[-1].root == root_of(readings(0, 220))


def test_run_goes_on_after_an_outage(anchorer, spool, board):
    stop = threading.Event()
    board.away = True
    tried = threading.Event()
    publish = board.publish

    def noted(head):
        try:
            publish(head)
            stop.set()
        finally:
            tried.set()

    board.publish = noted
    spool.append("line", readings(0, 100))
    thread = threading.Thread(target=anchorer.run, args=(stop,), kwargs={"poll_s": 0.01})
    thread.start()
    assert tried.wait(60)
    board.away = False
    thread.join(60)
    assert not thread.is_alive()
    assert [head.size for head in board.heads] == [100]


def test_a_channel_that_fails_does_not_hold_up_the_others(anchorer, spool, board):
    publish = board.publish

    def refusing(head):
        if head.channel == "a":
            raise HeadConflictError("the chain knows another head", field="size")
        publish(head)

    board.publish = refusing
    for channel in ("a", "b"):
        spool.append(channel, readings(0, 100))
    with pytest.raises(HeadConflictError, match="another head"):
        anchorer.poll()
    assert [head.channel for head in board.heads] == ["b"]
    assert [head.channel for head in anchorer.heads.unpublished()] == ["a"]


def test_a_proof_does_not_wait_for_a_publication(anchorer, spool, board):
    spool.append("line", readings(0, 3))
    anchorer.anchor("line")
    publishing, go_on = threading.Event(), threading.Event()

    def slow(head):
        publishing.set()
        assert go_on.wait(60)

    board.publish = slow
    spool.append("line", readings(3, 6))
    thread = threading.Thread(target=anchorer.anchor, args=("line",))
    thread.start()
    assert publishing.wait(60)
    proved = []
    prover = threading.Thread(target=lambda: proved.append(anchorer.prove("line", "SP-201", "p", START)))
    prover.start()
    prover.join(60)
    go_on.set()
    thread.join(60)
    assert [proof.verify() for proof in proved] == readings(0, 1)


def test_every_reading_is_proved_under_the_smallest_head_that_covers_it(anchorer, spool, board):
    for start, stop in ((0, 7), (7, 300)):
        spool.append("line", readings(start, stop))
        anchorer.anchor("line")
    for one in readings(0, 300):
        proof = anchorer.prove("line", "SP-201", "p", one.source_time_ns)
        head = board.heads[0 if one.sequence < 7 else 1]
        assert (proof.channel, proof.index, proof.size, proof.root) == ("line", one.sequence, head.size, head.root)
        assert proof.verify() == one
        assert ReadingProof.from_dict(json.loads(json.dumps(proof.as_dict()))) == proof


def test_no_proof_before_the_head_is_public(anchorer, spool, board):
    board.away = True
    spool.append("line", readings(0, 3))
    with pytest.raises(Unavailable):
        anchorer.anchor("line")
    with pytest.raises(NotAnchoredError) as refusal:
        anchorer.prove("line", "SP-201", "p", START)
    assert refusal.value.field == "source_time_ns"
    assert anchorer.prove("line", "SP-201", "p", START, published=False).verify() == readings(0, 1)[0]


@pytest.mark.parametrize(
    "identity", [("nowhere", "SP-201", "p", START), ("line", "SP-202", "p", START), ("line", "SP-201", "p", START + 99)]
)
def test_no_proof_of_a_reading_that_is_not_there(anchorer, spool, identity):
    spool.append("line", readings(0, 3))
    anchorer.anchor("line")
    with pytest.raises(ReadingNotFoundError) as refusal:
        anchorer.prove(*identity)
    assert refusal.value.field == "source_time_ns"


def test_a_spool_changed_behind_our_back_is_noticed(anchorer, spool, tmp_path):
    import sqlite3

    spool.append("line", readings(0, 5))
    anchorer.anchor("line")
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("DROP TRIGGER reading_unchanged")
        db.execute("UPDATE reading SET value = 99 WHERE sequence = 4")
    db.close()
    with pytest.raises(SpoolMismatchError, match="reading 4"):
        anchorer.prove("line", "SP-201", "p", START + 4)
    assert anchorer.prove("line", "SP-201", "p", START + 3).verify() == readings(3, 4)[0]
    spool.append("line", readings(5, 6))
    with pytest.raises(SpoolMismatchError, match="reading 4"):
        anchorer.anchor("line")


def test_a_spool_that_lost_readings_is_noticed(anchorer, spool, board, tmp_path):
    spool.append("line", readings(0, 5))
    anchorer.anchor("line")
    with Spool(tmp_path / "other.db") as other:
        other.append("line", readings(0, 4))
        with Anchorer(other, board, tmp_path / "log.db") as mistaken, pytest.raises(SpoolMismatchError) as refusal:
            mistaken.anchor("line")
    assert refusal.value.message == "'line': 4 readings are spooled, 5 were hashed"


@pytest.mark.parametrize(("option", "value"), [("every_count", 0), ("every_s", 0)])
def test_options(spool, board, option, value):
    with pytest.raises(InvalidInput) as refusal:
        Anchorer(spool, board, **{option: value})
    assert refusal.value.field == option


GATEWAY = """
import sys
from chromatrace.anchor import Anchorer
from chromatrace.domain.reading import Reading
from chromatrace.ingest.spool import Spool
folder, board = sys.argv[1], open(sys.argv[1] + "/board", "a", buffering=1)
class Board:
    def publish(self, head):
        board.write(f"{head.size} {head.root.hex()} {head.first_time_ns} {head.last_time_ns}\\n")
spool = Spool(folder + "/spool.db")
anchorer = Anchorer(spool, Board(), folder + "/log.db", every_count=50)
print("ready", flush=True)
start = spool.size("line")
while True:
    spool.append("line", [
        Reading("SP-201", "p", 1_767_225_600_000_000_000 + n, 5, n / 7, "Pa", 0, n) for n in range(start, start + 37)
    ])
    start += 37
    anchorer.poll()
    print(start, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_moment_publishes_no_head_as_two(tmp_path, seed):
    chooser = random.Random(seed)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", GATEWAY, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(chooser.randrange(1, 40)):
                process.stdout.readline()
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
    board = Board()
    with Spool(tmp_path / "spool.db") as spool, Anchorer(spool, board, tmp_path / "log.db") as anchorer:
        stored = list(spool.entries("line"))
        assert [one.sequence for one in stored] == list(range(len(stored)))
        anchorer.poll()
        anchorer.anchor("line")
        seen = {}
        for line in (tmp_path / "board").read_text(encoding="ascii").splitlines():
            size, *rest = line.split()
            assert seen.setdefault(int(size), rest) == rest
        before = 0
        for size in sorted(seen):
            head = anchorer.heads.at("line", size)
            times = [one.source_time_ns for one in stored[before:size]]
            assert seen[size] == [root_of(stored[:size]).hex(), str(min(times)), str(max(times))]
            assert (head.root.hex(), head.first_time_ns) == (seen[size][0], min(times))
            before = size
        assert anchorer.heads.unpublished() == []
        assert anchorer.heads.last("line").size == len(stored)
