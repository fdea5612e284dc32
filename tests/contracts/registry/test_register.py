"""`BatchRegistry.register`."""

import pytest
from environment import GTIN, PREFIXES, RIVAL_GTIN, batch_id, event
from eth_abi import encode
from eth_utils import keccak
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role, Verdict
from chromatrace.domain.stored_batch import StoredBatch


def test_registers_a_batch(env):
    tx = env.registry.register(env.registration("L2410A", 100), {"from": env.producer})
    batch = batch_id("L2410A")
    assert bytes(tx.return_value) == batch == bytes(env.registry.batchIdOf(int(GTIN), "L2410A"))
    assert env.batch(batch) == StoredBatch(
        state=BatchState.REGISTERED,
        holds=0,
        recalled=False,
        channels=0,
        first_verdict=Verdict.NONE,
        final_verdict=Verdict.NONE,
        first_revision=0,
        final_revision=0,
        producer=env.plant,
        custodian=env.plant,
        quantity=100,
        standard=0,
        defective=0,
        scrap=0,
        gtin=int(GTIN),
    )
    assert event(tx, "BatchRegistered") == {
        "batch": batch,
        "producer": env.plant,
        "gtin": int(GTIN),
        "lot": "L2410A",
        "quantity": 100,
        "serialRoot": keccak(b"serials"),
        "contentDigest": keccak(b"content"),
        "route": env.route,
        "inputs": (),
    }


def test_stores_a_commitment_to_the_registration(env):
    inputs = ((env.register("GLASS1"), 100), (env.register("TARGET1"), 1))
    batch = env.register("L1", inputs=inputs)
    used = keccak(encode(["(bytes32,uint32)[]"], [inputs]))
    parts = [keccak(b"serials"), keccak(b"content"), env.route, used]
    assert bytes(env.registry.commitmentOf(batch)) == keccak(encode(["bytes32"] * 4, parts))[:28]


def test_rejects_a_registered_lot(env):
    batch = env.register("L1")
    assert revert_of(env.registry.register, env.registration("L1", 7), sender=env.producer) == Revert(
        "BatchAlreadyRegistered", batch=batch
    )


def test_rejects_a_lot_registered_by_a_former_licensee(env):
    batch = env.register("L1")
    env.consortium.withdrawLicence(*PREFIXES[env.plant], {"from": env.registrar})
    env.consortium.license(env.rival, *PREFIXES[env.plant], {"from": env.registrar})
    assert revert_of(env.registry.register, env.registration("L1"), sender=env.competitor) == Revert(
        "BatchAlreadyRegistered", batch=batch
    )


@pytest.mark.parametrize("gtin", [int(GTIN) + 1, 10**14 + int(GTIN)])
def test_rejects_an_invalid_gtin(env, gtin):
    assert revert_of(env.registry.register, env.registration(gtin=str(gtin)), sender=env.producer) == Revert(
        "InvalidGtin", gtin=gtin
    )


@pytest.mark.parametrize("lot", ["", "A" * 21, "A" * 40])
def test_rejects_a_lot_of_invalid_length(env, lot):
    assert revert_of(env.registry.register, env.registration(lot), sender=env.producer) == Revert(
        "InvalidLotLength", length=len(lot)
    )


@pytest.mark.parametrize(
    ("lot", "position", "character"),
    [("L 1", 1, b" "), ("#", 0, b"#"), ("AB~", 2, b"~"), ("A" * 19 + "\0", 19, b"\0"), ("é", 0, b"\xc3")],
)
def test_rejects_a_character_outside_set_82(env, lot, position, character):
    assert revert_of(env.registry.register, env.registration(lot), sender=env.producer) == Revert(
        "InvalidLotCharacter", position=position, character=character
    )


def test_rejects_a_quantity_of_zero(env):
    assert revert_of(env.registry.register, env.registration(quantity=0), sender=env.producer) == Revert(
        "InvalidQuantity"
    )


def test_rejects_an_operator_without_the_role(env):
    assert revert_of(env.registry.register, env.registration(), sender=env.gateway) == Revert(
        "MissingRole", operator=env.gateway, roles=Role.GATEWAY, required=Role.PRODUCER
    )


def test_rejects_an_unknown_input(env):
    unknown = batch_id("NONE")
    assert revert_of(env.registry.register, env.registration(inputs=(unknown,)), sender=env.producer) == Revert(
        "UnusableInput", input=unknown, state=BatchState.UNKNOWN, recalled=False, onHold=False
    )


def test_rejects_the_batch_itself_as_input(env):
    assert revert_of(
        env.registry.register, env.registration("L1", inputs=(batch_id("L1"),)), sender=env.producer
    ) == Revert("UnusableInput", input=batch_id("L1"), state=BatchState.UNKNOWN, recalled=False, onHold=False)


@pytest.mark.parametrize("state", [BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED])
def test_rejects_an_input_in_an_unusable_state(env, state):
    used = env.batch_in_state(state, "G1")
    assert revert_of(env.registry.register, env.registration(inputs=(used,)), sender=env.producer) == Revert(
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
def test_accepts_an_input_in_a_usable_state(env, state):
    used = env.batch_in_state(state, "G1")
    units = 248 if state in (BatchState.GRADED, BatchState.RELEASED) else 250
    tx = env.registry.register(env.registration(inputs=((used, units),)), {"from": env.producer})
    assert event(tx, "BatchRegistered")["inputs"] == ((used, units),)
    assert env.registry.unitsUsedOf(used) == units


@pytest.mark.parametrize(("function", "recalled", "held"), [("recall", True, False), ("hold", False, True)])
def test_rejects_an_input_that_is_recalled_or_on_hold(env, function, recalled, held):
    used = env.register("G1")
    getattr(env.registry, function)(used, "cracks", {"from": env.supervisor})
    assert revert_of(env.registry.register, env.registration(inputs=(used,)), sender=env.producer) == Revert(
        "UnusableInput", input=used, state=BatchState.REGISTERED, recalled=recalled, onHold=held
    )


def test_rejects_an_input_with_another_custodian(env):
    foreign = env.register("G1")
    assert revert_of(
        env.registry.register, env.registration(inputs=(foreign,), gtin=RIVAL_GTIN), sender=env.competitor
    ) == Revert("InputNotHeld", input=foreign, custodian=env.plant, producer=env.rival)


def test_accepts_an_input_after_a_transfer_of_custody(env):
    glass = env.batch_in_state(BatchState.RELEASED, "G1")
    env.transfer(glass, env.rival, env.logistics, env.competitor)
    batch = env.register("L1", inputs=(glass,), sender=env.competitor)
    assert env.batch(batch).producer == env.rival


@pytest.mark.parametrize("quantity", [0, 101, 2**32 - 1])
def test_rejects_an_invalid_input_quantity(env, quantity):
    glass = env.register("G1", 100)
    assert revert_of(
        env.registry.register, env.registration(inputs=((glass, quantity),)), sender=env.producer
    ) == Revert("InvalidInputQuantity", input=glass, quantity=quantity, available=100)


def test_uses_together_are_at_most_the_input(env):
    glass = env.register("G1", 100)
    env.register("P1", inputs=((glass, 60),))
    assert revert_of(env.registry.register, env.registration(inputs=((glass, 41),)), sender=env.producer) == Revert(
        "InvalidInputQuantity", input=glass, quantity=41, available=40
    )
    env.register("P2", inputs=((glass, 40),))
    assert env.registry.unitsUsedOf(glass) == 100


@pytest.mark.parametrize("state", [BatchState.GRADED, BatchState.RELEASED])
def test_scrap_cannot_be_used(env, state):
    batch = env.batch_in_state(state, "G1", graded=(6, 4, 240))
    assert revert_of(env.registry.register, env.registration(inputs=((batch, 11),)), sender=env.producer) == Revert(
        "InvalidInputQuantity", input=batch, quantity=11, available=10
    )
    env.register("P1", inputs=((batch, 10),))


def test_rejects_an_input_listed_twice(env):
    glass, target = env.register("G1"), env.register("T1")
    assert revert_of(
        env.registry.register, env.registration(inputs=(glass, target, glass)), sender=env.producer
    ) == Revert("DuplicateInput", input=glass)
