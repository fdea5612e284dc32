"""A portal with its database and documents, and operators without a chain."""

from __future__ import annotations

import json

import pytest

from app import PortalConfig, create_app
from app.rights import Operator
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
    return PortalConfig(
        data_folder=tmp_path, rpc_url="http://127.0.0.1:9", manifest_path=manifest, api_limit="100000 per minute"
    )


@pytest.fixture
def app(config):
    return create_app(config)


@pytest.fixture
def acting(monkeypatch):
    """Return `acting(organisation)`, which sets the organisation of the caller (None: not logged in).

    The portal reads rights from the chain; here, `grants` replaces them.
    """
    from app.epcis import views
    from app.errors import LoginNeeded

    grants = set()

    def act_as(organisation, roles=Role.LOGISTICS):
        def operator():
            if organisation is None:
                raise LoginNeeded("this page is for operators of the consortium")
            return Operator("0x" + "ab" * 20, None, organisation, roles)

        monkeypatch.setattr(views, "operator", operator)
        monkeypatch.setattr(
            views, "readable", lambda: lambda owner, gtin, scopes: (organisation, owner, str(gtin)) in grants
        )

    act_as.grants = grants
    act_as(None)
    return act_as


@pytest.fixture
def client(app, acting):
    return app.test_client()
