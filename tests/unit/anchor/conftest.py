"""Fixtures of the anchor tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chromatrace.anchor import Anchorer
from chromatrace.ingest.spool import Spool

sys.path.insert(0, str(Path(__file__).parent))

from anchoring import StubClock, StubPublisher


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        yield spool


@pytest.fixture
def publisher():
    return StubPublisher()


@pytest.fixture
def clock():
    return StubClock()


@pytest.fixture
def anchorer(spool, publisher, clock, tmp_path):
    with Anchorer(spool, publisher, tmp_path / "log.db", every_count=100, every_s=60, clock=clock) as anchorer:
        yield anchorer
