"""Records of departments in the index: what was appended, and that undoing leaves what a rebuild would."""

from __future__ import annotations

import pytest
from querying import query
from synthetic import ACCOUNT, ZERO, Ledger

from chromatrace.domain.ledger_entries import LedgerEntry, pack, record_id, subject_id

SALES, DESIGN = b"\1" * 32, b"\2" * 32
ORDER, DRAWING = b"\x0a" * 32, b"\x0b" * 32
HEAD = b"\7" * 27


def entry(number, preceding=None, product="P"):
    return LedgerEntry(record_id("k", str(number)), subject_id(product), preceding, number.to_bytes(32, "big"))


def opened(department, name):
    return "ProcessLedger", "DepartmentOpened", [department, 1, name, ACCOUNT]


def appended(department, first, entries, kind=ORDER, head=HEAD):
    return "ProcessLedger", "RecordsAppended", [department, first, ACCOUNT, kind, head, pack(entries)]


@pytest.fixture
def ledger():
    first = entry(1)
    return (
        Ledger()
        .block(opened(SALES, "Sales"), opened(DESIGN, "Product design"))
        .block(("ProcessLedger", "MemberSet", [SALES, ACCOUNT, 3, ACCOUNT]), appended(SALES, 0, [first, entry(2)]))
        .block(appended(DESIGN, 0, [entry(3, first.record)], DRAWING), appended(SALES, 2, [entry(4, product="Q")]))
    )


def test_records_are_found_by_product_key_and_department(ledger):
    index = ledger.index
    assert [record.digest[-1] for record in query(index).records_of(subject_id("P"))] == [1, 2, 3]
    assert [record.digest[-1] for record in query(index).records_of(subject_id("P"), [DESIGN])] == [3]
    assert query(index).records_of(subject_id("P"), []) == ()
    (found,) = query(index).record(record_id("k", "3"))
    assert (found.department, found.number, found.kind) == (DESIGN, 0, DRAWING)
    assert (found.preceding, found.by.lower()) == (record_id("k", "1"), ACCOUNT)
    assert found.appended.block_number == 3
    assert query(index).subjects_of_record(record_id("k", "4"), SALES) == (subject_id("Q"),)
    assert query(index).subjects_of_record(record_id("k", "4"), DESIGN) == ()
    assert query(index).subjects_of_record(record_id("k", "9"), SALES) == ()


def test_the_newest_record_of_a_kind_about_a_product(ledger):
    assert query(ledger.index).latest_record([ORDER], subject_id("P"), SALES) == record_id("k", "2")
    assert query(ledger.index).latest_record([ORDER, DRAWING], subject_id("P"), DESIGN) == record_id("k", "3")
    assert query(ledger.index).latest_record([ORDER], subject_id("P"), DESIGN) is None
    assert query(ledger.index).latest_record([ZERO], subject_id("P"), SALES) is None


def test_of_a_record_appended_twice_the_first_counts(ledger):
    """Two tools that did not know of each other: the other one's entry is there, marked, and leads nowhere."""
    again = LedgerEntry(record_id("k", "1"), subject_id("R"), None, b"\x63" * 32)
    ledger.block(appended(SALES, 3, [again, entry(5)], DRAWING))
    index = ledger.index
    found = query(index).record(again.record)
    assert [(one.digest[-1], one.repeat) for one in found] == [(1, False), (99, True)]
    assert query(index).subjects_of_record(again.record, SALES) == (subject_id("P"),)
    assert [one.repeat for one in query(index).records_of(subject_id("R"))] == [True]
    assert query(index).latest_record([ORDER, DRAWING], subject_id("R"), SALES) is None
    behind, before = (query(index).records_in(found[place].appended.tx_hash) for place in (1, 0))
    assert [(one.record, one.repeat) for one in behind] == [(again.record, True), (record_id("k", "5"), False)]
    assert [one.repeat for one in before] == [False, False]
    assert query(index).records_in(b"\x77" * 32) == ()


def test_what_another_department_has_under_the_key_is_no_repeat(ledger):
    ledger.block(appended(DESIGN, 1, [entry(1)]))
    assert [one.repeat for one in query(ledger.index).record(record_id("k", "1"))] == [False, False]


def test_a_record_about_two_products_repeats_nothing(ledger):
    both = [LedgerEntry(record_id("k", "8"), subject_id(name), None, b"\x11" * 32) for name in "PQ"]
    ledger.block(appended(SALES, 3, both))
    assert [one.repeat for one in query(ledger.index).record(record_id("k", "8"))] == [False, False]


def test_departments_have_counts_and_chain_heads(ledger):
    sales = query(ledger.index).department(SALES)
    assert (sales.name, sales.count, sales.head) == ("Sales", 3, HEAD)
    assert [view.name for view in query(ledger.index).departments()] == ["Sales", "Product design"]
    assert query(ledger.index).departments(organisation=2) == ()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_undone_and_appended_otherwise_is_as_never_appended(ledger, kept):
    other = [
        (opened(SALES, "Sales"), opened(DESIGN, "Product design")),
        (appended(SALES, 0, [entry(5), entry(6, product="Q")]),),
        (appended(SALES, 2, [entry(7)]), appended(DESIGN, 0, [entry(8)])),
    ]
    before = [
        other[0],
        (("ProcessLedger", "MemberSet", [SALES, ACCOUNT, 3, ACCOUNT]), appended(SALES, 0, [entry(1), entry(2)])),
    ]
    ledger.undo(kept)
    for events in other[kept:]:
        ledger.block(*events, fork=1)
    fresh = Ledger()
    for number, events in enumerate([*before[:kept], *other[kept:]]):
        fresh.block(*events, fork=int(number >= kept))
    assert query(ledger.index).digest() == query(fresh.index).digest()
