"""An organisation with an operator on the deployed contracts."""

import warnings

import pytest
from relations import own_items

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.transaction_sender import DeliveryPolicy
from chromatrace.domain.identifiers import BatchKey, Gln
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

ALL_ROLES = Role((1 << 7) - 1)
EXAMPLE_GLN = Gln("9521234000013")


@pytest.fixture(autouse=True)
def _quiet_dev_keys():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        yield


@pytest.fixture(scope="session")
def registration():
    """Return `registration(lot, **changes)`, which makes a registration of 100 panes."""

    def make(lot, **changes):
        whole = {"quantity": 100, "content_digest": b"\1" * 32, **changes}
        return calls.Registration(BatchKey.parse("09521234543213", lot), **whole)

    return make


def register_plant(chain):
    """Register Example Glass with the chain's signer as its operator in every role; return its id."""
    receipt = chain.submit(
        calls.register_organisation(OrganisationKind.MANUFACTURER, EXAMPLE_GLN, ALL_ROLES, "Example Glass")
    )
    organisation = receipt.event("OrganisationRegistered").args["organisation"]
    chain.submit(calls.appoint_operator(chain.sender, organisation, ALL_ROLES))
    own_items(chain, organisation, ["09521234543213"])
    return organisation


@pytest.fixture
def plant(chain):
    """Return `chain` with its signer as the operator of Example Glass."""
    register_plant(chain)
    return chain


@pytest.fixture
def chain_on():
    """Return `open_chain`, which opens a `Chain` on a node with its own outbox."""
    outboxes = []

    def open_chain(node, manifest, path, signer_index=0, limit=20_000, **policy):
        outboxes.append(Outbox(path, limit))
        signer = dev_signer(signer_index, manifest.chain_id)
        return Chain(node.rpc(), manifest, outboxes[-1], signer, DeliveryPolicy(**policy))

    yield open_chain
    for outbox in outboxes:
        outbox.close()


@pytest.fixture
def held(isolated):
    """Return the deployed chain without automatic mining; `held()` mines a block."""
    rpc = isolated.rpc()
    rpc.call("evm_setAutomine", False)
    yield lambda blocks=1: [rpc.call("evm_mine") for _ in range(blocks)]
    rpc.call("anvil_dropAllTransactions")
    rpc.call("anvil_setNextBlockBaseFeePerGas", hex(10**9))  # not part of a snapshot
    rpc.call("evm_setAutomine", True)
