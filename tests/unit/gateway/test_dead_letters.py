"""The store of dead letters keeps each input once, stays bounded and forgets nothing silently."""

import pytest

from chromatrace.domain.errors import NotFound
from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.gateway.dead_letters import MAX_PAYLOAD, lost_letter, message_letter

NS = 1_772_352_000 * 10**9


def letter(number=0, payload=b"{}", reason="no source time"):
    return message_letter("press", "force", [reason], NS + number, "t", payload)


@pytest.fixture
def store(tmp_path):
    with GatewayStore(tmp_path / "gateway.db") as opened:
        yield opened


@pytest.fixture
def letters(store):
    return DeadLetters(store)


def test_a_letter_that_arrives_again_is_counted(letters):
    letters.record("broker", "line", [letter(0), letter(1), letter(2, payload=b"[]")])
    first, second = letters.letters()
    assert (first.count, first.first_ns, first.last_ns, first.payload) == (2, NS, NS + 1, b"{}")
    assert (second.count, second.payload) == (1, b"[]")
    assert letters.letters(after=first.id) == [second]
    assert letters.letters(origin="other") == []
    assert letters.counts() == {("broker", "open"): 3}


def test_a_long_payload_is_cut_and_cannot_be_replayed(letters):
    letters.record("broker", "line", [letter(payload=b"x" * (MAX_PAYLOAD + 1))])
    (found,) = letters.letters()
    assert (len(found.payload), found.size, found.complete) == (MAX_PAYLOAD, MAX_PAYLOAD + 1, False)


def test_a_full_store_counts_by_reason(store):
    letters = DeadLetters(store, maximum=2)
    letters.record("broker", "line", [letter(number, payload=b"%d" % number) for number in range(10)])
    *kept, counted = letters.letters()
    assert [(k.state, k.count) for k in kept] == [("open", 1)] * 2
    assert (counted.state, counted.count, counted.reason, counted.payload) == ("counted", 8, "no source time", b"")


def test_a_large_store_counts_by_reason(store):
    letters = DeadLetters(store, max_bytes=1_000_000)
    payloads = [b"%04d" % number + b"x" * 60_000 for number in range(30)]
    for payload in payloads:
        letters.record("broker", "line", [letter(payload=payload)])
    *kept, counted = letters.letters()
    assert (counted.state, counted.count) == ("counted", 30 - len(kept))
    assert 10 < len(kept) < 20


def test_lost_input_is_counted_by_hour(letters):
    hour_ns = 3600 * 10**9
    start_ns = NS // hour_ns * hour_ns
    for number in (0, 1, hour_ns, hour_ns + 1):
        letters.record("broker", "line", [lost_letter("press", "force", "the buffer was full", start_ns + number)])
    assert [(found.state, found.count) for found in letters.letters()] == [("counted", 2)] * 2


def test_a_purged_open_letter_leaves_a_count(letters):
    letters.record("broker", "line", [letter(0), letter(1, payload=b"[]")])
    replayed, opened = letters.letters()
    letters.mark_replayed(replayed.id)
    assert letters.letters(states=("open",)) == [opened]
    assert letters.purge([replayed.id, opened.id]) == 2
    (left,) = letters.letters(states=("open", "counted", "replayed"))
    assert (left.state, left.reason, left.source) == ("counted", "purged: no source time", "press")
    with pytest.raises(NotFound):
        letters.letter(opened.id)


def test_births_of_devices_end_with_the_next_birth_of_their_node(letters):
    letters.remember_birth("broker", "spBv1.0/hall/DBIRTH/node/press", b"1")
    letters.remember_birth("broker", "spBv1.0/hall/DBIRTH/node2/press", b"2")
    letters.remember_birth("broker", "spBv1.0/hall/NBIRTH/node", b"3")
    assert letters.births("broker") == [
        ("spBv1.0/hall/NBIRTH/node", b"3"),
        ("spBv1.0/hall/DBIRTH/node2/press", b"2"),
    ]


def test_an_accepted_type_is_of_one_tag(letters):
    letters.accept_type("line", "press", "force", "text")
    assert letters.accepts_type("line", "press", "force", "text")
    assert not letters.accepts_type("line", "press", "state", "text")
    assert not letters.accepts_type("line", "press", "force", "number")
