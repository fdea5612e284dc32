"""A product development department, a producer and an inspector on a chain, operated by the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parents[2]
for _folder in (_TESTS / "unit" / "records", _TESTS / "integration" / "records", Path(__file__).parent):
    sys.path.insert(0, str(_folder))


@pytest.fixture(scope="module")
def shop(deploy, tmp_path_factory):
    from design_shop import DesignShop, appoint

    from chromatrace.chain.dev_node import DevNode

    folder = tmp_path_factory.mktemp("designs")
    with DevNode() as node:
        shop = DesignShop(node, deploy(node, folder), folder)
        shop.plant(limit=40)
        appoint(shop)
        yield shop
