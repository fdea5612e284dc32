"""A plant with six departments on a chain, and a contract that has passed through them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from chromatrace.chain.dev_node import DevNode

_TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(_TESTS / "unit" / "records"), str(_TESTS / "integration" / "portal")]


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


@pytest.fixture(scope="module")
def world(deploy, tmp_path_factory):
    """Return three organisations with records of all departments, on one chain, portal and vault."""
    from argon2 import PasswordHasher
    from three_organisations import World

    import app.accounts

    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patched, DevNode() as node:
        patched.setattr(app.accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patched.setattr(tempfile, "tempdir", str(folder / "temporary"))
        (folder / "temporary").mkdir()
        world = World(node, deploy(node, folder), folder)
        world.add_records_of_all_departments()
        yield world
        world.close()
