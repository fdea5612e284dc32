"""Where a portal listens, and where its links lead."""

import json
import socket

import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.services.ports import held_port, url_at


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", [["up"], ["portal", "serve"]], ids=" ".join)
def test_a_taken_port_is_refused_before_anything_is_started(monkeypatch, tmp_path, taken, command):
    words = ["--data", str(tmp_path / "data"), *command, "--port", str(taken)]
    monkeypatch.setattr("sys.argv", ["chromatrace", *words, "--json"])
    answer = CliRunner().invoke(main, words)
    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["error"], said["field"]) == (1, "Conflict", "port")
    assert said["message"] == f"cannot listen on 127.0.0.1 port {taken}: Address already in use"
    assert "--port (0: any" in said["hint"]
    assert not (tmp_path / "data").exists()


def test_another_port_only_where_that_is_wanted(taken):
    with held_port("127.0.0.1", taken, or_another=True) as port:
        assert port != taken


def test_a_held_port_is_there_for_a_server_and_for_nobody_else():
    with held_port("127.0.0.1", 0) as port:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)) as server:
            assert server.getsockname()[1] == port


def test_an_address_that_a_browser_can_open():
    assert url_at("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert url_at("::1", 80) == "http://[::1]:80"
