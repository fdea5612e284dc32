"""Test anchoring by count and by time, ordering, concurrency, crashes and changed spools."""

import json
import random
import subprocess
import sys
import threading

import pytest
from anchoring import START, StubPublisher, readings, root_of

from chromatrace.anchor import Anchorer, ReadingProof, TreeHead
from chromatrace.anchor.errors import (
    HeadConflictError,
    NotAnchoredError,
    ReadingNotFoundError,
    SpoolMismatchError,
)
from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.ingest.spool import Spool
from chromatrace.merkle.proofs import verify_consistency


def test_head_covers_the_spooled_readings(anchorer, spool, publisher):
    shuffled = readings(0, 10)
    random.Random(3).shuffle(shuffled)
    spool.append("line", shuffled)
    spool.append("other", readings(50, 52))
    head = TreeHead("line", 10, root_of(spool, "line", 10), START, START + 9)
    assert anchorer.anchor("line") == head
    assert anchorer.anchor("line") is None
    spool.append("line", readings(20, 23))
    second = anchorer.anchor("line")
    # The times cover the entries since the previous head.
    assert second == TreeHead("line", 13, root_of(spool, "line", 13), START + 20, START + 22)
    assert publisher.heads == [head, second]
    verify_consistency(10, 13, anchorer.log("line").consistency_proof(10, 13), head.root, second.root)


def test_head_is_due_by_count(anchorer, spool, publisher):
    spool.append("line", readings(0, 99))
    assert anchorer.poll() == []
    spool.append("line", readings(99, 250))
    assert [head.size for head in anchorer.poll()] == [250]
    assert anchorer.poll() == []
    spool.append("line", readings(250, 349))
    assert anchorer.poll() == []


def test_head_is_due_by_time(anchorer, spool, clock):
    spool.append("line", readings(0, 5))
    assert anchorer.poll() == []
    clock.now += 59.9
    assert anchorer.poll() == []
    spool.append("line", readings(5, 6))
    clock.now += 0.2
    assert [head.size for head in anchorer.poll()] == [6]
    # The time starts when the next reading is seen.
    clock.now += 1000
    assert anchorer.poll() == []
    spool.append("line", readings(6, 7))
    assert anchorer.poll() == []
    clock.now += 60
    assert [head.size for head in anchorer.poll()] == [7]


def test_heads_are_published_in_order_after_an_outage(anchorer, spool, publisher):
    publisher.offline = True
    for start in (0, 100, 200):
        spool.append("line", readings(start, start + 100))
        with pytest.raises(Unavailable):
            anchorer.poll()
    assert [head.size for head in anchorer.heads.unpublished()] == [100, 200, 300]
    assert anchorer.heads.last_published("line") is None
    publisher.offline = False
    anchorer.poll()
    assert [head.size for head in publisher.heads] == [100, 200, 300]
    assert anchorer.heads.unpublished() == []
    assert anchorer.heads.last_published("line") == publisher.heads[-1]


def test_restart_publishes_the_recorded_head_unchanged(anchorer, spool, publisher, tmp_path):
    publisher.offline = True
    spool.append("line", readings(0, 100))
    with pytest.raises(Unavailable):
        anchorer.poll()
    (recorded,) = anchorer.heads.unpublished("line")
    anchorer.close()
    spool.append("line", readings(100, 150))
    publisher.offline = False
    with Anchorer(spool, publisher, tmp_path / "log.db", every_count=100) as restarted:
        restarted.poll()
        assert publisher.heads == [recorded]
        assert restarted.anchor("line").size == 150
    assert [head.size for head in publisher.heads] == [100, 150]


def test_two_anchorers_record_each_head_once(anchorer, spool, publisher, tmp_path):
    with Anchorer(spool, publisher, tmp_path / "log.db", every_count=100) as other:
        spool.append("line", readings(0, 100))
        anchorer.poll()
        spool.append("line", readings(100, 220))
        other.poll()
        anchorer.poll()
    assert [head.size for head in publisher.heads] == [100, 220]
    assert publisher.heads[-1].root == root_of(spool, "line", 220)


def test_run_continues_after_an_outage(anchorer, spool, publisher):
    stop = threading.Event()
    publisher.offline = True
    tried = threading.Event()
    publish = publisher.publish

    def publish_and_stop(head):
        try:
            publish(head)
            stop.set()
        finally:
            tried.set()

    publisher.publish = publish_and_stop
    spool.append("line", readings(0, 100))
    thread = threading.Thread(target=anchorer.run, args=(stop,), kwargs={"poll_s": 0.01})
    thread.start()
    assert tried.wait(60)
    publisher.offline = False
    thread.join(60)
    assert not thread.is_alive()
    assert [head.size for head in publisher.heads] == [100]


def test_heads_that_the_chain_lost_are_published_again(anchorer, spool, publisher, clock):
    for start in (0, 5, 9):
        spool.append("line", readings(start, start + 4))
        anchorer.anchor("line")
    before = list(publisher.heads)
    del publisher.heads[1:]
    assert anchorer.poll() == [], "the chain was compared just now"
    clock.now += 31
    assert anchorer.poll() == before[-1:]
    assert publisher.heads == before
    del publisher.heads[2:]
    assert anchorer.anchor("line") == before[-1]
    assert publisher.heads == before


def test_failing_channel_does_not_block_others(anchorer, spool, publisher):
    publish = publisher.publish

    def reject_channel_a(head):
        if head.channel == "a":
            raise HeadConflictError("the chain has another head", field="size")
        publish(head)

    publisher.publish = reject_channel_a
    for channel in ("a", "b"):
        spool.append(channel, readings(0, 100))
    with pytest.raises(HeadConflictError, match="another head"):
        anchorer.poll()
    assert [head.channel for head in publisher.heads] == ["b"]
    assert [head.channel for head in anchorer.heads.unpublished()] == ["a"]


def test_proof_does_not_wait_for_publication(anchorer, spool, publisher):
    spool.append("line", readings(0, 3))
    anchorer.anchor("line")
    publishing, proceed = threading.Event(), threading.Event()

    def publish_slowly(head):
        publishing.set()
        assert proceed.wait(60)

    publisher.publish = publish_slowly
    spool.append("line", readings(3, 6))
    thread = threading.Thread(target=anchorer.anchor, args=("line",))
    thread.start()
    assert publishing.wait(60)
    proved = []
    prover = threading.Thread(target=lambda: proved.append(anchorer.prove("line", "SP-201", "p", START)))
    prover.start()
    prover.join(60)
    proceed.set()
    thread.join(60)
    assert [proof.verify() for proof in proved] == readings(0, 1)


def test_reading_is_proven_under_the_smallest_covering_head(anchorer, spool, publisher):
    for start, stop in ((0, 7), (7, 300)):
        spool.append("line", readings(start, stop))
        anchorer.anchor("line")
    for reading in readings(0, 300):
        proof = anchorer.prove("line", "SP-201", "p", reading.source_time_ns)
        head = publisher.heads[0 if reading.sequence < 7 else 1]
        assert (proof.channel, proof.index, proof.size, proof.root) == ("line", reading.sequence, head.size, head.root)
        assert proof.verify() == reading
        assert ReadingProof.from_dict(json.loads(json.dumps(proof.as_dict()))) == proof


def test_no_proof_before_publication(anchorer, spool, publisher):
    publisher.offline = True
    spool.append("line", readings(0, 3))
    with pytest.raises(Unavailable):
        anchorer.anchor("line")
    with pytest.raises(NotAnchoredError) as error:
        anchorer.prove("line", "SP-201", "p", START)
    assert error.value.field == "source_time_ns"
    assert anchorer.prove("line", "SP-201", "p", START, published=False).verify() == readings(0, 1)[0]


@pytest.mark.parametrize(
    "identity", [("nowhere", "SP-201", "p", START), ("line", "SP-202", "p", START), ("line", "SP-201", "p", START + 99)]
)
def test_unknown_reading_cannot_be_proven(anchorer, spool, identity):
    spool.append("line", readings(0, 3))
    anchorer.anchor("line")
    with pytest.raises(ReadingNotFoundError) as error:
        anchorer.prove(*identity)
    assert error.value.field == "source_time_ns"


def test_changed_spool_is_detected(anchorer, spool, tmp_path):
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


def test_shortened_spool_is_detected(anchorer, spool, publisher, tmp_path):
    spool.append("line", readings(0, 5))
    anchorer.anchor("line")
    with Spool(tmp_path / "other.db") as other:
        other.append("line", readings(0, 4))
        with (
            Anchorer(other, publisher, tmp_path / "log.db") as other_anchorer,
            pytest.raises(SpoolMismatchError) as error,
        ):
            other_anchorer.anchor("line")
    assert error.value.message == "channel 'line' has 4 spooled readings, but 5 were hashed"


@pytest.mark.parametrize(("option", "value"), [("every_count", 0), ("every_s", 0)])
def test_invalid_options_are_rejected(spool, publisher, option, value):
    with pytest.raises(InvalidInput) as error:
        Anchorer(spool, publisher, **{option: value})
    assert error.value.field == option


GATEWAY = """
import sys
from chromatrace.anchor import Anchorer
from chromatrace.domain.reading import Reading
from chromatrace.ingest.spool import Spool
folder, published = sys.argv[1], open(sys.argv[1] + "/published", "a", buffering=1)
class FilePublisher:
    def publish(self, head):
        published.write(f"{head.size} {head.root.hex()} {head.first_time_ns} {head.last_time_ns}\\n")
    def anchored_size(self, channel):
        return max((int(line.split()[0]) for line in open(folder + "/published")), default=0)
spool = Spool(folder + "/spool.db")
anchorer = Anchorer(spool, FilePublisher(), folder + "/log.db", every_count=50)
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
def test_killed_process_never_publishes_two_heads_of_one_size(tmp_path, seed):
    rng = random.Random(seed)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", GATEWAY, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(rng.randrange(1, 40)):
                process.stdout.readline()
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
    publisher = StubPublisher()
    with Spool(tmp_path / "spool.db") as spool, Anchorer(spool, publisher, tmp_path / "log.db") as anchorer:
        stored = list(spool.entries("line"))
        assert [reading.sequence for reading in stored] == list(range(len(stored)))
        anchorer.poll()
        anchorer.anchor("line")
        seen = {}
        for line in (tmp_path / "published").read_text(encoding="ascii").splitlines():
            size, *rest = line.split()
            assert seen.setdefault(int(size), rest) == rest
        previous = 0
        for size in sorted(seen):
            head = anchorer.heads.at("line", size)
            times = [reading.source_time_ns for reading in stored[previous:size]]
            assert seen[size] == [root_of(spool, "line", size).hex(), str(min(times)), str(max(times))]
            assert (head.root.hex(), head.first_time_ns) == (seen[size][0], min(times))
            previous = size
        assert anchorer.heads.unpublished() == []
        assert anchorer.heads.last("line").size == len(stored)
