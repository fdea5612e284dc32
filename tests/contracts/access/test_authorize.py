"""The one answer to "may this address do this, now?", and its two forms agreeing."""

from brownie import chain
from brownie.test import given, strategy
from hypothesis import settings
from hypothesis import strategies as st
from refusals import Accepted, Refused, refusal
from world import ALL_ROLES, FOREVER, advance_to

from chromatrace.domain.rights import Role


def test_answers_with_the_organisation_for_any_one_of_the_roles(world):
    assert world.consortium.authorise(world.franchisee, Role.LOGISTICS | Role.FRANCHISEE) == world.shop


def test_refuses_an_unknown_address(world):
    assert refusal(world.consortium.authorise, world.stranger, Role.ADMIN, sender=world.stranger) == Refused(
        "UnknownOperator", operator=world.stranger
    )


def test_refuses_a_missing_role(world):
    assert refusal(world.consortium.authorise, world.producer, Role.GATEWAY, sender=world.stranger) == Refused(
        "MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.GATEWAY
    )


def test_an_operators_right_ends_after_its_last_second(world):
    until = chain[-1].timestamp + 100
    world.appoint(world.producer, world.plant, Role.PRODUCER, until)
    advance_to(until)
    assert world.consortium.isAuthorised(world.producer, Role.PRODUCER)
    advance_to(until + 1)
    assert refusal(world.consortium.authorise, world.producer, Role.PRODUCER, sender=world.stranger) == Refused(
        "OperatorExpired", operator=world.producer, validUntil=until
    )
    assert not world.consortium.isAuthorised(world.producer, Role.PRODUCER)


def test_an_organisations_rights_end_after_its_last_second(world):
    until = chain[-1].timestamp + 100
    world.consortium.changeOrganisation(world.plant, ALL_ROLES, until, {"from": world.registrar})
    advance_to(until)
    assert world.consortium.isActive(world.plant)
    advance_to(until + 1)
    assert refusal(world.consortium.authorise, world.producer, Role.PRODUCER, sender=world.stranger) == Refused(
        "OrganisationExpired", organisation=world.plant, validUntil=until
    )
    assert not world.consortium.isActive(world.plant)


@given(
    permitted=strategy("uint16", max_value=ALL_ROLES),
    given_roles=strategy("uint16", max_value=ALL_ROLES),
    asked=strategy("uint16"),
    dismissed=st.booleans(),
    suspended=st.booleans(),
)
@settings(max_examples=25)
def test_is_authorised_is_authorise_without_the_reason(world, permitted, given_roles, asked, dismissed, suspended):
    by_registrar = {"from": world.registrar}
    world.consortium.appointOperator(world.producer, world.plant, given_roles, FOREVER, by_registrar)
    world.consortium.changeOrganisation(world.plant, permitted, FOREVER, by_registrar)
    if dismissed:
        world.consortium.dismissOperator(world.producer, by_registrar)
    if suspended:
        world.suspend(world.plant)
    expected = not dismissed and not suspended and bool(permitted & given_roles & asked)
    try:
        refusal(world.consortium.authorise, world.producer, asked, sender=world.stranger)
        authorised = False
    except Accepted:
        authorised = True
    assert authorised == world.consortium.isAuthorised(world.producer, asked) == expected
