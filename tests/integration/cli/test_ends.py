"""What serves until Ctrl-C, on a real chain: it says that it does, and ends with 0 when it is told to."""

import signal
import time

import fork_server
import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "words",
    [("index", "sync", "--watch"), ("log", "anchor", "--watch"), ("portal", "serve", "--port", "0")],
    ids=" ".join,
)
def test_its_ordinary_end(site, tmp_path, words, number):
    said = tmp_path / "said"
    base = ("--rpc-url", site.node.url, "--manifest", site.manifest, "--data", tmp_path, "--dev-account", "2")
    with said.open("wb") as out:
        process = fork_server.command_line().start(*base, *words, stdout=out, stderr=out)
    while "Ctrl-C ends it" not in said.read_text():
        assert process.poll() is None, said.read_text()
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(180) == 0, said.read_text()
    assert "Traceback" not in said.read_text()
