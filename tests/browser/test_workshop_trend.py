"""The trend of readings: for operators of the plant only, drawn without script and with uPlot."""

from __future__ import annotations

import csv
import io

import pytest
from portal_client import log_in_by_wallet
from portal_world import CHANNEL, MAKER, SHOP

from app import create_app
from chromatrace.ingest.times import rfc3339
from chromatrace.plant import example_plant

BASE = "http://workshop.example"


@pytest.fixture(scope="module")
def app(world):
    settings = {"plant_organisation": world.organisations["maker"], "login_limit": "1000 per minute"}
    return create_app(world.config(BASE, **settings), world.spool, plant=example_plant("electrochromic"))


@pytest.fixture
def client(app, world):
    client = app.test_client()
    log_in_by_wallet(client, world.chains[MAKER].signer)
    return client


@pytest.fixture
def series(world):
    return world.spool.series(CHANNEL)[0]


def test_only_operators_of_the_plant_see_readings(app, world):
    other = app.test_client()
    log_in_by_wallet(other, world.chains[SHOP].signer)
    for page in ("trend", "trend.json", "trend.csv"):
        assert other.get(f"/workshop/{page}").status_code == 403
        assert app.test_client().get(f"/workshop/{page}").status_code in (303, 401)
    assert "Workshop" not in other.get("/partners/").text
    without = create_app(world.config(BASE, login_limit="1000 per minute"), world.spool).test_client()
    log_in_by_wallet(without, world.chains[MAKER].signer)
    assert without.get("/workshop/trend").status_code == 404


def test_json_and_csv_have_the_readings_of_the_window(client, world, series):
    source, tag = series
    readings = [item for item in world.spool.entries(CHANNEL) if (item.source, item.tag) == series]
    first, last = readings[0].source_time_ns, readings[-1].source_time_ns
    window = {"from": "2026-01-01T00:00:00", "to": "2027-12-31T00:00:00Z", "tag": f"{source}/{tag}"}
    answer = client.get("/workshop/trend.json", query_string=window).json
    assert answer["channel"] == CHANNEL
    assert answer["log_size"] == world.spool.size(CHANNEL)
    (drawn,) = answer["series"]
    assert (drawn["source"], drawn["tag"], drawn["readings"]) == (source, tag, len(readings))
    rows = list(csv.DictReader(io.StringIO(client.get("/workshop/trend.csv", query_string=window).text)))
    assert [float(row["value"]) for row in rows] == [item.value for item in readings]
    assert answer["events"] == sorted(answer["events"], key=lambda event: event["time"])
    assert first < last


@pytest.mark.parametrize(
    ("query", "field", "status"),
    [
        ("tag=no/such", "tag", 404),
        ("channel=none", "channel", 404),
        ("from=2026-01-01T00:00:00", "to", 400),
        ("from=2026-01-02T00:00:00&to=2026-01-01T00:00:00", "from", 400),
        ("from=yesterday&to=today", "from", 400),
        ("last=a+while", "last", 400),
    ],
    ids=["tag", "channel", "half-window", "reversed", "not-a-time", "period"],
)
def test_invalid_queries_name_the_parameter(client, query, field, status):
    answer = client.get(f"/workshop/trend.json?{query}", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["field"]) == (status, field)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_draws_and_zooms(chromium, client, world, series, width):
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    problems = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))

    def answer(route):
        response = client.get(route.request.url.removeprefix(BASE))
        route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.data)

    page.route("**/*", answer)
    start, stop = (rfc3339(time_ns) for time_ns in world.spool.time_range(CHANNEL, 0, world.spool.size(CHANNEL)))
    page.goto(f"{BASE}/workshop/trend?from={start}&to={stop}")  # without `last`, the page does not reload
    page.wait_for_selector("#trends[data-drawn='1'] .uplot canvas")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.locator(".u-over").first.scroll_into_view_if_needed()
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_selector("#trends[data-drawn='2']")
    assert page.locator("#trend-reset").is_visible()
    page.click("#trend-reset")
    page.wait_for_selector("#trends[data-drawn='3']")
    context.close()
    assert [text for text in problems if "Cross-Origin-Opener-Policy" not in text] == []
