"""`InspectionLedger.withdrawSignature`: an inspector uses up the nonce of a signature."""

import pytest
from environment import event
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role


@pytest.fixture
def inspector(env):
    """Return an inspector that can send transactions, unlike those that only sign."""
    env.appoint(env.stranger, env.lab, Role.INSPECTOR)
    return env.stranger


@pytest.mark.parametrize("lane", [0, 7])
def test_withdraws_the_next_signature_of_a_lane(env, inspector, lane):
    first = env.inspections.nonces(inspector, lane)
    tx = env.inspections.withdrawSignature(lane, {"from": inspector})
    assert event(tx, "SignatureWithdrawn") == {"inspector": inspector, "nonce": first}
    assert env.inspections.nonces(inspector, lane) == first + 1


def test_a_withdrawn_inspection_cannot_be_recorded(env):
    inspection = env.inspection(env.register())
    inspector = inspection["inspector"]
    env.rpc.call("anvil_impersonateAccount", inspector)
    env.rpc.call("anvil_setBalance", inspector, hex(10**18))
    env.send(env.inspections.withdrawSignature, 0, sender=inspector)
    assert revert_of(
        env.inspections.record, tuple(inspection.values()), env.sign(inspection), sender=env.stranger
    ) == Revert("InvalidAccountNonce", account=inspector, currentNonce=1)


def test_requires_the_role(env):
    assert revert_of(env.inspections.withdrawSignature, 0, sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.INSPECTOR
    )
