"""Databases of the twin of both kinds, and a spool."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "index"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "unit" / "twin"))

from databases import Cluster, programs

from chromatrace.ingest.spool import Spool
from chromatrace.twin.store.database import TwinStore


@pytest.fixture(scope="session")
def cluster():
    """Start a PostgreSQL cluster."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    cluster = Cluster(folder)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'twin.db'}"
    return request.getfixturevalue("cluster").new_database()


@pytest.fixture
def store(database_url):
    """Return a store with empty tables."""
    with closing(TwinStore(database_url)) as store:
        yield store


@pytest.fixture
def spool(tmp_path):
    """Return an empty spool."""
    with Spool(tmp_path / "spool.db") as spool:
        yield spool
