"""Import of record tables over HTTP, on a real chain."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from querying import query

from chromatrace.chain import calls

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "unit" / "records"))

from contract_order import CONTRACT
from dev_chain import wait_until_mined
from served_portal import PASSWORD

from app.request_bodies import BodyLimit

CSV, LINES = "text/csv", "application/x-ndjson"
SCHEMA = CONTRACT["schema"]
PRODUCTS = [{"product_id": "I-1", "quantity": 2}, {"product_id": "I-2", "quantity": 1}]
SALES, DESIGN = "import-sales@g", "import-design@g"


@dataclass
class Importer:
    """A portal worker on the consortium's chain."""

    app: object
    index: object
    follower: object
    consortium: object
    data: Path
    addresses: dict[str, str]

    def send(self, body, kind=CSV, account=SALES, schema=SCHEMA, **parameters):
        auth = None if account is None else (account, PASSWORD)
        data = body.read_bytes() if isinstance(body, Path) else body
        query = {"schema": schema} | parameters
        return self.app.test_client().post(
            "/api/v1/records/import", query_string=query, data=data, content_type=kind, auth=auth
        )

    def written(self):
        """Return the block number and the number of stored documents."""
        return self.consortium.height(), sum(1 for _ in (self.data / "vault").rglob("records/*/*.age"))

    def count(self, key):
        """Return the number of records of a contract on the chain. Each has two entries, one per product."""
        from chromatrace.domain.ledger_entries import record_id

        wait_until_mined(self.consortium.rpc)
        self.follower.sync()
        return len(query(self.index).record(record_id("sales.contract-order", key))) / 2


@pytest.fixture(scope="module")
def importer(consortium, tmp_path_factory):
    import app.accounts
    from app import PortalSettings, create_app
    from app.store import PortalDatabase
    from chromatrace.index import Follower, Index
    from chromatrace.plant import example_plant
    from chromatrace.records.key_ring import KeyRing
    from chromatrace.records.reader_key import ReaderIdentity

    data = tmp_path_factory.mktemp("importer")
    database, addresses = PortalDatabase(f"sqlite:///{data / 'portal.db'}"), {}
    for name, department in ((SALES, "Sales"), (DESIGN, "Product design")):
        address = app.accounts.create_account(database, data / "keys", name, PASSWORD).address
        consortium.registrar.submit(calls.appoint_operator(address, 1, 4, 2**64 - 1))
        consortium.rpc.call("anvil_setBalance", address, hex(10**18))
        consortium.maker.submit(calls.set_member(consortium.departments[department], address, 3))
        identity = ReaderIdentity(1, consortium.departments[department])
        KeyRing(data / "keys" / "readers").create(identity, department)
        addresses[name] = address
    database.close()
    index = Index(f"sqlite:///{data / 'index.db'}")
    follower = Follower(index, consortium.rpc, consortium.manifest)
    follower.sync()
    config = PortalSettings(data, consortium.node.url, consortium.manifest_path, api_limit="10000 per minute")
    application = create_app(config, plant=example_plant("engineer-to-order"))
    yield Importer(application, index, follower, consortium, data, addresses)
    index.close()


def contract(key, **changes):
    fields = CONTRACT | {"contract_id": key, "products": PRODUCTS} | changes
    return {name: value for name, value in fields.items() if name != "schema"}


def as_lines(*rows):
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def as_csv(*rows):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("contract_id", "name", "customer", "products"))
    for row in rows:
        products = ";".join(f"{product['product_id']}:{product['quantity']}" for product in row["products"])
        writer.writerow((row["contract_id"], row["name"], row["customer"], products))
    return text.getvalue().encode()


def row_errors(answer):
    return [(error["line"], error["error"], error["field"]) for error in answer.json["errors"]]


def test_csv_with_valid_and_invalid_rows(importer, tmp_path):
    path = tmp_path / "orders.csv"
    valid = as_csv(contract("csv-1"), contract("csv-2", name='Gears, "two"\nand a half'))
    invalid = as_csv(
        contract("csv-3", customer="x" * 201),
        contract("k" * 61),
        contract("csv-1"),
        contract("csv-4", products=[{"product_id": "I-1", "quantity": 0}]),
    ).partition(b"\r\n")[2]
    malformed = b"csv-5,n,c\r\ncsv-6,caf\xe9,c,I-1:1\r\ncsv-7,n,c,I-1:many\r\ncsv-8,n,c,I-1:1;I-2:2\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + valid + invalid + malformed)
    before = importer.written()
    answer = importer.send(path)
    assert answer.status_code == 202, answer.text
    assert row_errors(answer) == [
        (5, "InvalidRecordError", "/customer"),
        (6, "InvalidRecordError", "/contract_id"),
        (7, "RecordExistsError", "/contract_id"),
        (8, "InvalidRecordError", "/products/0/quantity"),
        (9, "InvalidRecordError", ""),
        (10, "InvalidRecordError", "/name"),
        (11, "InvalidRecordError", "/products"),
    ]
    assert (answer.json["appended"], answer.json["rejected"], answer.json["existing"]) == (3, 7, 1)
    assert importer.written() == (before[0] + 1, before[1] + 3), "one transaction, and one document per accepted row"
    assert [importer.count(key) for key in ("csv-1", "csv-2", "csv-3", "csv-8")] == [1, 1, 0, 1]


def test_json_lines_with_valid_and_invalid_rows(importer, tmp_path):
    path = tmp_path / "orders.jsonl"
    rows = [
        contract("line-1"),
        b"\n",
        contract("line-2") | {"schema": "chromatrace.record/sales.contract-order/2"},
        contract("line-3") | {"name": "x" * 300_000},
        json.dumps(contract("line-4", name="café"), ensure_ascii=False).encode("latin-1") + b"\n",
        contract("line-5") | {"unit price": 3},
        contract("line-6", customer=None),
        b'{"contract_id": "line-7", "contract_id": "line-8"}\n',
        b"[1]\n",
        b"\xff\xfe{\x00}\x00\n",
        contract("line-9"),
    ]
    path.write_bytes(as_lines(*rows).rstrip(b"\n"))
    answer = importer.send(path, LINES)
    assert answer.status_code == 202, answer.text
    assert row_errors(answer) == [
        (3, "InvalidRecordError", "/schema"),
        (4, "InvalidRecordError", ""),
        (5, "InvalidRecordError", ""),
        (6, "InvalidRecordError", "/unit price"),
        (7, "InvalidRecordError", "/customer"),
        (8, "InvalidRecordError", "/contract_id"),
        (9, "InvalidRecordError", ""),
        (10, "InvalidRecordError", ""),
    ]
    assert answer.json["appended"] == 2
    assert [importer.count(f"line-{number}") for number in range(1, 10)] == [1, 0, 0, 0, 0, 0, 0, 0, 1]


_opened: list[tuple[str, int]] = []
_watching = False


def _record_opened(event, arguments):
    if _watching and event == "open" and not isinstance(arguments[0], int):
        _opened.append((str(arguments[0]), arguments[2] or 0))


def test_table_is_not_written_to_disk(importer):
    """The rows are plain text: a process that is killed must not leave them behind."""
    global _watching
    sys.addaudithook(_record_opened)
    _watching = True
    try:
        answer = importer.send(as_csv(*(contract(f"plain-{number}", name="x" * 190) for number in range(40))))
    finally:
        _watching = False
    assert (answer.status_code, answer.json["appended"]) == (202, 40)
    written = {path for path, flags in _opened if flags & (os.O_WRONLY | os.O_RDWR)}
    vault = str(importer.data / "vault")
    assert any(path.startswith(vault) for path in written)
    assert {Path(path).name for path in written if not path.startswith(vault)} <= {"records.lock"}


def test_rows_without_preceding_record_are_rejected(importer):
    before = importer.written()
    design = {
        "product_id": "I-1", "drawing_id": "imp-D1", "drawing_file": "0x" + "ab" * 32,
        "process_route": ["mill"], "contract_id": "imp-404",
    }  # fmt: skip
    lines = as_lines(design, {name: value for name, value in design.items() if name != "contract_id"})
    answer = importer.send(lines, LINES, DESIGN, "chromatrace.record/product-design.design/1")
    assert answer.status_code == 202
    assert [(error["line"], error["field"]) for error in answer.json["errors"]] == [
        (1, "/drawing_file"),
        (2, "/contract_id"),
    ]
    order = {
        "work_order_id": "imp-W1", "schedule": "week 14", "planned_completion": "2026-04-10T16:00:00Z",
        "kind": "processing", "product_id": "I-1", "contract_id": "imp-404", "drawing_id": "imp-D1",
    }  # fmt: skip
    work = importer.send(as_lines(order), LINES, SALES, "chromatrace.record/production-management.work-order/1")
    assert (work.status_code, work.json["error"]) == (403, "NotMember")
    assert importer.written() == before


@pytest.mark.parametrize(
    ("changes", "status", "error", "field"),
    [
        ({"account": None}, 401, "LoginRequiredError", None),
        ({"account": DESIGN}, 403, "NotMember", "signer"),
        ({"kind": "application/json"}, 400, "InvalidInput", "Content-Type"),
        ({"schema": "chromatrace.record/sales.contract-order/2"}, 400, "UnknownSchemaError", "/schema"),
        ({"schema": ""}, 400, "UnknownSchemaError", "/schema"),
        ({"body": b""}, 400, "InvalidInput", "file"),
        ({"body": as_csv(contract("never")).replace(b"customer", b"costumer")}, 400, "InvalidInput", "file"),
        ({"body": as_csv(contract("never")).replace(b"customer", b"name")}, 400, "InvalidInput", "file"),
        ({"body": as_csv(contract("never")).decode().encode("utf-16")}, 400, "InvalidInput", "file"),
        ({"body": b'"contract_id'}, 400, "InvalidInput", "file"),
        ({"dry": "yes"}, 400, "InvalidInput", "dry"),
        ({"reader": "nobody"}, 400, "InvalidInput", "reader"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_rejected_request_writes_nothing(importer, changes, status, error, field):
    before = importer.written()
    answer = importer.send(**{"body": as_csv(contract("never"))} | changes)
    assert (answer.status_code, answer.json["error"], answer.json.get("field")) == (status, error, field)
    assert importer.written() == before


def test_oversized_table_is_rejected(importer, monkeypatch):
    limits = importer.app.extensions["body_limits"]
    monkeypatch.setattr(limits, "of", lambda _endpoint: BodyLimit(1_000, authenticated=True))
    before = importer.written()
    answer = importer.send(as_csv(*(contract(f"limit-{number}") for number in range(40))))
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert importer.written() == before


def test_overlong_line_is_rejected(importer):
    answer = importer.send(as_lines(b'{"name": "' + b"x" * 5_000_000 + b'"}\n', contract("after-it")), LINES)
    assert (row_errors(answer), answer.json["appended"]) == ([(1, "InvalidRecordError", "")], 1)


def test_repeated_file_is_recorded_once(importer):
    """While pending; in another order with an additional row; and after the index has it."""
    rows = [contract(f"again-{number}") for number in range(4)]
    first = importer.send(as_csv(*rows))
    assert (first.status_code, first.json["appended"]) == (202, 4)
    second = importer.send(as_csv(*rows))
    assert (second.status_code, second.json["appended"], second.json["existing"]) == (202, 0, 4)
    assert row_errors(second) == [(line, "RecordPendingError", "/contract_id") for line in (2, 3, 4, 5)]
    third = importer.send(as_csv(rows[2], contract("again-4"), rows[0]))
    assert (third.json["appended"], row_errors(third)) == (
        1,
        [(line, "RecordPendingError", "/contract_id") for line in (2, 4)],
    )
    alone = importer.app.test_client().post("/api/v1/records", json=CONTRACT | rows[3], auth=(SALES, PASSWORD))
    assert (alone.status_code, alone.json["error"], alone.json["field"]) == (409, "RecordPendingError", "/contract_id")
    wait_until_mined(importer.consortium.rpc)
    importer.follower.sync()
    fourth = importer.send(as_csv(*rows))
    assert (fourth.json["appended"], fourth.json["existing"]) == (0, 4)
    assert [importer.count(f"again-{number}") for number in range(5)] == [1] * 5


def test_concurrent_imports_record_once(importer):
    body = as_csv(*(contract(f"moment-{number}") for number in range(5)))
    with ThreadPoolExecutor(3) as executor:
        answers = list(executor.map(lambda _: importer.send(body), range(3)))
    assert {answer.status_code for answer in answers} == {202}
    assert sum(answer.json["appended"] for answer in answers) == 5
    assert sum(answer.json["existing"] for answer in answers) == 10
    assert [importer.count(f"moment-{number}") for number in range(5)] == [1] * 5


def test_interrupted_import_reports_progress_and_resumes(importer, monkeypatch):
    """The account runs out of funds during the import; importing the same file again continues."""
    from app.services import RecordWriter

    rpc, address, append = importer.consortium.rpc, importer.addresses[SALES], RecordWriter.append

    def append_and_mine(*arguments):
        """Wait until the cost of a row is deducted from the balance."""
        sent = append(*arguments)
        wait_until_mined(rpc)
        return sent

    monkeypatch.setattr(RecordWriter, "append", append_and_mine)
    monkeypatch.setattr("app.api.records.views.ROWS_PER_TRANSACTION", 1)
    probe = importer.send(as_csv(contract("broken-probe"))).json["transactions"][0]
    sent = rpc.call("eth_getTransactionByHash", probe)
    rpc.call("anvil_setBalance", address, hex(int(sent["gas"], 16) * int(sent["maxFeePerGas"], 16) * 2))
    body = as_csv(*(contract(f"broken-{number}") for number in range(12)))
    answer = importer.send(body)
    rpc.call("anvil_setBalance", address, hex(10**18))
    assert answer.status_code == 202, answer.text
    appended = answer.json["appended"]
    assert 0 < appended < 12
    assert (answer.json["stopped"]["error"], answer.json["remaining"]) == ("InsufficientFundsError", 12 - appended)
    rest = importer.send(body)
    assert (rest.json["appended"], rest.json["existing"]) == (12 - appended, appended)
    assert [importer.count(f"broken-{number}") for number in range(12)] == [1] * 12
