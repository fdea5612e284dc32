"""A chain with two producers, and a spool with anchored heads."""

import pytest
from click.testing import CliRunner

from chromatrace.chain.dev_node import DevNode
from chromatrace.cli import main

ROWS = 12


@pytest.fixture(scope="session")
def site(deploy, tmp_path_factory):
    """Start a chain with two producers and a spool with anchored heads; return a function that runs a command."""
    folder = tmp_path_factory.mktemp("site")
    with DevNode() as node:
        manifest = deploy(node, folder)

        def run(*arguments, data=folder / "data", account=0, status=0):
            base = ["--rpc-url", node.url, "--manifest", manifest, "--data", data, "--dev-account", account]
            result = CliRunner().invoke(main, [str(word) for word in (*base, *arguments)])
            assert result.exit_code == status, result.output + result.stderr
            return result

        run.folder, run.manifest, run.node = folder, manifest, node
        for account, gln in ((2, "9521234500001"), (3, "9521234510000")):
            roles = ("--roles", "producer,gateway,admin")
            run("org", "register", gln, f"Example Works {account}", "--kind", "manufacturer", *roles)
            address = node.rpc().call("eth_accounts")[account]
            run("org", "appoint", address, gln, *roles)
        run("org", "license", "9521234500001", "952123454321")
        table = folder / "table.dat"
        table.write_text("".join(f"{row} {row / 8}\n" for row in range(ROWS)))
        run.ingest = ("--channel", "line", "--columns", "a,b", "--start", "2026-01-01T00:00:00Z", "--step", "1s")
        run("ingest", "file", table, *run.ingest)
        run("log", "anchor", account=2)
        yield run
