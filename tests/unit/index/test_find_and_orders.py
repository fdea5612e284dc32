"""One question for any key, and how far a contract is."""

from __future__ import annotations

import pytest
from querying import query
from synthetic import ACCOUNT, GTIN, Ledger, batch_id, registered

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, pack, record_id, subject_id
from chromatrace.index.queries.find import MAX_MATCHES
from chromatrace.plant import example_plant

KINDS = example_plant("engineer-to-order").record_kinds
ORDER, DESIGN, WORK, PART, ASSEMBLY, CHECK = KINDS
DEPARTMENTS = {kind.department: bytes([number]) * 32 for number, kind in enumerate(KINDS, 1)}
ALL = tuple(DEPARTMENTS.values())
NOBODY = "0x" + "00" * 20


class Shop:
    """Departments that append records about products, a block and its second each."""

    def __init__(self):
        opened = [("ProcessLedger", "DepartmentOpened", [one, 1, name, ACCOUNT]) for name, one in DEPARTMENTS.items()]
        self.ledger = Ledger().block(*opened)
        self.counts = dict.fromkeys(DEPARTMENTS, 0)

    @property
    def index(self):
        return self.ledger.index

    @property
    def now(self):
        return self.ledger.at.time

    def record(self, kind, key, *products):
        """Appends a record with that key about these products."""
        entries = [LedgerEntry(record_id(kind.id, key), subject_id(one), None, b"\7" * 32) for one in products]
        first = self.counts[kind.department]
        self.counts[kind.department] += len(entries)
        values = [DEPARTMENTS[kind.department], first, ACCOUNT, kind_hash(kind.schema), b"\x09" * 27, pack(entries)]
        self.ledger.block(("ProcessLedger", "RecordsAppended", values))
        return self

    def through(self, product, kinds=KINDS):
        """The records of one product, by keys of its name."""
        for kind in kinds:
            self.record(kind, f"{kind.station} {product}", product)
        return self


def working_shop():
    """A shop with one finished product and a contract for two."""
    made = Shop().through("P-1").record(ORDER, "C-2", "P-2", "P-3").record(DESIGN, "D-2", "P-2")
    made.ledger.block(registered(1), registered(2, [1]))
    return made


@pytest.fixture(scope="module")
def shop():
    """To be asked only."""
    return working_shop()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_every_kind_of_key_leads_to_the_whole_life_of_its_product(shop, kind):
    found = query(shop.index).find(f"{kind.station} P-1", KINDS, ALL)
    assert [one.id for one in found.kinds] == [kind.id]
    assert found.subjects == (subject_id("P-1"),)
    assert [entry.kind for entry in found.records] == [kind_hash(one.schema) for one in KINDS]
    assert (found.batches, found.is_product, found.truncated) == ((), False, False)


def test_a_contract_leads_to_all_its_products(shop):
    found = query(shop.index).find(" C-2 ", KINDS, ALL)
    assert found.subjects == (subject_id("P-2"), subject_id("P-3"))
    assert [entry.record for entry in found.records] == [record_id(ORDER.id, "C-2")] * 2 + [record_id(DESIGN.id, "D-2")]


def test_a_product_is_found_by_its_id(shop):
    found = query(shop.index).find("P-2", KINDS, ALL)
    assert (found.is_product, found.kinds, len(found.records)) == (True, (), 2)


def test_what_departments_keep_is_not_there_for_others(shop):
    """Neither the record nor what it would lead to."""
    design = [DEPARTMENTS[DESIGN.department]]
    assert not query(shop.index).find("C-2", KINDS, design)
    assert not query(shop.index).find("P-3", KINDS, design)
    (entry,) = query(shop.index).find("D-2", KINDS, design).records
    assert entry.record == record_id(DESIGN.id, "D-2")
    assert not query(shop.index).find("P-1", KINDS, [])


@pytest.mark.parametrize("key", ["L2", f"{GTIN}/L2", "0x" + bytes(batch_id(2)).hex()])
def test_a_batch_is_found_by_lot_by_gtin_and_lot_and_by_its_identifier(shop, key):
    (view,) = query(shop.index).find(key).batches
    assert view.batch_id == batch_id(2)


def test_a_gtin_leads_to_its_newest_batches(shop):
    assert [view.batch_id for view in query(shop.index).find(GTIN).batches] == [batch_id(2), batch_id(1)]


@pytest.mark.parametrize("key", ["nothing", "0x" + "11" * 32, "123/L1", f"{GTIN}/L9", "L1%"])
def test_nothing_is_found_where_nothing_is(shop, key):
    assert not query(shop.index).find(key, KINDS, ALL)


def test_an_empty_key_is_refused(shop):
    with pytest.raises(InvalidInput) as refused:
        query(shop.index).find("  ")
    assert refused.value.field == "key"


def test_more_than_fits_is_told():
    shop = working_shop()
    shop.record(ORDER, "C-9", *(f"R-{number}" for number in range(MAX_MATCHES + 1)))
    found = query(shop.index).find("C-9", KINDS, ALL)
    assert (found.truncated, len(found.subjects)) == (True, MAX_MATCHES)


def status(shop, contract, departments=ALL):
    return query(shop.index).order_status(contract, KINDS, departments, shop.now)


def test_an_order_says_which_step_of_which_product_comes_next(shop):
    found = status(shop, "C-2")
    designed, waiting = found.products
    assert (designed.subject, waiting.subject) == (subject_id("P-2"), subject_id("P-3"))
    assert [step.done for step in designed.steps] == [True, False, False, False, False]
    assert (designed.next_step.kind, waiting.next_step.kind) == (WORK, DESIGN)
    assert not found.complete


def test_the_estimate_is_the_sum_of_the_medians_of_the_steps_to_come(shop):
    """P-1 took a block, a second, a step; P-2 its design likewise."""
    designed, waiting = status(shop, "C-2").products
    last = next(step.started for step in designed.steps if step.done)
    assert designed.expected == max(shop.now, last + 4)
    assert waiting.expected == max(shop.now, waiting_since(shop) + 5)
    assert status(shop, "C-2").expected == max(designed.expected, waiting.expected)


def waiting_since(shop):
    return query(shop.index).record(record_id(ORDER.id, "C-2"))[0].appended.block_time


def test_an_estimate_is_never_in_the_past(shop):
    late = shop.now + 10_000
    assert query(shop.index).order_status("C-2", KINDS, ALL, late).expected == late


def test_the_median_looks_at_the_last_products_that_took_the_step():
    shop = working_shop()
    for number, blocks in enumerate([1, 3, 9]):
        shop.record(ORDER, f"S-{number}", f"S-{number}")
        for _ in range(blocks - 1):
            shop.ledger.block(registered(100 + shop.ledger.at.number))
        shop.record(DESIGN, f"S-{number}", f"S-{number}")
    (product,) = status(shop.record(ORDER, "C-5", "P-5"), "C-5").products
    # design: 1 (P-1), 1 (P-2), 1, 3, 9 seconds; the four steps behind it one each
    assert product.expected == shop.now + 1 + 4


def test_a_complete_order_was_complete_with_its_last_record(shop):
    (product,) = status(shop, "sales P-1").products
    assert (product.next_step, product.complete) == (None, True)
    assert product.expected == product.steps[-1].started


def test_without_an_example_there_is_no_estimate():
    shop = Shop().record(ORDER, "C-1", "P-1")
    assert status(shop, "C-1").products[0].expected is None
    assert status(shop, "C-1").expected is None


def test_a_step_that_was_passed_over_counts_as_done():
    """A product may need no component of its own."""
    shop = working_shop()
    shop.record(ORDER, "C-7", "P-7").record(ASSEMBLY, "P-7 assembly", "P-7")
    (product,) = status(shop, "C-7").products
    assert [(step.done, step.records) for step in product.steps[:4]] == [(True, 0), (True, 0), (True, 0), (True, 1)]
    assert product.next_step.kind is CHECK


def test_an_order_that_the_caller_may_not_read_is_not_there(shop):
    assert status(shop, "C-2", [DEPARTMENTS[DESIGN.department]]) is None
    assert status(shop, "C-404") is None
    (designed, _) = status(shop, "C-2", [DEPARTMENTS[ORDER.department]]).products
    assert designed.next_step.kind is DESIGN, "what other departments did is not told"


def test_what_others_append_under_a_contracts_key_changes_nothing():
    """A rival's departments, open to all, and a department of ours that does not write such records."""
    shop = working_shop()
    before = status(shop, "C-2")
    rivals = {kind: bytes([0x80 + number]) * 32 for number, kind in enumerate(KINDS)}
    opened = [("ProcessLedger", "DepartmentOpened", [one, 2, kind.department, ACCOUNT]) for kind, one in rivals.items()]
    shop.ledger.block(*opened)

    def forge(department, kind, key, product, first=0):
        entry = LedgerEntry(record_id(kind.id, key), subject_id(product), None, b"\6" * 32)
        values = [department, first, ACCOUNT, kind_hash(kind.schema), b"\5" * 27, pack([entry])]
        shop.ledger.block(("ProcessLedger", "RecordsAppended", values))

    for kind, department in rivals.items():
        forge(department, kind, "C-2" if kind is ORDER else f"forged {kind.station}", "P-2")
    design = DEPARTMENTS[DESIGN.department]
    forge(design, CHECK, "forged", "P-2", first=shop.counts[DESIGN.department])
    seen = [*ALL, *rivals.values()]
    found = query(shop.index).order_status("C-2", KINDS, seen, before.expected, 1)
    assert (found.ordered, found.products) == (before.ordered, before.products)
    theirs = query(shop.index).order_status("C-2", KINDS, seen, before.expected, 2)
    assert [product.complete for product in theirs.products] == [True]
