"""The workshop of `program_shop` on a chain, and its milling machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parents[2]
for _folder in (_TESTS / "unit" / "records", _TESTS / "integration" / "records", Path(__file__).parent):
    sys.path.insert(0, str(_folder))


@pytest.fixture(scope="module")
def mill():
    from milling_machine import MillingMachine

    with MillingMachine() as mill:
        yield mill


@pytest.fixture(scope="module")
def shop(deploy, mill, tmp_path_factory):
    from program_shop import PLANT, Workshop, appoint

    from chromatrace.chain.dev_node import DevNode

    folder = tmp_path_factory.mktemp("programs")
    (folder / "plant.toml").write_text(PLANT.replace("{url}", mill.url))
    (folder / "lathe").mkdir()
    with DevNode() as node:
        shop = Workshop(node, deploy(node, folder), folder)
        appoint(shop)
        yield shop
