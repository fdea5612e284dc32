"""Batches of every ending, and their proof bundles, made once from the real contracts."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from chromatrace.chain.dev_node import DevNode
from chromatrace.exchange.blocks import decode_header
from chromatrace.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

from works import Works


@pytest.fixture(scope="session")
def works(deploy, tmp_path_factory):
    """A chain of these tests alone, and the consortium on it."""
    folder = tmp_path_factory.mktemp("works")
    with DevNode("anvil", history=True) as node:
        made = Works(Settings(rpc_url=node.url, data=folder / "data", manifest=deploy(node, folder)))
        yield made.make()
        made.close()


@dataclass(frozen=True)
class Proof:
    """A bundle, and what its reader trusts."""

    bundle: object
    trusted: bytes
    contracts: dict
    chain_id: int

    @property
    def terms(self):
        """The reader's terms, as `verify` takes them."""
        return [self.trusted], self.contracts, self.chain_id


@pytest.fixture(scope="session")
def prove(works):
    """`prove(name, serial=None)`: the proof of one of the batches as of now."""
    contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in works.manifest.contracts.items()}
    kept = {}

    def make(name, serial=None):
        if (name, serial) not in kept:
            bundle = works.bundle(name, serial)
            kept[name, serial] = Proof(bundle, decode_header(bundle.headers[-1]).hash, contracts, works.outer.chain_id)
        return kept[name, serial]

    return make
