"""`Consortium.changeOrganisation`."""

from brownie import chain
from environment import FOREVER, REGISTRAR, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role


def test_changes_roles_and_expiry(env):
    valid_until = chain[-1].timestamp + 1000
    tx = env.consortium.changeOrganisation(env.plant, Role.GATEWAY, valid_until, {"from": env.registrar})
    assert plain(env.consortium.organisation(env.plant))[2:4] == (Role.GATEWAY, valid_until)
    assert event(tx, "OrganisationChanged") == {
        "organisation": env.plant,
        "permittedRoles": Role.GATEWAY,
        "validUntil": valid_until,
    }


def test_operators_lose_a_role_that_is_no_longer_permitted(env):
    env.consortium.changeOrganisation(env.plant, Role.GATEWAY, FOREVER, {"from": env.registrar})
    assert revert_of(env.consortium.authorise, env.producer, Role.PRODUCER, sender=env.stranger) == Revert(
        "MissingRole", operator=env.producer, roles=0, required=Role.PRODUCER
    )
    assert not env.consortium.isAuthorised(env.producer, Role.PRODUCER)
    assert env.consortium.isAuthorised(env.gateway, Role.GATEWAY)


def test_requires_the_registrar(env):
    assert revert_of(env.consortium.changeOrganisation, env.plant, 0, FOREVER, sender=env.administrator) == Revert(
        "AccessControlUnauthorizedAccount", account=env.administrator, neededRole=REGISTRAR
    )


def test_rejects_an_unknown_organisation(env):
    assert revert_of(env.consortium.changeOrganisation, 99, 0, FOREVER, sender=env.registrar) == Revert(
        "UnknownOrganisation", organisation=99
    )


def test_rejects_unknown_roles(env):
    assert revert_of(env.consortium.changeOrganisation, env.plant, 1 << 15, FOREVER, sender=env.registrar) == Revert(
        "UnknownRoles", roles=1 << 15
    )


def test_rejects_an_expiry_in_the_past(env):
    assert revert_of(env.consortium.changeOrganisation, env.plant, 0, 1, sender=env.registrar) == Revert(
        "ExpiryInThePast", validUntil=1
    )
