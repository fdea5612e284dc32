"""A running portal: its server takes large imports from systems with a token only, and delivers webhooks."""

from __future__ import annotations

import httpx
import pytest
from served_portal import PortalProcess
from webhook_receiver import receiving

from chromatrace.orders.store import OrderStore
from chromatrace.orders.tokens import Tokens, TokenScope
from chromatrace.orders.webhooks.signature import create_secret, read_keys


@pytest.fixture
def receiver(tmp_path):
    create_secret(tmp_path / "mes.secret")
    with receiving(read_keys(tmp_path / "mes.secret")[0]) as receiver:
        yield receiver


def test_orders_are_imported_over_http_and_reported_by_webhooks(members, plant_text, receiver, tmp_path):
    plant = tmp_path / "plant.toml"
    target = f'[[erp.webhooks]]\nid = "mes"\nurl = "{receiver.url}"\nsecret_file = "mes.secret"\nallow_private = true\n'
    plant.write_text(f"{plant_text}\n{target}")
    with OrderStore(f"sqlite:///{tmp_path / 'operations.db'}", "maker") as store:
        token = Tokens(store).create("sap", list(TokenScope))
    rows = [f"{number:07d},EC-300,10,2026-10-13,2026-10-20\n" for number in range(3_000)]
    table = "order,material,quantity,start,finish\n" + "".join(rows)
    assert len(table) > 64 * 1024, "larger than a body that anyone may send"
    with PortalProcess(members, tmp_path, options=("--plant", plant)) as portal:
        url, headers = f"{portal.url}/api/v1/orders", {"Content-Type": "text/csv"}
        assert httpx.post(url, content=table, headers=headers, timeout=180).status_code == 401
        headers["Authorization"] = f"Bearer {token}"
        first = httpx.post(url, content=table[: table.index("\n", 200) + 1], headers=headers, timeout=180)
        created = first.json()["created"]
        portal.wait(lambda: len(receiver.received) >= 3 * len(created))
        assert {document["data"]["order"] for _, document in receiver.received} == set(created)
        sent = httpx.post(url, params={"dryRun": "true"}, content=table, headers=headers, timeout=180)
        assert (sent.status_code, len(sent.json()["created"])) == (200, 3_000 - len(created))
