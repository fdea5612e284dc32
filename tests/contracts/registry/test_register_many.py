"""`BatchRegistry.registerMany`."""

from environment import batch_id, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState


def test_registers_all_batches(env):
    tx = env.registry.registerMany([env.registration(f"L{n}", n) for n in (1, 2, 3)], {"from": env.producer})
    assert [bytes(event["batch"]) for event in tx.events["BatchRegistered"]] == [batch_id(f"L{n}") for n in (1, 2, 3)]
    assert [env.batch(batch_id(f"L{n}")).quantity for n in (1, 2, 3)] == [1, 2, 3]


def test_a_batch_can_be_an_input_of_a_later_batch_in_the_call(env):
    env.registry.registerMany(
        [env.registration("GLASS"), env.registration("PANE", inputs=(batch_id("GLASS"),))],
        {"from": env.producer},
    )
    assert env.batch(batch_id("PANE")).state is BatchState.REGISTERED


def test_skips_batches_that_are_registered(env):
    env.register("A2", quantity=7)
    many = [env.registration(lot) for lot in ("A1", "A2", "A3", "A1")]
    tx = env.registry.registerMany(many, {"from": env.producer})
    assert list(tx.return_value) == [True, False, True, False]
    assert [plain(skipped.values()) for skipped in tx.events["RegistrationSkipped"]] == [
        (batch_id(lot), env.plant, env.producer) for lot in ("A2", "A1")
    ]
    assert env.batch(batch_id("A2")).quantity == 7
    assert env.batch(batch_id("A3")).producer == env.plant


def test_one_invalid_batch_reverts_the_call(env):
    many = [env.registration("L1"), env.registration("L2", quantity=0)]
    assert revert_of(env.registry.registerMany, many, sender=env.producer) == Revert("InvalidQuantity")


def test_rejects_an_account_that_is_not_an_operator(env):
    assert revert_of(env.registry.registerMany, [], sender=env.stranger) == Revert(
        "UnknownOperator", operator=env.stranger
    )
