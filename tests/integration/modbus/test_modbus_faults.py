"""Test the Modbus gateway with servers that send malformed responses or close the connection."""

from __future__ import annotations

import socketserver
import struct
import threading
from contextlib import contextmanager

import pytest
from test_modbus_gateway import device, of_tag, read_once, running, settings, spool, tag, wait_until, written

from chromatrace.ingest.modbus.gateway import ModbusGateway

__all__ = ["spool"]

SICK = 7
"""Unit id of the device with a fault. All other devices respond with the value 5."""


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    @property
    def port(self):
        return self.server_address[1]


@contextmanager
def faulty_server(respond):
    """Serve one register. `respond` returns the bytes for a request to the sick device; None closes the connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            while request := self.request.recv(260):
                transaction, unit_id, function = struct.unpack(">H4xBB", request[:8])
                good = struct.pack(">HHHBBBH", transaction, 0, 5, unit_id, function, 2, 5)
                response = respond(good) if unit_id == SICK else good
                if response is None:
                    return
                self.request.sendall(response)

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


MAP = device(SICK, "sick", tag("a", "holding", 0, type="int16")) + device(
    2, "well", tag("b", "holding", 0, type="int16")
)


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(lambda good: good[:9], id="truncated"),
        pytest.param(lambda good: good[:4] + b"\0\3" + good[6:8] + b"\2", id="no values"),
        pytest.param(lambda good: good[:4] + b"\0\2" + good[6:8], id="no byte count"),
        pytest.param(lambda good: good[:4] + b"\0\4" + good[6:8] + b"\1\5", id="half a register"),
        pytest.param(lambda good: good[:8] + b"\xff" + good[9:], id="wrong byte count"),
        pytest.param(lambda good: b"\xff\xff" + good[2:], id="wrong transaction"),
        pytest.param(lambda good: good[:6] + b"\x09" + good[7:], id="wrong unit id"),
        pytest.param(lambda good: good[:7] + b"\x63" + good[8:], id="unknown function"),
        pytest.param(lambda good: good[:7] + b"\x10" + good[8:], id="response to another function"),
        pytest.param(lambda good: good[:2] + b"\xab\xcd\xff\xff" + good[6:], id="wrong protocol"),
        pytest.param(lambda good: b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(lambda good: b"", id="nothing"),
        pytest.param(lambda good: good[:5] + b"\3" + good[6:7] + b"\x83\xc8", id="unknown exception"),
        pytest.param(lambda good: None, id="closed"),
    ],
)
def test_a_malformed_response_is_a_bad_reading(tmp_path, spool, respond):
    with faulty_server(respond) as server:
        gateway = ModbusGateway(settings(server, written(tmp_path, 'poll = "20ms"\n' + MAP), timeout_s=0.3), spool)
        with running(gateway):
            wait_until(lambda: of_tag(spool, "a") and sum(r.value == 5 for r in of_tag(spool, "b")) >= 2)
    assert all(r.value is None and r.quality & 0x80000000 for r in of_tag(spool, "a"))
    assert sum(gateway.statistics.bad["sick/a"].values()) == len(of_tag(spool, "a"))


def test_read_once_ends_if_a_device_closes_the_connection(tmp_path, spool):
    with faulty_server(lambda good: None) as server:
        statistics = read_once(server, written(tmp_path, MAP), spool)
    assert statistics.bad == {"sick/a": {"connection closed": 1}}
    assert [r.value for r in of_tag(spool, "b")] == [5]
