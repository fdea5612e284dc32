"""Changing an organisation: takes effect on the operators that it already has."""

from brownie import chain
from refusals import Refused, refusal
from world import FOREVER, REGISTRAR, event, plain

from chromatrace.domain.rights import Role


def test_changes_roles_and_validity(world):
    until = chain[-1].timestamp + 1000
    tx = world.consortium.changeOrganisation(world.plant, Role.GATEWAY, until, {"from": world.registrar})
    assert plain(world.consortium.organisation(world.plant))[2:4] == (Role.GATEWAY, until)
    assert event(tx, "OrganisationChanged") == {
        "organisation": world.plant,
        "permittedRoles": Role.GATEWAY,
        "validUntil": until,
    }


def test_a_role_no_longer_permitted_is_lost_at_once(world):
    world.consortium.changeOrganisation(world.plant, Role.GATEWAY, FOREVER, {"from": world.registrar})
    assert refusal(world.consortium.authorise, world.producer, Role.PRODUCER, sender=world.stranger) == Refused(
        "MissingRole", operator=world.producer, roles=0, required=Role.PRODUCER
    )
    assert not world.consortium.isAuthorised(world.producer, Role.PRODUCER)
    assert world.consortium.isAuthorised(world.gateway, Role.GATEWAY)


def test_refuses_everyone_but_the_registrar(world):
    assert refusal(world.consortium.changeOrganisation, world.plant, 0, FOREVER, sender=world.administrator) == Refused(
        "AccessControlUnauthorizedAccount", account=world.administrator, neededRole=REGISTRAR
    )


def test_refuses_an_unknown_organisation(world):
    assert refusal(world.consortium.changeOrganisation, 99, 0, FOREVER, sender=world.registrar) == Refused(
        "UnknownOrganisation", organisation=99
    )


def test_refuses_unknown_roles(world):
    assert refusal(
        world.consortium.changeOrganisation, world.plant, 1 << 15, FOREVER, sender=world.registrar
    ) == Refused("UnknownRoles", roles=1 << 15)


def test_refuses_a_validity_in_the_past(world):
    assert refusal(world.consortium.changeOrganisation, world.plant, 0, 1, sender=world.registrar) == Refused(
        "ExpiryInThePast", validUntil=1
    )
