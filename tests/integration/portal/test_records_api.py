"""Department records over HTTP, on a real chain and with a portal process."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import httpx
import pytest

from chromatrace.chain import calls

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "unit" / "records"))

from contract_order import CONTRACT, story
from served_portal import PASSWORD, PortalProcess

SALES, DESIGN, SUPERVISOR_NAME, COMPETITOR, ADMIN = ("sales@g", "design@g", "supervisor@g", "competitor@c", "admin@g")
BOTH, READ = 3, 1
GATEWAY, SUPERVISOR, ADMINISTRATOR = 4, 64, 1
PEOPLE = {
    SALES: (1, GATEWAY, "Sales"),
    DESIGN: (1, GATEWAY, "Product design"),
    SUPERVISOR_NAME: (1, SUPERVISOR, None),
    COMPETITOR: (2, GATEWAY | SUPERVISOR, None),
    ADMIN: (1, ADMINISTRATOR, None),
}


@pytest.fixture(scope="module")
def shop(consortium, tmp_path_factory):
    """Start a portal with an account for each of `PEOPLE` and the reader keys of two departments."""
    from app.accounts import create_account
    from app.store import PortalDatabase
    from chromatrace.records.key_ring import KeyRing
    from chromatrace.records.reader_key import ReaderIdentity

    data = tmp_path_factory.mktemp("shop")
    database, addresses = PortalDatabase(f"sqlite:///{data / 'portal.db'}"), {}
    for name, (organisation, roles, department) in PEOPLE.items():
        account = create_account(database, data / "keys", name, PASSWORD)
        addresses[name] = account.address
        consortium.registrar.submit(calls.appoint_operator(account.address, organisation, roles, 2**64 - 1))
        consortium.rpc.call("anvil_setBalance", account.address, hex(10**18))
        if department is not None:
            number = consortium.departments[department]
            consortium.maker.submit(calls.set_member(number, account.address, BOTH))
            KeyRing(data / "keys" / "readers").create(ReaderIdentity(1, number), department)
    database.close()
    with PortalProcess(consortium, data, options=("--plant", "engineer-to-order")) as portal:
        portal.data, portal.addresses = data, addresses
        portal.state = lambda: _state(consortium, data)
        yield portal


def _state(consortium, data):
    """Return the block number and all stored files, which an error must not change."""
    files = {str(path) for path in (data / "vault").rglob("*") if path.is_file()}
    return consortium.height(), files


def add(client, value, **query):
    return client.post("/api/v1/records", json=value, params=query)


def indexed(portal, client, path):
    """Return the response to GET `path` when the index has the record."""
    return portal.wait(lambda: (response := client.get(f"/api/v1/records{path}")).status_code == 200 and response)


@pytest.fixture(scope="module")
def order(shop):
    with shop.client(DESIGN) as design:
        query, binary = {"schema": story()[0]["schema"]}, {"Content-Type": "application/octet-stream"}
        assert design.post("/api/v1/records/files", params=query, content=b"tiny", headers=binary).status_code == 201
    with shop.client(SALES) as sales:
        answer = add(sales, CONTRACT)
        assert answer.status_code == 202, answer.text
        indexed(shop, sales, f"/{answer.json()['record']}")
        return answer.json()


def test_record_is_added_and_shown(shop, consortium, order):
    receipt = consortium.rpc.call("eth_getTransactionReceipt", order["transaction"])
    assert int(receipt["status"], 16) == 1
    with shop.client(SALES) as sales:
        shown = sales.get(f"/api/v1/records/{order['record']}").json()
        assert shown["document"] == CONTRACT
        assert (shown["transaction"], shown["department"]) == (order["transaction"], "Sales")
        by_key = sales.get("/api/v1/records", params={"schema": order["schema"], "key": "C-2026-001"}).json()
        assert [entry["record"] for entry in by_key["records"]] == [order["record"]]
        again = add(sales, CONTRACT)
        assert (again.status_code, again.json()["field"]) == (409, "/contract_id")


def test_console_shows_product_names_of_order(shop, order):
    """The chain has only hashes of the names; the portal has a key for the contract."""
    with httpx.Client(base_url=shop.url, follow_redirects=True, timeout=180) as supervisor:
        token = re.search(r'name="csrf_token" value="([^"]+)"', supervisor.get("/login").text).group(1)
        supervisor.post("/login", data={"name": SUPERVISOR_NAME, "password": PASSWORD, "csrf_token": token})
        page = supervisor.get("/console/orders/C-2026-001").text
    assert [name for name in ("P-1", "P-2") if f">{name}</a></h2>" in page] == ["P-1", "P-2"]


def test_supervisor_lists_records_of_product_in_pages(shop, order):
    with shop.client(SUPERVISOR_NAME) as supervisor:
        listed = supervisor.get("/api/v1/records", params={"product": "P-1", "perPage": 1})
        assert [entry["record"] for entry in listed.json()["records"]] == [order["record"]]
        assert "Link" not in listed.headers
        invalid = supervisor.get("/api/v1/records", params={"product": "P-1", "perPage": "0000000000019999"})
        assert (invalid.status_code, invalid.json()["field"]) == (400, "perPage")
        missing = supervisor.get("/api/v1/records", params={"product": "P-404"})
        assert (missing.status_code, missing.json()["error"]) == (404, "ProductNotFoundError")


@pytest.mark.parametrize("product", ["P-1", "P-404"])
def test_other_organisations_learn_nothing(shop, order, product):
    with shop.client(COMPETITOR) as competitor:
        denied = competitor.get("/api/v1/records", params={"product": product})
        assert (denied.status_code, denied.json()["error"], denied.json()["message"]) == (
            *(403, "RecordNotReadableError", "not authorised to read any department"),
        )
        hidden = competitor.get(f"/api/v1/records/{order['record']}")
        absent = competitor.get(f"/api/v1/records/0x{'77' * 20}")
        assert hidden.json() == absent.json()
        assert hidden.status_code == absent.status_code == 403


def test_large_file_is_streamed(shop, order, tmp_path):
    chunks = [hashlib.sha256(bytes([number])).digest() * 32_768 for number in range(24)]
    whole = b"".join(chunks)
    design = story("P-1")[0]
    binary = {"Content-Type": "application/octet-stream"}
    with shop.client(DESIGN) as client:
        stored = client.post(
            "/api/v1/records/files", params={"schema": design["schema"]}, content=iter(chunks), headers=binary
        )
        assert stored.status_code == 201, stored.text
        assert stored.json() == {"file": "0x" + hashlib.sha256(whole).hexdigest(), "size": len(whole)}
        answer = add(client, design | {"drawing_file": stored.json()["file"]}).json()
        record = indexed(shop, client, f"/{answer['record']}").json()["record"]
        path = f"/api/v1/records/{record}/files/drawing_file"
        assert client.get(path).content == whole
        size = len(whole)
        for text, start, stop in (
            ("bytes=0-9", 0, 10),
            (f"bytes={size // 2}-{size // 2 + 70_000}", size // 2, size // 2 + 70_001),
            ("bytes=-5", size - 5, size),
            (f"bytes={size - 3}-", size - 3, size),
        ):
            part = client.get(path, headers={"Range": text})
            assert (part.status_code, part.content) == (206, whole[start:stop]), text
            assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        beyond = client.get(path, headers={"Range": f"bytes={size}-"})
        assert (beyond.status_code, beyond.headers["Content-Type"]) == (416, "application/problem+json")
        assert client.get(path.replace("drawing_file", "no_file")).status_code == 404
        _corrupt(shop.data / "vault", len(whole))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(path)


def _corrupt(vault, size):
    """Change a byte near the end of the only content of that size."""
    (sealed,) = (path for path in (vault / "contents").rglob("*") if path.is_file() and path.stat().st_size > size)
    data = bytearray(sealed.read_bytes())
    data[-100] ^= 1
    sealed.write_bytes(data)


def test_grant_and_revoke(shop, consortium, order):
    from chromatrace.records.key_ring import KeyRing
    from chromatrace.records.manifest import Scope
    from chromatrace.records.reader_key import WHOLE_ORGANISATION, ReaderIdentity, ReaderKey
    from chromatrace.records.vault import Vault

    auditor = ReaderKey.generate(ReaderIdentity(2, WHOLE_ORGANISATION), "Auditor")
    newer = ReaderKey.generate(auditor.identity, "Auditor")
    path = f"/api/v1/records/{order['record']}/readers"
    identity = ReaderIdentity(1, consortium.departments["Sales"])
    scope = Scope(identity, bytes.fromhex(order["record"][2:]), bytes.fromhex(order["digest"][2:]))
    vault, own = Vault(shop.data / "vault"), KeyRing(shop.data / "keys" / "readers").current(identity)
    with shop.client(DESIGN) as design:
        denied = design.post(path, json={"reader": str(auditor.reader)})
        assert (denied.status_code, denied.json()["error"]) == (403, "RecordNotReadableError")
    with shop.client(SALES) as sales:
        granted = sales.post(path, json={"reader": str(auditor.reader)}).json()
        assert granted == {"readers": [own.reader.as_dict(), auditor.reader.as_dict()]}
        (document,) = vault.open(scope, [auditor])[0].contents
        assert json.loads(b"".join(vault.read(document)))["customer"] == CONTRACT["customer"]
        second = sales.post(path, json={"reader": str(newer.reader)})
        assert (second.status_code, second.json()["error"]) == (409, "ReaderExistsError")
        rotated = sales.post(path, json={"reader": str(newer.reader), "rotate": True}).json()
        assert rotated == {"readers": [own.reader.as_dict(), newer.reader.as_dict()]}
        assert sales.delete(f"{path}/{newer.fingerprint}").json() == {"readers": [own.reader.as_dict()]}
        last = sales.delete(f"{path}/{own.fingerprint}")
        assert (last.status_code, last.json()["field"]) == (400, "reader")
        for reader in ("Auditor=x25519:0", str(auditor.reader).replace("Auditor", "Sales"), 5):
            invalid = sales.post(path, json={"reader": reader})
            assert (invalid.status_code, invalid.json()["field"]) == (400, "/reader")
        invalid = sales.post(path, json={"reader": str(auditor.reader), "rotate": 1})
        assert (invalid.status_code, invalid.json()["field"]) == (400, "/rotate")


def test_import_reports_rejected_rows(shop, order):
    lines = [json.dumps(CONTRACT | {"contract_id": f"C-r{number}"}) for number in range(3)]
    body = "\n".join([*lines, "{", json.dumps(CONTRACT), json.dumps(CONTRACT | {"contract_id": "C-r9", "name": 1})])
    with shop.client(SALES) as sales:
        response = sales.post(
            "/api/v1/records/import",
            params={"schema": CONTRACT["schema"]},
            content=body.encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert response.status_code == 202, response.text
        report = response.json()
        assert (report["appended"], report["rejected"], len(report["transactions"])) == (3, 3, 1)
        assert [(error["line"], error["field"]) for error in report["errors"]] == [
            (4, ""),
            (5, "/contract_id"),
            (6, "/name"),
        ]


TINY = {"drawing_file": "0x" + hashlib.sha256(b"tiny").hexdigest()}
NEW = CONTRACT | {"contract_id": "C-new"}
SCHEMA = {"schema": CONTRACT["schema"]}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("who", "value", "status", "error", "field"),
    [
        (None, NEW, 401, "LoginRequiredError", None),
        (DESIGN, NEW, 403, "NotMember", "signer"),
        (ADMIN, NEW, 403, "MissingRole", "operator"),
        (COMPETITOR, NEW, 404, "NotFound", "/schema"),
        (SALES, NEW | {"schema": "chromatrace.record/sales.contract-order/2"}, 400, "UnknownSchemaError", "/schema"),
        (SALES, {"contract_id": "C-new"}, 400, "UnknownSchemaError", "/schema"),
        (SALES, NEW | {"customer": 7}, 400, "InvalidRecordError", "/customer"),
        (SALES, NEW | {"customer": "x" * 201}, 400, "InvalidRecordError", "/customer"),
        (SALES, NEW | {"contract_id": "x" * 61}, 400, "InvalidRecordError", "/contract_id"),
        (
            SALES,
            NEW | {"products": [{"product_id": "P", "quantity": 0}]},
            400,
            "InvalidRecordError",
            "/products/0/quantity",
        ),
        (SALES, NEW | {"unit price": 3}, 400, "InvalidRecordError", "/unit price"),
        (SALES, [NEW], 400, "InvalidRecordError", ""),
        (SALES, json.dumps(NEW).encode("utf-16"), 400, "InvalidRecordError", ""),
        (
            SALES,
            json.dumps(NEW | {"name": "café"}, ensure_ascii=False).encode("latin-1"),
            400,
            "InvalidRecordError",
            "",
        ),
        (SALES, json.dumps(NEW).encode() + b" " * 300_000, 400, "InvalidRecordError", ""),
        (SALES, b'{"a":1,"a":2}', 400, "InvalidRecordError", "/a"),
        (SALES, b"", 400, "InvalidRecordError", ""),
        (
            DESIGN,
            story()[0] | TINY | {"drawing_id": "D-9", "contract_id": "C-404"},
            400,
            "UnknownPrecedingError",
            "/contract_id",
        ),
        (
            DESIGN,
            story()[0] | TINY | {"drawing_id": "D-9", "product_id": "P-404"},
            400,
            "UnknownPrecedingError",
            "/contract_id",
        ),
        (
            DESIGN,
            {k: v for k, v in story()[0].items() if k != "contract_id"},
            400,
            "InvalidRecordError",
            "/contract_id",
        ),
        (DESIGN, story()[0] | {"drawing_id": "D-9"}, 400, "InvalidRecordError", "/drawing_file"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_input_reports_pointer_and_writes_nothing(shop, order, who, value, status, error, field):
    before = shop.state()
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    with shop.client(who) as client:
        answer = client.post("/api/v1/records", content=body, headers=JSON)
    problem = answer.json()
    assert (answer.status_code, problem["error"], problem.get("field")) == (status, error, field), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["status"], problem["detail"]) == (status, problem["message"])
    assert shop.state() == before


INVALID_PATHS = [
    "/0x",
    "/%00",
    "/%ff",
    "/\u0660x00",
    f"/0x{'0' * 40}?transaction=1",
    "?product=%ff%00",
    "?schema=x&key=",
    f"?transaction=0x{'g' * 64}",
    "?product=P-1&perPage=\u0661",
    "?product=P-1&nextPageToken=1e3",
    "?product=P-1&product=P-2&x=1",
]


def test_invalid_parameters_are_client_errors(shop, order):
    with shop.client(SALES) as sales:
        answers = {path: sales.get(f"/api/v1/records{path}") for path in INVALID_PATHS}
    for path, answer in answers.items():
        assert answer.status_code == 400, (path, answer.text)
        assert answer.json()["field"], path


def test_wrong_passwords_are_rate_limited(shop):
    with shop.client(SUPERVISOR_NAME, "wrong wrong wrong") as guessing:
        codes = [guessing.get("/api/v1/record-kinds").status_code for _ in range(12)]
    assert codes == [401] * 5 + [429] * 7


def test_oversized_file_is_rejected(consortium, shop):
    from app import PortalSettings, create_app
    from chromatrace.plant import example_plant

    config = PortalSettings(shop.data, consortium.node.url, consortium.manifest_path, max_file_bytes=1_000)
    app = create_app(config, plant=example_plant("engineer-to-order"))
    before = shop.state()
    answer = app.test_client().post(
        "/api/v1/records/files",
        query_string={"schema": story()[0]["schema"]},
        data=bytes(1_001),
        content_type="application/octet-stream",
        auth=(DESIGN, PASSWORD),
    )
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert shop.state() == before


def test_record_kinds_require_operator(shop):
    with shop.client(SALES) as sales:
        kinds = {kind["schema"]: kind for kind in sales.get("/api/v1/record-kinds").json()["kinds"]}
    assert kinds[CONTRACT["schema"]]["jsonSchema"]["properties"]["contract_id"]["maxLength"] == 60
    assert httpx.get(f"{shop.url}/api/v1/record-kinds").status_code == 401


def append(consortium, account, department, key, **fees):
    """Append the entry of a contract order directly, from a development account."""
    from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, record_id, subject_id
    from chromatrace.ethereum.abi import contract

    entry = LedgerEntry(record_id("sales.contract-order", key), subject_id("P-8"), None, b"\x77" * 32)
    data = contract("ProcessLedger").encode_call(
        "appendRecords", department, kind_hash(CONTRACT["schema"]), entry.to_bytes()
    )
    call = {"from": consortium.rpc.call("eth_accounts")[account], "to": consortium.manifest.address("ProcessLedger")}
    return consortium.rpc.call("eth_sendTransaction", call | {"data": "0x" + data.hex(), "gas": hex(500_000)} | fees)


def order_of(key):
    return CONTRACT | {"contract_id": key, "products": [{"product_id": "P-8", "quantity": 1}]}


def test_guessed_key_does_not_block_record(shop, consortium, tmp_path):
    competitor = consortium.chain(2, tmp_path / "competitor.db")
    department = competitor.submit(calls.open_department("Sales")).event("DepartmentOpened").args["department"]
    with shop.client(SALES) as sales:
        for member, rights in ((competitor.sender, BOTH), (shop.addresses[SALES], READ)):
            competitor.submit(calls.set_member(department, member, rights))
        foreign = append(consortium, 2, department, "C-guessed")
        indexed(shop, sales, f"?transaction={foreign}")
        answer = add(sales, order_of("C-guessed"))
        assert answer.status_code == 202, answer.text
        added = answer.json()
        shown = indexed(shop, sales, answer.headers["Location"].removeprefix("/api/v1/records")).json()
        assert (shown["transaction"], shown["organisation"], shown["repeats"]) == (added["transaction"], 1, [])
        assert shown["document"] == order_of("C-guessed")
        assert sales.get(f"/api/v1/records/{added['record']}").json() == shown
        by_key = sales.get("/api/v1/records", params={"schema": added["schema"], "key": "C-guessed"}).json()
        assert [record["transaction"] for record in by_key["records"]] == [added["transaction"]]
        other = sales.get(f"/api/v1/records/{added['record']}", params={"transaction": foreign}).json()
        assert (other["organisation"], other["document"]) == (2, None)


def test_repeated_record_is_reported(shop, consortium):
    """Another tool appends the same record first, in the same block."""
    rpc, sales_department = consortium.rpc, consortium.departments["Sales"]
    consortium.maker.submit(calls.set_member(sales_department, consortium.maker.sender, BOTH))
    with shop.client(SALES) as sales:
        rpc.call("evm_setAutomine", False)
        try:
            first = append(
                consortium, 1, sales_department, "C-twice", maxPriorityFeePerGas=hex(10**11), maxFeePerGas=hex(10**12)
            )
            answer = add(sales, order_of("C-twice"))
            assert answer.status_code == 202, answer.text
            added, path = answer.json(), answer.headers["Location"].removeprefix("/api/v1/records")
            early = sales.get(f"/api/v1/records{path}")
            assert (early.status_code, early.json()["error"]) == (403, "RecordNotReadableError")
            shop.wait(lambda: int(rpc.call("txpool_status")["pending"], 16) == 2)
            rpc.call("evm_mine")
        finally:
            rpc.call("evm_setAutomine", True)
        indexed(shop, sales, f"/{added['record']}")
        repeated = sales.get(f"/api/v1/records{path}")
        assert (repeated.status_code, repeated.json()["error"], repeated.json()["field"]) == (
            409,
            "RecordRepeatedError",
            "transaction",
        )
        shown = sales.get(f"/api/v1/records/{added['record']}").json()
        assert (shown["transaction"], shown["repeats"]) == (first, [added["transaction"]])
        for transaction, repeat in ((first, False), (added["transaction"], True)):
            (entry,) = sales.get("/api/v1/records", params={"transaction": transaction}).json()["records"]
            assert entry["repeat"] is repeat
        wrong = sales.get("/api/v1/records", params={"transaction": "0xAB"})
        assert (wrong.status_code, wrong.json()["field"]) == (400, "transaction")
