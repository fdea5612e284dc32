"""Search by key, and progress of orders."""

from __future__ import annotations

import pytest
from querying import query
from synthetic import ACCOUNT, GTIN, SyntheticChain, batch_id, registered

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, pack, record_id, subject_id
from chromatrace.index.queries.find import MAX_MATCHES
from chromatrace.orders.order import Order
from chromatrace.orders.store import StoredOrder
from chromatrace.plant import example_plant
from chromatrace.services.orders.progress import progress_report

KINDS = example_plant("engineer-to-order").record_kinds
ORDER, DESIGN, WORK, PART, ASSEMBLY, CHECK = KINDS
DEPARTMENTS = {kind.department: bytes([number]) * 32 for number, kind in enumerate(KINDS, 1)}
ALL = tuple(DEPARTMENTS.values())
NOBODY = "0x" + "00" * 20


class Plant:
    """Departments that append records about products; each record is one block, and each block takes one second."""

    def __init__(self):
        opened = [("ProcessLedger", "DepartmentOpened", [key, 1, name, ACCOUNT]) for name, key in DEPARTMENTS.items()]
        self.chain = SyntheticChain().block(*opened)
        self.counts = dict.fromkeys(DEPARTMENTS, 0)

    @property
    def index(self):
        return self.chain.index

    @property
    def now(self):
        return self.chain.at.time

    def record(self, kind, key, *products):
        """Append a record with this key about these products."""
        entries = [LedgerEntry(record_id(kind.id, key), subject_id(product), None, b"\7" * 32) for product in products]
        first = self.counts[kind.department]
        self.counts[kind.department] += len(entries)
        values = [DEPARTMENTS[kind.department], first, ACCOUNT, kind_hash(kind.schema), b"\x09" * 27, pack(entries)]
        self.chain.block(("ProcessLedger", "RecordsAppended", values))
        return self

    def complete(self, product, kinds=KINDS):
        """Append a record of each kind about a product, with its name in the keys."""
        for kind in kinds:
            self.record(kind, f"{kind.station} {product}", product)
        return self


def new_plant():
    """Return a plant with one complete product and a contract for two others."""
    plant = Plant().complete("P-1").record(ORDER, "C-2", "P-2", "P-3").record(DESIGN, "D-2", "P-2")
    plant.chain.block(registered(1), registered(2, [1]))
    return plant


@pytest.fixture(scope="module")
def plant():
    """Return a plant for reading only."""
    return new_plant()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_a_key_of_any_kind_finds_all_records_of_its_product(plant, kind):
    result = query(plant.index).find(f"{kind.station} P-1", KINDS, ALL)
    assert [matched.id for matched in result.kinds] == [kind.id]
    assert result.subjects == (subject_id("P-1"),)
    assert [entry.kind for entry in result.records] == [kind_hash(step.schema) for step in KINDS]
    assert (result.batches, result.is_product, result.truncated) == ((), False, False)


def test_a_contract_finds_all_its_products(plant):
    result = query(plant.index).find(" C-2 ", KINDS, ALL)
    assert result.subjects == (subject_id("P-2"), subject_id("P-3"))
    assert [entry.record for entry in result.records] == [record_id(ORDER.id, "C-2")] * 2 + [
        record_id(DESIGN.id, "D-2")
    ]


def test_a_product_is_found_by_its_id(plant):
    result = query(plant.index).find("P-2", KINDS, ALL)
    assert (result.is_product, result.kinds, len(result.records)) == (True, (), 2)


def test_records_of_unreadable_departments_are_not_found(plant):
    """Neither the records nor the products that they are about."""
    design = [DEPARTMENTS[DESIGN.department]]
    assert not query(plant.index).find("C-2", KINDS, design)
    assert not query(plant.index).find("P-3", KINDS, design)
    (entry,) = query(plant.index).find("D-2", KINDS, design).records
    assert entry.record == record_id(DESIGN.id, "D-2")
    assert not query(plant.index).find("P-1", KINDS, [])


@pytest.mark.parametrize("key", ["L2", f"{GTIN}/L2", "0x" + bytes(batch_id(2)).hex()])
def test_a_batch_is_found_by_lot_gtin_and_lot_or_identifier(plant, key):
    (view,) = query(plant.index).find(key).batches
    assert view.batch_id == batch_id(2)


def test_a_gtin_finds_its_newest_batches(plant):
    assert [view.batch_id for view in query(plant.index).find(GTIN).batches] == [batch_id(2), batch_id(1)]


@pytest.mark.parametrize("key", ["nothing", "0x" + "11" * 32, "123/L1", f"{GTIN}/L9", "L1%"])
def test_unknown_keys_find_nothing(plant, key):
    assert not query(plant.index).find(key, KINDS, ALL)


def test_an_empty_key_is_rejected(plant):
    with pytest.raises(InvalidInput) as raised:
        query(plant.index).find("  ")
    assert raised.value.field == "key"


def test_results_over_the_limit_are_marked_truncated():
    plant = new_plant()
    plant.record(ORDER, "C-9", *(f"R-{number}" for number in range(MAX_MATCHES + 1)))
    result = query(plant.index).find("C-9", KINDS, ALL)
    assert (result.truncated, len(result.subjects)) == (True, MAX_MATCHES)


def status(plant, contract, departments=ALL):
    return query(plant.index).order_status(contract, KINDS, departments, plant.now)


def test_an_order_has_the_next_step_of_each_product(plant):
    result = status(plant, "C-2")
    designed, waiting = result.products
    assert (designed.subject, waiting.subject) == (subject_id("P-2"), subject_id("P-3"))
    assert [step.done for step in designed.steps] == [True, False, False, False, False]
    assert (designed.next_step.kind, waiting.next_step.kind) == (WORK, DESIGN)
    assert not result.complete


def test_the_estimate_adds_the_median_durations_of_the_remaining_steps(plant):
    """Every completed step took one block, which is one second."""
    designed, waiting = status(plant, "C-2").products
    last = next(step.started for step in designed.steps if step.done)
    assert designed.expected == max(plant.now, last + 4)
    assert waiting.expected == max(plant.now, ordered_at(plant) + 5)
    assert status(plant, "C-2").expected == max(designed.expected, waiting.expected)


def ordered_at(plant):
    return query(plant.index).record(record_id(ORDER.id, "C-2"))[0].appended.block_time


def test_an_estimate_is_never_in_the_past(plant):
    late = plant.now + 10_000
    assert query(plant.index).order_status("C-2", KINDS, ALL, late).expected == late


def test_the_duration_of_a_step_is_a_median():
    plant = new_plant()
    for number, blocks in enumerate([1, 3, 9]):
        plant.record(ORDER, f"S-{number}", f"S-{number}")
        for _ in range(blocks - 1):
            plant.chain.block(registered(100 + plant.chain.at.number))
        plant.record(DESIGN, f"S-{number}", f"S-{number}")
    (product,) = status(plant.record(ORDER, "C-5", "P-5"), "C-5").products
    # The design took 1 (P-1), 1 (P-2), 1, 3 and 9 seconds; each of the four later steps took one.
    assert product.expected == plant.now + 1 + 4


def test_a_complete_order_has_the_time_of_its_last_record(plant):
    (product,) = status(plant, "sales P-1").products
    assert (product.next_step, product.complete) == (None, True)
    assert product.expected == product.steps[-1].started


def test_without_a_completed_product_there_is_no_estimate():
    plant = Plant().record(ORDER, "C-1", "P-1")
    assert status(plant, "C-1").products[0].expected is None
    assert status(plant, "C-1").expected is None


def test_a_skipped_step_counts_as_done():
    """A product may need no component of its own."""
    plant = new_plant()
    plant.record(ORDER, "C-7", "P-7").record(ASSEMBLY, "P-7 assembly", "P-7")
    (product,) = status(plant, "C-7").products
    assert [(step.done, step.records) for step in product.steps[:4]] == [(True, 0), (True, 0), (True, 0), (True, 1)]
    assert product.next_step.kind is CHECK


def test_an_unreadable_order_is_not_found(plant):
    assert status(plant, "C-2", [DEPARTMENTS[DESIGN.department]]) is None
    assert status(plant, "C-404") is None
    (designed, _) = status(plant, "C-2", [DEPARTMENTS[ORDER.department]]).products
    assert designed.next_step.kind is DESIGN, "records of other departments do not count"


def test_records_of_other_owners_do_not_affect_an_order():
    """Test records of a competitor's departments, and records of a kind that the own department does not append."""
    plant = new_plant()
    before = status(plant, "C-2")
    foreign = {kind: bytes([0x80 + number]) * 32 for number, kind in enumerate(KINDS)}
    plant.chain.block(
        *(("ProcessLedger", "DepartmentOpened", [key, 2, kind.department, ACCOUNT]) for kind, key in foreign.items())
    )

    def forge(department, kind, key, product, first=0):
        entry = LedgerEntry(record_id(kind.id, key), subject_id(product), None, b"\6" * 32)
        values = [department, first, ACCOUNT, kind_hash(kind.schema), b"\5" * 27, pack([entry])]
        plant.chain.block(("ProcessLedger", "RecordsAppended", values))

    for kind, department in foreign.items():
        forge(department, kind, "C-2" if kind is ORDER else f"forged {kind.station}", "P-2")
    design = DEPARTMENTS[DESIGN.department]
    forge(design, CHECK, "forged", "P-2", first=plant.counts[DESIGN.department])
    readable = [*ALL, *foreign.values()]
    result = query(plant.index).order_status("C-2", KINDS, readable, before.expected, 1)
    assert (result.ordered, result.products) == (before.ordered, before.products)
    assert (before.owner, before.other_organisations) == (1, ())
    assert (result.owner, result.other_organisations) == (1, (2,))
    competitors = query(plant.index).order_status("C-2", KINDS, readable, before.expected, 2)
    assert [product.complete for product in competitors.products] == [True]


@pytest.mark.parametrize(("organisation", "products"), [(1, 2), (2, 0), (None, 0)])
def test_the_progress_of_an_erp_order_has_the_steps_of_the_contract_with_its_number(plant, organisation, products):
    """Only the plant's own organisation counts: others can record the same key."""
    order = Order("C-2", "EC-300", Gtin(GTIN), 10, plant.now - 20, plant.now - 10)
    stored = StoredOrder(order, 1, plant.now, plant.now)
    report = progress_report(query(plant.index), stored, [], organisation, KINDS, plant.now)
    assert [(step["done"], step["of"]) for step in report["steps"]] == [(1, 5), (0, 5)][:products]
    assert (report["complete"], report["overdue"], report["remaining"]) == (False, True, 10)
    if products:
        assert report["steps"][0]["next"] == WORK.id
