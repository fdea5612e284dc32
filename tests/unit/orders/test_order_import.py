"""Import orders: all or none, each difference versioned, each error with row and field."""

from __future__ import annotations

import threading

import pytest
from erp_office import FRAME, NOW, PANE, erp_of

from chromatrace.domain.identifiers import BatchKey, Lot
from chromatrace.orders.errors import OrderConflictError, OrderError, OrderNotFoundError, OrdersRejectedError
from chromatrace.orders.store import OrderStore

HEADER = "order,material,quantity,start,finish,status,lot\n"
FIRST = "1000471,EC-300,500,2026-12-01,2026-12-04,released,\n"


def test_an_order_that_is_sent_again_changes_nothing(office):
    assert [change.number for change in office.send(HEADER + FIRST).created] == ["1000471"]
    again = office.send(HEADER + FIRST)
    assert (again.created, again.updated, again.unchanged) == ((), (), 1)
    assert [version.version for version in office.store.versions("1000471")] == [1]


def test_a_changed_order_shows_the_difference_and_is_versioned(office):
    office.send(HEADER + FIRST)
    changed = office.send(HEADER + FIRST.replace("500", "450").replace("12-04", "12-05"))
    difference = {"quantity": [500, 450], "finish": ["2026-12-04T23:59:59Z", "2026-12-05T23:59:59Z"]}
    assert changed.updated[0].difference == difference
    first, second = office.store.versions("1000471")
    assert (first.difference, second.difference, second.sender) == ({}, difference, "orders.csv")
    assert (first.order.quantity, office.store.get("1000471").order.quantity) == (500, 450)


def test_a_dry_run_reports_and_stores_nothing(office):
    office.send(HEADER + FIRST)
    report = office.send(HEADER + FIRST.replace("500", "450"), dry_run=True)
    assert report.updated[0].difference == {"quantity": [500, 450]}
    assert office.store.get("1000471").version == 1


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ("1,EC-300,-5,2026-12-01,2026-12-04,,", "quantity", "quantity is -5; it must be from 1"),
        ("1,EC-300,0,2026-12-01,2026-12-04,,", "quantity", "quantity is 0"),
        ('1,EC-300,"1,000",2026-12-01,2026-12-04,,', "quantity", "ambiguous"),
        ("1,EC-300,2.5,2026-12-01,2026-12-04,,", "quantity", "not a valid whole number"),
        ("1,EC-999,5,2026-12-01,2026-12-04,,", "material", "unknown product 'EC-999'"),
        ("1,EC-300,5,2026-12-04,2026-12-01,,", "finish", "2026-12-01 is before the start 2026-12-04"),
        ("1,EC-300,5,soon,2026-12-01,,", "start", "'soon' is not a valid time"),
        ("1,EC-300,5,2026-02-30,2026-12-01,,", "start", "not a valid time"),
        (",EC-300,5,2026-12-01,2026-12-04,,", "order", "missing value"),
        ("1,EC-300,5,2026-12-01,2026-12-04,urgent,", "status", "unknown status 'urgent'"),
        ("1,EC-300,5,2026-12-01,2026-12-04,,L 1", "lot", "lot"),
        ("1000471,EC-300,5,2026-12-01,2026-12-04,,", "order", "also in row 2"),
    ],
    ids=lambda value: value if value.isidentifier() else "",
)
def test_one_wrong_row_stores_nothing_and_names_row_and_field(office, row, field, message):
    with pytest.raises(OrdersRejectedError) as raised:
        office.send(HEADER + FIRST + row + "\n")
    (error,) = raised.value.errors
    assert (error.row, error.field) == (3, field)
    assert message in error.message
    assert office.store.count() == 0


def test_every_error_of_a_file_is_reported(office):
    with pytest.raises(OrdersRejectedError) as raised:
        office.send(HEADER + "1,EC-999,-1,2026-12-04,2026-12-01,,\n" + FIRST + "2,EC-300,x,2026-12-01,2026-12-02,,\n")
    found = [(error.row, error.field) for error in raised.value.errors]
    assert found == [(2, "material"), (2, "quantity"), (2, "finish"), (4, "quantity")]
    assert raised.value.as_dict()["errors"][3]["row"] == 4


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("order;material\n1;2\n", "order"),
        ("order,material,quantity,start\n", "finish"),
        (HEADER.replace("lot", "order"), "order"),
        (HEADER + "1,2,3\n", "file"),
        (HEADER, "file"),
        ('order,"material\n', "file"),
    ],
    ids=["delimiter", "column", "duplicate", "cells", "empty", "quote"],
)
def test_a_file_that_cannot_be_read_is_an_error(office, text, field):
    with pytest.raises(OrderError) as raised:
        office.send(text)
    assert raised.value.field == field


def test_columns_dates_and_decimal_mark_of_an_erp(office):
    office.erp = erp_of(
        materials={"4711": str(FRAME)},
        columns={"order": "AUFNR", "material": "MATNR", "quantity": "GAMNG", "start": "GSTRP", "finish": "GLTRP"},
        delimiter=";",
        date_format="%d.%m.%Y",
        decimal=",",
        time_zone="Europe/Berlin",
    )
    sent = "AUFNR;MATNR;GAMNG;GSTRP;GLTRP;WERKS\n1000472;000000000000004711;250,000;01.12.2026;03.12.2026;Köln\n"
    report = office.send(sent.encode("cp1252"))
    assert report.ignored == ("WERKS",)
    order = office.store.get("1000472").order
    assert (order.gtin, order.quantity) == (FRAME, 250)
    assert order.as_dict()["start"] == "2026-11-30T23:00:00Z"
    assert order.as_dict()["finish"] == "2026-12-03T22:59:59Z"


def test_batches_belong_to_one_order_of_their_product(office):
    office.send(HEADER + FIRST + "2,EC-300,5,2026-12-01,2026-12-04,,L9\n")
    store, batch = office.store, BatchKey(PANE, Lot("L1"))
    store.assign("1000471", batch)
    store.assign("1000471", batch)
    assert store.batches("1000471") == [batch]
    assert store.batches("2") == [BatchKey(PANE, Lot("L9"))]
    assert store.order_of(batch) == "1000471"
    with pytest.raises(OrderConflictError, match="belongs to order 1000471"):
        store.assign("2", batch)
    with pytest.raises(OrderConflictError, match="is for"):
        store.assign("2", BatchKey(FRAME, Lot("L1")))
    with pytest.raises(OrderNotFoundError):
        store.assign("3", batch)
    with pytest.raises(OrderConflictError, match="cannot become"):
        office.send(HEADER + "new,EC-300,5,2026-12-01,2026-12-04,,\n" + FIRST.replace("EC-300", "4711"))
    assert store.count() == 2


def test_plants_do_not_see_each_others_orders(office, tmp_path):
    office.send(HEADER + FIRST)
    with OrderStore(f"sqlite:///{tmp_path / 'orders.db'}", "other") as other:
        assert other.page() == []
        with pytest.raises(OrderNotFoundError):
            other.get("1000471")


def test_concurrent_imports_create_each_order_once(office):
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(office.send(HEADER + FIRST))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(report.created) for report in reports) == [0, 0, 0, 1]
    assert office.store.get("1000471").received == NOW
