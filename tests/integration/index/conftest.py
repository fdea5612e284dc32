"""A chain that may be reorganised at will, and databases of both kinds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chromatrace.chain.devnode import DevNode
from chromatrace.chain.manifest import Manifest
from chromatrace.index import Follower, Index

sys.path.insert(0, str(Path(__file__).parent))

from databases import Cluster, programs
from world import World


@pytest.fixture(scope="session")
def deploy(request):
    """`deploy(node, folder)` of the tests' root."""
    root = Path(__file__).resolve().parents[2] / "conftest.py"
    return request.config.pluginmanager.get_plugin(str(root)).deploy


@pytest.fixture(scope="module")
def yard(tmp_path_factory, deploy):
    """A chain of one module's own, with the contracts and a consortium on it; it only ever grows or reorganises.

    Not of the session: Anvil forgets the states of old blocks, and could not be rolled back far on a long chain.
    """
    with DevNode("anvil", history=True) as node:
        path = deploy(node, tmp_path_factory.mktemp("yard"))
        world = World(node.rpc(), Manifest.load(path)).found()
        world.manifest_path = path
        yield world


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
def database_url(request, tmp_path):
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'index.db'}"
    return request.getfixturevalue("cluster").new_database()


@pytest.fixture
def index(database_url):
    """An index on an empty database."""
    opened = Index(database_url)
    yield opened
    opened.close()


@pytest.fixture
def follower(index, yard):
    """The follower of the yard."""
    return Follower(index, yard.rpc, yard.manifest)


@pytest.fixture
def rebuilt_digest(yard):
    """The digest of an index built from nothing, now."""

    def build(**options):
        fresh = Index("sqlite://")
        Follower(fresh, yard.rpc, yard.manifest, **options).sync()
        return fresh.digest()

    return build
