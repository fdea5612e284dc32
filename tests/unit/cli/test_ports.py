"""Listen addresses."""

import json
import socket

import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.storage.ports import held_port, url_at


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", [["chain", "start"], ["portal", "serve"]], ids=" ".join)
def test_a_port_in_use_is_an_error_before_anything_starts(monkeypatch, tmp_path, taken, command):
    words = ["--data", str(tmp_path / "data"), *command, "--port", str(taken)]
    monkeypatch.setattr("sys.argv", ["chromatrace", *words, "--json"])
    result = CliRunner().invoke(main, words)
    error = json.loads(result.stdout)
    assert (result.exit_code, error["error"], error["field"]) == (1, "Conflict", "port")
    assert error["message"] == f"cannot listen on 127.0.0.1 port {taken}: Address already in use"
    assert "--port (0: any" in error["hint"]
    assert not (tmp_path / "data").exists()


def test_another_port_is_taken_if_allowed(taken):
    with held_port("127.0.0.1", taken, or_another=True) as port:
        assert port != taken


def test_only_a_server_can_use_a_held_port():
    with held_port("127.0.0.1", 0) as port:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)) as server:
            assert server.getsockname()[1] == port


def test_the_url_is_one_that_a_browser_can_open():
    assert url_at("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert url_at("::1", 80) == "http://[::1]:80"
