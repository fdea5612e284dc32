"""The same on the second chain, whose node words its errors otherwise."""

import pytest

from chromatrace.chain import calls
from chromatrace.chain.client import Receipt
from chromatrace.chain.records import CallState
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.ethereum.errors import ContractConflict, ContractError, ContractNotAuthorised
from chromatrace.ethereum.signer import dev_signer


@pytest.fixture
def undone(ganache, ganache_deployment):
    """Whatever a test does to the chain is undone: other files of a worker use it too."""
    mark = ganache.rpc().call("evm_snapshot")
    yield
    ganache.rpc().call("evm_revert", mark)


@pytest.mark.usefixtures("undone")
@pytest.mark.filterwarnings("ignore::chromatrace.ethereum.signer.DevKeyWarning")
def test_writing_and_refusals_on_ganache(ganache, ganache_deployment, chain_on, registration, tmp_path):
    chain = chain_on(ganache, ganache_deployment, tmp_path / "outbox.db")
    stranger = chain.with_signer(dev_signer(3, ganache_deployment.chain_id))
    with pytest.raises(ContractNotAuthorised) as refusal:
        stranger.submit(calls.open_channel("line-1"))
    assert (refusal.value.name, refusal.value.args_by_name) == ("UnknownOperator", {"operator": stranger.sender})

    kind, roles = OrganisationKind.MANUFACTURER, Role((1 << 7) - 1)
    chain.submit(calls.register_organisation(kind, Gln("9521234000013"), roles, "Example Glass"))
    chain.submit(calls.appoint_operator(chain.sender, 1, roles))
    outcomes = chain.send_many([calls.register_batch(registration(lot)) for lot in ("L1", "L2")])
    assert [type(outcome) for outcome in outcomes] == [Receipt, Receipt]
    again = chain.send_many([calls.register_batch(registration("L1"))])[0]
    assert isinstance(again, ContractError)
    assert again.name == "BatchAlreadyRegistered"
    with pytest.raises(ContractConflict):
        chain.simulate(calls.register_batch(registration("L1")))
    assert chain.outbox.counts()[CallState.INCLUDED] == 4
