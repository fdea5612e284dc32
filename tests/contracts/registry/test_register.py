"""Registering a batch: identity, quantity, inputs; a lot exists once."""

import pytest
from eth_abi import encode
from eth_utils import keccak
from refusals import Refused, refusal
from world import GTIN, Batch, batch_id, event

from chromatrace.domain.rights import BatchState, Role, Verdict


def test_registers(world):
    tx = world.registry.register(world.registration("L2410A", 100), {"from": world.producer})
    batch = batch_id("L2410A")
    assert bytes(tx.return_value) == batch == bytes(world.registry.batchIdOf(int(GTIN), "L2410A"))
    assert world.batch(batch) == Batch(
        state=BatchState.REGISTERED,
        on_hold=False,
        recalled=False,
        channels=0,
        first_verdict=Verdict.NONE,
        final_verdict=Verdict.NONE,
        first_revision=0,
        final_revision=0,
        producer=world.plant,
        custodian=world.plant,
        quantity=100,
        standard=0,
        defective=0,
        scrap=0,
    )
    assert event(tx, "BatchRegistered") == {
        "batch": batch,
        "producer": world.plant,
        "gtin": int(GTIN),
        "lot": "L2410A",
        "quantity": 100,
        "serialRoot": keccak(b"serials"),
        "contentDigest": keccak(b"content"),
        "route": world.route,
        "inputs": (),
    }


def test_commits_to_what_was_registered(world):
    inputs = ((world.register("GLASS1"), 100), (world.register("TARGET1"), 1))
    batch = world.register("L1", inputs=inputs)
    used = keccak(encode(["(bytes32,uint32)[]"], [inputs]))
    parts = [keccak(b"serials"), keccak(b"content"), world.route, used]
    assert bytes(world.registry.commitmentOf(batch)) == keccak(encode(["bytes32"] * 4, parts))


def test_refuses_a_lot_twice(world):
    batch = world.register("L1")
    assert refusal(world.registry.register, world.registration("L1", 7), sender=world.producer) == Refused(
        "BatchAlreadyRegistered", batch=batch
    )


def test_the_lot_of_another_organisation_counts_too(world):
    batch = world.register("L1")
    assert refusal(world.registry.register, world.registration("L1"), sender=world.competitor) == Refused(
        "BatchAlreadyRegistered", batch=batch
    )


@pytest.mark.parametrize("gtin", [0, int(GTIN) + 1, 10**14 + int(GTIN), 2**64 - 1])
def test_refuses_a_wrong_gtin(world, gtin):
    assert refusal(world.registry.register, world.registration(gtin=str(gtin)), sender=world.producer) == Refused(
        "InvalidGtin", gtin=gtin
    )


@pytest.mark.parametrize("lot", ["", "A" * 21, "A" * 40])
def test_refuses_a_lot_of_wrong_length(world, lot):
    assert refusal(world.registry.register, world.registration(lot), sender=world.producer) == Refused(
        "InvalidLotLength", length=len(lot)
    )


@pytest.mark.parametrize(
    ("lot", "position", "character"),
    [("L 1", 1, b" "), ("#", 0, b"#"), ("AB~", 2, b"~"), ("A" * 19 + "\0", 19, b"\0"), ("é", 0, b"\xc3")],
)
def test_refuses_a_character_outside_set_82(world, lot, position, character):
    assert refusal(world.registry.register, world.registration(lot), sender=world.producer) == Refused(
        "InvalidLotCharacter", position=position, character=character
    )


def test_refuses_an_empty_batch(world):
    assert refusal(world.registry.register, world.registration(quantity=0), sender=world.producer) == Refused(
        "InvalidQuantity"
    )


def test_refuses_an_operator_without_the_role(world):
    assert refusal(world.registry.register, world.registration(), sender=world.gateway) == Refused(
        "MissingRole", operator=world.gateway, roles=Role.GATEWAY, required=Role.PRODUCER
    )


def test_refuses_an_unknown_input(world):
    unknown = batch_id("NONE")
    assert refusal(world.registry.register, world.registration(inputs=(unknown,)), sender=world.producer) == Refused(
        "UnusableInput", input=unknown, state=BatchState.UNKNOWN, recalled=False, onHold=False
    )


def test_refuses_itself_as_input(world):
    assert refusal(
        world.registry.register, world.registration("L1", inputs=(batch_id("L1"),)), sender=world.producer
    ) == Refused("UnusableInput", input=batch_id("L1"), state=BatchState.UNKNOWN, recalled=False, onHold=False)


@pytest.mark.parametrize("state", [BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED])
def test_refuses_an_input_in_a_closed_state(world, state):
    used = world.bring_to(state, "G1")
    assert refusal(world.registry.register, world.registration(inputs=(used,)), sender=world.producer) == Refused(
        "UnusableInput", input=used, state=state, recalled=False, onHold=False
    )


@pytest.mark.parametrize(
    "state",
    [
        BatchState.REGISTERED,
        BatchState.FIRST_PASSED,
        BatchState.ASSEMBLED,
        BatchState.GRADED,
        BatchState.RELEASED,
    ],
)
def test_takes_an_input_in_an_open_state(world, state):
    used = world.bring_to(state, "G1")
    tx = world.registry.register(world.registration(inputs=((used, 250),)), {"from": world.producer})
    assert event(tx, "BatchRegistered")["inputs"] == ((used, 250),)


@pytest.mark.parametrize(("verb", "recalled", "held"), [("recall", True, False), ("hold", False, True)])
def test_refuses_an_input_that_is_recalled_or_held(world, verb, recalled, held):
    used = world.register("G1")
    getattr(world.registry, verb)(used, "cracks", {"from": world.supervisor})
    assert refusal(world.registry.register, world.registration(inputs=(used,)), sender=world.producer) == Refused(
        "UnusableInput", input=used, state=BatchState.REGISTERED, recalled=recalled, onHold=held
    )


def test_refuses_an_input_in_other_hands(world):
    foreign = world.register("G1")
    assert refusal(world.registry.register, world.registration(inputs=(foreign,)), sender=world.competitor) == Refused(
        "InputNotHeld", input=foreign, custodian=world.plant, producer=world.rival
    )


def test_takes_an_input_that_was_handed_over(world):
    glass = world.bring_to(BatchState.RELEASED, "G1")
    world.hand_over(glass, world.rival, world.logistics, world.competitor)
    made = world.register("L1", inputs=(glass,), sender=world.competitor)
    assert world.batch(made).producer == world.rival


@pytest.mark.parametrize("quantity", [0, 101, 2**32 - 1])
def test_refuses_more_of_an_input_than_there_is_and_none_of_it(world, quantity):
    glass = world.register("G1", 100)
    assert refusal(
        world.registry.register, world.registration(inputs=((glass, quantity),)), sender=world.producer
    ) == Refused("InvalidInputQuantity", input=glass, quantity=quantity, available=100)


def test_what_several_batches_use_together_is_not_bounded_on_chain(world):
    """As the interface says: readers add it up."""
    glass = world.register("G1", 100)
    for lot in ("P1", "P2"):
        world.register(lot, inputs=((glass, 100),))


def test_refuses_an_input_twice(world):
    glass, target = world.register("G1"), world.register("T1")
    assert refusal(
        world.registry.register, world.registration(inputs=(glass, target, glass)), sender=world.producer
    ) == Refused("DuplicateInput", input=glass)
