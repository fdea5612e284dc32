"""Messages about real batches, and a sender that is killed while it delivers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from order_line import LINE
from webhook_receiver import receiving

from chromatrace.orders.importing import OrderFormat
from chromatrace.orders.store import OrderStore
from chromatrace.orders.webhooks.queue import MessageState, WebhookQueue
from chromatrace.orders.webhooks.signature import create_secret, read_keys
from chromatrace.plant.configuration import load_plant
from chromatrace.services.orders.desk import OrderDesk
from chromatrace.services.orders.outgoing import Webhooks

ORDER = b"order,material,quantity,start,finish\n77,EC-300,10,2026-10-13,2026-10-20\n"


@pytest.fixture
def receiver(tmp_path):
    create_secret(tmp_path / "mes.secret")
    with receiving(read_keys(tmp_path / "mes.secret")[0]) as receiver:
        yield receiver


@pytest.fixture
def plant_file(tmp_path, plant_text, receiver):
    path = tmp_path / "plant.toml"
    path.write_text(
        f"""{plant_text}
[[erp.webhooks]]
id = "mes"
url = "{receiver.url}"
secret_file = "mes.secret"
allow_private = true
"""
    )
    return path


def test_changes_on_the_chain_are_sent_once(members, plant_file, receiver, tmp_path):
    from members import MAKER, PARTNER

    plant = load_plant(plant_file)
    store = OrderStore(f"sqlite:///{tmp_path / 'operations.db'}", plant.name)
    with OrderDesk(store, plant, members.index, members.documents, MAKER) as desk:
        webhooks = Webhooks(desk)
        desk.import_orders(ORDER, OrderFormat.CSV, "test")
        assert webhooks.run_once()[1].delivered == 3
        assert sorted(receiver.events) == ["order.genealogy", "order.progress", "order.quality"]
        key = members.register(MAKER, LINE, "W-1")
        members.sync()
        assert webhooks.run_once() == (0, webhooks.sender.deliver()), "the batch belongs to no order yet"
        desk.assign("77", key)
        assert webhooks.run_once()[0] == 2, "progress and genealogy"
        members.sell(key, PARTNER)
        members.sync()
        webhooks.run_once()
        progress = [document["data"] for _, document in receiver.received if document["type"] == "order.progress"]
        assert [(item["registered"], item["released"]) for item in progress] == [(0, 0), (10, 0), (10, 10)]
        assert webhooks.run_once() == (0, webhooks.sender.deliver())
        restarted = Webhooks(desk)
        assert restarted.run_once()[0] == 0, "a new process does not send again"


_SENDER = """
import sys
from pathlib import Path
from chromatrace.orders.store import OrderStore
from chromatrace.orders.webhooks.sender import WebhookSender
from chromatrace.plant.configuration import load_plant
from chromatrace.plant.erp import ERP
plant = load_plant(Path(sys.argv[1]))
with OrderStore(sys.argv[2], plant.name) as store:
    sender = WebhookSender(store, plant.section(ERP).webhooks)
    with sender.exclusive():
        print(sender.deliver().delivered)
"""


def test_a_message_survives_sigkill_of_its_sender(plant_file, receiver, tmp_path):
    url = f"sqlite:///{tmp_path / 'operations.db'}"
    with OrderStore(url, load_plant(plant_file).name) as store:
        message = WebhookQueue(store).put("mes", "order.progress", "77", {"order": "77"}, "digest")
    command = [sys.executable, "-c", _SENDER, str(plant_file), url]
    receiver.proceed.clear()
    sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert receiver.arrived.wait(120), "the target has the request and does not answer"
    os.kill(sender.pid, signal.SIGKILL)
    sender.communicate()
    receiver.proceed.set()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "1\n"
    with OrderStore(url, load_plant(plant_file).name) as store:
        (stored,) = WebhookQueue(store).messages()
    assert (stored.id, stored.state) == (message, MessageState.DELIVERED)
    assert set(receiver.ids) == {message}, "the target can recognise the repetition"
