"""Suspending and reinstating: every right of every operator goes at once, everywhere, and comes back."""

import pytest
from brownie import web3
from refusals import Refused, refusal
from world import FOREVER, REGISTRAR, event

from chromatrace.domain.rights import BatchState, Role, Stage


def test_suspends_and_reinstates(world):
    tx = world.suspend(world.plant)
    assert not world.consortium.isActive(world.plant)
    assert event(tx, "OrganisationSuspended") == {"organisation": world.plant, "by": world.registrar}
    tx = world.consortium.reinstateOrganisation(world.plant, {"from": world.registrar})
    assert world.consortium.isAuthorised(world.producer, Role.PRODUCER)
    assert event(tx, "OrganisationReinstated") == {"organisation": world.plant, "by": world.registrar}


@pytest.mark.parametrize("verb", ["suspendOrganisation", "reinstateOrganisation"])
def test_refuses_everyone_but_the_registrar(world, verb):
    assert refusal(getattr(world.consortium, verb), world.plant, sender=world.administrator) == Refused(
        "AccessControlUnauthorizedAccount", account=world.administrator, neededRole=REGISTRAR
    )


@pytest.mark.parametrize("verb", ["suspendOrganisation", "reinstateOrganisation"])
def test_refuses_an_unknown_organisation(world, verb):
    assert refusal(getattr(world.consortium, verb), 0, sender=world.registrar) == Refused(
        "UnknownOrganisation", organisation=0
    )


def test_refuses_to_suspend_twice(world):
    world.suspend(world.plant)
    assert refusal(world.consortium.suspendOrganisation, world.plant, sender=world.registrar) == Refused(
        "OrganisationInactive", organisation=world.plant
    )


def test_refuses_to_reinstate_what_is_active(world):
    assert refusal(world.consortium.reinstateOrganisation, world.plant, sender=world.registrar) == Refused(
        "OrganisationNotSuspended", organisation=world.plant
    )


def test_every_verb_of_every_ledger_refuses_a_suspended_organisation(world):
    assembled = world.bring_to(BatchState.ASSEMBLED, "A1")
    released = world.bring_to(BatchState.RELEASED, "R1")
    world.process.openChannel("line", {"from": world.gateway})
    channel = world.process.channelIdOf(world.plant, "line")
    inspection = world.inspection(assembled, Stage.FIRST, by=world.plant_inspector)
    signature = world.sign(inspection)
    world.suspend(world.plant)

    inactive = Refused("OrganisationInactive", organisation=world.plant)
    for function, args, sender in (
        (world.registry.register, (world.registration("NEW"),), world.producer),
        (world.registry.registerMany, ([world.registration("NEW")],), world.producer),
        (world.registry.grade, (assembled, 250, 0, 0), world.producer),
        (world.registry.release, (released, 1), world.producer),
        (world.registry.hold, (assembled, "x"), world.supervisor),
        (world.registry.recall, (assembled, "x"), world.supervisor),
        (world.inspections.record, (tuple(inspection.values()), signature), world.stranger),
        (world.custody.offer, (released, world.shop, FOREVER), world.logistics),
        (world.process.openChannel, ("other",), world.gateway),
        (world.process.anchor, (channel, 1, b"\1" * 32, 1, 2), world.gateway),
        (world.consortium.appointOperator, (world.stranger, world.plant, 0, FOREVER), world.administrator),
        (world.consortium.grantReadScopes, (world.shop, [0], 1, FOREVER), world.administrator),
    ):
        assert refusal(function, *args, sender=sender) == inactive, function._name


def test_suspension_takes_effect_in_the_block_that_contains_it(world):
    """Both transactions stand in one block, the suspension first by its price; the registration behind it fails."""
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
                    world.producer,
                    world.registry,
                    world.registry.register.encode_input(world.registration("LATE")),
                    1,
                ),
                (
                    world.registrar,
                    world.consortium,
                    world.consortium.suspendOrganisation.encode_input(world.plant),
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
