"""A portal whose chain does not respond and whose index is empty."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def database(tmp_path):
    """Return an empty portal database."""
    from app.store import PortalDatabase

    database = PortalDatabase(f"sqlite:///{tmp_path / 'portal.db'}")
    yield database
    database.close()


@pytest.fixture
def config(tmp_path):
    """Return the configuration of that portal, for chain 31337."""
    from app import PortalSettings
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
    return PortalSettings(data_folder=tmp_path, rpc_url="http://127.0.0.1:9", manifest_path=manifest)


@pytest.fixture
def client(config):
    """Return a test client of that portal."""
    from app import create_app

    return create_app(config).test_client()
