"""`Consortium.suspendOrganisation` and `Consortium.reinstateOrganisation`."""

import pytest
from brownie import web3
from environment import FOREVER, REGISTRAR, event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role, Stage


def test_suspends_and_reinstates(env):
    tx = env.suspend(env.plant)
    assert not env.consortium.isActive(env.plant)
    assert event(tx, "OrganisationSuspended") == {"organisation": env.plant, "by": env.registrar}
    tx = env.consortium.reinstateOrganisation(env.plant, {"from": env.registrar})
    assert env.consortium.isAuthorised(env.producer, Role.PRODUCER)
    assert event(tx, "OrganisationReinstated") == {"organisation": env.plant, "by": env.registrar}


@pytest.mark.parametrize("function", ["suspendOrganisation", "reinstateOrganisation"])
def test_requires_the_registrar(env, function):
    assert revert_of(getattr(env.consortium, function), env.plant, sender=env.administrator) == Revert(
        "AccessControlUnauthorizedAccount", account=env.administrator, neededRole=REGISTRAR
    )


@pytest.mark.parametrize("function", ["suspendOrganisation", "reinstateOrganisation"])
def test_rejects_an_unknown_organisation(env, function):
    assert revert_of(getattr(env.consortium, function), 0, sender=env.registrar) == Revert(
        "UnknownOrganisation", organisation=0
    )


def test_rejects_a_suspended_organisation(env):
    env.suspend(env.plant)
    assert revert_of(env.consortium.suspendOrganisation, env.plant, sender=env.registrar) == Revert(
        "OrganisationInactive", organisation=env.plant
    )


def test_rejects_reinstating_an_active_organisation(env):
    assert revert_of(env.consortium.reinstateOrganisation, env.plant, sender=env.registrar) == Revert(
        "OrganisationNotSuspended", organisation=env.plant
    )


def test_every_ledger_rejects_a_suspended_organisation(env):
    assembled = env.batch_in_state(BatchState.ASSEMBLED, "A1")
    released = env.batch_in_state(BatchState.RELEASED, "R1")
    env.process.openChannel("line", {"from": env.gateway})
    channel = env.process.channelIdOf(env.plant, "line")
    inspection = env.inspection(assembled, Stage.FIRST, by=env.plant_inspector)
    signature = env.sign(inspection)
    env.suspend(env.plant)

    inactive = Revert("OrganisationInactive", organisation=env.plant)
    for function, args, sender in (
        (env.registry.register, (env.registration("NEW"),), env.producer),
        (env.registry.registerMany, ([env.registration("NEW")],), env.producer),
        (env.registry.grade, (assembled, 250, 0, 0), env.producer),
        (env.registry.release, (released, 1), env.producer),
        (env.registry.hold, (assembled, "x"), env.supervisor),
        (env.registry.recall, (assembled, "x"), env.supervisor),
        (env.inspections.record, (tuple(inspection.values()), signature), env.stranger),
        (env.custody.offer, (released, env.shop, FOREVER), env.logistics),
        (env.process.openChannel, ("other",), env.gateway),
        (env.process.anchor, (channel, 1, b"\1" * 32, 1, 2), env.gateway),
        (env.consortium.appointOperator, (env.stranger, env.plant, 0, FOREVER), env.administrator),
        (env.consortium.grantReadScopes, (env.shop, [0], 1, FOREVER), env.administrator),
    ):
        assert revert_of(function, *args, sender=sender) == inactive, function._name


def test_suspension_takes_effect_in_the_block_that_contains_it(env):
    """Both transactions are in one block, the suspension first because of its gas price; the registration fails."""
    node = web3.provider.make_request
    node("evm_setAutomine", [False])
    try:
        sent = [
            node(
                "eth_sendTransaction",
                [
                    {
                        "from": str(sender),
                        "to": contract.address,
                        "data": data,
                        "gas": hex(500_000),
                        "gasPrice": hex(price),
                    }
                ],
            )["result"]
            for sender, contract, data, price in (
                (
                    env.producer,
                    env.registry,
                    env.registry.register.encode_input(env.registration("LATE")),
                    1,
                ),
                (
                    env.registrar,
                    env.consortium,
                    env.consortium.suspendOrganisation.encode_input(env.plant),
                    10**9,
                ),
            )
        ]
        node("evm_mine", [])
    finally:
        node("evm_setAutomine", [True])
    registration, suspension = (web3.eth.get_transaction_receipt(tx) for tx in sent)
    assert registration["blockNumber"] == suspension["blockNumber"]
    assert suspension["transactionIndex"] < registration["transactionIndex"]
    assert (suspension["status"], registration["status"]) == (1, 0)
