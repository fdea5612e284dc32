"""A chain that tests can reorganise, and databases of both kinds."""

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
def world(tmp_path_factory, deploy):
    """Start a chain with the contracts and a consortium for a module.

    The scope is not the session: Anvil discards the states of old blocks, so a long chain cannot be rolled back far.
    """
    with DevNode(history=True) as node:
        path = deploy(node, tmp_path_factory.mktemp("world"))
        world = World(node.rpc(), Manifest.load(path)).register_organisations()
        world.manifest_path = path
        yield world


@pytest.fixture(autouse=True)
def _revert(request):
    """Revert the module's chain after each test, because a short chain is indexed faster."""
    if "world" not in request.fixturenames:
        yield
        return
    world = request.getfixturevalue("world")
    height = int(world.rpc.call("eth_blockNumber"), 16)
    chain_snapshot, world_snapshot = world.rpc.call("evm_snapshot"), world.snapshot()
    yield
    assert int(world.rpc.call("eth_blockNumber"), 16) >= height, "blocks from before the test are lost"
    assert revert(world.rpc, chain_snapshot)
    world.restore(world_snapshot)


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
def database(request):
    """Return the kind of database."""
    return request.param


@pytest.fixture
def empty_database_url(database, request, tmp_path):
    """Return the URL of an empty database."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return request.getfixturevalue("cluster").new_database()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """Return an SQLite file with the tables of the index. Tests copy it, because creating the tables is slow."""
    path = tmp_path_factory.mktemp("migrated") / "index.db"
    with closing(Index(path)) as index:
        index.migrate()
    return path


@pytest.fixture(scope="session")
def migrated_in_postgresql(cluster):
    """Return the URL of a PostgreSQL database with the tables of the index, used as a template."""
    url = cluster.new_database()
    with closing(Index(url)) as index:
        index.migrate()
    return url


@pytest.fixture
def database_url(database, request, tmp_path):
    """Return the URL of a database with empty tables of the index."""
    if database == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated'), tmp_path / 'index.db')}"
    template = request.getfixturevalue("migrated_in_postgresql")
    return request.getfixturevalue("cluster").new_database(template)


@pytest.fixture
def empty_index(empty_database_url):
    """Return an index in a database without tables."""
    with closing(Index(empty_database_url)) as index:
        yield index


@pytest.fixture
def index(database_url):
    """Return an index with empty tables."""
    with closing(Index(database_url)) as index:
        yield index


@pytest.fixture
def follower(index, world):
    """Return a follower of the chain."""
    return Follower(index, world.rpc, world.manifest)


@pytest.fixture
def rebuilt_digest(world, migrated):
    """Return a function that builds an index from the first block and returns its digest."""

    def build(**options):
        fresh = Index("sqlite://")
        with closing(sqlite3.connect(migrated)) as tables, closing(fresh.engine.raw_connection()) as memory:
            tables.backup(memory.driver_connection)
        Follower(fresh, world.rpc, world.manifest, **options).sync()
        return query(fresh).digest()

    return build
