"""The control charts of a tag and the orders of the plant."""

from __future__ import annotations

import random
import time

import pytest
from portal_client import JSON, log_in_by_wallet
from portal_world import GTIN, MAKER
from workshop_plant import CHANNEL, PLANT, open_spool

from app import create_app
from chromatrace.domain.identifiers import BatchKey, Gtin
from chromatrace.domain.reading import BAD, Reading
from chromatrace.ingest.times import rfc3339
from chromatrace.orders.order import Order
from chromatrace.orders.store import OrderStore
from chromatrace.services.orders.desk import OrderDesk

BASE = "http://workshop.example"
START = 1_767_225_600 * 10**9
SECOND = 10**9
SHIFTED = 300
"""The first value after the mean has shifted by four standard deviations."""


@pytest.fixture(scope="module")
def spool(tmp_path_factory):
    """Return a spool with 400 readings of a tag whose mean shifts, and one bad reading."""
    chosen = random.Random(3)
    values = [chosen.gauss(5.0, 0.1) + (0.4 if index >= SHIFTED else 0) for index in range(400)]
    with open_spool(tmp_path_factory.mktemp("charts")) as spool:
        readings = [
            Reading("sputter-1", "pressure", START + index * SECOND, START, value, "Pa")
            for index, value in enumerate(values)
        ]
        readings[50] = Reading("sputter-1", "pressure", START + 50 * SECOND, START, None, "Pa", BAD)
        spool.append(CHANNEL, readings)
        yield spool


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with OrderStore(f"sqlite:///{tmp_path_factory.mktemp('orders') / 'operations.db'}", PLANT.name) as store:
        now = int(time.time())
        orders = [
            Order("4711", "EC-300", Gtin(GTIN), 1_000_000, now - 7200, now - 3600),
            Order("4712/1", "EC-300", Gtin(GTIN), 50, now, now + 86_400),
        ]
        store.put(orders, "erp", "a" * 64)
        store.assign("4711", BatchKey.parse(GTIN, "L2410A"))
        yield store


@pytest.fixture(scope="module")
def client(world, spool, store, tmp_path_factory):
    settings = {
        "plant_organisation": world.organisations["maker"],
        "login_limit": "1000 per minute",
        "twin_url": f"sqlite:///{tmp_path_factory.mktemp('twin') / 'twin.db'}",
    }
    app = create_app(
        world.config(BASE, **settings),
        spool,
        plant=PLANT,
        orders=lambda index: OrderDesk(store, PLANT, index, organisation=world.organisations["maker"]),
    )
    client = app.test_client()
    log_in_by_wallet(client, world.chains[MAKER].signer)
    return client


def query(**changes):
    window = {
        "tag": "sputter-1/pressure",
        "from": rfc3339(START),
        "to": rfc3339(START + 400 * SECOND),
        "base_from": rfc3339(START),
        "base_to": rfc3339(START + 200 * SECOND),
    }
    return {name: value for name, value in (window | changes).items() if value is not None}


def test_charts_signal_after_the_shift(client):
    answer = client.get("/workshop/charts.json", query_string=query()).json
    assert [panel["title"] for panel in answer["series"]] == ["Individuals", "Moving range", "EWMA", "CUSUM"]
    individuals = answer["series"][0]
    assert (individuals["readings"], individuals["not_good"], len(individuals["times"])) == (400, 1, 399)
    assert individuals["limits"]["low"] < 5.0 < individuals["limits"]["high"]
    shift = (START + SHIFTED * SECOND) / 1e9
    after = [signal for signal in answer["signals"] if signal["time"] >= shift]
    assert after[0]["time"] - shift <= 5
    assert len(after) > 90
    values = dict(zip(individuals["times"], individuals["maximum"], strict=True))
    assert all(values[mark["time"]] == mark["value"] for mark in individuals["marks"])
    assert len(answer["series"][3]["marks"]) > 90
    page = client.get("/workshop/charts", query_string=query()).text
    assert "beyond 3σ" in page
    assert "the readings from" in page


def test_limits_without_a_base_are_called_unapproved(client):
    page = client.get("/workshop/charts", query_string=query(base_from=None, base_to=None)).text
    assert "no person has approved" in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_to": None}, "base_to"),
        ({"base_from": "2026-01-02T00:00:00", "base_to": "2026-01-01T00:00:00"}, "base_from"),
        ({"base_from": "2020-01-01T00:00:00", "base_to": "2020-01-02T00:00:00"}, "values"),
    ],
    ids=["half", "reversed", "empty"],
)
def test_an_invalid_base_is_explained_on_the_page(client, changes, field):
    answer = client.get("/workshop/charts.json", query_string=query(**changes), headers=JSON)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    page = client.get("/workshop/charts", query_string=query(**changes))
    assert page.status_code == 200
    assert 'role="alert"' in page.text


def test_orders_show_progress_and_versions(client):
    page = client.get("/workshop/orders").text
    assert "overdue" in page
    assert "4712/1" in page
    order = client.get("/workshop/orders/4711").text
    assert "L2410A" in order
    assert "first version" in order
    assert client.get("/workshop/orders/4712/1").status_code == 200
    assert client.get("/workshop/orders/none").status_code == 404
    assert client.get("/workshop/orders?state=lost", headers=JSON).json["field"] == "state"
