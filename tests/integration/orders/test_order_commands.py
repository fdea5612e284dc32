"""The commands `chromatrace order`, with a plant file, a chain and a target of webhooks."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner
from order_line import LINE
from webhook_receiver import receiving

from chromatrace.cli import main
from chromatrace.orders.webhooks.signature import read_keys

HEADER = "order,material,quantity,start,finish\n"


@pytest.fixture
def run(members, plant_text, tmp_path):
    """Return a function that runs a command of the plant in `tmp_path`."""
    plant = tmp_path / "plant.toml"
    plant.write_text(plant_text)

    def invoke(*arguments, status=0):
        options = ["--data", tmp_path, "--plant", plant, "--rpc-url", members.node.url]
        options += ["--manifest", members.manifest_path]
        result = CliRunner().invoke(main, [str(item) for item in (*options, "order", *arguments)])
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def orders(tmp_path):
    def write(*rows, name="orders.csv"):
        path = tmp_path / name
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return path

    return write


FIRST = "1000471,EC-300,10,2026-10-13,2026-10-20"


def test_an_import_prints_what_changed(run, orders):
    assert "1 orders would be new" in run("import", orders(FIRST), "--dry-run").stdout
    assert "1 orders are new" in run("import", orders(FIRST)).stdout
    changed = run("import", orders(FIRST.replace(",10,", ",12,"))).stdout
    assert "order 1000471, version 2: quantity: 10 -> 12" in changed
    listed = json.loads(run("list", "--json").stdout)["orders"]
    assert [(order["order"], order["quantity"], order["version"]) for order in listed] == [("1000471", 12, 2)]
    assert run("list", "--status", "closed").stdout == ""


def test_every_wrong_row_is_printed_and_nothing_is_stored(run, orders):
    result = run("import", orders(FIRST, "2,EC-300,-1,2026-10-13,2026-10-20", "3,X,1,2026-10-13,2026-10-01"), status=1)
    assert "row 3, quantity: quantity is -1" in result.stderr
    assert "row 4, material: unknown product 'X'" in result.stderr
    assert "row 4, finish:" in result.stderr
    assert json.loads(run("list", "--json").stdout)["orders"] == []


def test_progress_is_exported_as_csv(run, orders, members, tmp_path):
    from members import MAKER

    key = members.register(MAKER, LINE, "C-1")
    members.sync()
    run("import", orders(FIRST))
    run("assign", "1000471", key.gtin, key.lot)
    run("export", "progress", "-o", tmp_path / "progress.csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "progress.csv").read_text()))
    assert (row["order"], row["registered"], row["complete"]) == ("1000471", "10", "false")
    shown = json.loads(run("show", "1000471", "--json").stdout)
    assert [batch["lot"] for batch in shown["batches"]] == ["C-1"]
    assert [version["version"] for version in shown["versions"]] == [1]
    genealogy = json.loads(run("export", "genealogy", "--order", "1000471", "--json").stdout)["orders"]
    assert [batch["lot"] for batch in genealogy[0]["batches"]] == ["C-1"]


def test_tokens_are_created_listed_and_revoked(run):
    created = json.loads(run("token", "create", "sap", "--scope", "orders:read", "--days", 30, "--json").stdout)
    assert created["token"].startswith("cto_")
    (listed,) = json.loads(run("token", "list", "--json").stdout)["tokens"]
    assert listed["expires"] - listed["created"] == pytest.approx(30 * 86_400, abs=5)
    assert "exists" in run("token", "create", "sap", "--scope", "orders:read", status=1).stderr
    run("token", "revoke", "sap")
    assert json.loads(run("token", "list", "--json").stdout)["tokens"] == []


def test_webhooks_are_tested_delivered_listed_and_retried(run, orders, plant_text, tmp_path):
    run("webhooks", "secret", tmp_path / "mes.secret")
    assert "exists" in run("webhooks", "secret", tmp_path / "mes.secret", status=1).stderr
    with receiving(read_keys(tmp_path / "mes.secret")[0]) as receiver:
        target = f'[[erp.webhooks]]\nid = "mes"\nurl = "{receiver.url}"\nsecret_file = "mes.secret"\n'
        (tmp_path / "plant.toml").write_text(f"{plant_text}\n{target}allow_private = true\n")
        assert json.loads(run("webhooks", "test", "mes", "--json").stdout)["status"] == 204
        run("import", orders(FIRST))
        receiver.status = 500
        assert json.loads(run("webhooks", "test", "mes", "--json", status=1).stdout)["status"] == 500
        first = json.loads(run("webhooks", "run", "--once", "--json").stdout)
        assert first == {"queued": 3, "delivered": 0, "failed": 1}
        waiting = json.loads(run("webhooks", "list", "--state", "pending", "--json").stdout)["messages"]
        assert sorted(message["event"] for message in waiting) == ["order.genealogy", "order.progress", "order.quality"]
        receiver.status = 204
        assert json.loads(run("webhooks", "retry", "--target", "mes", "--json").stdout) == {"due": 3}
        assert json.loads(run("webhooks", "run", "--once", "--json").stdout)["delivered"] == 3
        assert "delivered" in run("webhooks", "list").stdout
    assert receiver.events[0] == "webhook.test"
    assert "expected either" in run("webhooks", "retry", status=1).stderr
