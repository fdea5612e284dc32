"""A spool, a board, a clock, and the anchorer between them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chromatrace.anchor import Anchorer
from chromatrace.ingest.spool import Spool

sys.path.insert(0, str(Path(__file__).parent))

from anchoring import Board, Clock


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        yield spool


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def anchorer(spool, board, clock, tmp_path):
    with Anchorer(spool, board, tmp_path / "log.db", every_count=100, every_s=60, clock=clock) as anchorer:
        yield anchorer
