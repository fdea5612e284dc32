"""One node per test: Anvil does not revert reliably to a state before a reorganisation."""

import sys
from pathlib import Path

import pytest

from chromatrace.chain.dev_node import DevNode
from chromatrace.ethereum.manifest import Manifest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def isolated():
    """Return the node of the test."""
    with DevNode(history=True) as node:
        yield node


@pytest.fixture
def deployment(isolated, deploy, tmp_path):
    """Return the manifest of the contracts on the node."""
    return Manifest.load(deploy(isolated, tmp_path))
