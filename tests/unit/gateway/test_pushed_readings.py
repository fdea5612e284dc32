"""A pushed batch: valid elements are stored once, each invalid one has an error with index and field."""

import json
import threading

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.gateway.answers import Answer, Answers, KeyInUse, KeyReused
from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.push import MAX_READINGS, PushedReadings
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.gateway.clock import CLOCK_TOLERANCE_NS
from chromatrace.ingest.spool import Spool

AT = "2026-03-01T08:00:00Z"
AT_NS = 1_772_352_000 * 10**9


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


@pytest.fixture
def store(tmp_path):
    with GatewayStore(tmp_path / "gateway.db") as opened:
        yield opened


@pytest.fixture
def letters(store):
    return DeadLetters(store)


@pytest.fixture
def pushed(spool, letters):
    return PushedReadings("scale", "line", spool, letters.recorder("scale", "line"), CLOCK_TOLERANCE_NS)


def element(**changes):
    return {"tag": "mass", "time": AT, "value": 1.5, "unit": "kg"} | changes


def store_batch(pushed, *elements):
    answer = pushed.store(json.dumps(elements).encode())
    return answer.status, json.loads(answer.body)


def test_valid_elements_are_stored(pushed, spool):
    batch = [
        element(),
        element(tag="state", value="idle", unit=""),
        element(tag="door", value=True, unit=""),
        element(tag="count", value=2**62 + 1, time_ns=AT_NS + 1, source="scale/2") | {},
    ]
    del batch[3]["time"]
    status, facts = store_batch(pushed, *batch)
    assert (status, facts) == (200, {"stored": 4, "duplicates": 0, "rejected": 0, "errors": []})
    stored = [(r.source, r.tag, r.source_time_ns - AT_NS, r.value, r.unit) for r in spool.entries("line")]
    assert stored == [
        ("scale", "mass", 0, 1.5, "kg"),
        ("scale", "state", 0, "idle", ""),
        ("scale", "door", 0, "true", ""),
        ("scale/2", "count", 1, 2**62 + 1, "kg"),
    ]
    assert store_batch(pushed, *batch)[1]["duplicates"] == 4


INVALID = {
    "no-tag": ({"time": AT, "value": 1}, "tag"),
    "no-value": ({"tag": "a", "time": AT}, "value"),
    "no-time": ({"tag": "a", "value": 1}, "time"),
    "two-times": ({"tag": "a", "value": 1, "time": AT, "time_ns": AT_NS}, "time"),
    "time-without-offset": ({"tag": "a", "value": 1, "time": "2026-03-01T08:00:00"}, "time"),
    "time-as-text": ({"tag": "a", "value": 1, "time_ns": str(AT_NS)}, "time_ns"),
    "other-source": ({"tag": "a", "value": 1, "time": AT, "source": "press"}, "source"),
    "source-with-same-start": ({"tag": "a", "value": 1, "time": AT, "source": "scales"}, "source"),
    "unknown-member": ({"tag": "a", "value": 1, "time": AT, "vlaue": 2}, "vlaue"),
    "infinite": ({"tag": "a", "value": 1e308 * 10, "time": AT}, "value"),
    "beyond-64-bit": ({"tag": "a", "value": 2**64, "time": AT}, "value"),
    "long-text": ({"tag": "a", "value": "x" * 501, "time": AT}, "value"),
    "array": ({"tag": "a", "value": [1], "time": AT}, "value"),
    "tag-as-number": ({"tag": 1, "value": 1, "time": AT}, "tag"),
    "quality": ({"tag": "a", "value": 1, "time": AT, "quality": "fine"}, "quality"),
    "not-an-object": (5, ""),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_element_is_named_and_recorded_and_the_others_are_stored(pushed, letters, name):
    invalid, field = INVALID[name]
    body = json.dumps([element(), invalid]).replace("Infinity", "1e999").encode()
    answer = pushed.store(body)
    facts = json.loads(answer.body)
    assert (answer.status, facts["stored"], facts["rejected"]) == (207, 1, 1)
    (error,) = facts["errors"]
    assert (error["index"], error.get("field", "")) == (1, field)
    (letter,) = letters.letters()
    assert (letter.origin, letter.form, letter.state) == ("scale", "pushed", "open")
    assert pushed.statistics.rejected_by_source == {"scale": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{}", "expected an array"),
        (b'{"readings": [], "more": 1}', "expected an array"),
        (b"[]", "expected 1 to"),
        (b"[" + b"1," * MAX_READINGS + b"1]", "expected 1 to"),
        (b'[{"tag": "a", "value": NaN, "time": "2026-03-01T08:00:00Z"}]', "NaN"),
        (b'[{"tag": "a", "tag": "b"}]', "duplicate member"),
        (b"[" * 5000, "nest"),
        (b"\xff", "not UTF-8"),
    ],
    ids=["empty", "object", "more", "none", "too-many", "nan", "twice", "deep", "bytes"],
)
def test_a_body_that_is_no_batch_stores_nothing(pushed, spool, body, reason):
    with pytest.raises(InvalidInput, match=reason):
        pushed.store(body)
    assert spool.size("line") == 0


def test_a_conflict_and_a_changed_type_are_errors_of_their_elements(pushed, letters):
    store_batch(pushed, element())
    status, facts = store_batch(pushed, element(value=2.5), element(value="heavy", time="2026-03-01T08:00:01Z"))
    assert status == 422
    assert [(error["index"], error["message"].split(" ")[0]) for error in facts["errors"]] == [
        (0, "contradicts"),
        (1, "the"),
    ]
    changed, conflict = letters.letters()
    assert changed.reason.startswith("the type changed: a text")
    assert conflict.reason.startswith("contradicts")
    assert pushed.statistics.conflicting == 1


def test_a_repeated_key_gives_the_stored_answer(store):
    answers, calls = Answers(store), []

    def answer():
        calls.append(1)
        return Answer(200, b"first")

    assert answers.once("scale", "k", b"body", answer) == Answer(200, b"first")
    assert Answers(store).once("scale", "k", b"body", answer) == Answer(200, b"first")
    assert len(calls) == 1
    with pytest.raises(KeyReused):
        answers.once("scale", "k", b"other", answer)
    assert answers.once("other", "k", b"other", answer).status == 200


def test_a_key_in_use_is_a_conflict(store):
    answers, started, go = Answers(store), threading.Event(), threading.Event()

    def answer():
        started.set()
        assert go.wait(60)
        return Answer(200, b"")

    thread = threading.Thread(target=answers.once, args=("scale", "k", b"body", answer))
    thread.start()
    assert started.wait(60)
    with pytest.raises(KeyInUse):
        answers.once("scale", "k", b"body", answer)
    go.set()
    thread.join()
    assert answers.once("scale", "k", b"body", lambda: Answer(500, b"")).status == 200


def test_a_failed_answer_is_not_stored(store):
    answers = Answers(store)

    def fail():
        raise InvalidInput("no batch")

    with pytest.raises(InvalidInput):
        answers.once("scale", "k", b"body", fail)
    assert answers.once("scale", "k", b"body", lambda: Answer(200, b"")).status == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\n"], ids=["empty", "long", "not-ascii", "control"])
def test_an_invalid_key_is_rejected(store, key):
    with pytest.raises(InvalidInput):
        Answers(store).once("scale", key, b"", lambda: Answer(200, b""))
