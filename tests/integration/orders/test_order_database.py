"""Orders in a real PostgreSQL, next to the index."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from databases import Cluster, programs
from sqlalchemy import inspect, text

from chromatrace.domain.errors import Unavailable
from chromatrace.domain.identifiers import Gtin
from chromatrace.index import Index
from chromatrace.orders.importing import OrderFormat, import_orders
from chromatrace.orders.order import Order
from chromatrace.orders.store import OrderStore
from chromatrace.orders.webhooks.queue import WebhookQueue
from chromatrace.orders.webhooks.sender import SenderBusyError, WebhookSender
from chromatrace.plant.erp import Erp
from chromatrace.storage.sql_store import NewerSchemaError

PANE = Gtin("09521234543213")


@pytest.fixture(scope="module")
def cluster():
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    cluster = Cluster(folder).start()
    yield cluster
    cluster.stop()


def _send(store, quantity):
    data = f"order,material,quantity,start,finish\n1,{PANE},{quantity},2026-12-01,2026-12-02\n".encode()
    return import_orders(store, data, OrderFormat.CSV, Erp(), [PANE], "test")


def test_orders_share_a_database_with_the_index(cluster):
    url = cluster.new_database()
    index = Index(url)
    index.migrate()
    with OrderStore(url, "plant") as store:
        assert _send(store, 5).created
        assert _send(store, 6).updated[0].difference == {"quantity": [5, 6]}
        assert {"orders", "orders_version", "alembic_version"} <= set(inspect(store.engine).get_table_names())
    index.migrate()
    index.close()
    with OrderStore(url, "plant") as store:
        assert store.get("1").order.quantity == 6


def test_concurrent_writers_store_one_version_each(cluster):
    url = cluster.new_database()
    stores = [OrderStore(url, "plant") for _ in range(4)]
    threads = [threading.Thread(target=_send, args=(store, 10 + n)) for n, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = stores[0].versions("1")
    assert [version.version for version in versions] == [1, 2, 3, 4]
    for before, after in pairwise(versions):
        assert after.difference == {"quantity": [before.order.quantity, after.order.quantity]}
    for store in stores:
        store.close()


def test_messages_of_webhooks_are_queued_and_retried(cluster):
    now = [1_796_000_000]
    with OrderStore(cluster.new_database(), "plant", lambda: now[0]) as store:
        queue = WebhookQueue(store)
        first = queue.put("mes", "order.progress", "1", {"order": "1"}, "a")
        assert queue.put("mes", "order.progress", "1", {"order": "1"}, "a") is None
        second = queue.put("mes", "order.progress", "1", {"order": "1"}, "b")
        assert [message.id for message in queue.due("mes")] == [second]
        queue.failed(second, "the target answered 500")
        assert queue.due("mes") == []
        now[0] += 10
        queue.delivered(queue.due("mes")[0].id)
        assert {message.id: message.state.value for message in queue.messages()} == {
            first: "replaced",
            second: "delivered",
        }
        sender = WebhookSender(store, ())
        with OrderStore(str(store.engine.url), "plant") as other, sender.exclusive(), pytest.raises(SenderBusyError):
            WebhookSender(other, ()).exclusive().__enter__()


def test_a_schema_of_newer_software_is_an_error(cluster):
    url = cluster.new_database()
    with OrderStore(url, "plant") as store, store.begin() as session:
        session.execute(text("UPDATE orders_version SET version_num = '9999'"))
    with pytest.raises(NewerSchemaError, match="9999"):
        OrderStore(url, "plant")


def test_a_stopped_database_is_an_error(cluster):
    with OrderStore(cluster.new_database(), "plant") as store, cluster.stopped(), pytest.raises(Unavailable):
        store.put([Order("1", "m", PANE, 1, 1, 2)], "test", "0" * 64)
