"""A portal without a chain, whose operator and grants the tests set."""

from __future__ import annotations

import json

import pytest

from app import PortalSettings, create_app
from app.rights import ActingOperator
from chromatrace.domain.rights import Role
from chromatrace.index import Index


@pytest.fixture
def config(tmp_path):
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
    return PortalSettings(
        data_folder=tmp_path, rpc_url="http://127.0.0.1:9", manifest_path=manifest, api_limit="100000 per minute"
    )


@pytest.fixture
def app(config):
    return create_app(config)


@pytest.fixture
def log_in(monkeypatch):
    """Return a function that sets the caller's organisation (None: not logged in); its `grants` may be read."""
    from app.api.epcis import views
    from app.errors import LoginRequiredError

    grants = set()

    def log_in(organisation, roles=Role.LOGISTICS):
        def operator():
            if organisation is None:
                raise LoginRequiredError("this page is for operators of the consortium")
            return ActingOperator("0x" + "ab" * 20, None, organisation, roles)

        monkeypatch.setattr(views, "current_operator", operator)
        monkeypatch.setattr(
            views, "readable_lines", lambda: lambda owner, gtin, scopes: (organisation, owner, str(gtin)) in grants
        )

    log_in.grants = grants
    log_in(None)
    return log_in


@pytest.fixture
def client(app, log_in):
    return app.test_client()
