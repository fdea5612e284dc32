"""Stored forecasts of a tag and their scores, at the portal and in a browser."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from portal_client import JSON, log_in_by_wallet
from portal_world import MAKER, SHOP
from workshop_plant import CHANNEL, PLANT, open_spool

from app import create_app
from app.server import serve_http
from chromatrace.domain.reading import Reading
from chromatrace.plant.forecast_plans import FORECASTS, ForecastPlan
from chromatrace.twin.follower import TwinFollower
from chromatrace.twin.plan import plan_of
from chromatrace.twin.store.database import TwinStore

BASE = "http://workshop.example"
START_NS = 1_780_000_000 * 10**9
PLAN = ForecastPlan("pressure", centre=1.0, sigma=0.1, steps=(1, 5), every=5)
FORECASTING = replace(PLANT, sections={**PLANT.sections, FORECASTS.name: (PLAN,)})
STEADY = [1.0] * 60
ALTERNATING = [1.0, 1.25] * 30
"""In control and warning in turn: persistence is always wrong, the chain learns it."""

SHIFTING = [1.0] * 14 + [1.25] * 14 + [2.0] * 14 + [1.0] * 14
"""Each change is one that the chain has not seen before."""


@pytest.fixture
def portal(world, tmp_path):
    """Return a function that lets the twin follow values of the pressure, and returns the portal."""
    url = f"sqlite:///{tmp_path / 'twin.db'}"
    with open_spool(tmp_path) as spool:

        def with_values(values, base_url=BASE, **settings):
            readings = [
                Reading("sputter-1", "pressure", START_NS + i * 10**9, START_NS + i * 10**9, value, "Pa", sequence=i)
                for i, value in enumerate(values)
            ]
            spool.append(CHANNEL, readings)
            store = TwinStore(url)
            with store.following():
                follower = TwinFollower(spool, store, plan_of(FORECASTING))
                follower.start()
                while follower.poll():
                    pass
                follower.snapshot()
            store.close()
            settings |= {"plant_organisation": world.organisations["maker"], "twin_url": url}
            settings |= {"login_limit": "1000 per minute"}
            config = world.config(base_url, **settings)
            return create_app(config, spool, plant=FORECASTING), config

        yield with_values


def client_of(app, world, signer=MAKER):
    client = app.test_client()
    log_in_by_wallet(client, world.chains[signer].signer)
    return client


def test_forecasts_and_scores_are_shown(portal, world):
    client = client_of(portal(ALTERNATING)[0], world)
    page = client.get("/workshop/predictions").text
    assert "The model beats persistence" in page
    facts = client.get("/workshop/predictions.json").json
    assert [score["step"] for score in facts["scores"]] == [1, 5]
    assert facts["total"]["model"]["log_loss"] < facts["total"]["persistence"]["log_loss"]
    assert len({forecast["log_size"] % 5 for forecast in facts["forecasts"]}) == 1
    assert all(sum(forecast["model"]) == pytest.approx(1) for forecast in facts["forecasts"])
    rows = list(csv.DictReader(io.StringIO(client.get("/workshop/predictions.csv").text)))
    assert len(rows) == len(facts["forecasts"]) == 24
    assert [int(row["log_size"]) for row in rows] == [view["log_size"] for view in facts["forecasts"]]
    assert {row["outcome"] for row in rows} == {"in control", "warning", ""}


def test_a_model_that_is_no_better_says_so(portal, world):
    client = client_of(portal(SHIFTING)[0], world)
    total = client.get("/workshop/predictions.json").json["total"]
    assert total["beats_persistence"] is False
    assert "does not beat persistence" in client.get("/workshop/predictions").text


def test_the_filter_knows_the_tags(portal, world):
    client = client_of(portal(STEADY)[0], world)
    assert client.get("/workshop/predictions?tag=pressure").status_code == 200
    unknown = client.get("/workshop/predictions?tag=none", headers=JSON)
    assert unknown.status_code == 404


def test_without_forecasts_the_page_says_so(portal, world):
    client = client_of(portal([1.0])[0], world)
    assert "No forecasts are stored" in client.get("/workshop/predictions").text
    assert "out of control in" not in client.get("/workshop/").text


def test_other_organisations_see_no_predictions(portal, world):
    client = client_of(portal(STEADY)[0], world, SHOP)
    for path in ("/workshop/predictions", "/workshop/predictions.json", "/workshop/predictions.csv"):
        assert client.get(path).status_code == 403


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_fit(chromium, portal, world, width):
    app, config = portal(ALTERNATING, "http://127.0.0.1", port=0)
    cookie = client_of(app, world).get_cookie(app.config["SESSION_COOKIE_NAME"])
    with serve_http(app, config) as port:
        context = chromium.new_context(viewport={"width": width, "height": 900})
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": f"http://127.0.0.1:{port}"}])
        page = context.new_page()
        problems = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"http://127.0.0.1:{port}/workshop/")
        page.click(".machine >> text=pressure >> nth=0")
        page.wait_for_url("**/workshop/predictions?tag=pressure")
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        context.close()
    assert problems == []
