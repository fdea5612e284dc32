"""Entries that others made so that they look like our records, or stand in their way."""

from __future__ import annotations

import json

from contract_order import CONTRACT, story
from department_shop import CATALOGUE, DESIGN, RIVAL, SALES, SUPERVISOR, address, dev
from querying import query

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, record_id, subject_id
from chromatrace.ethereum.manifest import Manifest
from chromatrace.index import Follower, Index


def guess(shop, account, department, kind, key, product):
    """Appends a record of that kind and key to a department, as anybody may with a department of its own."""
    chain = Chain(
        shop.node.rpc(), Manifest.load(shop.manifest), Outbox(shop.folder / f"guess-{account}.db"), dev(account)
    )
    entry = LedgerEntry(record_id(kind.id, key), subject_id(product), None, b"\x77" * 32)
    return chain.submit(calls.append_records(department, kind_hash(kind.schema), entry.to_bytes())).tx


def test_nobody_blocks_a_record_by_guessing_its_key(shop, done):
    """A rival, who lets our people read it, and a colleague in a department of ours were there first."""
    order, key = CATALOGUE.newest("sales.contract-order"), "C-guessed"
    rivals = shop.run(RIVAL, "record", "open", "Sales")["departments"]["Sales"]
    shop.run(RIVAL, "record", "member", "Sales", address(RIVAL))
    shop.run(RIVAL, "record", "member", "Sales", address(SALES), "--rights", "read")
    shop.run(RIVAL, "record", "member", "Sales", address(DESIGN), "--rights", "read")
    theirs = guess(shop, RIVAL, bytes.fromhex(rivals[2:]), order, key, "P-g")
    index = Index("sqlite://")
    Follower(index, shop.node.rpc(), Manifest.load(shop.manifest)).sync()
    colleagues = next(one.id for one in query(index).departments(1) if one.name == "Product design")
    guess(shop, DESIGN, colleagues, order, key, "P-g")
    drawing = shop.folder / "drawing.step"
    drawn = story("P-g")[0] | {"drawing_id": "D-g", "contract_id": key}
    attached = ["--attach", f"drawing_file={drawing}"]
    early = shop.run(DESIGN, "record", "add", shop.write(drawn), *attached, status=1)
    assert (early["error"], early["field"]) == ("UnknownPrecedingError", "/contract_id"), "it is not our contract"

    ours = shop.add(SALES, CONTRACT | {"contract_id": key, "products": [{"product_id": "P-g", "quantity": 1}]})["tx"]
    shown = shop.run(SALES, "record", "show", order.id, key)
    assert (shown["entry"]["appended"]["tx_hash"], shown["repeats"]) == (ours, [])
    table = shop.folder / "guessed.jsonl"
    table.write_text(json.dumps(CONTRACT | {"contract_id": key}))
    again = shop.run(SALES, "record", "import", table, "--kind", order.id, status=1)
    assert [one["error"] for one in again["errors"]] == ["RecordExistsError"]
    shop.add(DESIGN, drawn, *attached)
    assert shop.run(SALES, "record", "order", key)["ordered_at"] == shown["entry"]["appended"]["block_time"]
    (product,) = shop.run(SUPERVISOR, "record", "order", key)["products"]
    assert product["steps"][0]["records"] == 1
    assert shop.refused(SALES, "record", "show", order.id, key, "--organisation", "2") == (
        "ContentNotFoundError",
        "digest",
    )
    assert shop.refused(SALES, "record", "order", key, "--organisation", "3") == ("NotFound", "contract")
    listed = shop.run(SALES, "record", "list", "P-g")["records"]
    assert [(one["organisation"], one["entry"]["appended"]["tx_hash"]) for one in listed] == [(2, theirs), (1, ours)]


def test_an_entry_with_the_document_of_another_record_is_not_shown_as_that_one(shop, done):
    kind = CATALOGUE.newest("sales.contract-order")
    known = shop.run(SALES, "record", "show", kind.id, "C-2026-001")["entry"]
    chain = Chain(shop.node.rpc(), Manifest.load(shop.manifest), Outbox(shop.folder / "swap.db"), dev(SALES))
    entry = LedgerEntry(record_id(kind.id, "C-swapped"), subject_id("P-s"), None, bytes.fromhex(known["digest"][2:]))
    department = bytes.fromhex(known["department"][2:])
    chain.submit(calls.append_records(department, kind_hash(kind.schema), entry.to_bytes()))
    assert shop.refused(SALES, "record", "show", kind.id, "C-swapped") == ("RecordMismatchError", "digest")
    (listed,) = shop.run(SALES, "record", "list", "P-s")["records"]
    assert listed["key"] is None
