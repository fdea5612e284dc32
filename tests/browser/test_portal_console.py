"""Search, genealogy, recall impact and orders in the console, on a real chain."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from portal_world import GTIN, MAKER, PASSWORD
from querying import query

from app import create_app
from chromatrace.chain import calls, reads
from chromatrace.domain.genealogy import Input
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, pack, record_id, subject_id
from chromatrace.index import Index
from chromatrace.plant import example_plant

PLANT = example_plant("engineer-to-order")
KINDS = PLANT.record_kinds
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def glass(world):
    """Register lots made of all units of L2410D, and an order in two departments. Return the key."""
    batch_key = world.key("L2410D")
    for lot, units in (("W2411A", 150), ("W2411B", 50)):
        registration = calls.Registration(world.key(lot), 30, b"\7" * 32, inputs=(Input(batch_key.batch_id, units),))
        world.submit(MAKER, calls.register_batch(registration))
    chain = world.chains[MAKER]
    for kind in KINDS[:2]:
        opened = chain.submit(calls.open_department(kind.department))
        department = opened.event("DepartmentOpened").args["department"]
        chain.submit(calls.set_member(department, chain.sender, 3))
        key = "C-1" if kind is KINDS[0] else "D-1"
        entry = LedgerEntry(record_id(kind.id, key), subject_id("P-1"), None, b"\5" * 32)
        chain.submit(calls.append_records(department, kind_hash(kind.schema), pack([entry])))
    world.sync()
    return batch_key


@pytest.fixture(scope="module")
def console(world, glass):
    """Return a client logged in as an operator who may use the console."""
    application = create_app(world.config("http://console.example"), world.spool, plant=PLANT)
    client = application.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text).group(1)
    client.post("/login", data={"name": world.maker_account, "password": PASSWORD, "csrf_token": token})
    return client


def graph(page):
    return ET.fromstring(re.search(r"<svg.*?</svg>", page, re.DOTALL).group(0))


def test_genealogy_graph(console, glass):
    page = console.get(f"/console/trace/{glass.batch_id.hex()}").text
    drawn = graph(page)
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    assert {"L2410D", "W2411A", "W2411B", "EL-0098", "150", "50"} <= set(texts)
    links = {link.get("href") for link in drawn.iter(f"{SVG}a")}
    assert links == {f"/01/{GTIN}/10/{lot}" for lot in ("L2410D", "W2411A", "W2411B")}
    assert not any("overused" in text for text in texts)
    assert "style=" not in page[page.index("<svg") : page.index("</svg>")]
    assert "Example Polymers" in page
    assert "Truncated" not in page


@pytest.mark.parametrize(
    "path",
    ["/console/trace/{id}", "/console/impact/{id}", "/console/find?q=L2410D", "/console/", "/01/{gtin}/10/L2410D"],
)
def test_a_page_opens_one_snapshot(console, glass, monkeypatch, path):
    opened, snapshot = [], Index.snapshot
    monkeypatch.setattr(Index, "snapshot", lambda index: opened.append(index) or snapshot(index))
    answer = console.get(path.format(id=glass.batch_id.hex(), gtin=GTIN))
    assert (answer.status_code, len(opened)) == (200, 1)


def test_recall_impact(console, glass, world):
    page = console.get(f"/console/impact/{glass.batch_id.hex()}").text
    assert "units used" not in page
    assert re.search(r'class="big">3</p>.*?class="big">260</p>.*?class="big">1</p>', page, re.DOTALL)
    assert f"chromatrace batch recall {GTIN} L2410D" in page
    assert not query(world.index).batch(glass.batch_id).recalled
    table = console.get(f"/console/impact/{glass.batch_id.hex()}?format=csv")
    assert table.mimetype == "text/csv"
    lots = [line.split(",")[3] for line in table.text.splitlines()[1:]]
    assert sorted(lots) == ["L2410D", "W2411A", "W2411B"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("L2410A", "Lot L2410A"),
        (f"https://console.example/01/{GTIN}/10/L2410A/21/000007", "Lot L2410A"),
        ("000007", "Batches with a unit of this serial"),
    ],
)
def test_search_finds_batch_by_each_key(console, key, expected):
    answer = console.get("/console/find", query_string={"q": key})
    assert (answer.status_code, expected in answer.text) == (200, True)


def test_unknown_keys_are_not_found(console):
    answer = console.get("/console/find?q=<nothing>")
    assert answer.status_code == 404
    assert "No results that you may see" in answer.text
    assert "<nothing>" not in answer.text
    for path in ("trace/" + "11" * 32, "impact/" + "11" * 32, "trace/x", "orders/C-404"):
        assert console.get(f"/console/{path}").status_code == 404
    assert console.get("/console/find?q=").location == "/console/"


def test_records_require_read_right_in_department(console, world, glass):
    """The account sees the records after it is granted the right."""
    assert console.get("/console/find?q=C-1").status_code == 404
    assert console.get("/console/orders/C-1").status_code == 404
    from app.accounts import list_accounts
    from app.store.database import PortalDatabase

    database = PortalDatabase(f"sqlite:///{world.folder / 'portal.db'}")
    address = next(account.address for account in list_accounts(database) if account.name == world.maker_account)
    database.close()
    chain = world.chains[MAKER]
    for kind in KINDS[:2]:
        department = chain.read(reads.department_id(world.organisations["maker"], kind.department))
        chain.submit(calls.set_member(department, address, 1))
    page = console.get("/console/find?q=C-1").text
    assert "contract order" in page
    assert 'href="/console/orders/C-1"' in page
    assert page.count('<tr><td data-label="Recorded">') == 2
    page = console.get("/console/orders/C-1").text
    assert "Next step: <strong>work order</strong>, station production-management" in page
    assert "No estimate" in page


def test_console_requires_login(world, glass):
    client = create_app(world.config("http://console.example"), world.spool, plant=PLANT).test_client()
    for path in ("find?q=L2410A", f"trace/{glass.batch_id.hex()}", f"impact/{glass.batch_id.hex()}", "orders/C-1"):
        assert client.get(f"/console/{path}").status_code in (302, 303, 401)


def test_health_compares_with_newest_block(world):
    """The lag is reported even if no follower is running."""
    client = create_app(replace(world.config("http://console.example"), max_index_lag_blocks=2)).test_client()
    world.sync()
    assert client.get("/healthz").status_code == 200
    world.node.rpc().call("evm_increaseTime", 60)
    world.node.rpc().call("anvil_mine", hex(4))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["status"], answer.json["lag_blocks"]) == (503, "lagging", 4)
    assert answer.json["lag_s"] >= 60
    world.sync()
    assert client.get("/healthz").json["lag_blocks"] == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_graph_page_fits_phones_and_desktops(chromium, console, glass, width):
    """Only the graph scrolls horizontally, and the browser logs no errors."""
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    console_errors = []
    page.on("console", lambda message: console_errors.append(message.text) if message.type == "error" else None)

    def answer(route):
        path = route.request.url.removeprefix("http://console.example")
        response = console.get(path)
        route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.data)

    page.route("**/*", answer)
    page.goto(f"http://console.example/console/impact/{glass.batch_id.hex()}")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    card = page.locator(".ct-selected .ct-face").first
    assert card.evaluate("node => getComputedStyle(node).strokeWidth") == "2.5px"
    context.close()
    # The test's origin is not https.
    assert [text for text in console_errors if "Cross-Origin-Opener-Policy" not in text] == []
