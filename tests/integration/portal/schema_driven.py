"""Requests made up from the OpenAPI document, right and wrong ones, against a real portal (`make api-test`).

Not collected with the other tests: schemathesis needs an environment of its own. CHROMATRACE_SCHEMATHESIS names its
program, CHROMATRACE_API_EXAMPLES how many requests are made up for each operation.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

from served_portal import PASSWORD, ROOT

from app import PortalConfig, create_app
from app.accounts import create_account
from app.store import Store
from chromatrace.index import Follower, Index
from chromatrace.plant import example_plant
from chromatrace.records.reader_key import KeyRing

PROGRAM = Path(os.environ.get("CHROMATRACE_SCHEMATHESIS", ROOT / ".venv-api" / "bin" / "schemathesis"))
EXAMPLES = os.environ.get("CHROMATRACE_API_EXAMPLES", "40")
PHASES = os.environ.get("CHROMATRACE_API_PHASES", "examples,coverage,fuzzing")
ACCOUNT = "sales@example-gears"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,ignored_auth"
)


def test_the_portal_keeps_to_its_document(consortium, tmp_path):
    from waitress import create_server

    store = Store(f"sqlite:///{tmp_path / 'portal.db'}")
    account = create_account(store, tmp_path / "keys", ACCOUNT, PASSWORD)
    store.close()
    consortium.registrar.send("Consortium", "appointOperator", account.address, 1, 127, 2**64 - 1)
    consortium.rpc.call("anvil_setBalance", account.address, hex(10**20))
    for name, number in consortium.departments.items():
        consortium.maker.send("ProcessLedger", "setMember", number, account.address, 3)
        KeyRing(tmp_path / "keys" / "readers").make(name)
    index = Index(f"sqlite:///{tmp_path / 'index.db'}")
    often = "1000000 per minute"
    limits = dict.fromkeys(("api_limit", "page_limit", "login_limit", "account_limit"), often)
    config = PortalConfig(tmp_path, consortium.node.url, consortium.manifest_path, **limits)
    app = create_app(config, kinds=example_plant("engineer-to-order").record_kinds)
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    stop = threading.Event()
    follower = Follower(index, consortium.rpc, consortium.manifest)
    beside = [
        threading.Thread(target=server.run, daemon=True),
        threading.Thread(target=follower.run, args=(stop, 0.2), daemon=True),
    ]
    for thread in beside:
        thread.start()
    url = f"http://127.0.0.1:{server.effective_port}"
    command = [PROGRAM, "run", f"{url}/api/v1/openapi.json", "--url", url, "--auth", f"{ACCOUNT}:{PASSWORD}"]
    command += ["--checks", CHECKS, "--max-examples", EXAMPLES, "--phases", PHASES, "--seed", "1", "--no-color"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    finally:
        stop.set()
        beside[1].join(timeout=10)
        server.close()
        index.close()
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    print(done.stdout[-1_500:])
