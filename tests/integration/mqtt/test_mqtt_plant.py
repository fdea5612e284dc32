"""Test the plant as a Sparkplug edge node, with a real broker and the gateway."""

from __future__ import annotations

import json
import os
import signal

import pytest
from click.testing import CliRunner
from mosquitto import MOSQUITTO
from mqtt_clients import WAIT_S, client_of, publish, running, subscribe, wait_for

from chromatrace.cli import main
from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.mqtt.payload import BAD_NO_COMMUNICATION
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.plant import example_plant
from chromatrace.plant.edge_node import EdgeNode
from chromatrace.plant.process import PlantProcess
from chromatrace.plant.recording import Recording, expand_columns
from chromatrace.plant.simulation import simulate
from chromatrace.sparkplug import Payload, bd_seq_of

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="the program mosquitto is not installed")

CHANNEL = "line"
START, START_NS, STEP_NS = "2024-05-01T00:00:00Z", 1_714_521_600 * 10**9, 10**9
NODE = "spBv1.0/plant/{}/press line"
DEVICE = NODE + "/recording"


def publish_state(client, online, time_ms=1_000):
    state = json.dumps({"online": online, "timestamp": time_ms})
    client.publish("spBv1.0/STATE/trace", state, qos=1, retain=True).wait_for_publish(WAIT_S)


def host(broker, **options):
    return MqttSettings(broker.url, CHANNEL, backoff_s=(0.05, 0.2), **options)


@pytest.fixture
def recording(tmp_path):
    """Return a recording of five rows: column c of row r has the value r + c / 10."""
    path = tmp_path / "press line.dat"
    path.write_text("".join(f"{row + 0.1} {row + 0.2}\n" for row in range(5)))
    return path


@pytest.fixture
def source(recording):
    return Recording(recording, expand_columns("force[kN],speed"), step_s=1, start_ns=START_NS)


class Recorder:
    """Records the Sparkplug messages that a client receives, in order."""

    def __init__(self, client):
        self._client = client
        subscribe(client, "spBv1.0/plant/#")

    @property
    def messages(self):
        return [(topic, Payload.FromString(payload)) for topic, payload in self._client.received]

    def of(self, kind):
        return [payload for topic, payload in self.messages if f"/{kind}/" in topic]

    @property
    def kinds(self):
        return [topic.split("/")[2] for topic, _ in self.messages]


@pytest.fixture
def client(broker):
    with client_of(broker) as connected:
        yield connected


@pytest.fixture
def recorder(client):
    return Recorder(client)


def values(payload):
    return [((m.timestamp * 10**6 - START_NS) // STEP_NS, m.double_value, m.is_historical) for m in payload.metrics]


def rebirth():
    return Payload(timestamp=1, metrics=[{"name": "Node Control/Rebirth", "boolean_value": True}]).SerializeToString()


def good(spool):
    """Return the readings that have a value, by tag and time."""
    return sorted(
        (r.source, r.tag, (r.source_time_ns - START_NS) // STEP_NS, r.value)
        for r in spool.entries(CHANNEL)
        if r.value is not None
    )


def expected(rows):
    return sorted(
        ("plant/press line/recording", tag, row, row + tenth / 10)
        for row in range(rows)
        for tenth, tag in enumerate(("force", "speed"), 1)
    )


def test_births_declare_the_metrics_and_data_has_aliases(broker, recorder, source):
    first, *rest = source.steps()
    node = EdgeNode(source, broker.url)
    with node.connected():
        node.write(first)
        wait_for(lambda: recorder.kinds == ["NBIRTH", "DBIRTH"])
        for step in rest:
            node.write(step)
        node.finish()
        wait_for(lambda: recorder.kinds[2:] == ["DDATA"] * 4 + ["NDATA"])
    wait_for(lambda: recorder.kinds[-1] == "NDEATH")
    assert [topic for topic, _ in recorder.messages[:2]] == [NODE.format("NBIRTH"), DEVICE.format("DBIRTH")]
    (born,) = recorder.of("DBIRTH")
    assert [(m.name, m.alias, m.datatype) for m in born.metrics] == [("force", 3, 10), ("speed", 4, 10)]
    assert [m.properties.values[0].string_value for m in born.metrics if m.properties.keys] == ["kN"]
    assert [(m.name, m.alias) for m in recorder.of("DDATA")[0].metrics] == [("", 3), ("", 4)]
    assert values(recorder.of("DDATA")[3]) == [(4, 4.1, False), (4, 4.2, False)]
    (node_born,) = recorder.of("NBIRTH")
    names = ["bdSeq", "Node Control/Rebirth", "Node Info/Runs Completed", "Node Info/Finished"]
    assert [m.name for m in node_born.metrics] == names
    (ended,) = recorder.of("NDATA")
    assert [m.boolean_value for m in ended.metrics if m.alias == node_born.metrics[-1].alias] == [True]
    (dead,) = recorder.of("NDEATH")
    assert [payload.seq for _, payload in recorder.messages if payload is not dead][:-1] == list(range(7))
    assert (bd_seq_of(node_born), bd_seq_of(dead), dead.HasField("seq")) == (0, 0, False)


def test_a_rebirth_keeps_the_session_and_repeats_the_values(broker, client, recorder, source):
    first, second, *_ = source.steps()
    node = EdgeNode(source, broker.url)
    with node.connected():
        node.write(first)
        wait_for(lambda: recorder.kinds == ["NBIRTH", "DBIRTH"])
        node.write(second)
        publish(client, NODE.format("NCMD"), rebirth())
        wait_for(lambda: recorder.kinds[-3:] == ["NBIRTH", "DBIRTH", "DDATA"])
    assert [(payload.seq, bd_seq_of(payload)) for payload in recorder.of("NBIRTH")] == [(0, 0), (0, 0)]
    assert values(recorder.of("DBIRTH")[1]) == [(1, 1.1, False), (1, 1.2, False)]
    assert values(recorder.of("DDATA")[1]) == [(0, 0.1, True), (0, 0.2, True)]


def test_values_wait_for_the_primary_host(broker, client, recorder, source):
    steps = list(source.steps())
    online = []
    node = EdgeNode(source, broker.url, primary_host="trace")
    node.on_host_online = lambda: online.append(True)
    with node.connected():
        node.write(steps[0])
        publish_state(client, online=False)
        publish_state(client, online=True)
        wait_for(lambda: recorder.kinds == ["NBIRTH", "DBIRTH"])
        publish_state(client, online=False, time_ms=999)  # of an earlier connection of the host
        publish_state(client, online=True)
        wait_for(lambda: len(online) == 2)
        assert "NDEATH" not in recorder.kinds
        publish_state(client, online=False)
        wait_for(lambda: recorder.kinds[2:] == ["NDEATH"])
        node.write(steps[1])
        node.write(steps[2])
        publish_state(client, online=True, time_ms=2_000)
        wait_for(lambda: recorder.kinds[3:] == ["NBIRTH", "DBIRTH", "DDATA", "DDATA"])
    wait_for(lambda: recorder.kinds[-1] == "NDEATH")
    assert values(recorder.of("DBIRTH")[1])[0] == (2, 2.1, False)
    assert [values(payload)[0] for payload in recorder.of("DDATA")] == [(0, 0.1, True), (1, 1.1, True)]
    assert [bd_seq_of(payload) for payload in recorder.of("NBIRTH") + recorder.of("NDEATH")] == [0, 1, 0, 1]


def test_values_without_a_broker_are_stored_later(broker, spool, source):
    steps = list(source.steps())
    node = EdgeNode(source, broker.url, primary_host="trace")
    with running(host(broker, primary_host="trace"), spool) as gateway, node.connected():
        node.write(steps[0])
        wait_for(lambda: good(spool) == expected(1))
        broker.kill()
        for step in steps[1:4]:
            node.write(step)
        assert broker.start()
        wait_for(lambda: good(spool) == expected(4))
        node.write(steps[4])
        wait_for(lambda: good(spool) == expected(5))
    assert (gateway.statistics.gaps_unfilled, gateway.statistics.rejected) == (0, 0)
    replayed = {r.source_time_ns for r in spool.entries(CHANNEL) if r.replayed}
    assert replayed == {steps[1].source_time_ns, steps[2].source_time_ns}


def test_a_node_that_is_killed_and_restarted_leaves_no_gap(broker, spool, recording):
    """The broker publishes the death. The births of the next session follow, without a rebirth request."""

    def plant():
        return PlantProcess(
            *("--recording", str(recording), "--columns", "force[kN],speed", "--step", "1", "--start", START),
            *("--time-factor", "max", "--sparkplug", broker.url),
        )

    with running(host(broker), spool) as gateway:
        with plant() as first:
            wait_for(lambda: good(spool) == expected(5))
            os.kill(first.pid, signal.SIGKILL)
            wait_for(lambda: spool.size(CHANNEL) == 12)
        with plant():
            wait_for(lambda: gateway.statistics.duplicates >= 10)
    dead = [(r.tag, r.value, r.quality) for r in spool.entries(CHANNEL) if r.value is None]
    assert sorted(dead[:2]) == [(tag, None, BAD_NO_COMMUNICATION) for tag in ("force", "speed")]
    assert good(spool) == expected(5)
    counts = gateway.statistics
    assert (counts.gaps_unfilled, counts.rejected, counts.rebirth_requests, counts.conflicting) == (0, 0, 0, 0)


def test_a_simulated_plant_has_the_readings_of_the_simulation(broker, spool):
    arguments = ("--plant", "engineer-to-order", "--runs", "1", "--seed", "3", "--start", START)
    options = ("--time-factor", "max", "--wait-for-client", "--sparkplug", broker.url, "--sparkplug-group", "hall")
    plant = example_plant("engineer-to-order")
    stations = {tag.name: tag.station for tag in plant.tags}
    simulated = {
        (f"hall/{r.source}/{stations[r.tag]}", r.tag, r.source_time_ns, r.value, r.unit, r.quality >> 30)
        for r in simulate(plant, seed=3, start_ns=START_NS)
    }
    with (
        PlantProcess(*arguments, *options, "--primary-host", "trace"),
        running(host(broker, primary_host="trace"), spool),
    ):
        wait_for(lambda: spool.size(CHANNEL) >= len(simulated))
    stored = [r for r in spool.entries(CHANNEL) if r.value is not None]
    assert {(r.source, r.tag, r.source_time_ns, r.value, r.unit, r.quality >> 30) for r in stored} == simulated
    assert len(stored) == len(simulated)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sparkplug", "http://127.0.0.1"), "sparkplug: expected mqtt://host:port"),
        (("--sparkplug", "mqtt://127.0.0.1:99999"), "sparkplug: 'mqtt://127.0.0.1:99999' is not a valid URL"),
        (("--sparkplug", "mqtt://broker.example"), "sparkplug: values sent to broker.example without encryption"),
        (("--sparkplug", "mqtt://127.0.0.1", "--sparkplug-group", "a/b"), "sparkplug_group: 'a/b' is not one level"),
        (("--sparkplug", "mqtt://127.0.0.1", "--primary-host", "+"), "primary_host: '+' is not one level"),
        (("--primary-host", "trace"), "primary_host: a primary host requires --sparkplug"),
    ],
)
def test_an_invalid_option_is_an_error(arguments, message):
    result = CliRunner().invoke(main, ["plant", "serve", *arguments])
    assert result.exit_code == 1
    assert message in result.stderr


def test_times_below_a_millisecond_are_an_error(recording):
    source = Recording(recording, expand_columns("force,speed"), step_s=0.0005, start_ns=START_NS)
    with pytest.raises(InvalidInput, match="not a whole number of milliseconds"):
        EdgeNode(source, "mqtt://127.0.0.1")
    source = Recording(recording, expand_columns("force,speed"), step_s=1, start_ns=START_NS + 1_000)
    with pytest.raises(InvalidInput, match="not a whole millisecond"):
        EdgeNode(source, "mqtt://127.0.0.1")
