"""`BatchRegistry.registerMany`."""

from environment import batch_id
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


def test_one_invalid_batch_reverts_the_call(env):
    many = [env.registration("L1"), env.registration("L2"), env.registration("L1")]
    assert revert_of(env.registry.registerMany, many, sender=env.producer) == Revert(
        "BatchAlreadyRegistered", batch=batch_id("L1")
    )


def test_rejects_an_account_that_is_not_an_operator(env):
    assert revert_of(env.registry.registerMany, [], sender=env.stranger) == Revert(
        "UnknownOperator", operator=env.stranger
    )
