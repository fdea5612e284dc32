"""A consortium with departments on a chain of its own, and portal processes."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
from relations import own_items

from chromatrace.chain import calls

sys.path.insert(0, str(Path(__file__).parent))

from dev_chain import wait_until_mined
from served_portal import PortalProcess, offline_settings

ROOT = Path(__file__).resolve().parents[3]
GLN, OTHER_GLN = "9521234000006", "9521234000013"
FOREVER = 2**64 - 1
REGISTRAR, MAKER, COMPETITOR = 0, 1, 2
PLANT = "engineer-to-order"


class Consortium:
    """Two organisations. The first has the plant's six departments and one for captured documents."""

    def __init__(self, node, manifest_path):
        from chromatrace.ethereum.manifest import Manifest

        self.node, self.manifest_path = node, manifest_path
        self.manifest = Manifest.load(manifest_path)
        self.rpc = node.rpc()

    def height(self):
        """Wait for sent transactions and return the newest block number."""
        wait_until_mined(self.rpc)
        return int(self.rpc.call("eth_blockNumber"), 16)

    def chain(self, account, outbox):
        from chromatrace.chain.client import Chain
        from chromatrace.chain.outbox import Outbox
        from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            return Chain(self.rpc, self.manifest, Outbox(outbox), dev_signer(account, self.node.chain_id))


@pytest.fixture(scope="session")
def consortium(deploy, tmp_path_factory):
    from chromatrace.chain.dev_node import DevNode
    from chromatrace.domain.rights import OrganisationKind, Role
    from chromatrace.plant import example_plant
    from chromatrace.records.catalogue import Catalogue

    folder = tmp_path_factory.mktemp("consortium")
    with DevNode(history=True) as node:
        consortium = Consortium(node, deploy(node, folder))
        registrar = consortium.chain(REGISTRAR, folder / "registrar.db")
        maker = consortium.chain(MAKER, folder / "maker.db")
        roles = int(sum(Role))
        for number, (gln, name, account) in enumerate(
            [(GLN, "Example Gears", MAKER), (OTHER_GLN, "Example Competitor", COMPETITOR)], start=1
        ):
            kind = OrganisationKind.MANUFACTURER
            registrar.submit(calls.register_organisation(kind, int(gln), roles, name, FOREVER))
            address = consortium.chain(account, folder / "unused.db").sender
            registrar.submit(calls.appoint_operator(address, number, roles, FOREVER))
        own_items(registrar, 1, ["09521234543213"])
        consortium.departments = {}
        for name in (*Catalogue(example_plant(PLANT).record_kinds).departments, "EPCIS"):
            opened = maker.submit(calls.open_department(name)).event("DepartmentOpened")
            consortium.departments[name] = opened.args["department"]
        maker.submit(calls.set_member(consortium.departments["EPCIS"], maker.sender, 3))
        consortium.registrar, consortium.maker = registrar, maker
        yield consortium


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def serve(consortium, data):
    """Return a function that starts a portal on the test's data folder; it stops after the test."""
    started = []

    def start(*arguments, **options):
        started.append(PortalProcess(consortium, data, *arguments, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def settings(tmp_path):
    """Return settings of a portal with an empty index and without a chain."""
    return offline_settings(tmp_path)
