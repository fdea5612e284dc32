"""The engineer-to-order shop's kinds, and a contract that goes through all six departments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def catalogue():
    from chromatrace.plant import example_plant
    from chromatrace.records.catalogue import Catalogue

    return Catalogue(example_plant("engineer-to-order").record_kinds)


ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """The port of an S3 server of these tests alone, with one bucket, `vault`."""
    program = ROOT / "node_modules" / ".bin" / "s3rver"
    if not program.exists() or shutil.which("node") is None:
        pytest.skip("s3rver is absent (make setup)")
    folder = tmp_path_factory.mktemp("s3")
    with (folder / "log").open("wb") as log:
        node = ["node", "--require", Path(__file__).parent / "whole_writes.cjs", program]
        command = [*node, "-d", folder / "data", "-a", "127.0.0.1", "-p", "0", "--configure-bucket", "vault"]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while b"listening on 127.0.0.1:" not in (said := (folder / "log").read_bytes()):
            assert server.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        yield int(said.rpartition(b"listening on 127.0.0.1:")[2].split()[0])
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """`bucket()`: the URL of an empty store on the S3 server."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(os.environ, name, "S3RVER")
    return lambda: f"s3://vault/{uuid.uuid4().hex}?endpoint=http://127.0.0.1:{s3_server}"


@pytest.fixture
def gate(s3_server, monkeypatch):
    """An account on the S3 server whose secret is checked (see `signed_gate`), and set in the environment."""
    from signed_gate import Gate

    made = Gate(s3_server, "ACCOUNT", "its secret")
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "ACCOUNT")
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "its secret")
    monkeypatch.delitem(os.environ, "AWS_SESSION_TOKEN", raising=False)
    yield made
    made.close()
