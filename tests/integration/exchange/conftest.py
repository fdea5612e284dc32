"""Batches in every final state and their proof bundles, created once on the real contracts."""

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
    """Start a chain and set up the consortium on it."""
    folder = tmp_path_factory.mktemp("works")
    with DevNode(history=True) as node:
        works = Works(Settings(rpc_url=node.url, data=folder / "data", manifest=deploy(node, folder)))
        yield works.make()
        works.close()


@dataclass(frozen=True)
class Proof:
    """A bundle, and what its reader trusts."""

    bundle: object
    trusted: bytes
    contracts: dict
    chain_id: int

    @property
    def terms(self):
        """The arguments of `verify` after the bundle."""
        return [self.trusted], self.contracts, self.chain_id


@pytest.fixture(scope="session")
def prove(works):
    """Return `prove(name, serial=None)`, which gives the current proof of a batch."""
    contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in works.manifest.contracts.items()}
    proofs = {}

    def prove_batch(name, serial=None):
        if (name, serial) not in proofs:
            bundle = works.bundle(name, serial)
            proofs[name, serial] = Proof(
                bundle, decode_header(bundle.headers[-1]).hash, contracts, works.workspace.chain_id
            )
        return proofs[name, serial]

    return prove_batch
