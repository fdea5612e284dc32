"""Appointing operators: by the registrar or by an administrator, within what the organisation may give."""

import pytest
from brownie import ZERO_ADDRESS
from refusals import Refused, refusal
from world import ALL_ROLES, FOREVER, event, plain

from chromatrace.domain.rights import Role


@pytest.mark.parametrize("by", ["registrar", "administrator"])
def test_appoints(world, by):
    sender = getattr(world, by)
    tx = world.consortium.appointOperator(
        world.stranger, world.plant, Role.PRODUCER | Role.GATEWAY, FOREVER, {"from": sender}
    )
    assert plain(world.consortium.operator(world.stranger)) == (
        world.plant,
        True,
        Role.PRODUCER | Role.GATEWAY,
        FOREVER,
    )
    assert world.consortium.authorise(world.stranger, Role.GATEWAY) == world.plant
    assert event(tx, "OperatorAppointed") == {
        "operator": world.stranger,
        "organisation": world.plant,
        "roles": Role.PRODUCER | Role.GATEWAY,
        "validUntil": FOREVER,
        "by": sender,
    }


def test_appointing_again_replaces_the_roles(world):
    world.consortium.appointOperator(world.producer, world.plant, Role.GATEWAY, FOREVER, {"from": world.administrator})
    assert not world.consortium.isAuthorised(world.producer, Role.PRODUCER)
    assert world.consortium.isAuthorised(world.producer, Role.GATEWAY)


def test_an_operator_without_roles_may_only_read(world):
    world.consortium.appointOperator(world.stranger, world.plant, 0, FOREVER, {"from": world.administrator})
    assert not world.consortium.isAuthorised(world.stranger, ALL_ROLES)
    assert world.consortium.mayRead(world.stranger, world.plant, 0, 1)


def test_refuses_an_administrator_of_another_organisation(world):
    assert refusal(
        world.consortium.appointOperator, world.stranger, world.plant, 0, FOREVER, sender=world.competitor
    ) == Refused("NotAdministratorOf", account=world.competitor, organisation=world.plant)


def test_refuses_an_operator_who_is_no_administrator(world):
    assert refusal(
        world.consortium.appointOperator, world.stranger, world.plant, 0, FOREVER, sender=world.producer
    ) == Refused("MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.ADMIN)


def test_refuses_a_stranger(world):
    assert refusal(
        world.consortium.appointOperator, world.stranger, world.plant, 0, FOREVER, sender=world.stranger
    ) == Refused("UnknownOperator", operator=world.stranger)


@pytest.mark.parametrize("by", ["registrar", "franchisee"])
def test_refuses_roles_that_the_organisation_may_not_give(world, by):
    asked = Role.FRANCHISEE | Role.PRODUCER
    assert refusal(
        world.consortium.appointOperator, world.stranger, world.shop, asked, FOREVER, sender=getattr(world, by)
    ) == Refused(
        "RolesNotPermitted",
        organisation=world.shop,
        roles=asked,
        permitted=Role.ADMIN | Role.FRANCHISEE | Role.LOGISTICS,
    )


def test_refuses_unknown_roles(world):
    assert refusal(
        world.consortium.appointOperator, world.stranger, world.plant, 1 << 7, FOREVER, sender=world.registrar
    ) == Refused("UnknownRoles", roles=1 << 7)


def test_refuses_to_take_an_operator_from_another_organisation(world):
    assert refusal(
        world.consortium.appointOperator, world.franchisee, world.plant, 0, FOREVER, sender=world.administrator
    ) == Refused("OperatorOfAnotherOrganisation", operator=world.franchisee, organisation=world.shop)


def test_takes_an_operator_that_was_dismissed_elsewhere(world):
    world.consortium.dismissOperator(world.franchisee, {"from": world.registrar})
    world.consortium.appointOperator(
        world.franchisee, world.plant, Role.LOGISTICS, FOREVER, {"from": world.administrator}
    )
    assert world.consortium.authorise(world.franchisee, Role.LOGISTICS) == world.plant


def test_refuses_the_zero_address(world):
    assert refusal(
        world.consortium.appointOperator, ZERO_ADDRESS, world.plant, 0, FOREVER, sender=world.registrar
    ) == Refused("InvalidOperator", operator=ZERO_ADDRESS)


def test_refuses_an_unknown_organisation(world):
    assert refusal(world.consortium.appointOperator, world.stranger, 42, 0, FOREVER, sender=world.registrar) == Refused(
        "UnknownOrganisation", organisation=42
    )


def test_refuses_a_validity_in_the_past(world):
    assert refusal(
        world.consortium.appointOperator, world.stranger, world.plant, 0, 5, sender=world.registrar
    ) == Refused("ExpiryInThePast", validUntil=5)
