"""Test the MQTT gateway with a real broker."""

from __future__ import annotations

import datetime
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mosquitto import MOSQUITTO, Mosquitto
from mqtt_clients import WAIT_S, client_of, publish, running, subscribe, wait_for

from chromatrace.cli import main
from chromatrace.domain.errors import InvalidInput, NotAuthorised
from chromatrace.ingest.mqtt.gateway import BrokerUnavailable, MqttGateway
from chromatrace.ingest.mqtt.payload import BAD_NO_COMMUNICATION
from chromatrace.ingest.mqtt.settings import MqttSecurity, MqttSettings
from chromatrace.ingest.mqtt.topics import parse_mappings
from chromatrace.ingest.spool import Spool
from chromatrace.sparkplug.sparkplug_pb2 import Metric, Payload

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="the program mosquitto is not installed")

MS = 1_714_521_600_000
CHANNEL = "line"


def settings_of(broker, *mappings, **options):
    options.setdefault("backoff_s", (0.05, 0.2))
    return MqttSettings(broker.url, CHANNEL, json_tags=parse_mappings(mappings), **options)


def stored(spool):
    return [(r.source, r.tag, r.source_time_ns // 10**6 - MS, r.value) for r in spool.entries(CHANNEL)]


class EdgeNode:
    """Publishes the messages of an edge node and answers rebirth commands."""

    def __init__(self, client):
        self.client, self.seq, self.births, self.value = client, 0, 0, 0.0
        client.on_message = lambda *_: self.birth()
        subscribe(client, "spBv1.0/hall/NCMD/node")

    def send(self, kind, *metrics, device=None, seq=None):
        seq = self.seq if seq is None else seq
        topic = "/".join(["spBv1.0", "hall", kind, "node", *([device] if device else [])])
        self.client.publish(topic, Payload(timestamp=MS, seq=seq, metrics=metrics).SerializeToString())
        self.seq = (seq + 1) % 256

    def birth(self):
        self.send("NBIRTH", Metric(name="bdSeq", timestamp=MS, datatype=4, long_value=0), seq=0)
        force = Metric(name="force", alias=7, timestamp=MS, datatype=10, double_value=0.0)
        self.send("DBIRTH", force, device="press")
        self.births += 1

    def data(self, at, value):
        self.send("DDATA", Metric(alias=7, timestamp=MS + at, double_value=value), device="press")


def test_a_gap_causes_a_rebirth_and_a_death_is_visible(broker, spool):
    with running(settings_of(broker), spool) as gateway, client_of(broker) as client:
        node = EdgeNode(client)
        node.birth()
        node.data(1, 1.0)
        wait_for(lambda: gateway.statistics.stored == 2)
        node.seq += 3
        node.data(2, 2.0)
        wait_for(lambda: node.births == 2)
        wait_for(lambda: gateway.statistics.duplicates == 1)  # the value of the second birth
        node.data(3, 3.0)
        node.send("NDEATH", Metric(name="bdSeq", timestamp=MS, datatype=4, long_value=0))
        wait_for(lambda: gateway.statistics.stored == 4)
    assert gateway.statistics.gaps_unfilled == 1
    assert gateway.statistics.rebirth_requests == 1
    assert stored(spool)[:3] == [("hall/node/press", "force", at, float(at)) for at in (0, 1, 3)]
    *_, dead = spool.entries(CHANNEL)
    assert (dead.value, dead.quality) == (None, BAD_NO_COMMUNICATION)


def test_a_gateway_that_starts_later_requests_the_births(broker, spool):
    with client_of(broker) as client:
        node = EdgeNode(client)
        node.birth()
        publish(client, "other", b"")  # the broker has the births
        with running(settings_of(broker), spool) as gateway:
            node.data(1, 1.0)
            wait_for(lambda: gateway.statistics.stored == 1)
            node.data(2, 2.0)
            wait_for(lambda: gateway.statistics.stored == 2)
    assert [rejection.reason for rejection in gateway.statistics.rejections] == [
        "DDATA with 1 values before the birth of the node"
    ]


def test_a_gateway_that_starts_again_reports_the_gap_and_requests_the_births(broker, spool):
    with client_of(broker) as client:
        node = EdgeNode(client)
        with running(settings_of(broker), spool) as gateway:
            node.birth()
            wait_for(lambda: gateway.statistics.stored == 1)
        node.data(1, 1.0)
        publish(client, "other", b"")  # the broker has the data
        with running(settings_of(broker), spool) as gateway:
            wait_for(lambda: gateway.statistics.duplicates == 1)  # the value of the second birth
            node.data(2, 2.0)
            wait_for(lambda: gateway.statistics.stored == 1)
    assert gateway.statistics.rejected == 0
    assert [gap.reason.partition(";")[0] for gap in gateway.statistics.gaps] == ["the broker kept no session"]
    assert stored(spool) == [("hall/node/press", "force", at, float(at)) for at in (0, 2)]


def test_a_lost_session_of_json_topics_is_a_gap(broker, spool):
    mapping = "t=press/force"
    with running(settings_of(broker, mapping), spool) as gateway, client_of(broker) as client:
        publish(client, "t", json.dumps({"timestamp": MS, "value": 1}))
        wait_for(lambda: gateway.statistics.stored == 1)
    with running(settings_of(broker, mapping), spool) as gateway:
        assert gateway.statistics.gaps_unfilled == 0
    with running(settings_of(broker, mapping, client_id="another"), spool) as gateway:
        assert gateway.statistics.gaps_unfilled == 1


def test_topics_of_an_earlier_mapping_are_not_subscribed_any_more(broker, spool):
    with running(settings_of(broker, "old=press/force"), spool):
        pass
    with running(settings_of(broker, "new=press/force"), spool) as gateway, client_of(broker) as client:
        publish(client, "old", b"{}")
        wait_for(lambda: gateway.statistics.rejected == 1)
        wait_for(lambda: publish(client, "new", json.dumps({"timestamp": MS, "value": 1})) or gateway.statistics.stored)
    assert gateway.statistics.rejections[0].reason == "the topic has no mapping"


def test_a_broker_restart_is_a_gap_and_the_gateway_reconnects(broker, spool):
    with running(settings_of(broker), spool) as gateway:
        with client_of(broker) as client:
            EdgeNode(client).birth()
            wait_for(lambda: gateway.statistics.stored == 1)
        broker.stop()
        wait_for(lambda: not gateway.statistics.connected)
        assert broker.start()
        wait_for(lambda: gateway.statistics.reconnects == 1 and gateway.statistics.connected)
        with client_of(broker) as client:
            node = EdgeNode(client)
            node.birth()
            node.data(1, 1.0)
            wait_for(lambda: gateway.statistics.stored == 2)
    assert "not connected" in gateway.statistics.gaps[0].reason


def test_the_primary_host_publishes_its_state(broker, spool):
    with client_of(broker) as client:
        subscribe(client, "spBv1.0/STATE/trace")

        def states():
            return [json.loads(data)["online"] for _, data in client.received]

        with running(settings_of(broker, primary_host="trace"), spool):
            wait_for(lambda: states() == [True])
            publish(client, "spBv1.0/STATE/trace", b'{"online": false, "timestamp": 1}')
            wait_for(lambda: states() == [True, False, True])
        wait_for(lambda: states() == [True, False, True, False])


def test_the_broker_keeps_json_messages_while_the_gateway_does_not_run(broker, spool):
    settings = settings_of(broker, "hall/press=press/force[kN]")
    with running(settings, spool), client_of(broker) as client:
        publish(client, "hall/press", json.dumps({"timestamp": MS, "value": 0.0}))
        wait_for(lambda: spool.size(CHANNEL) == 1)
    with client_of(broker) as client:
        for at in (1, 2, 3):
            publish(client, "hall/press", json.dumps({"timestamp": MS + at, "value": float(at)}))
    with running(settings, spool):
        wait_for(lambda: spool.size(CHANNEL) == 4)
    assert stored(spool) == [("press", "force", at, float(at)) for at in range(4)]


def test_a_killed_gateway_loses_and_repeats_nothing(broker, tmp_path):
    command = [sys.executable, "-m", "chromatrace.cli", "--data", str(tmp_path / "data"), "ingest", "mqtt", broker.url]
    command += ["--channel", CHANNEL, "--topic", "hall/press=press/force", "--json"]
    path, count = tmp_path / "data" / "spool.db", 3_000

    def start():
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def size():
        if not path.exists():
            return 0
        with Spool(path) as spool:
            return spool.size(CHANNEL)

    process = start()
    try:
        with client_of(broker) as client:
            wait_for(lambda: publish(client, "hall/press", json.dumps({"timestamp": MS, "value": 0})) or size())
            for at in range(1, count):
                client.publish("hall/press", json.dumps({"timestamp": MS + at, "value": float(at)}), qos=1)
                if at % 1_000 == 0:
                    wait_for(lambda at=at: size() > at // 2)
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    process = start()
            wait_for(lambda: size() == count)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_S)
    with Spool(path) as spool:
        assert sorted(stored(spool)) == [("press", "force", at, float(at)) for at in range(count)]


def test_an_oversize_payload_and_an_invalid_one_are_listed(broker, spool):
    settings = settings_of(broker, "hall/press=press/force", max_payload=100)
    with running(settings, spool) as gateway, client_of(broker) as client:
        publish(client, "hall/press", b'{"timestamp": 1, "value": "' + b"x" * 100 + b'"}')
        publish(client, "hall/press", b"{")
        wait_for(lambda: gateway.statistics.rejected == 2)
    assert gateway.statistics.rejected_by_source == {"hall/press": 1, "press": 1}


def test_a_changed_value_at_one_time_is_a_conflict(broker, spool):
    with running(settings_of(broker, "t=press/force"), spool) as gateway, client_of(broker) as client:
        for value in (1, 1, 2):
            publish(client, "t", json.dumps({"timestamp": MS, "value": value}))
        wait_for(lambda: gateway.statistics.conflicting == 1)
    assert (gateway.statistics.stored, gateway.statistics.duplicates) == (1, 1)


def test_a_time_in_the_future_is_counted_for_its_source(broker, spool):
    with running(settings_of(broker, "t=press/force"), spool) as gateway, client_of(broker) as client:
        publish(client, "t", json.dumps({"timestamp": time.time_ns() // 10**6 + 10**9, "value": 1}))
        publish(client, "t", json.dumps({"timestamp": MS, "value": 1}))
        wait_for(lambda: gateway.statistics.stored == 2)
    assert gateway.statistics.implausible_times == {"press": {"future": 1, "past": 0}}


@pytest.fixture
def password_broker(tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "gateway", "right"], check=True)
    started = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    yield started
    started.stop()


def test_a_wrong_password_is_an_error_and_the_right_one_connects(password_broker, spool):
    def settings(password):
        return settings_of(password_broker, security=MqttSecurity("gateway", password))

    with pytest.raises(NotAuthorised):
        MqttGateway(settings("wrong"), spool).run(threading.Event())
    with running(settings("right"), spool) as gateway:
        assert gateway.statistics.connects == 1


def certificate(folder, name, issuer=None):
    """Write a key and a certificate for 127.0.0.1, signed by `issuer` or by itself. Return the certificate and key."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    signed = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return signed, key


def test_tls_authenticates_the_broker_and_the_gateway(tmp_path, spool):
    ca = certificate(tmp_path, "ca")
    certificate(tmp_path, "broker", ca)
    certificate(tmp_path, "gateway", ca)
    certificate(tmp_path, "other")
    broker = Mosquitto(
        tmp_path,
        *(f"cafile {tmp_path}/ca.pem", f"certfile {tmp_path}/broker.pem", f"keyfile {tmp_path}/broker.key"),
        *("require_certificate true", "use_identity_as_username true"),
    )
    broker.url = broker.url.replace("mqtt:", "mqtts:")
    try:
        own = {"certificate": tmp_path / "gateway.pem", "private_key": tmp_path / "gateway.key"}
        with pytest.raises(NotAuthorised, match="not trusted"):
            MqttGateway(settings_of(broker, security=MqttSecurity(ca=tmp_path / "other.pem", **own)), spool).run(
                threading.Event()
            )
        with pytest.raises(BrokerUnavailable):
            MqttGateway(settings_of(broker, security=MqttSecurity(ca=tmp_path / "ca.pem"), give_up_s=0.1), spool).run(
                threading.Event()
            )
        with running(settings_of(broker, security=MqttSecurity(ca=tmp_path / "ca.pem", **own)), spool) as gateway:
            assert gateway.statistics.connects == 1
    finally:
        broker.stop()


def test_a_password_without_encryption_requires_an_option():
    result = CliRunner().invoke(main, ["ingest", "mqtt", "mqtt://broker.example", "--channel", "c", "--user", "u"])
    assert result.exit_code != 0
    assert "--unencrypted" in str(result.exception) + result.output


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://broker", {}),
        ("mqtt://user:secret@broker", {}),
        ("mqtt://broker:99999", {}),
        ("mqtt://broker", {"groups": ("a/b",)}),
        ("mqtt://broker", {"primary_host": "+"}),
        ("mqtt://broker", {"security": MqttSecurity(ca=Path("ca.pem"))}),
    ],
)
def test_invalid_settings_are_rejected(url, options):
    with pytest.raises(InvalidInput):
        MqttSettings(url, CHANNEL, **options)


def test_a_broker_that_does_not_answer_ends_the_command_after_the_limit(spool):
    settings = MqttSettings("mqtt://127.0.0.1:1", CHANNEL, give_up_s=0.2, backoff_s=(0.05, 0.1))
    with pytest.raises(BrokerUnavailable, match="was unavailable for"):
        MqttGateway(settings, spool).run(threading.Event())
