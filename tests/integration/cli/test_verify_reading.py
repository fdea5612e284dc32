"""`chromatrace log verify` trusts the node, not the local databases, which can be forged."""

import json
import shutil
import sqlite3

import pytest
from dev_chain import revert
from faulty_node import faulty_node

from chromatrace.chain.anchored import anchors_of, channel_named
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.ethereum import rate_limits
from chromatrace.ingest.spool import Spool
from chromatrace.merkle.proofs import leaf_hash, root

READINGS = 24


@pytest.fixture
def copied(site, tmp_path):
    """Return a copy of the data folder, to be forged."""
    shutil.copytree(site.folder / "data", tmp_path / "data")
    return tmp_path / "data"


def test_every_reading_is_verified(site):
    report = json.loads(site("log", "verify", "--channel", "line", "--all", "--json").stdout)
    assert (report["verified"], report["readings"], report["under_a_root_on_the_chain"]) == (True, READINGS, READINGS)
    assert report["organisation"] == 1


def test_a_forged_spool_with_a_forged_index_is_detected(site, copied):
    site("index", "sync", data=copied)
    with sqlite3.connect(copied / "spool.db") as spool:
        spool.execute("DROP TRIGGER reading_unchanged")
        changed = spool.execute("UPDATE reading SET value = value + 1 WHERE value = 3").rowcount
    spool.close()
    assert changed
    with Spool(copied / "spool.db") as spool:
        forged, size = root(map(leaf_hash, spool.log_entries("line"))), spool.size("line")
    with sqlite3.connect(copied / "index.db") as index:
        assert index.execute("UPDATE anchors SET root = ? WHERE size = ?", (forged, size)).rowcount == 1
    index.close()
    result = site("log", "verify", "--channel", "line", "--all", data=copied, status=1)
    assert "differ from those anchored in block" in result.stderr


def test_readings_that_are_not_anchored_fail_the_check(site, copied, tmp_path):
    more = tmp_path / "more.dat"
    more.write_text("1 2\n")
    arguments = [word if word != "2026-01-01T00:00:00Z" else "2026-02-01T00:00:00Z" for word in site.ingest]
    site("ingest", "file", more, *arguments, data=copied)
    report = site("log", "verify", "--channel", "line", "--all", data=copied, status=1)
    assert "2 readings are not anchored yet; run `chromatrace log anchor`" in report.stderr


def test_a_proof_is_verified_against_the_node(site, copied, tmp_path):
    reading = ("--source", "table", "--tag", "a", "--time-ns", 1_767_225_603_000_000_000)
    proof = tmp_path / "proof.json"
    site("log", "verify", "--channel", "line", *reading, "--write", proof, data=copied)
    report = json.loads(site("log", "verify", "--proof", proof, "--json", data=tmp_path / "empty").stdout)
    assert (report["verified"], report["organisation"], report["leaf"]) == (True, 1, 6)
    document = json.loads(proof.read_bytes())
    proof.write_text(json.dumps(document | {"size": document["size"] - 1}))
    assert "error" in site("log", "verify", "--proof", proof, data=tmp_path / "empty", status=1).stderr


def sizes(site, data):
    return json.loads(site("log", "status", "--json", data=data).stdout)["channels"]["line"]


@pytest.mark.parametrize("outbox_kept", [True, False])
def test_an_anchor_that_the_chain_lost_is_anchored_again(site, tmp_path, outbox_kept):
    """The node was restored from a state before the anchor; the status compares with the chain."""
    data, rpc = tmp_path / "data", site.node.rpc()
    before = rpc.call("evm_snapshot")
    table = tmp_path / "table.dat"
    table.write_text("1 2\n3 4\n")
    site("ingest", "file", table, *site.ingest, data=data)
    site("log", "anchor", data=data, account=3)
    assert sizes(site, data) == {"spooled": 4, "anchored": 4}
    revert(rpc, before)
    before = rpc.call("evm_snapshot")
    assert sizes(site, data) == {"spooled": 4, "anchored": 0}
    if not outbox_kept:
        for path in data.glob("outbox.db*"):
            path.unlink()
    site("log", "anchor", data=data, account=3)
    assert sizes(site, data) == {"spooled": 4, "anchored": 4}
    revert(rpc, before)


def test_a_node_without_logs_is_an_error(site, copied):
    with faulty_node(site.node.url) as node:
        node.answered = lambda request, answer: (
            answer | {"result": []} if request["method"] == "eth_getLogs" else answer
        )
        result = site("--rpc-url", node.url, "log", "verify", "--channel", "line", "--all", data=copied, status=1)
    assert "this node does not serve the logs of blocks" in result.stderr


def test_a_command_waits_for_a_node_that_limits_the_rate(site, copied, monkeypatch):
    monkeypatch.setattr(rate_limits, "_FIRST_WAIT_S", 0.001)
    with faulty_node(site.node.url) as node:

        def limit_every_other(requests):
            if node.bodies % 2:
                return 429, {"Retry-After": "0", "Content-Type": "text/html"}, b"<html><title>Too Many Requests</title>"
            return None

        node.respond = limit_every_other
        report = site("--rpc-url", node.url, "log", "verify", "--channel", "line", "--all", "--json", data=copied)
        assert node.bodies > 6
        node.respond = lambda requests: (403, {}, b"<html><head><title>Forbidden</title></head></html>")
        result = site("--rpc-url", node.url, "log", "status", data=copied, status=1)
    assert json.loads(report.stdout)["verified"]
    assert "HTTP status 403 and an HTML page ('Forbidden') instead of JSON-RPC" in result.stderr


def test_a_channel_name_must_be_unambiguous(site, copied):
    from chromatrace.services.workspace import Workspace
    from chromatrace.settings import Settings

    with Workspace(Settings(rpc_url=site.node.url, data=copied, manifest=site.manifest)) as workspace:
        with pytest.raises(NotFound, match="channel 'other' does not exist") as unknown:
            channel_named(workspace.reader, "other")
        assert unknown.value.field == "channel"
        with pytest.raises(NotFound):
            channel_named(workspace.reader, "line", 2)
        assert [anchor.size for anchor in anchors_of(workspace.reader, channel_named(workspace.reader, "line"))] == [24]
    # Another organisation has a channel of the same name.
    mark = site.node.rpc().call("evm_snapshot")
    other = copied / "other"
    table = copied / "table.dat"
    table.write_text("7 8\n")
    site("ingest", "file", table, *site.ingest, data=other)
    site("log", "anchor", data=other, account=3)
    with Workspace(Settings(rpc_url=site.node.url, data=copied, manifest=site.manifest)) as workspace:
        with pytest.raises(InvalidInput, match="organisations 1, 2 each have a channel") as several:
            channel_named(workspace.reader, "line")
        assert several.value.field == "organisation"
        assert channel_named(workspace.reader, "line", 2).organisation == 2
    revert(site.node.rpc(), mark)
