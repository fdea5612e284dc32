"""`Consortium.dismissOperator`."""

import pytest
from environment import event
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role


@pytest.mark.parametrize("by", ["registrar", "administrator"])
def test_dismisses_an_operator(env, by):
    sender = getattr(env, by)
    tx = env.consortium.dismissOperator(env.producer, {"from": sender})
    assert revert_of(env.registry.register, env.registration(), sender=env.producer) == Revert(
        "OperatorInactive", operator=env.producer
    )
    assert not env.consortium.mayRead(env.producer, env.plant, 0, 1)
    assert event(tx, "OperatorDismissed") == {
        "operator": env.producer,
        "organisation": env.plant,
        "by": sender,
    }


def test_rejects_an_administrator_of_another_organisation(env):
    assert revert_of(env.consortium.dismissOperator, env.producer, sender=env.franchisee) == Revert(
        "NotAdministratorOf", account=env.franchisee, organisation=env.plant
    )


def test_rejects_an_operator_without_the_admin_role(env):
    assert revert_of(env.consortium.dismissOperator, env.gateway, sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.ADMIN
    )


def test_rejects_an_unknown_operator(env):
    assert revert_of(env.consortium.dismissOperator, env.stranger, sender=env.registrar) == Revert(
        "UnknownOperator", operator=env.stranger
    )


def test_rejects_a_dismissed_operator(env):
    env.consortium.dismissOperator(env.gateway, {"from": env.registrar})
    assert revert_of(env.consortium.dismissOperator, env.gateway, sender=env.registrar) == Revert(
        "OperatorInactive", operator=env.gateway
    )


def test_an_administrator_can_only_be_dismissed_by_the_registrar(env):
    env.appoint(env.stranger, env.plant, Role.ADMIN)
    for sender in (env.stranger, env.administrator):
        assert revert_of(env.consortium.dismissOperator, env.administrator, sender=sender) == Revert(
            "AdministratorProtected", operator=env.administrator
        )
    env.consortium.dismissOperator(env.administrator, {"from": env.registrar})
    assert not env.consortium.isAuthorised(env.administrator, Role.ADMIN)
