"""`Consortium.appointOperator`."""

import pytest
from brownie import ZERO_ADDRESS
from environment import ALL_ROLES, FOREVER, event, plain
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
