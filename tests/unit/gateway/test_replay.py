"""A replay stores what a correction makes valid, once, and leaves the rest open."""

import json
import threading

import pytest
from gateway_plant import MS, plant_of

from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.folder import FolderReader
from chromatrace.gateway.push import PushedReadings
from chromatrace.gateway.replay import Replay
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.gateway.clock import CLOCK_TOLERANCE_NS
from chromatrace.ingest.gateway.dead_letters import message_letter, reading_letter
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.spool import Spool
from chromatrace.sparkplug import Metric, Payload

NS = MS * 10**6
JSON_SOURCE = """
id = "broker"
protocol = "mqtt"
channel = "line"
url = "mqtt://127.0.0.1:1883"
[[sources.topics]]
topic = "t"
pointer = "{pointer}"
source = "press"
tag = "force"
unit = "kN"
"""
SPARKPLUG = 'id = "nodes"\nprotocol = "mqtt"\nchannel = "line"\nurl = "mqtt://127.0.0.1:1883"\n'


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


def replayed(plant, spool, store, **options):
    letters = DeadLetters(store).letters(states=("open",))
    results = list(Replay(plant, spool, store, **options).replay(letters))
    return [(result.stored, result.duplicates, result.error) for result in results]


def values(spool):
    return [(reading.source, reading.tag, reading.value) for reading in spool.entries("line")]


def test_a_corrected_mapping_stores_the_reading_once(tmp_path, spool, store, letters):
    payload = json.dumps({"timestamp": MS, "force": 12.5}).encode()
    letters.record("broker", "line", [message_letter("press", "force", ["no member /value"], NS, "t", payload)])
    wrong = plant_of(tmp_path, JSON_SOURCE.format(pointer="#/value"))
    assert replayed(wrong, spool, store) == [(0, 0, "no member /value")]
    right = plant_of(tmp_path, JSON_SOURCE.format(pointer="#/force"))
    assert replayed(right, spool, store) == [(1, 0, None)]
    assert replayed(right, spool, store) == []
    assert values(spool) == [("press", "force", 12.5)]
    (letter,) = letters.letters(states=("replayed",))
    # As after a crash between the commit of the reading and that of the letter:
    with store.writing() as db:
        db.execute("UPDATE letter SET state = 'open' WHERE id = ?", (letter.id,))
    assert replayed(right, spool, store) == [(0, 1, None)]
    assert len(values(spool)) == 1


def message(kind, seq, *metrics):
    return f"spBv1.0/hall/{kind}/n", Payload(timestamp=MS, seq=seq, metrics=metrics).SerializeToString()


def test_sparkplug_data_before_its_birth_is_replayed_with_the_birth(tmp_path, spool, store, letters):
    plant = plant_of(tmp_path, SPARKPLUG)
    named = message("NDATA", 7, Metric(name="force", timestamp=MS + 1, datatype=10, double_value=1.0))
    aliased = message("NDATA", 8, Metric(alias=3, timestamp=MS + 2, double_value=2.0))
    for topic, payload in (named, aliased):
        letters.record("nodes", "line", [message_letter("hall/n", "", ["before the birth"], NS, topic, payload)])
    assert all("before the birth" in error for _, _, error in replayed(plant, spool, store))
    letters.remember_birth(
        "nodes", *message("NBIRTH", 0, Metric(name="force", alias=3, timestamp=MS, datatype=10, double_value=0.0))
    )
    first, second = replayed(plant, spool, store)
    assert first == (1, 0, None)
    assert "the alias may have another meaning" in second[2]
    assert replayed(plant, spool, store, trust_aliases=True) == [(1, 0, None)]
    assert values(spool) == [("hall/n", "force", 1.0), ("hall/n", "force", 2.0)]


def received(number, at=0):
    return ReceivedValue(TagKey("press", "force", "kN"), NS + at, NS, number, 0, replayed=False)


def test_an_accepted_type_is_stored_now_and_later(tmp_path, spool, store, letters):
    plant, recorder = plant_of(tmp_path, SPARKPLUG), letters.recorder("nodes", "line")
    writer = SpoolWriter(spool, "line", GatewayStatistics(), recorder)
    writer.write([received(1.0)])
    assert list(writer.write([received("off", 1)])) == [0]
    (failed,) = replayed(plant, spool, store)
    assert "the type changed" in failed[2]
    assert replayed(plant, spool, store, accept_types=True) == [(1, 0, None)]
    assert writer.write([received("on", 2), received(2.0, 3)]) == {}
    assert [value for *_, value in values(spool)] == [1.0, "off", "on", 2.0]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2**64], ids=["nan", "infinity", "beyond-64-bit"])
def test_an_invalid_value_stays_open(tmp_path, spool, store, letters, number):
    plant = plant_of(tmp_path, SPARKPLUG)
    letters.record("nodes", "line", [reading_letter(received(number), "not a valid value")])
    ((stored, _, error),) = replayed(plant, spool, store)
    assert (stored, error.partition(":")[0]) == (0, "value")


@pytest.mark.parametrize("number", [1.5, -0.0, 2**62 + 1, "off", None], ids=repr)
def test_a_dropped_reading_is_replayed_exactly(tmp_path, spool, store, letters, number):
    plant = plant_of(tmp_path, SPARKPLUG)
    value = received(number)
    value = value if number is not None else ReceivedValue(value.key, NS, NS, None, 0x8000_0000, replayed=False)
    letters.record("nodes", "line", [reading_letter(value, "the buffer was full")])
    assert replayed(plant, spool, store) == [(1, 0, None)]
    (reading,) = spool.entries("line")
    assert (reading.value, reading.unit, reading.source_time_ns, reading.replayed) == (number, "kN", NS, True)
    assert str(reading.value) == str(number)


def test_a_letter_of_an_unknown_source_stays_open(tmp_path, spool, store, letters):
    letters.record("gone", "line", [message_letter("press", "", ["x"], NS, "t", b"{}")])
    ((_, _, error),) = replayed(plant_of(tmp_path, SPARKPLUG), spool, store)
    assert "no such source 'gone'" in error


def test_a_pushed_element_and_a_file_are_replayed(tmp_path, spool, store, letters):
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "a.csv"
    path.write_text("time,length[mm]\n03/04/2026 08:00,1\n05/06/2026 08:00,2\n")
    sources = (
        'id = "scale"\nprotocol = "http"\nchannel = "line"\ntoken_file = "tokens"\n',
        'id = "lab"\nprotocol = "folder"\nchannel = "line"\npath = "in"\nlayout = "lab"\n',
    )
    plant = plant_of(tmp_path, *sources, layouts='[[layouts]]\nname = "lab"\n')
    scale, lab = plant.sources
    pushed = PushedReadings(scale.id, "line", spool, letters.recorder("scale", "line"), CLOCK_TOLERANCE_NS)
    pushed.store(b'[{"tag": "mass", "value": 1, "time": "2026-03-01T08:00:00Z", "quality": "fine"}]')
    reader = FolderReader(lab, plant.layout("lab"), spool, store, letters.recorder("lab", "line"))
    reader.read(path, threading.Event())
    failed = replayed(plant, spool, store)
    assert all(error for _, _, error in failed)
    layout = '[[layouts]]\nname = "lab"\ndate_format = "%d/%m/%Y %H:%M"\ntime_zone = "Europe/Berlin"\n'
    assert replayed(plant_of(tmp_path, *sources, layouts=layout), spool, store)[1] == (2, 0, None)
    assert len(letters.letters()) == 1
