"""Transfer of the default admin in two steps, with a delay."""

from brownie import chain
from environment import ADMIN_DELAY_S, REGISTRAR, advance_to, plain
from reverts import Revert, revert_of

DEFAULT_ADMIN = b"\0" * 32


def test_transfers_in_two_steps(env):
    env.consortium.beginDefaultAdminTransfer(env.official, {"from": env.registrar})
    due = chain[-1].timestamp + ADMIN_DELAY_S
    assert plain(env.consortium.pendingDefaultAdmin()) == (env.official, due)
    assert env.consortium.defaultAdmin() == env.registrar

    advance_to(due)
    assert revert_of(env.consortium.acceptDefaultAdminTransfer, sender=env.official) == Revert(
        "AccessControlEnforcedDefaultAdminDelay", schedule=due
    )
    advance_to(due + 1)
    env.consortium.acceptDefaultAdminTransfer({"from": env.official})
    assert env.consortium.defaultAdmin() == env.official

    assert revert_of(env.consortium.grantRole, REGISTRAR, env.stranger, sender=env.registrar) == Revert(
        "AccessControlUnauthorizedAccount", account=env.registrar, neededRole=DEFAULT_ADMIN
    )
    env.consortium.grantRole(REGISTRAR, env.stranger, {"from": env.official})
    env.consortium.revokeRole(REGISTRAR, env.registrar, {"from": env.official})
    env.consortium.suspendOrganisation(env.plant, {"from": env.stranger})


def test_only_the_pending_admin_can_accept(env):
    env.consortium.beginDefaultAdminTransfer(env.official, {"from": env.registrar})
    advance_to(chain[-1].timestamp + ADMIN_DELAY_S + 1)
    assert revert_of(env.consortium.acceptDefaultAdminTransfer, sender=env.stranger) == Revert(
        "AccessControlInvalidDefaultAdmin", defaultAdmin=env.stranger
    )


def test_cancels_a_transfer(env):
    env.consortium.beginDefaultAdminTransfer(env.official, {"from": env.registrar})
    env.consortium.cancelDefaultAdminTransfer({"from": env.registrar})
    advance_to(chain[-1].timestamp + ADMIN_DELAY_S + 1)
    assert revert_of(env.consortium.acceptDefaultAdminTransfer, sender=env.official) == Revert(
        "AccessControlInvalidDefaultAdmin", defaultAdmin=env.official
    )


def test_only_the_default_admin_can_begin(env):
    assert revert_of(env.consortium.beginDefaultAdminTransfer, env.stranger, sender=env.stranger) == Revert(
        "AccessControlUnauthorizedAccount", account=env.stranger, neededRole=DEFAULT_ADMIN
    )


def test_rejects_a_direct_grant_of_the_role(env):
    assert revert_of(env.consortium.grantRole, DEFAULT_ADMIN, env.stranger, sender=env.registrar) == Revert(
        "AccessControlEnforcedDefaultAdminRules"
    )
