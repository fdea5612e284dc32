"""`Consortium.authorise` and `Consortium.isAuthorised`."""

from brownie import chain
from brownie.test import given, strategy
from environment import ALL_ROLES, FOREVER, advance_to
from hypothesis import settings
from hypothesis import strategies as st
from reverts import DidNotRevert, Revert, revert_of

from chromatrace.domain.rights import Role


def test_returns_the_organisation_if_one_of_the_roles_is_held(env):
    assert env.consortium.authorise(env.franchisee, Role.LOGISTICS | Role.FRANCHISEE) == env.shop


def test_rejects_an_unknown_address(env):
    assert revert_of(env.consortium.authorise, env.stranger, Role.ADMIN, sender=env.stranger) == Revert(
        "UnknownOperator", operator=env.stranger
    )


def test_rejects_a_missing_role(env):
    assert revert_of(env.consortium.authorise, env.producer, Role.GATEWAY, sender=env.stranger) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.GATEWAY
    )


def test_an_appointment_ends_after_its_last_second(env):
    valid_until = chain[-1].timestamp + 100
    env.appoint(env.producer, env.plant, Role.PRODUCER, valid_until)
    advance_to(valid_until)
    assert env.consortium.isAuthorised(env.producer, Role.PRODUCER)
    advance_to(valid_until + 1)
    assert revert_of(env.consortium.authorise, env.producer, Role.PRODUCER, sender=env.stranger) == Revert(
        "OperatorExpired", operator=env.producer, validUntil=valid_until
    )
    assert not env.consortium.isAuthorised(env.producer, Role.PRODUCER)


def test_a_membership_ends_after_its_last_second(env):
    valid_until = chain[-1].timestamp + 100
    env.consortium.changeOrganisation(env.plant, ALL_ROLES, valid_until, {"from": env.registrar})
    advance_to(valid_until)
    assert env.consortium.isActive(env.plant)
    advance_to(valid_until + 1)
    assert revert_of(env.consortium.authorise, env.producer, Role.PRODUCER, sender=env.stranger) == Revert(
        "OrganisationExpired", organisation=env.plant, validUntil=valid_until
    )
    assert not env.consortium.isActive(env.plant)


@given(
    permitted=strategy("uint16", max_value=ALL_ROLES),
    assigned=strategy("uint16", max_value=ALL_ROLES),
    required=strategy("uint16"),
    dismissed=st.booleans(),
    suspended=st.booleans(),
)
@settings(max_examples=25)
def test_is_authorised_if_authorise_does_not_revert(env, permitted, assigned, required, dismissed, suspended):
    by_registrar = {"from": env.registrar}
    env.consortium.appointOperator(env.producer, env.plant, assigned, FOREVER, by_registrar)
    env.consortium.changeOrganisation(env.plant, permitted, FOREVER, by_registrar)
    if dismissed:
        env.consortium.dismissOperator(env.producer, by_registrar)
    if suspended:
        env.suspend(env.plant)
    expected = not dismissed and not suspended and bool(permitted & assigned & required)
    try:
        revert_of(env.consortium.authorise, env.producer, required, sender=env.stranger)
        authorised = False
    except DidNotRevert:
        authorised = True
    assert authorised == env.consortium.isAuthorised(env.producer, required) == expected
