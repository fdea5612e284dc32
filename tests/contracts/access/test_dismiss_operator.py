"""Dismissing operators."""

import pytest
from refusals import Refused, refusal
from world import event

from chromatrace.domain.rights import Role


@pytest.mark.parametrize("by", ["registrar", "administrator"])
def test_dismisses(world, by):
    sender = getattr(world, by)
    tx = world.consortium.dismissOperator(world.producer, {"from": sender})
    assert refusal(world.registry.register, world.registration(), sender=world.producer) == Refused(
        "OperatorInactive", operator=world.producer
    )
    assert not world.consortium.mayRead(world.producer, world.plant, 0, 1)
    assert event(tx, "OperatorDismissed") == {
        "operator": world.producer,
        "organisation": world.plant,
        "by": sender,
    }


def test_refuses_another_organisations_administrator(world):
    assert refusal(world.consortium.dismissOperator, world.producer, sender=world.franchisee) == Refused(
        "NotAdministratorOf", account=world.franchisee, organisation=world.plant
    )


def test_refuses_an_operator_who_is_no_administrator(world):
    assert refusal(world.consortium.dismissOperator, world.gateway, sender=world.producer) == Refused(
        "MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.ADMIN
    )


def test_refuses_an_unknown_operator(world):
    assert refusal(world.consortium.dismissOperator, world.stranger, sender=world.registrar) == Refused(
        "UnknownOperator", operator=world.stranger
    )


def test_refuses_to_dismiss_twice(world):
    world.consortium.dismissOperator(world.gateway, {"from": world.registrar})
    assert refusal(world.consortium.dismissOperator, world.gateway, sender=world.registrar) == Refused(
        "OperatorInactive", operator=world.gateway
    )
