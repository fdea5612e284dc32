"""A consortium on a chain of its own, and the orders of its maker behind a real HTTP server."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import httpx
import pytest
from order_line import LINE

_TESTS = Path(__file__).resolve().parents[2]
for _folder in ("unit/orders", "integration/index", "integration/portal", "integration/rights"):
    sys.path.insert(0, str(_TESTS / _folder))


@pytest.fixture(scope="module")
def members(deploy, tmp_path_factory):
    """Return the consortium of `tests/integration/rights/members.py`."""
    from members import Members

    from chromatrace.chain.dev_node import DevNode

    folder = tmp_path_factory.mktemp("members")
    with DevNode() as node:
        built = Members(node, deploy(node, folder), folder)
        yield built
        built.close()


@pytest.fixture(scope="module")
def plant_text():
    """Return a plant file with the maker's product line, which the ERP names EC-300."""
    from members import MAKER, gtin

    return f"""
schema = "chromatrace.plant/1"
name = "maker"
title = "Maker"
[[stations]]
id = "1"
name = "Line"
[[products]]
gtin = "{gtin(LINE)}"
name = "Pane"
route = ["1"]
[erp]
organisation = {MAKER}
materials = {{ EC-300 = "{gtin(LINE)}" }}
"""


@pytest.fixture(scope="module")
def plant(plant_text):
    from chromatrace.plant.configuration import parse_plant

    return parse_plant(plant_text)


@pytest.fixture(scope="module")
def desk(members, plant, tmp_path_factory):
    from members import MAKER

    from chromatrace.orders.store import OrderStore
    from chromatrace.services.orders.desk import OrderDesk

    folder = tmp_path_factory.mktemp("orders")
    store = OrderStore(f"sqlite:///{folder / 'operations.db'}", plant.name)
    with OrderDesk(store, plant, members.index, members.documents, MAKER) as desk:
        yield desk


@pytest.fixture(scope="module")
def url(members, plant, desk):
    """Return the address of a portal that serves the orders over a real socket."""
    from werkzeug.serving import make_server

    app = members.portal(orders=lambda index: desk)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1"
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


@pytest.fixture
def erp(url, desk):
    """Return a client with a token that may read and write."""
    from chromatrace.orders.tokens import TokenScope

    secret = desk.tokens.create("sap", list(TokenScope))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {secret}"}, timeout=60) as client:
        yield client
    desk.tokens.revoke("sap")
