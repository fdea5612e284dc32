"""The quality page: yields, causes, capability, sampling plans and signed dispositions, on a real chain."""

from __future__ import annotations

import csv
import io
import os

import msgspec
import pytest
from portal_client import JSON, log_in_by_wallet
from portal_world import GTIN, LABORATORY, MAKER, SHOP
from querying import query

from app import create_app
from app.server import serve_http
from chromatrace.crypto.disposition_signature import sign_disposition
from chromatrace.documents.disposition import DecidedOutcome, DecidedUnits, DispositionDocument, Outcome
from chromatrace.domain.rights import BatchState
from chromatrace.plant.configuration import parse_plant
from chromatrace.quality.disposition_store import FILE_NAME, DispositionStore
from chromatrace.storage.strict_json import Digest

PLANT = parse_plant(f"""
schema = "chromatrace.plant/1"
name = "glass-works"
title = "Glass works"
stations = [{{ id = "201", name = "Sputtering" }}]
products = [{{ gtin = "{GTIN}", name = "Pane", route = ["201"] }}]
tags = [
  {{ name = "working_pressure", station = "201", unit = "Pa", low = 0, high = 10, limit_low = 0.5, limit_high = 3 }},
  {{ name = "target_power", station = "201", unit = "W", low = 0, high = 1000, limit_high = 305 }},
]
[[sampling_plans]]
id = "first-share"
stage = "first"
method = "one-per"
""")
SCREENSHOTS = os.environ.get("CHROMATRACE_SCREENSHOTS")
REASON = "scratch <outside> the visible area"


@pytest.fixture(scope="module")
def works(world):
    """Store a signed disposition of which a person overruled a part, and return a function that builds the portal."""
    signer, key = world.chains[MAKER].signer, world.key("L2410G")
    decided = DecidedOutcome(Outcome.SCRAP, None, "hardly switches")
    sold = DecidedOutcome(Outcome.DEFECTIVE, "B", REASON)
    document = DispositionDocument(
        gtin=GTIN, lot="L2410G", stage="final", quantity=2, evidence=Digest(bytes(32)), plant="glass-works",
        rules=Digest(bytes(32)), decided_at="2026-10-20T08:00:00+00:00", signer=signer.address,
        groups=(
            DecidedUnits(1, (), "dark", decided, (), None), DecidedUnits(1, ("000007",), "dark", decided, (), sold),
        ),
    )  # fmt: skip
    graded = tuple(
        DecidedUnits(units, serials, rule, DecidedOutcome(outcome, price_class, reason), (), overruled)
        for units, serials, rule, outcome, price_class, reason, overruled in (
            (188, (), "good", Outcome.STANDARD, None, "within limits", None),
            (8, tuple(f"{number:06}" for number in range(11, 19)), "slow", Outcome.DEFECTIVE, "C", "slow", None),
            (3, ("000021", "000022", "000023"), "dark", Outcome.SCRAP, None, "hardly switches", None),
            (1, ("000042",), "dark", Outcome.SCRAP, None, "hardly switches", sold),
        )
    )
    whole = msgspec.structs.replace(document, quantity=200, groups=graded)
    digest = world.documents.put(whole.to_bytes())
    registry = world.manifest.address("BatchRegistry")
    signature = sign_disposition(bytes(key.batch_id), digest, signer, world.manifest.chain_id, registry)
    with DispositionStore(world.folder / FILE_NAME) as store:
        number = store.add(bytes(key.batch_id), "final", digest, signer.address, signature, 1_792_483_200)
        store.sent(number, bytes(32))
        store.add(bytes(key.batch_id), "final", digest, world.chains[SHOP].sender, signature, 1_792_483_201)

    def portal(url="http://works.example"):
        config = world.config(
            url, plant_organisation=world.organisations["maker"], port=0, login_limit="1000 per minute"
        )
        return create_app(config, world.spool, plant=PLANT), config

    yield portal
    (world.folder / FILE_NAME).unlink()


def client_of(app, world, actor=MAKER):
    client = app.test_client()
    log_in_by_wallet(client, world.chains[actor].signer)
    return client


def table(client, name, query=""):
    return list(csv.DictReader(io.StringIO(client.get(f"/workshop/quality/{name}.csv{query}").text)))


def test_the_figures_of_the_lots(works, world):
    client = client_of(works()[0], world)
    (week,) = table(client, "yield")
    lots = [view for view in query(world.index).batches(limit=500) if view.producer == world.organisations["maker"]]
    graded = [view for view in lots if view.state in (BatchState.GRADED, BatchState.RELEASED, BatchState.SCRAPPED)]
    units, defective, scrap = (
        sum(getattr(view, name) for view in graded) for name in ("quantity", "defective", "scrap")
    )
    assert len(graded) >= 6
    assert [int(week[name]) for name in ("lots", "graded", "defective", "scrap")] == [
        len(lots),
        units,
        defective,
        scrap,
    ]
    assert float(week["secondary_rate"]) == pytest.approx(defective / units)
    # decided: lots with a final verdict, and L2410E, which the first inspection stopped
    assert int(week["decided"]) >= 7
    assert int(week["first_pass"]) == int(week["decided"]) - 1
    (cause,) = table(client, "pareto")
    assert (cause["inspections"], cause["units"], cause["share"]) == ("1", "2", "1.0")
    assert cause["cause"] == "film thickness"
    page = client.get("/workshop/quality").text
    assert f"{100 * defective / units:.1f} %" in page
    assert f"{defective:,} units of {units:,} graded" in page


def test_the_capability_of_the_tags_with_limits(works, world):
    rows = table(client_of(works()[0], world), "capability")
    assert [row["tag"] for row in rows] == ["working_pressure", "target_power"]
    assert float(rows[0]["cp"]) > 2
    assert rows[1]["cp"] == ""


def test_the_period_is_limited(works, world):
    client = client_of(works()[0], world)
    assert table(client, "yield", "?to=2020-01-01") == []
    assert "No lots in this period" in client.get("/workshop/quality?to=2020-01-01").text
    for wrong in ("?period=hour", "?from=yesterday", "?from=2026-02-02&to=2026-01-01"):
        assert client.get(f"/workshop/quality{wrong}", headers=JSON).status_code == 400
    assert client.get("/workshop/quality/none.csv").status_code == 404
    assert client.get("/workshop/quality/none.svg").status_code == 404


def test_dispositions_are_shown_with_their_signatures(works, world):
    page = client_of(works()[0], world).get("/workshop/quality").text
    assert "scratch &lt;outside&gt; the visible area" in page
    assert "overruled; the rule dark gave scrap" in page
    assert page.count("Signed by") == 1
    assert page.count("The signature is not valid") == 1


@pytest.mark.parametrize(
    ("serial", "grade"),
    [
        ("000042", "defective, sold at a discount, price class B"),
        ("000011", "defective, sold at a discount, price class C"),
        ("000021", "scrap"), ("000100", "standard"),
    ],
)  # fmt: skip
def test_the_page_of_a_unit_shows_its_grade(works, serial, grade):
    client = works()[0].test_client()
    path = f"/01/{GTIN}/10/L2410G/21/{serial}"
    assert client.get(path, headers=JSON).json["grade"] == grade
    page = client.get(path).text
    assert f"<dt>Grade</dt><dd>{grade}</dd>" in page
    assert "a person overruled the rule, which gave: scrap" in page
    assert "scratch &lt;outside&gt; the visible area" in page


def test_a_batch_without_a_disposition_has_no_grade(works):
    facts = works()[0].test_client().get(f"/01/{GTIN}/10/L2410A/21/000042", headers=JSON).json
    assert (facts["grade"], facts["disposition"]) == (None, None)


@pytest.mark.parametrize("actor", [LABORATORY, SHOP])
def test_other_organisations_do_not_see_the_figures(works, world, actor):
    client = client_of(works()[0], world, actor)
    for path in ("", "/yield.csv", "/yield.svg"):
        assert client.get(f"/workshop/quality{path}").status_code == 403


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits(chromium, works, world, width):
    app, config = works("http://127.0.0.1")
    cookie = client_of(app, world).get_cookie(app.config["SESSION_COOKIE_NAME"])
    with serve_http(app, config) as port:
        context = chromium.new_context(viewport={"width": width, "height": 900})
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": f"http://127.0.0.1:{port}"}])
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/workshop/quality", wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert page.locator(".bar rect").count() == 1
        if SCREENSHOTS:
            page.screenshot(path=f"{SCREENSHOTS}/quality-{width}.png", full_page=True)
        context.close()
