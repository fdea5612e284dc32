"""Registering organisations: the registrar alone, one organisation per GLN, known roles, a future."""

import pytest
from brownie import chain
from refusals import Refused, refusal
from world import ALL_ROLES, FOREVER, REGISTRAR, event, gln, plain

from chromatrace.domain.rights import OrganisationKind, Role


def arguments(**changes):
    values = {
        "kind": OrganisationKind.CARRIER,
        "gln": gln(77),
        "roles": Role.LOGISTICS,
        "valid_until": FOREVER,
        "name": "Example Carrier",
    }
    return tuple((values | changes).values())


def test_registers_the_next_number(world):
    tx = world.consortium.registerOrganisation(*arguments(), {"from": world.registrar})
    number = world.rival + 1
    assert tx.return_value == number == world.consortium.organisationCount()
    assert world.consortium.organisationOfGln(gln(77)) == number
    assert plain(world.consortium.organisation(number)) == (
        OrganisationKind.CARRIER,
        True,
        Role.LOGISTICS,
        FOREVER,
        gln(77),
    )
    assert world.consortium.isActive(number)
    assert event(tx, "OrganisationRegistered") == {
        "organisation": number,
        "kind": OrganisationKind.CARRIER,
        "gln": gln(77),
        "permittedRoles": Role.LOGISTICS,
        "validUntil": FOREVER,
        "name": "Example Carrier",
    }


def test_refuses_everyone_but_the_registrar(world):
    assert refusal(world.consortium.registerOrganisation, *arguments(), sender=world.administrator) == Refused(
        "AccessControlUnauthorizedAccount", account=world.administrator, neededRole=REGISTRAR
    )


@pytest.mark.parametrize("wrong", [0, gln(77) + 1, 10**13 + gln(77), 2**64 - 1])
def test_refuses_a_wrong_gln(world, wrong):
    assert refusal(world.consortium.registerOrganisation, *arguments(gln=wrong), sender=world.registrar) == Refused(
        "InvalidGln", gln=wrong
    )


def test_refuses_a_gln_twice(world):
    assert refusal(world.consortium.registerOrganisation, *arguments(gln=gln(2)), sender=world.registrar) == Refused(
        "GlnAlreadyRegistered", gln=gln(2), organisation=world.lab
    )


def test_refuses_no_kind(world):
    assert refusal(
        world.consortium.registerOrganisation, *arguments(kind=OrganisationKind.NONE), sender=world.registrar
    ) == Refused("InvalidKind")


def test_refuses_unknown_roles(world):
    assert refusal(
        world.consortium.registerOrganisation, *arguments(roles=ALL_ROLES + 1), sender=world.registrar
    ) == Refused("UnknownRoles", roles=ALL_ROLES + 1)


def test_refuses_a_validity_in_the_past(world):
    past = chain[-1].timestamp - 1
    assert refusal(
        world.consortium.registerOrganisation, *arguments(valid_until=past), sender=world.registrar
    ) == Refused("ExpiryInThePast", validUntil=past)
