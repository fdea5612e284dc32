"""The line and its alarms: real readings, a twin that follows them, and a browser that sees the change."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest
from portal_client import JSON, log_in_by_wallet, token_of
from portal_world import MAKER, SHOP
from workshop_plant import PLANT, append, following, open_spool

from app import create_app
from app.server import serve_http

BASE = "http://workshop.example"


@pytest.fixture
def hall(world, tmp_path):
    """Yield a function that returns the portal of the hall, its spool and the twin's store."""
    url = f"sqlite:///{tmp_path / 'twin.db'}"
    with open_spool(tmp_path) as spool, following(spool, url) as store:

        def portal(base_url=BASE, **settings):
            settings |= {"plant_organisation": world.organisations["maker"], "twin_url": url}
            settings |= {"login_limit": "1000 per minute"}
            config = world.config(base_url, **settings)
            return create_app(config, spool, plant=PLANT), config

        yield portal, spool, store


def client_of(app, world, signer=MAKER):
    client = app.test_client()
    log_in_by_wallet(client, world.chains[signer].signer)
    return client


def eventually(check):
    """Return the first true result of `check`; the twin follows the log in a thread."""
    deadline = time.monotonic() + 60
    while not (result := check()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def test_alarm_is_listed_acknowledged_and_exported(hall, world):
    portal, spool, _ = hall
    app, _ = portal()
    client = client_of(app, world)
    append(spool, "state", 1.0)
    append(spool, "pressure", 9.0, unit="Pa")
    page = eventually(lambda: (text := client.get("/workshop/alarms").text) and "limit" in text and text)
    assert "unacknowledged" in page
    token = token_of(client.get("/workshop/alarms"))
    form = {"csrf_token": token, "note": "Gauge checked"}
    assert client.post("/workshop/alarms/1/acknowledge", data=form).status_code == 303
    again = client.post("/workshop/alarms/1/acknowledge", data=form, follow_redirects=True)
    assert "already acknowledged" in again.text
    detail = client.get("/workshop/alarms/1").text
    assert "Gauge checked" in detail
    assert "hall-1" in detail
    for minutes in ("0", "1441", "soon", ""):
        refused = client.post(
            "/workshop/alarms/1/shelve",
            data={"csrf_token": token, "minutes": minutes, "reason": "test"},
            follow_redirects=True,
        )
        assert "number of minutes" in refused.text
    shelved = {"csrf_token": token, "minutes": "5", "reason": "Gauge is replaced"}
    assert "shelved for 5 minutes" in client.post("/workshop/alarms/1/shelve", data=shelved, follow_redirects=True).text
    (row,) = csv.DictReader(io.StringIO(client.get("/workshop/alarms.csv?state=shelved").text))
    assert (row["machine"], row["tag"], row["priority"]) == ("sputter-1", "pressure", "medium")
    assert client.get("/workshop/alarms?state=nonsense", headers=JSON).status_code == 400


def test_other_organisations_see_no_machine(hall, world):
    portal, *_ = hall
    app, _ = portal()
    shop = client_of(app, world, SHOP)
    for path in ("/workshop/", "/workshop/events", "/workshop/alarms", "/workshop/alarms.csv", "/workshop/alarms/1"):
        assert shop.get(path).status_code == 403
        assert app.test_client().get(path, headers=JSON).status_code == 401


def test_a_stream_sends_the_cards_and_frees_its_place(hall, world):
    portal, spool, _ = hall
    app, _ = portal(threads=2)
    client = client_of(app, world)
    append(spool, "state", 1.0)
    eventually(lambda: "running" in client.get("/workshop/").text)
    stream = client.get("/workshop/events")
    events = (line for chunk in stream.iter_encoded() for line in chunk.decode().splitlines())
    data = json.loads(next(line for line in events if line.startswith("data: ")).removeprefix("data: "))
    assert "Sputtering chamber 1" in data["machines"]["sputter-1"]
    assert client.get("/workshop/events", headers=JSON).status_code == 503
    stream.close()
    following_stream = client.get("/workshop/events")
    assert following_stream.status_code == 200
    following_stream.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_line_follows_the_machine(chromium, hall, world, width):
    portal, spool, _ = hall
    app, config = portal("http://127.0.0.1", port=0)
    append(spool, "state", 2.0)
    append(spool, "lot", "L-77")
    cookie = client_of(app, world).get_cookie(app.config["SESSION_COOKIE_NAME"])
    with serve_http(app, config) as port:
        context = chromium.new_context(viewport={"width": width, "height": 900})
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": f"http://127.0.0.1:{port}"}])
        page = context.new_page()
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"http://127.0.0.1:{port}/workshop/")
        page.wait_for_selector(".machine-idle >> text=L-77")
        append(spool, "state", 4.0)
        append(spool, "pressure", 8.5, unit="Pa")
        page.wait_for_selector(".machine-fault .outside >> text=8.5")
        page.wait_for_selector(".alarm-high")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        context.close()
    assert problems == []
