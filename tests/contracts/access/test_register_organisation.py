"""`Consortium.registerOrganisation`."""

import pytest
from brownie import chain
from environment import ALL_ROLES, FOREVER, REGISTRAR, event, gln, plain
from reverts import Revert, revert_of

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


def test_registers_an_organisation_with_the_next_number(env):
    tx = env.consortium.registerOrganisation(*arguments(), {"from": env.registrar})
    number = env.rival + 1
    assert tx.return_value == number == env.consortium.organisationCount()
    assert env.consortium.organisationOfGln(gln(77)) == number
    assert plain(env.consortium.organisation(number)) == (
        OrganisationKind.CARRIER,
        True,
        Role.LOGISTICS,
        FOREVER,
        gln(77),
    )
    assert env.consortium.isActive(number)
    assert event(tx, "OrganisationRegistered") == {
        "organisation": number,
        "kind": OrganisationKind.CARRIER,
        "gln": gln(77),
        "permittedRoles": Role.LOGISTICS,
        "validUntil": FOREVER,
        "name": "Example Carrier",
    }


def test_requires_the_registrar(env):
    assert revert_of(env.consortium.registerOrganisation, *arguments(), sender=env.administrator) == Revert(
        "AccessControlUnauthorizedAccount", account=env.administrator, neededRole=REGISTRAR
    )


@pytest.mark.parametrize("number", [0, gln(77) + 1, 10**13 + gln(77), 2**64 - 1])
def test_rejects_an_invalid_gln(env, number):
    assert revert_of(env.consortium.registerOrganisation, *arguments(gln=number), sender=env.registrar) == Revert(
        "InvalidGln", gln=number
    )


def test_rejects_a_registered_gln(env):
    assert revert_of(env.consortium.registerOrganisation, *arguments(gln=gln(2)), sender=env.registrar) == Revert(
        "GlnAlreadyRegistered", gln=gln(2), organisation=env.lab
    )


def test_rejects_the_kind_none(env):
    assert revert_of(
        env.consortium.registerOrganisation, *arguments(kind=OrganisationKind.NONE), sender=env.registrar
    ) == Revert("InvalidKind")


def test_rejects_unknown_roles(env):
    assert revert_of(
        env.consortium.registerOrganisation, *arguments(roles=ALL_ROLES + 1), sender=env.registrar
    ) == Revert("UnknownRoles", roles=ALL_ROLES + 1)


def test_rejects_an_expiry_in_the_past(env):
    past = chain[-1].timestamp - 1
    assert revert_of(env.consortium.registerOrganisation, *arguments(valid_until=past), sender=env.registrar) == Revert(
        "ExpiryInThePast", validUntil=past
    )
