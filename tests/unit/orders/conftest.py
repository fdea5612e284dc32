"""The stored orders of a plant."""

from __future__ import annotations

import pytest
from erp_office import FRAME, NOW, PANE, Office, erp_of

from chromatrace.orders.store import OrderStore


@pytest.fixture
def office(tmp_path):
    with OrderStore(f"sqlite:///{tmp_path / 'orders.db'}", "electrochromic", lambda: NOW) as store:
        yield Office(store, erp_of(materials={"EC-300": str(PANE), "4711": str(FRAME)}))
