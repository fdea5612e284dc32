"""Records of departments; undoing gives the same index as a rebuild."""

from __future__ import annotations

import pytest
from querying import query
from synthetic import ACCOUNT, ZERO, SyntheticChain

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
def chain():
    first = entry(1)
    return (
        SyntheticChain()
        .block(opened(SALES, "Sales"), opened(DESIGN, "Product design"))
        .block(("ProcessLedger", "MemberSet", [SALES, ACCOUNT, 3, ACCOUNT]), appended(SALES, 0, [first, entry(2)]))
        .block(appended(DESIGN, 0, [entry(3, first.record)], DRAWING), appended(SALES, 2, [entry(4, product="Q")]))
    )


def test_records_are_found_by_product_key_or_department(chain):
    index = chain.index
    assert [record.digest[-1] for record in query(index).records_of(subject_id("P"))] == [1, 2, 3]
    assert [record.digest[-1] for record in query(index).records_of(subject_id("P"), [DESIGN])] == [3]
    assert query(index).records_of(subject_id("P"), []) == ()
    (record,) = query(index).record(record_id("k", "3"))
    assert (record.department, record.number, record.kind) == (DESIGN, 0, DRAWING)
    assert (record.preceding, record.by.lower()) == (record_id("k", "1"), ACCOUNT)
    assert record.appended.block_number == 3
    assert query(index).subjects_of_record(record_id("k", "4"), SALES) == (subject_id("Q"),)
    assert query(index).subjects_of_record(record_id("k", "4"), DESIGN) == ()
    assert query(index).subjects_of_record(record_id("k", "9"), SALES) == ()


def test_latest_record_of_a_kind_about_a_product(chain):
    assert query(chain.index).latest_record([ORDER], subject_id("P"), SALES) == record_id("k", "2")
    assert query(chain.index).latest_record([ORDER, DRAWING], subject_id("P"), DESIGN) == record_id("k", "3")
    assert query(chain.index).latest_record([ORDER], subject_id("P"), DESIGN) is None
    assert query(chain.index).latest_record([ZERO], subject_id("P"), SALES) is None


def test_only_the_first_of_two_appended_records_counts(chain):
    """Two independent tools appended the same record: the second entry is marked as a repeat and has no effect."""
    again = LedgerEntry(record_id("k", "1"), subject_id("R"), None, b"\x63" * 32)
    chain.block(appended(SALES, 3, [again, entry(5)], DRAWING))
    index = chain.index
    entries = query(index).record(again.record)
    assert [(entry.digest[-1], entry.repeat) for entry in entries] == [(1, False), (99, True)]
    assert query(index).subjects_of_record(again.record, SALES) == (subject_id("P"),)
    assert [entry.repeat for entry in query(index).records_of(subject_id("R"))] == [True]
    assert query(index).latest_record([ORDER, DRAWING], subject_id("R"), SALES) is None
    after, before = (query(index).records_in(entries[number].appended.tx_hash) for number in (1, 0))
    assert [(entry.record, entry.repeat) for entry in after] == [(again.record, True), (record_id("k", "5"), False)]
    assert [entry.repeat for entry in before] == [False, False]
    assert query(index).records_in(b"\x77" * 32) == ()


def test_the_same_key_in_another_department_is_no_repeat(chain):
    chain.block(appended(DESIGN, 1, [entry(1)]))
    assert [entry.repeat for entry in query(chain.index).record(record_id("k", "1"))] == [False, False]


def test_a_record_about_two_products_is_no_repeat(chain):
    both = [LedgerEntry(record_id("k", "8"), subject_id(name), None, b"\x11" * 32) for name in "PQ"]
    chain.block(appended(SALES, 3, both))
    assert [entry.repeat for entry in query(chain.index).record(record_id("k", "8"))] == [False, False]


def test_departments_have_counts_and_chain_heads(chain):
    sales = query(chain.index).department(SALES)
    assert (sales.name, sales.count, sales.head) == ("Sales", 3, HEAD)
    assert [view.name for view in query(chain.index).departments()] == ["Sales", "Product design"]
    assert query(chain.index).departments(organisation=2) == ()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_undone_records_leave_no_trace(chain, kept):
    other = [
        (opened(SALES, "Sales"), opened(DESIGN, "Product design")),
        (appended(SALES, 0, [entry(5), entry(6, product="Q")]),),
        (appended(SALES, 2, [entry(7)]), appended(DESIGN, 0, [entry(8)])),
    ]
    before = [
        other[0],
        (("ProcessLedger", "MemberSet", [SALES, ACCOUNT, 3, ACCOUNT]), appended(SALES, 0, [entry(1), entry(2)])),
    ]
    chain.undo(kept)
    for events in other[kept:]:
        chain.block(*events, fork=1)
    fresh = SyntheticChain()
    for number, events in enumerate([*before[:kept], *other[kept:]]):
        fresh.block(*events, fork=int(number >= kept))
    assert query(chain.index).digest() == query(fresh.index).digest()
