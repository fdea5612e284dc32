"""A portal whose chain does not answer and whose index is empty: everything that needs neither must work on it."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def store(tmp_path):
    """An empty portal.db."""
    from app.store import PortalDatabase

    store = PortalDatabase(f"sqlite:///{tmp_path / 'portal.db'}")
    yield store
    store.close()


@pytest.fixture
def config(tmp_path):
    """A portal of chain 31337 with nothing behind it."""
    from app import PortalConfig
    from chromatrace.index import Index

    names = ("Consortium", "BatchRegistry", "InspectionLedger", "CustodyLedger", "ProcessLedger")
    contracts = {
        name: {"address": f"0x{number:040x}", "tx": f"0x{number:064x}", "block": 1, "code_hash": f"0x{number:064x}"}
        for number, name in enumerate(names, start=1)
    }
    manifest = tmp_path / "31337.json"
    manifest.write_text(json.dumps({"chain_id": 31337, "block": 1, "contracts": contracts}))
    index = Index(f"sqlite:///{tmp_path / 'index.db'}")
    index.migrate()
    index.close()
    return PortalConfig(data_folder=tmp_path, rpc_url="http://127.0.0.1:9", manifest_path=manifest)


@pytest.fixture
def client(config):
    """A client of that portal."""
    from app import create_app

    return create_app(config).test_client()
