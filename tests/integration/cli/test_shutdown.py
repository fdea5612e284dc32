"""Long-running commands on a real chain exit with status 0 on a signal."""

import signal
import time

import fork_server
import pytest

TIMEOUT_S = 180


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "arguments",
    [("index", "sync", "--watch"), ("log", "anchor", "--watch"), ("portal", "serve", "--port", "0")],
    ids=" ".join,
)
def test_a_signal_ends_the_command_with_status_0(site, tmp_path, arguments, number):
    output = tmp_path / "output"
    base = ("--rpc-url", site.node.url, "--manifest", site.manifest, "--data", tmp_path, "--dev-account", "2")
    with output.open("wb") as out:
        process = fork_server.command_line().start(*base, *arguments, stdout=out, stderr=out)
    deadline = time.monotonic() + TIMEOUT_S
    while "press Ctrl-C to stop" not in output.read_text():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(TIMEOUT_S) == 0, output.read_text()
    assert "Traceback" not in output.read_text()
