"""The top admin changes hands in two steps, with a delay between them."""

from brownie import chain
from refusals import Refused, refusal
from world import ADMIN_DELAY_S, REGISTRAR, advance_to, plain

DEFAULT_ADMIN = b"\0" * 32


def test_hands_over_in_two_steps(world):
    world.consortium.beginDefaultAdminTransfer(world.official, {"from": world.registrar})
    due = chain[-1].timestamp + ADMIN_DELAY_S
    assert plain(world.consortium.pendingDefaultAdmin()) == (world.official, due)
    assert world.consortium.defaultAdmin() == world.registrar

    advance_to(due)
    assert refusal(world.consortium.acceptDefaultAdminTransfer, sender=world.official) == Refused(
        "AccessControlEnforcedDefaultAdminDelay", schedule=due
    )
    advance_to(due + 1)
    world.consortium.acceptDefaultAdminTransfer({"from": world.official})
    assert world.consortium.defaultAdmin() == world.official

    assert refusal(world.consortium.grantRole, REGISTRAR, world.stranger, sender=world.registrar) == Refused(
        "AccessControlUnauthorizedAccount", account=world.registrar, neededRole=DEFAULT_ADMIN
    )
    world.consortium.grantRole(REGISTRAR, world.stranger, {"from": world.official})
    world.consortium.revokeRole(REGISTRAR, world.registrar, {"from": world.official})
    world.consortium.suspendOrganisation(world.plant, {"from": world.stranger})


def test_only_the_named_account_accepts(world):
    world.consortium.beginDefaultAdminTransfer(world.official, {"from": world.registrar})
    advance_to(chain[-1].timestamp + ADMIN_DELAY_S + 1)
    assert refusal(world.consortium.acceptDefaultAdminTransfer, sender=world.stranger) == Refused(
        "AccessControlInvalidDefaultAdmin", defaultAdmin=world.stranger
    )


def test_can_be_cancelled(world):
    world.consortium.beginDefaultAdminTransfer(world.official, {"from": world.registrar})
    world.consortium.cancelDefaultAdminTransfer({"from": world.registrar})
    advance_to(chain[-1].timestamp + ADMIN_DELAY_S + 1)
    assert refusal(world.consortium.acceptDefaultAdminTransfer, sender=world.official) == Refused(
        "AccessControlInvalidDefaultAdmin", defaultAdmin=world.official
    )


def test_only_the_admin_begins(world):
    assert refusal(world.consortium.beginDefaultAdminTransfer, world.stranger, sender=world.stranger) == Refused(
        "AccessControlUnauthorizedAccount", account=world.stranger, neededRole=DEFAULT_ADMIN
    )


def test_the_role_cannot_be_granted_past_the_two_steps(world):
    assert refusal(world.consortium.grantRole, DEFAULT_ADMIN, world.stranger, sender=world.registrar) == Refused(
        "AccessControlEnforcedDefaultAdminRules"
    )
