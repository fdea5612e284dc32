"""A chain that may be reorganised at will, and databases of both kinds."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from dev_chain import revert
from querying import query

from chromatrace.chain.dev_node import DevNode
from chromatrace.ethereum.manifest import Manifest
from chromatrace.index import Follower, Index

sys.path.insert(0, str(Path(__file__).parent))

from databases import Cluster, programs
from world import World


@pytest.fixture(scope="module")
def yard(tmp_path_factory, deploy):
    """A chain of one module's own, with the contracts and a consortium on it; it only ever grows or reorganises.

    Not of the session: Anvil forgets the states of old blocks, and could not be rolled back far on a long chain.
    """
    with DevNode(history=True) as node:
        path = deploy(node, tmp_path_factory.mktemp("yard"))
        world = World(node.rpc(), Manifest.load(path)).found()
        world.manifest_path = path
        yield world


@pytest.fixture(autouse=True)
def _as_before(request):
    """What a test did to its module's chain is undone: the shorter the chain, the sooner the next test has read it."""
    if "yard" not in request.fixturenames:
        yield
        return
    world = request.getfixturevalue("yard")
    height = int(world.rpc.call("eth_blockNumber"), 16)
    mark, known = world.rpc.call("evm_snapshot"), world.memory()
    yield
    assert int(world.rpc.call("eth_blockNumber"), 16) >= height, "rolled back to before the test: Anvil has no way back"
    assert revert(world.rpc, mark)
    world.remember(known)


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL cluster."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    running = Cluster(folder)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """The kind of the test's database."""
    return request.param


@pytest.fixture
def empty_database_url(database, request, tmp_path):
    """A database without anything in it."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return request.getfixturevalue("cluster").new_database()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """An SQLite file with the tables of the index, to be copied: making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "index.db"
    with closing(Index(path)) as index:
        index.migrate()
    return path


@pytest.fixture(scope="session")
def migrated_in_postgresql(cluster):
    """The URL of its like in PostgreSQL."""
    url = cluster.new_database()
    with closing(Index(url)) as index:
        index.migrate()
    return url


@pytest.fixture
def database_url(database, request, tmp_path):
    """A database with the tables of the index and nothing in them."""
    if database == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated'), tmp_path / 'index.db')}"
    template = request.getfixturevalue("migrated_in_postgresql")
    return request.getfixturevalue("cluster").new_database(template)


@pytest.fixture
def empty_index(empty_database_url):
    """An index on a database without anything in it, tables included."""
    opened = Index(empty_database_url)
    yield opened
    opened.close()


@pytest.fixture
def index(database_url):
    """An index with nothing in it."""
    opened = Index(database_url)
    yield opened
    opened.close()


@pytest.fixture
def follower(index, yard):
    """The follower of the yard."""
    return Follower(index, yard.rpc, yard.manifest)


@pytest.fixture
def rebuilt_digest(yard, migrated):
    """The digest of an index built from nothing, now."""

    def build(**options):
        fresh = Index("sqlite://")
        with closing(sqlite3.connect(migrated)) as tables, closing(fresh.engine.raw_connection()) as memory:
            tables.backup(memory.driver_connection)
        Follower(fresh, yard.rpc, yard.manifest, **options).sync()
        return query(fresh).digest()

    return build
