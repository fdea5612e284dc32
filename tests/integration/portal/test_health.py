"""/healthz and /readyz report the true state of node, follower and databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app import PortalSettings, create_app
from chromatrace.chain.dev_node import DevNode
from chromatrace.index import Follower, Index


@pytest.fixture
def index(data):
    index = Index(f"sqlite:///{data / 'index.db'}")
    yield index
    index.close()


@pytest.fixture
def app(consortium, data, index):
    consortium.height()
    Follower(index, consortium.rpc, consortium.manifest).sync()
    app = create_app(PortalSettings(data, consortium.node.url, consortium.manifest_path))
    assert health(app)["status"] == "ok"
    yield app
    app.extensions["portal"].close()


def health(app):
    answer = app.test_client().get("/healthz")
    assert (answer.status_code == 200) == (answer.json["status"] == "ok")
    return answer.json


def test_node_without_the_indexed_blocks_is_a_fault(app):
    chain = app.extensions["portal"].chain
    right = chain._rpc
    with DevNode() as empty:
        chain._rpc = empty.rpc()
        state = health(app)
        assert (state["status"], state["chain_matches_index"]) == ("chain-mismatch", False)
        empty.rpc().call("anvil_mine", hex(500))
        assert health(app)["status"] == "chain-mismatch"
        assert app.test_client().get("/readyz").status_code == 200
    assert health(app)["status"] == "chain-unavailable"
    chain._rpc = right
    assert health(app)["status"] == "ok"


def test_silent_follower_is_a_fault(app, index):
    with index.engine.begin() as connection:
        connection.execute(text("UPDATE cursor SET checked_at = checked_at - 60"))
    state = health(app)
    assert (state["status"], state["follower_responds"], state["lag_blocks"]) == ("follower-stopped", False, 0)


def test_missing_index_is_a_fault(app, data):
    portal = app.extensions["portal"]
    portal.index.close()
    for file in data.glob("index.db*"):
        file.unlink()
    assert health(app)["status"] == "index-unavailable"
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "index-unavailable")
