"""A consortium on a chain of its own, its index, and a portal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def members(deploy, tmp_path_factory):
    """Return the consortium of `members`. Each module has its own; tests restore what they change."""
    from members import Members

    from chromatrace.chain.dev_node import DevNode

    folder = tmp_path_factory.mktemp("members")
    with DevNode() as node:
        built = Members(node, deploy(node, folder), folder)
        yield built
        built.close()
