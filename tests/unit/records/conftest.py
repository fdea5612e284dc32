"""The engineer-to-order shop's kinds, and a contract that goes through all six departments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def catalogue():
    from chromatrace.plant import example_plant
    from chromatrace.records.catalogue import Catalogue

    return Catalogue(example_plant("engineer-to-order").record_kinds)
