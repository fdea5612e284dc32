"""A plant with six departments on a chain, and a contract that has passed through them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chromatrace.chain.dev_node import DevNode

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2] / "unit" / "records")]


@pytest.fixture(scope="module")
def shop(deploy, tmp_path_factory):
    from department_shop import Shop, appoint

    folder = tmp_path_factory.mktemp("records")
    with DevNode() as node:
        shop = Shop(node, deploy(node, folder), folder)
        appoint(shop)
        yield shop


@pytest.fixture(scope="module")
def transactions(shop):
    """Return the transactions of the contract and both its products, in the order of the departments."""
    from department_shop import append_contract

    return append_contract(shop)
