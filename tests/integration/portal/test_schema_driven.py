"""Valid and invalid requests generated from the OpenAPI document, against a real portal.

`make test` generates few requests for every operation, `make api-test` many. Variables:

CHROMATRACE_API_SEED      seed of the generated requests
CHROMATRACE_API_EXAMPLES  requests per operation
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from argon2 import PasswordHasher
from fork_server import ROOT
from served_portal import PASSWORD

sys.path.insert(0, str(ROOT / "tests" / "unit" / "records"))

from contract_order import CONTRACT

import app.accounts
from app import PortalSettings, create_app
from app.api import openapi
from app.store import PortalDatabase
from chromatrace.chain import calls
from chromatrace.documents.content import BatchContent, ProductDescription
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.serials import SerialRange
from chromatrace.ethereum.signer import create_keystore
from chromatrace.exchange.units import serial_root
from chromatrace.index import Follower, Index
from chromatrace.plant import example_plant
from chromatrace.records.key_ring import KeyRing
from chromatrace.records.reader_key import ReaderIdentity

PROGRAM = Path(sys.executable).with_name("schemathesis")
EXAMPLES = os.environ.get("CHROMATRACE_API_EXAMPLES", "4")
SEED = os.environ.get("CHROMATRACE_API_SEED", "1")
ACCOUNT = "sales@example-gears"
NOT_CHECKED = "positive_data_acceptance,object_level_authorization"
"""A document may match its schema and still refer to missing records. Other tests check rights."""


def example_batch(consortium, folder):
    """Register the example batch of the OpenAPI document, with its content document and serials."""
    key, serials = BatchKey.parse(openapi.EXAMPLE_GTIN, openapi.EXAMPLE_LOT), SerialRange(1, 200, 6)
    product = ProductDescription("Example gear", "A gear wheel of these tests.")
    content = BatchContent(
        gtin=key.gtin, lot=key.lot, product=product, quantity=200, made_at="2026-10-14T06:30:00Z", serials=serials
    )
    digest = DocumentStore(folder / "documents").put(content.to_bytes())
    consortium.maker.submit(calls.register_batch(calls.Registration(key, 200, digest, serial_root(serials))))


def record(url):
    """Add the example record of the OpenAPI document and wait until the index has it."""
    with httpx.Client(base_url=f"{url}/api/v1", auth=(ACCOUNT, PASSWORD), timeout=60) as client:
        added = client.post("/records", json=CONTRACT)
        # The chain is shared: another module may have added the record.
        assert added.status_code in (202, 409), added.text
        if added.status_code == 202:
            assert added.json()["record"] == openapi.EXAMPLE_RECORD
        deadline = time.monotonic() + 60
        while client.get(f"/records/{openapi.EXAMPLE_RECORD}").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_portal_conforms_to_its_openapi_document(consortium, tmp_path, monkeypatch):
    from waitress import create_server

    # Each of thousands of requests authenticates with a password, so hashing must be cheap.
    monkeypatch.setattr(app.accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(
        app.accounts,
        "new_keystore",
        lambda path, password: create_keystore(path, password, work_factor=2).address,
    )
    database = PortalDatabase(f"sqlite:///{tmp_path / 'portal.db'}")
    account = app.accounts.create_account(database, tmp_path / "keys", ACCOUNT, PASSWORD)
    database.close()
    consortium.registrar.submit(calls.appoint_operator(account.address, 1, 127, 2**64 - 1))
    consortium.rpc.call("anvil_setBalance", account.address, hex(10**20))
    for name, number in consortium.departments.items():
        consortium.maker.submit(calls.set_member(number, account.address, 3))
        KeyRing(tmp_path / "keys" / "readers").create(ReaderIdentity(1, number), name)
    example_batch(consortium, tmp_path)
    index = Index(f"sqlite:///{tmp_path / 'index.db'}")
    high_limit = "1000000 per minute"
    limits = dict.fromkeys(("api_limit", "page_limit", "login_limit", "account_limit"), high_limit)
    config = PortalSettings(tmp_path, consortium.node.url, consortium.manifest_path, **limits)
    portal = create_app(config, plant=example_plant("engineer-to-order"))
    server = create_server(portal, host="127.0.0.1", port=0, threads=4)
    stop = threading.Event()
    follower = Follower(index, consortium.rpc, consortium.manifest)
    follower.sync()
    threads = [
        threading.Thread(target=server.run, daemon=True),
        threading.Thread(target=follower.run, args=(stop, 0.2), daemon=True),
    ]
    for thread in threads:
        thread.start()
    url = f"http://127.0.0.1:{server.effective_port}"
    command = [PROGRAM, "run", f"{url}/api/v1/openapi.json", "--url", url, "--auth", f"{ACCOUNT}:{PASSWORD}"]
    command += ["--exclude-checks", NOT_CHECKED, "--max-examples", EXAMPLES, "--seed", SEED]
    command += ["--generation-database", "none", "--continue-on-failure", "--no-color"]
    try:
        record(url)
        result = subprocess.run(command, check=False, cwd=tmp_path)
    finally:
        stop.set()
        threads[1].join(timeout=10)
        server.close()
        index.close()
    assert result.returncode == 0, "see the output above; use the same CHROMATRACE_API_SEED to reproduce it"
