"""`Consortium.appointOperator`."""

import pytest
from brownie import ZERO_ADDRESS
from environment import ALL_ROLES, FOREVER, advance_to, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role


@pytest.mark.parametrize("by", ["registrar", "administrator"])
def test_appoints_an_operator(env, by):
    sender = getattr(env, by)
    tx = env.consortium.appointOperator(
        env.stranger, env.plant, Role.PRODUCER | Role.GATEWAY, FOREVER, {"from": sender}
    )
    assert plain(env.consortium.operator(env.stranger)) == (
        env.plant,
        True,
        Role.PRODUCER | Role.GATEWAY,
        FOREVER,
        1,
    )
    assert env.consortium.authorise(env.stranger, Role.GATEWAY) == env.plant
    assert event(tx, "OperatorAppointed") == {
        "operator": env.stranger,
        "organisation": env.plant,
        "roles": Role.PRODUCER | Role.GATEWAY,
        "validUntil": FOREVER,
        "by": sender,
    }


def test_appointing_again_replaces_the_roles(env):
    env.consortium.appointOperator(env.producer, env.plant, Role.GATEWAY, FOREVER, {"from": env.administrator})
    assert not env.consortium.isAuthorised(env.producer, Role.PRODUCER)
    assert env.consortium.isAuthorised(env.producer, Role.GATEWAY)


def test_an_operator_without_roles_can_only_read(env):
    env.consortium.appointOperator(env.stranger, env.plant, 0, FOREVER, {"from": env.administrator})
    assert not env.consortium.isAuthorised(env.stranger, ALL_ROLES)
    assert env.consortium.mayRead(env.stranger, env.plant, 0, 1)


def test_rejects_an_administrator_of_another_organisation(env):
    assert revert_of(
        env.consortium.appointOperator, env.stranger, env.plant, 0, FOREVER, sender=env.competitor
    ) == Revert("NotAdministratorOf", account=env.competitor, organisation=env.plant)


def test_rejects_an_operator_without_the_admin_role(env):
    assert revert_of(
        env.consortium.appointOperator, env.stranger, env.plant, 0, FOREVER, sender=env.producer
    ) == Revert("MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.ADMIN)


def test_rejects_an_account_that_is_not_an_operator(env):
    assert revert_of(
        env.consortium.appointOperator, env.stranger, env.plant, 0, FOREVER, sender=env.stranger
    ) == Revert("UnknownOperator", operator=env.stranger)


@pytest.mark.parametrize("by", ["registrar", "franchisee"])
def test_rejects_roles_that_the_organisation_does_not_permit(env, by):
    roles = Role.FRANCHISEE | Role.PRODUCER
    assert revert_of(
        env.consortium.appointOperator, env.stranger, env.shop, roles, FOREVER, sender=getattr(env, by)
    ) == Revert(
        "RolesNotPermitted",
        organisation=env.shop,
        roles=roles,
        permitted=Role.ADMIN | Role.FRANCHISEE | Role.LOGISTICS,
    )


def test_rejects_unknown_roles(env):
    assert revert_of(
        env.consortium.appointOperator, env.stranger, env.plant, 1 << 7, FOREVER, sender=env.registrar
    ) == Revert("UnknownRoles", roles=1 << 7)


def test_rejects_an_active_operator_of_another_organisation(env):
    assert revert_of(
        env.consortium.appointOperator, env.franchisee, env.plant, 0, FOREVER, sender=env.administrator
    ) == Revert("OperatorOfAnotherOrganisation", operator=env.franchisee, organisation=env.shop)


def test_appoints_a_dismissed_operator_of_another_organisation(env):
    env.consortium.dismissOperator(env.franchisee, {"from": env.registrar})
    env.consortium.appointOperator(env.franchisee, env.plant, Role.LOGISTICS, FOREVER, {"from": env.administrator})
    assert env.consortium.authorise(env.franchisee, Role.LOGISTICS) == env.plant


def test_rejects_the_zero_address(env):
    assert revert_of(
        env.consortium.appointOperator, ZERO_ADDRESS, env.plant, 0, FOREVER, sender=env.registrar
    ) == Revert("InvalidOperator", operator=ZERO_ADDRESS)


def test_rejects_an_unknown_organisation(env):
    assert revert_of(env.consortium.appointOperator, env.stranger, 42, 0, FOREVER, sender=env.registrar) == Revert(
        "UnknownOrganisation", organisation=42
    )


def test_rejects_an_expiry_in_the_past(env):
    assert revert_of(env.consortium.appointOperator, env.stranger, env.plant, 0, 5, sender=env.registrar) == Revert(
        "ExpiryInThePast", validUntil=5
    )


def test_counts_appointments_after_a_dismissal_or_an_expiry(env):
    def appointment():
        return env.consortium.operator(env.stranger)[4]

    env.appoint(env.stranger, env.plant, Role.PRODUCER)
    env.appoint(env.stranger, env.plant, Role.GATEWAY, env.now + 100)
    assert appointment() == 1
    advance_to(env.now + 101)
    env.appoint(env.stranger, env.plant, Role.GATEWAY)
    assert appointment() == 2
    env.consortium.dismissOperator(env.stranger, {"from": env.administrator})
    assert appointment() == 2
    env.appoint(env.stranger, env.rival, Role.GATEWAY)
    assert appointment() == 3


@pytest.fixture
def colleague(env):
    """Return a second administrator of the plant."""
    env.appoint(env.stranger, env.plant, Role.ADMIN)
    return env.stranger


@pytest.mark.parametrize(("roles", "until"), [(0, FOREVER), (Role.PRODUCER, FOREVER), (Role.ADMIN, 2**40)])
def test_an_administrator_can_only_be_reduced_by_the_registrar(env, colleague, roles, until):
    for sender in (colleague, env.administrator):
        assert revert_of(
            env.consortium.appointOperator, env.administrator, env.plant, roles, until, sender=sender
        ) == Revert("AdministratorProtected", operator=env.administrator)
    env.consortium.appointOperator(env.administrator, env.plant, roles, until, {"from": env.registrar})


def test_an_administrator_can_extend_itself(env):
    env.appoint(env.administrator, env.plant, Role.ADMIN, env.now + 100)
    roles = Role.ADMIN | Role.GATEWAY
    env.consortium.appointOperator(env.administrator, env.plant, roles, FOREVER, {"from": env.administrator})
    assert env.consortium.isAuthorised(env.administrator, Role.GATEWAY)


def test_an_expired_administrator_can_be_reduced(env, colleague):
    env.appoint(env.administrator, env.plant, Role.ADMIN, env.now + 100)
    advance_to(env.now + 101)
    env.consortium.appointOperator(env.administrator, env.plant, 0, FOREVER, {"from": colleague})
    assert not env.consortium.isAuthorised(env.administrator, Role.ADMIN)
