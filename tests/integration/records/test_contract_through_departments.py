"""Test the worked example of BPDMS on a real chain by the command line: one contract, six departments, access."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from contract_order import CONTRACT, story
from department_shop import (
    ADMINISTRATOR,
    COMPETITOR,
    DESIGN,
    OUTSIDER,
    PROCESSING,
    PRODUCTION,
    QUALITY,
    SALES,
    SUPERVISOR,
    address,
)
from querying import query

from chromatrace.chain import reads
from chromatrace.chain.client import Chain
from chromatrace.domain.ledger_entries import record_id
from chromatrace.ethereum.manifest import Manifest
from chromatrace.index import Follower, Index


def test_supervisor_traces_a_product_across_all_departments(shop, transactions):
    records = shop.run(SUPERVISOR, "record", "list", "P-1")["records"]
    assert [record["department"] for record in records] == [
        *("Sales", "Product design", "Production management"),
        *("Discrete processing", "Discrete processing", "Assembly line", "Quality inspection"),
    ]
    assert [record["entry"]["appended"]["tx_hash"] for record in records] == transactions[:7]
    assert records[0]["key"] == "C-2026-001"
    for earlier, later in pairwise(records[:4]):
        assert later["entry"]["preceding"] == earlier["entry"]["record"]


def test_member_sees_its_own_department(shop, transactions):
    records = shop.run(DESIGN, "record", "list", "P-2")["records"]
    assert [record["department"] for record in records] == ["Product design"]


@pytest.mark.parametrize("product", ["P-1", "P-404"])
@pytest.mark.parametrize("account", [OUTSIDER, COMPETITOR, ADMINISTRATOR])
def test_others_do_not_learn_whether_a_product_exists(shop, transactions, account, product):
    report = shop.run(account, "record", "list", product, status=1)
    assert (report["error"], report["message"]) == ("RecordNotReadableError", "not authorised to read any department")


def test_unknown_product_is_reported(shop, transactions):
    for account in (SUPERVISOR, DESIGN):
        assert shop.error(account, "record", "list", "P-404") == ("ProductNotFoundError", "product")


def test_show_with_file(shop, transactions, tmp_path):
    target = tmp_path / "drawing"
    shown = shop.run(DESIGN, "record", "show", "product-design.design", "D-1", "--save", f"drawing_file={target}")
    assert shown["fields"]["contract_id"] == "C-2026-001"
    assert target.read_bytes() == (shop.folder / "drawing.step").read_bytes()


def test_hidden_and_absent_records_give_the_same_error(shop, transactions):
    hidden = shop.run(DESIGN, "record", "show", "sales.contract-order", "C-2026-001", status=1)
    absent = shop.run(DESIGN, "record", "show", "sales.contract-order", "C-404", status=1)
    assert hidden == absent
    assert hidden["error"] == "RecordNotReadableError"


def test_grant_and_revoke(shop, transactions):
    auditor = shop.run(COMPETITOR, "key", "reader", "Auditor", "--whole-organisation")
    arguments = ["record", "show", "sales.contract-order", "C-2026-001", "--as", "Auditor"]
    change = ["record", "grant", "sales.contract-order", "C-2026-001"]
    assert shop.error(SUPERVISOR, *arguments) == ("KeyMissingError", "as")
    granted = shop.run(SALES, *change, "--to", auditor["reader"])
    assert [reader["name"] for reader in granted["readers"]] == ["Sales", "Auditor"]
    assert shop.run(SUPERVISOR, *arguments)["fields"]["customer"] == "Example Windows"
    shop.run(SALES, *change, "--revoke", auditor["fingerprint"])
    assert shop.error(SUPERVISOR, *arguments) == ("KeyMissingError", "as")
    assert shop.error(SALES, *change, "--revoke", granted["readers"][0]["fingerprint"]) == ("InvalidInput", "reader")


NEW = CONTRACT | {"contract_id": "C-new"}


@pytest.mark.parametrize(
    ("account", "value", "error", "field"),
    [
        (None, NEW, "InvalidInput", "keystore"),
        (DESIGN, NEW, "NotMember", "signer"),
        (OUTSIDER, NEW, "UnknownOperator", "operator"),
        (COMPETITOR, NEW, "NotFound", "department"),
        (SALES, NEW | {"schema": "chromatrace.record/sales.contract-order/2"}, "UnknownSchemaError", "/schema"),
        (SALES, NEW | {"customer": 7}, "InvalidRecordError", "/customer"),
        (SALES, NEW | {"customer": "x" * 201}, "InvalidRecordError", "/customer"),
        (SALES, NEW | {"contract_id": "x" * 61}, "InvalidRecordError", "/contract_id"),
        (SALES, NEW | {"products": [{"product_id": "P", "quantity": 0}]}, "InvalidRecordError", "/products/0/quantity"),
        (SALES, NEW | {"unit price": 3}, "InvalidRecordError", "/unit price"),
        (SALES, {"contract_id": "C-new"}, "UnknownSchemaError", "/schema"),
        (SALES, [NEW], "InvalidRecordError", ""),
        (SALES, json.dumps(NEW).encode("utf-16"), "InvalidRecordError", ""),
        (SALES, json.dumps(NEW | {"name": "café"}, ensure_ascii=False).encode("latin-1"), "InvalidRecordError", ""),
        (SALES, json.dumps(NEW).encode() + b" " * 300_000, "InvalidRecordError", ""),
        (SALES, b'{"a":1,"a":2}', "InvalidRecordError", "/a"),
        (SALES, CONTRACT, "RecordExistsError", "/contract_id"),
        (DESIGN, {k: v for k, v in story()[0].items() if k != "contract_id"}, "InvalidRecordError", "/contract_id"),
        (
            PRODUCTION,
            story()[1] | {"work_order_id": "W-9", "drawing_id": "D-9"},
            "UnknownPrecedingError",
            "/drawing_id",
        ),
        (
            DESIGN,
            story()[0] | {"drawing_id": "D-9", "drawing_file": "0x" + "77" * 32},
            "InvalidRecordError",
            "/drawing_file",
        ),
        (QUALITY, story()[5] | {"product_id": "P-9"}, "UnknownPrecedingError", "/product_id"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_input_is_rejected_without_writing(shop, transactions, account, value, error, field):
    before = shop.blocks(), shop.stored()
    assert shop.error(account, "record", "add", shop.write(value)) == (error, field)
    assert (shop.blocks(), shop.stored()) == before


def test_import_appends_valid_rows_and_reports_the_others(shop, transactions):
    table = shop.folder / "components.csv"
    header = "component_id,line_id,workers,processing_route,route_signature,work_order_id,product_id"
    valid = [f"K-b{number},L-1,worker 1;worker 2,mill,0x{'0a' * 48},W-1,P-1" for number in range(120)]
    invalid = ["K-b1,L-1,w,mill,0xaa,W-1,P-1", "K-x,L-1,w,mill,0xaa,W-404,P-1", "K-y,L-1,w,mill,AA,W-1,P-1", "K-z,L-1"]
    table.write_text("\n".join([header, *valid, *invalid]) + "\n")
    arguments = ["record", "import", table, "--kind", "discrete-processing.component", "--batch", "50"]
    report = shop.run(PROCESSING, *arguments, status=1)
    assert (report["appended"], report["rejected"], len(report["transactions"])) == (120, 4, 3)
    assert [(error["line"], error["error"], error["field"]) for error in report["errors"]] == [
        (122, "RecordExistsError", "/component_id"),
        (123, "UnknownPrecedingError", "/work_order_id"),
        (124, "InvalidRecordError", "/route_signature"),
        (125, "InvalidRecordError", ""),
    ]
    again = shop.run(PROCESSING, *arguments, status=1)
    assert (again["appended"], again["rejected"]) == (0, 124)


def test_import_of_json_lines(shop, transactions):
    lines = shop.folder / "orders.jsonl"
    orders = [CONTRACT | {"contract_id": f"C-j{number}"} for number in range(3)]
    lines.write_text("\n".join([*map(json.dumps, orders), "{", '{"a":1,"a":2}']))
    report = shop.run(SALES, "record", "import", lines, "--kind", "sales.contract-order", status=1)
    assert (report["appended"], report["rejected"]) == (3, 2)


class Tool:
    """A process with its own data folder, and therefore its own outbox, index and vault."""

    def __init__(self, shop, account, key, *, by_import):
        self.folder = shop.folder / f"tool-{account}-{key}"
        self.folder.mkdir()
        self._command = [sys.executable, "-m", "chromatrace.cli", "--rpc-url", shop.node.url]
        self._command += ["--manifest", str(shop.manifest), "--data", str(self.folder), "--dev-account", str(account)]
        self.run("key", "reader", "Sales").communicate()
        values = [
            CONTRACT | {"contract_id": contract_id}
            for contract_id in ([key, f"{key}-{account}"] if by_import else [key])
        ]
        path = self.folder / "values.jsonl"
        path.write_text("\n".join(map(json.dumps, values)))
        import_ = ["import", path, "--kind", "sales.contract-order"]
        self.process = self.run("record", *(import_ if by_import else ["add", path]))

    def run(self, *arguments):
        return subprocess.Popen([*self._command, *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True)

    def end(self):
        """Return exit status and output."""
        report = json.loads(self.process.communicate(timeout=300)[0])
        return self.process.returncode, report


@pytest.mark.parametrize("by_import", [False, True], ids=["two additions", "an addition and an import"])
def test_two_tools_append_the_same_record_at_the_same_time(shop, transactions, by_import):
    """One block includes both entries. The first is the record; the other tool reports an error."""
    shop.run(ADMINISTRATOR, "record", "member", "Sales", address(QUALITY))
    rpc, key = shop.node.rpc(), f"C-both-{by_import}"
    record = record_id("sales.contract-order", key)
    rpc.call("evm_setAutomine", False)
    try:
        tools = [Tool(shop, SALES, key, by_import=False), Tool(shop, QUALITY, key, by_import=by_import)]
        deadline = time.monotonic() + 180
        while rpc.call("txpool_status")["pending"] != "0x2":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        rpc.call("evm_mine")
    finally:
        rpc.call("evm_setAutomine", True)
    ended = [tool.end() for tool in tools]
    index = Index("sqlite://")
    Follower(index, rpc, Manifest.load(shop.manifest)).sync()
    entries = query(index).record(record)
    assert sorted({entry.repeat for entry in entries}) == [False, True]
    assert len({entry.appended.block_hash for entry in entries}) == 1
    (sales,) = {entry.department for entry in entries}
    assert set(query(index).subjects_of_record(record, sales)) == {
        entry.subject for entry in entries if not entry.repeat
    }
    first, second = (0, 1) if entries[0].by == address(SALES) else (1, 0)
    appended, repeated = ended[first], ended[second]
    assert appended[0] == 0
    assert repeated[0] == 1
    errors = repeated[1].get("errors", [repeated[1]])
    assert [(error["error"], error["field"]) for error in errors] == [("RecordRepeatedError", "/contract_id")]
    if "appended" in repeated[1]:
        assert (repeated[1]["appended"], repeated[1]["rejected"]) == (1, 1)
    shown, _ = tools[first].run("record", "show", "sales.contract-order", key).communicate(timeout=300)
    assert {entry["digest"] for entry in json.loads(shown)["repeats"]} == {
        "0x" + entry.digest.hex() for entry in entries if entry.repeat
    }
    listed = shop.run(SALES, "record", "list", "P-1")["records"]
    assert sum(item["entry"]["repeat"] for item in listed if item["entry"]["record"] == "0x" + record.hex()) == 1
    again = shop.run(SALES, "record", "add", shop.write(CONTRACT | {"contract_id": key}), status=1)
    assert again["error"] == "RecordExistsError"


def test_index_matches_a_rebuild_and_the_contract(shop, transactions):
    index, manifest = Index("sqlite://"), Manifest.load(shop.manifest)
    rpc = shop.node.rpc()
    Follower(index, rpc, manifest).sync()
    stored = Index(f"sqlite:///{shop.folder / 'data' / 'index.db'}")
    Follower(stored, rpc, manifest).sync()
    assert query(stored).digest() == query(index).digest()
    chain = Chain(rpc, manifest)
    for view in query(index).departments():
        department = chain.read(reads.department(view.id))
        assert (department.organisation, department.count, department.head) == (
            view.organisation,
            view.count,
            view.head,
        )
        assert view.count > 0


LINES = {
    "electrochromic": [
        {"schema": "chromatrace.record/materials.charge/1", "charge_id": "CH-1", "product_id": "09521234543213/L1"}
        | {"material": "Tungsten target", "supplier": "Example Metals", "supplier_lot": "W-7"},
        {"schema": "chromatrace.record/coating.run/1", "run_id": "R-1", "product_id": "09521234543213/L1"}
        | {"charge_id": "CH-1", "film": "WO3", "recipe": "WO3 at 1 Pa"}
        | {"started": "2026-04-09T11:00:00Z", "ended": "2026-04-09T12:00:00Z"},
        {"schema": "chromatrace.record/quality.report/1", "report_id": "QR-1", "product_id": "09521234543213/L1"}
        | {"run_id": "R-1", "time": "2026-04-09T13:00:00Z", "result": "pass"},
    ],
    "desktop-computer": [
        {"schema": "chromatrace.record/orders.order/1", "order_id": "O-1", "customer": "Example Office"}
        | {"products": [{"product_id": "PC-1", "quantity": 1}]},
        {"schema": "chromatrace.record/assembly.step/1", "product_id": "PC-1", "order_id": "O-1", "step": 1}
        | {"part": "System board", "worker": "worker 1", "time": "2026-04-09T11:00:00Z"},
        {"schema": "chromatrace.record/quality.check/1", "product_id": "PC-1", "inspectors": ["inspector 1"]}
        | {"time": "2026-04-09T12:00:00Z", "result": "pass"},
    ],
}


@pytest.mark.parametrize(("plant", "administrator", "writer"), [("electrochromic", 1, 2), ("desktop-computer", 10, 10)])
def test_other_plants_need_configuration_only(shop, transactions, plant, administrator, writer):
    """These plants differ from the six departments in a configuration file only."""
    options = ["--plant", plant]
    shop.node.rpc().call("anvil_setBalance", address(writer), hex(10**18))
    for department in shop.run(administrator, *options, "record", "open")["departments"]:
        shop.run(administrator, "record", "member", department, address(writer))
        shop.run(writer, "key", "reader", department)
    records = LINES[plant]
    appended = [shop.run(writer, *options, "record", "add", shop.write(value))["tx"] for value in records]
    product = records[1]["product_id"]
    listed = shop.run(writer, *options, "record", "list", product)["records"]
    assert [record["entry"]["appended"]["tx_hash"] for record in listed] == appended
    assert [record["schema"] for record in listed] == [value["schema"] for value in records]
    again = shop.run(writer, *options, "record", "add", shop.write(records[0]), status=1)
    assert again["error"] == "RecordExistsError"
