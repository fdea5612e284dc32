"""Where a portal listens, and where its links lead."""

import json
import socket

import click
import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.cli.portal import held_port, links_to, url_at
from chromatrace.config import Settings
from chromatrace.services.workspace import Workspace


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
    assert said["message"] == f"127.0.0.1 port {taken} cannot be had: Address already in use"
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


@pytest.mark.parametrize(
    ("words", "base_url"),
    [
        ([], "http://127.0.0.1:34541"),
        (["--base-url", "https://id.example"], "https://id.example"),
        (["--base-url", Settings.base_url], Settings.base_url),
    ],
    ids=["not given", "given", "given as the default"],
)
def test_links_lead_to_where_it_listens_unless_a_base_url_is_given(words, base_url):
    context: click.Context = main.make_context("chromatrace", [*words, "status"])
    with context.scope(), Workspace(Settings(base_url=context.params["base_url"])) as given:
        assert links_to(given, "127.0.0.1", 34541).settings.base_url == base_url


def test_an_address_that_a_browser_can_open():
    assert url_at("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert url_at("::1", 80) == "http://[::1]:80"
