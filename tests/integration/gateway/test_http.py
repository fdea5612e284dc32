"""The gateway's HTTP server: pushed readings, /healthz and /metrics, also while the disk is full."""

from __future__ import annotations

import http.client
import json
from contextlib import closing, contextmanager

import pytest
from gateway_process import wait_for
from prometheus_client.parser import text_string_to_metric_families

from chromatrace.domain.errors import Unavailable
from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.gateway import PlantGateway
from chromatrace.gateway.push import MAX_BODY
from chromatrace.gateway.runners import HttpRunner
from chromatrace.gateway.store import GatewayStore
from chromatrace.gateway.tokens import TokenFile
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.shared_spool import SharedSpool
from chromatrace.plant.gateway_options import GatewayOptions
from chromatrace.plant.plant_sources import HttpSource

AT = "2026-03-01T08:00:00Z"
READING = {"tag": "mass", "time": AT, "value": 1.5, "unit": "kg"}


class FailingRunner:
    """A source whose server rejects its credentials."""

    id, protocol, channel, address = "press", "opcua", "line", "opc.tcp://press.example:4840"
    statistics = GatewayStatistics()

    def run(self, stop):
        raise Unavailable("authentication rejected")


@contextmanager
def running(folder, *others, max_bytes=None):
    """Run a gateway with the HTTP sources `scale` and `oven`."""
    options = GatewayOptions()
    with (
        SharedSpool(folder / "spool.db", max_bytes=max_bytes) as spool,
        GatewayStore(folder / "gateway.db") as store,
    ):
        letters = DeadLetters(store)
        runners = [
            HttpRunner(
                HttpSource(name, "line", folder / f"{name}.tokens"), "", spool, letters.recorder(name, "line"), options
            )
            for name in ("scale", "oven")
        ]
        with PlantGateway("hall", [*runners, *others], spool, store, ("127.0.0.1", 0)) as gateway:
            gateway.spool = spool
            yield gateway


def request(gateway, method, path, body=None, **headers):
    with closing(http.client.HTTPConnection(gateway.http, timeout=60)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def push(gateway, token, *elements, **headers):
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"} | headers
    body = elements[0] if elements and isinstance(elements[0], bytes) else json.dumps(elements).encode()
    status, answered, answer = request(gateway, "POST", "/api/v1/readings", body, **headers)
    return status, answered, json.loads(answer)


@pytest.fixture
def token(tmp_path):
    return TokenFile(tmp_path / "scale.tokens").create("scale 1")[0]


@pytest.fixture
def gateway(tmp_path, token):
    with running(tmp_path) as started:
        yield started


def test_a_repeated_request_gives_the_stored_answer(gateway, token):
    first = push(gateway, token, READING, Idempotency_Key="1")
    assert (first[0], first[2]["stored"]) == (200, 1)
    assert push(gateway, token, READING, Idempotency_Key="1")[2] == first[2]
    assert push(gateway, token, READING)[2]["duplicates"] == 1
    status, headers, problem = push(gateway, token, READING | {"value": 2}, Idempotency_Key="1")
    assert (status, problem["field"], headers["Content-Type"]) == (
        422,
        "Idempotency-Key",
        "application/problem+json",
    )
    assert gateway.spool.size("line") == 1


def test_a_token_is_for_one_source(gateway, token, tmp_path):
    other, stored = TokenFile(tmp_path / "oven.tokens").create("")
    assert push(gateway, other, READING)[0] == 200
    assert push(gateway, other, READING | {"source": "scale"})[2]["errors"][0]["field"] == "source"
    TokenFile(tmp_path / "oven.tokens").revoke(stored.id)
    assert push(gateway, other, READING)[0] == 401
    assert push(gateway, token, READING)[0] == 200
    assert [reading.source for reading in gateway.spool.entries("line")] == ["oven", "scale"]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/api/v1/readings", b"[]", {"Authorization": ""}, 401),
        ("POST", "/api/v1/readings", b"[]", {"Authorization": "Bearer wrong"}, 401),
        ("POST", "/api/v1/readings", b"[]", {"Authorization": "Basic dTpw"}, 401),
        ("POST", "/api/v1/readings", b"[]", {}, 400),
        ("POST", "/api/v1/readings", b"NaN", {}, 400),
        ("POST", "/api/v1/readings", b"[1]", {"Content_Type": "text/plain"}, 400),
        ("POST", "/api/v1/readings", b"[1]", {"Idempotency_Key": "x" * 256}, 400),
        ("POST", "/api/v1/readings", b"[1]", {}, 422),
        ("POST", "/api/v1/readings", b" " * (MAX_BODY + 1), {}, 413),
        ("GET", "/api/v1/readings", None, {}, 405),
        ("GET", "/api/v1/other", None, {}, 404),
    ],
    ids=["none", "wrong", "basic", "empty", "nan", "type", "key", "element", "large", "method", "path"],
)
def test_errors_have_one_shape(gateway, token, method, path, body, headers, status):
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"} | headers
    found, answered, answer = request(gateway, method, path, body, **headers)
    document = json.loads(answer)
    assert found == status
    if status == 422:
        assert document["errors"][0]["index"] == 0
        return
    assert answered["Content-Type"].startswith("application/problem+json")
    assert {"type", "title", "status", "error", "message", "detail"} <= document.keys()
    assert document["status"] == status
    assert ("WWW-Authenticate" in answered) == (status == 401)


def test_a_failed_source_is_degraded_and_the_others_continue(tmp_path, token):
    with running(tmp_path, FailingRunner()) as gateway:
        wait_for(lambda: gateway.report()["status"] == "degraded")
        status, _, body = request(gateway, "GET", "/healthz")
        failed = next(source for source in json.loads(body)["sources"] if source["source"] == "press")
        assert (status, failed["state"], failed["error"]) == (503, "failed", "authentication rejected")
        assert push(gateway, token, READING)[0] == 200


def samples(gateway):
    _, headers, body = request(gateway, "GET", "/metrics")
    assert headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_metrics_count_what_is_stored_and_rejected(gateway, token):
    push(gateway, token, READING, READING, READING | {"tag": 1}, READING | {"time": "2099-01-01T00:00:00Z"})
    found = samples(gateway)
    prefix = "chromatrace_gateway_"
    assert found[f"{prefix}readings_stored_total", "scale"] == 2
    assert found[f"{prefix}duplicates_total", "scale"] == 1
    assert found[f"{prefix}rejected_total", "scale"] == 1
    assert found[f"{prefix}implausible_times_total", "future", "scale", "scale"] == 1
    assert found[f"{prefix}dead_letters", "open", "scale"] == 1
    assert found[f"{prefix}source_up", "http", "scale"] == 1
    assert found[f"{prefix}channel_writable", "line"] == 1
    assert found[f"{prefix}clock_offset_seconds", "scale", "scale"] > 10**9


def test_a_full_disk_is_shown_and_the_gateway_recovers(tmp_path, token):
    with running(tmp_path, max_bytes=200 * 1024) as gateway:
        many = [READING | {"tag": f"t{number}" * 10, "time": AT} for number in range(2_000)]
        status, headers, problem = push(gateway, token, *many)
        assert (status, "Retry-After" in headers) == (503, True)
        assert str(tmp_path) not in json.dumps(problem)
        status, _, body = request(gateway, "GET", "/healthz")
        assert status == 503
        assert "full" in json.loads(body)["channels"][0]["error"]
        assert samples(gateway)["chromatrace_gateway_channel_writable", "line"] == 0
        gateway.spool._db.execute("PRAGMA max_page_count = 100000")
        assert push(gateway, token, *many)[2]["stored"] == 2_000
        assert request(gateway, "GET", "/healthz")[0] == 200


def test_an_address_in_use_is_an_error(gateway, tmp_path):
    host, _, port = gateway.http.rpartition(":")
    with GatewayStore(tmp_path / "gateway.db") as store, pytest.raises(Unavailable, match="cannot listen"):
        PlantGateway("hall", [], gateway.spool, store, (host, int(port))).__enter__()
