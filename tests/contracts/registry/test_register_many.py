"""Registering many batches: all or none."""

from refusals import Refused, refusal
from world import batch_id

from chromatrace.domain.rights import BatchState


def test_registers_all(world):
    tx = world.registry.registerMany([world.registration(f"L{n}", n) for n in (1, 2, 3)], {"from": world.producer})
    assert [bytes(event["batch"]) for event in tx.events["BatchRegistered"]] == [batch_id(f"L{n}") for n in (1, 2, 3)]
    assert [world.batch(batch_id(f"L{n}")).quantity for n in (1, 2, 3)] == [1, 2, 3]


def test_a_later_one_may_be_made_of_an_earlier_one(world):
    world.registry.registerMany(
        [world.registration("GLASS"), world.registration("PANE", inputs=(batch_id("GLASS"),))],
        {"from": world.producer},
    )
    assert world.batch(batch_id("PANE")).state is BatchState.REGISTERED


def test_one_refusal_refuses_all(world):
    many = [world.registration("L1"), world.registration("L2"), world.registration("L1")]
    assert refusal(world.registry.registerMany, many, sender=world.producer) == Refused(
        "BatchAlreadyRegistered", batch=batch_id("L1")
    )


def test_refuses_a_stranger(world):
    assert refusal(world.registry.registerMany, [], sender=world.stranger) == Refused(
        "UnknownOperator", operator=world.stranger
    )
