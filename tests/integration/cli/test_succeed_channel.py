"""`chromatrace log succeed`: a log continues in a new channel after a gateway ended the old one."""

import json
import shutil

import pytest
from dev_chain import revert

from chromatrace.chain import calls
from chromatrace.chain.anchored import channel_named
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings

ANCHOR = ("log", "anchor", "--channel", "line", "--json")


@pytest.fixture
def ended(site, tmp_path):
    """Return a copy of the data folder; the channel `line` on the chain ends with a head of no log."""
    mark = site.node.rpc().call("evm_snapshot")
    data = tmp_path / "data"
    shutil.copytree(site.folder / "data", data)
    with Workspace(Settings(rpc_url=site.node.url, data=data, manifest=site.manifest, dev_account=2)) as workspace:
        channel = channel_named(workspace.chain, "line", 1)
        workspace.chain.submit(calls.anchor(channel.id, 2**32, b"\1" * 32, 1, 1))
    yield data
    revert(site.node.rpc(), mark)


def test_the_log_is_anchored_and_verified_in_the_successor(site, ended):
    added = site.folder / "added.dat"
    added.write_text("7 8\n")
    arguments = [word if word != "2026-01-01T00:00:00Z" else "2026-03-01T00:00:00Z" for word in site.ingest]
    site("ingest", "file", added, *arguments, data=ended)
    assert json.loads(site(*ANCHOR, data=ended, account=2).stdout)["anchored"] == []
    opened = json.loads(site("log", "succeed", "line", "line, second", "--json", data=ended, account=2).stdout)
    anchored = json.loads(site(*ANCHOR, data=ended, account=2).stdout)["anchored"]
    assert [(head["channel"], head["id"]) for head in anchored] == [("line", opened["id"])]
    report = json.loads(site("log", "verify", "--channel", "line", "--all", "--json", data=ended).stdout)
    assert report["verified"]
    assert report["under_a_root_on_the_chain"] == report["readings"] == 26
    site("index", "sync", data=ended)
    with Workspace(Settings(rpc_url=site.node.url, data=ended, manifest=site.manifest)) as workspace:
        old = channel_named(workspace.reader, "line", 1).closed[0]
        with workspace.index.snapshot() as snapshot:
            names = [channel.name for channel in snapshot.succession(old)]
            assert names == ["line, second", "line"]
            assert snapshot.anchor_at(old, 26).size == 26


def test_only_an_administrator_of_the_owner_can_close_a_channel(site, ended):
    result = site("log", "succeed", "line", "other", data=ended, account=3, status=1)
    assert "channel 'line' does not exist" in result.stderr
