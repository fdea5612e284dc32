"""`chromatrace chain start`, started several times on one data folder."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import fork_server
import httpx
import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.ethereum.rpc import RpcClient

START_S = 300
GLN = "9521234500001"
GATEWAY = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
"""Development account 2."""
COLUMNS = ("--columns", "XMEAS(1..41),XMV(1..11)")
RECORDING = (
    ("--dev-account", "0", "org", "register", GLN, "Example Plant", "--kind", "manufacturer", "--roles", "gateway"),
    ("--dev-account", "0", "org", "appoint", GATEWAY, GLN, "--roles", "gateway"),
    ("ingest", "file", "table.dat", "--channel", "tep", *COLUMNS, "--start", "2026-01-01T00:00:00Z", "--step", "180s"),
    ("--dev-account", "2", "log", "anchor"),
    ("log", "verify", "--channel", "tep", "--all"),
)
"""Commands that store, anchor and verify a table of readings."""


class Stack:
    """`chromatrace chain start` as a process, on free ports."""

    def __init__(self, data):
        self.data, self.log = data, data / f"start-{time.monotonic_ns()}.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHROMATRACE_")}
        arguments = ("--data", data, "chain", "start", "--port", 0, "--chain-port", 0)
        with self.log.open("wb") as log:
            self.process = fork_server.command_line().start(*arguments, stdout=log, stderr=log, env=inherited)
        deadline = time.monotonic() + START_S
        while not (urls := re.search(r"chain  (\S+)\s+portal (\S+)", self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        self.rpc_url, self.url = urls.groups()

    def run(self, *arguments):
        """Run a command on the same data folder and return its output."""
        environment = {"CHROMATRACE_DATA": str(self.data), "CHROMATRACE_RPC_URL": self.rpc_url}
        result = CliRunner().invoke(main, list(arguments), env=environment)
        assert result.exit_code == 0, (arguments, result.output)
        return result.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Interrupt the process unless it has ended."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(180) in (0, -signal.SIGKILL), self.log.read_text()


@pytest.mark.filterwarnings("ignore::chromatrace.ethereum.signer.DevKeyWarning")
def test_state_survives_restarts(tmp_path, monkeypatch):
    """Start three times: the first is interrupted, the second killed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.dat").write_text(
        "".join(" ".join(f"{row}.{column}" for column in range(52)) + "\n" for row in range(3))
    )
    data = tmp_path / "data"
    data.mkdir(mode=0o700)

    with Stack(data) as stack:
        for arguments in RECORDING:
            output = stack.run(*arguments)
        assert "156" in output, "all 3 × 52 readings are anchored"
        monkeypatch.setenv("CHROMATRACE_PORTAL_ACCOUNT_PASSWORD", "seven grey panes of glass")
        operator = json.loads(stack.run("portal", "add-account", "shop@example", "--json"))["operator"]
        stack.run("key", "fund", operator, "--ether", "0.5")
        assert RpcClient(stack.rpc_url).call("eth_getBalance", operator, "latest") == hex(15 * 10**17)
        links = httpx.get(f"{stack.url}/.well-known/gs1resolver").json()
        assert links["resolverRoot"] == stack.url

    with Stack(data) as stack:
        register = (
            "org",
            "register",
            "9521234520009",
            "Example Windows",
            "--kind",
            "franchisee",
            "--roles",
            "franchisee",
        )
        stack.run("--dev-account", "0", *register)
        stack.process.kill()

    with Stack(data) as stack:
        organisations = json.loads(stack.run("org", "list", "--json"))["organisations"]
        assert [organisation["name"] for organisation in organisations] == ["Example Plant", "Example Windows"]
        assert "156" in stack.run(*RECORDING[-1])
