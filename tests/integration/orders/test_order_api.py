"""Orders over HTTP: import, tokens and scopes, and reports about batches on a real chain."""

from __future__ import annotations

import csv
import io
import time

import httpx
import pytest
from members import MAKER, PARTNER, RIVAL, gtin
from order_line import LINE

from chromatrace.orders.tokens import TokenScope

ORDER = {"order": "1000471", "material": "EC-300", "quantity": 10, "start": "2026-10-13", "finish": "2026-10-20"}


def test_an_erp_sends_orders_and_reads_them(erp):
    sent = erp.post("/orders", json={"orders": [ORDER]})
    assert (sent.status_code, sent.json()["created"]) == (200, ["1000471"])
    assert erp.post("/orders", json={"orders": [ORDER]}).json()["unchanged"] == 1
    text = "order,material,quantity,start,finish\n1000471,EC-300,12,2026-10-13,2026-10-20\n"
    changed = erp.post("/orders?dryRun=true", content=text, headers={"Content-Type": "text/csv"}).json()
    assert changed["updated"] == [{"order": "1000471", "version": 2, "difference": {"quantity": [10, 12]}}]
    (listed,) = erp.get("/orders").json()["orders"]
    assert (listed["order"], listed["quantity"], listed["version"]) == ("1000471", 10, 1)
    assert erp.get("/orders", params={"after": "1000471"}).json()["orders"] == []


def test_a_wrong_order_is_a_problem_with_row_and_field(erp):
    wrong = ORDER | {"order": "7", "quantity": -1}
    answer = erp.post("/orders", json={"orders": [ORDER | {"order": "6"}, wrong]})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"] == [
        {"row": 2, "field": "/orders/1/quantity", "message": "quantity is -1; it must be from 1 to 2,147,483,647"}
    ]
    assert erp.get("/orders/6/progress").status_code == 404


def test_a_token_needs_the_scope(url, desk):
    secret = desk.tokens.create("reader", [TokenScope.READ])
    expired = desk.tokens.create("old", list(TokenScope), int(time.time()) - 1)
    for token, method, status in (
        (secret, "GET", 200),
        (secret, "POST", 403),
        (expired, "GET", 401),
        ("cto_unknown", "GET", 401),
        (None, "POST", 401),
    ):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = httpx.request(method, f"{url}/orders", json={"orders": [ORDER]}, headers=headers)
        assert answer.status_code == status, (token, answer.text)
        assert token is None or token not in answer.text
    desk.tokens.revoke("reader")
    assert httpx.get(f"{url}/orders", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


@pytest.fixture(scope="module")
def produced(members, desk):
    """Return the maker's released lot, made of a lot of glass, for the order 1000471; and a lot of the rival."""
    glass = members.register(MAKER, LINE + 1, "G-1")
    pane = members.register(MAKER, LINE, "P-1", made_of=[glass])
    members.sell(pane, PARTNER)
    rival = members.register(RIVAL, LINE, "R-1")
    members.sync()
    return glass, pane, rival


def test_reports_have_what_the_chain_knows(erp, desk, produced):
    glass, pane, rival = produced
    erp.post("/orders", json={"orders": [ORDER]})
    for key in (pane, rival):
        desk.assign("1000471", key)
    progress = erp.get("/orders/1000471/progress").json()
    assert (progress["registered"], progress["released"], progress["remaining"]) == (10, 10, 0)
    assert (progress["yield"], progress["first_pass_yield"], progress["complete"]) == (1.0, 1.0, True)
    states = {batch["lot"]: batch["state"] for batch in progress["batches"]}
    assert states == {"P-1": "released", "R-1": "not registered"}, "a batch of a competitor must not count"
    quality = erp.get("/orders/1000471/quality").json()["inspections"]
    assert [(item["stage"], item["verdict"]) for item in quality] == [("first", "pass"), ("final", "pass")]
    assert quality[0]["measurements"][0]["quantity"] == "haze of the film"
    genealogy = erp.get("/orders/1000471/genealogy").json()
    assert genealogy["links"] == [{"batch": f"{gtin(LINE)}/P-1", "input": f"{glass.gtin}/G-1", "quantity": 1}]


@pytest.mark.parametrize(("report", "rows"), [("progress", 1), ("quality", 2), ("genealogy", 1)])
def test_reports_are_csv_on_request(erp, desk, produced, report, rows):
    erp.post("/orders", json={"orders": [ORDER]})
    desk.assign("1000471", produced[1])
    answer = erp.get(f"/orders/1000471/{report}", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["order"] for row in table] == ["1000471"] * rows
