"""Test that entries with guessed keys or foreign documents do not affect the records of an organisation."""

from __future__ import annotations

import json

from contract_order import CONTRACT, story
from department_shop import CATALOGUE, COMPETITOR, DESIGN, SALES, SUPERVISOR, address, dev
from querying import query

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, record_id, subject_id
from chromatrace.ethereum.manifest import Manifest
from chromatrace.index import Follower, Index


def guess(shop, account, department, kind, key, product):
    """Append a record of this kind and key to a department, as any organisation can in its own departments."""
    chain = Chain(
        shop.node.rpc(), Manifest.load(shop.manifest), Outbox(shop.folder / f"guess-{account}.db"), dev(account)
    )
    entry = LedgerEntry(record_id(kind.id, key), subject_id(product), None, b"\x77" * 32)
    return chain.submit(calls.append_records(department, kind_hash(kind.schema), entry.to_bytes())).tx


def test_guessed_key_does_not_block_a_record(shop, transactions):
    """A competitor with a readable department and a colleague in another department append the key first."""
    order, key = CATALOGUE.newest("sales.contract-order"), "C-guessed"
    competitors = shop.run(COMPETITOR, "record", "open", "Sales")["departments"]["Sales"]
    shop.run(COMPETITOR, "record", "member", "Sales", address(COMPETITOR))
    shop.run(COMPETITOR, "record", "member", "Sales", address(SALES), "--rights", "read")
    shop.run(COMPETITOR, "record", "member", "Sales", address(DESIGN), "--rights", "read")
    foreign = guess(shop, COMPETITOR, bytes.fromhex(competitors[2:]), order, key, "P-g")
    index = Index("sqlite://")
    Follower(index, shop.node.rpc(), Manifest.load(shop.manifest)).sync()
    colleagues = next(item.id for item in query(index).departments(1) if item.name == "Product design")
    guess(shop, DESIGN, colleagues, order, key, "P-g")
    drawing = shop.folder / "drawing.step"
    design = story("P-g")[0] | {"drawing_id": "D-g", "contract_id": key}
    attached = ["--attach", f"drawing_file={drawing}"]
    early = shop.run(DESIGN, "record", "add", shop.write(design), *attached, status=1)
    assert (early["error"], early["field"]) == ("UnknownPrecedingError", "/contract_id"), (
        "the contract belongs to another organisation"
    )

    own = shop.add(SALES, CONTRACT | {"contract_id": key, "products": [{"product_id": "P-g", "quantity": 1}]})["tx"]
    shown = shop.run(SALES, "record", "show", order.id, key)
    assert (shown["entry"]["appended"]["tx_hash"], shown["repeats"]) == (own, [])
    table = shop.folder / "guessed.jsonl"
    table.write_text(json.dumps(CONTRACT | {"contract_id": key}))
    again = shop.run(SALES, "record", "import", table, "--kind", order.id, status=1)
    assert [error["error"] for error in again["errors"]] == ["RecordExistsError"]
    shop.add(DESIGN, design, *attached)
    assert shop.run(SALES, "record", "order", key)["ordered_at"] == shown["entry"]["appended"]["block_time"]
    (product,) = shop.run(SUPERVISOR, "record", "order", key)["products"]
    assert product["steps"][0]["records"] == 1
    assert shop.error(SALES, "record", "show", order.id, key, "--organisation", "2") == (
        "ContentNotFoundError",
        "record",
    )
    assert shop.error(SALES, "record", "order", key, "--organisation", "3") == ("NotFound", "contract")
    listed = shop.run(SALES, "record", "list", "P-g")["records"]
    assert [(item["organisation"], item["entry"]["appended"]["tx_hash"]) for item in listed] == [(2, foreign), (1, own)]


def test_entry_with_the_digest_of_another_record_has_no_document(shop, transactions):
    kind = CATALOGUE.newest("sales.contract-order")
    known = shop.run(SALES, "record", "show", kind.id, "C-2026-001")["entry"]
    chain = Chain(shop.node.rpc(), Manifest.load(shop.manifest), Outbox(shop.folder / "swap.db"), dev(SALES))
    entry = LedgerEntry(record_id(kind.id, "C-swapped"), subject_id("P-s"), None, bytes.fromhex(known["digest"][2:]))
    department = bytes.fromhex(known["department"][2:])
    chain.submit(calls.append_records(department, kind_hash(kind.schema), entry.to_bytes()))
    assert shop.error(SALES, "record", "show", kind.id, "C-swapped") == ("ContentNotFoundError", "record")
    (listed,) = shop.run(SALES, "record", "list", "P-s")["records"]
    assert listed["key"] is None
