"""What a verdict does to the life cycle; what comes late holds; only the inspection ledger may."""

import pytest
from brownie import web3
from eth_utils import keccak
from refusals import Refused, refusal
from world import VERDICT_LEDGER, batch_id, event

from chromatrace.domain.rights import BatchState, Stage, Verdict

PASS, FAIL = Verdict.PASS, Verdict.FAIL
S = BatchState


@pytest.mark.parametrize(
    ("before", "stage", "verdict", "after", "held"),
    [
        (S.REGISTERED, Stage.FIRST, PASS, S.FIRST_PASSED, False),
        (S.REGISTERED, Stage.FIRST, FAIL, S.STOPPED, False),
        (S.STOPPED, Stage.FIRST, PASS, S.FIRST_PASSED, False),
        (S.STOPPED, Stage.FIRST, FAIL, S.STOPPED, False),
        (S.FIRST_PASSED, Stage.FIRST, FAIL, S.STOPPED, False),
        (S.FIRST_PASSED, Stage.FIRST, PASS, S.FIRST_PASSED, False),
        (S.RECYCLED, Stage.FIRST, PASS, S.RECYCLED, False),
        (S.RECYCLED, Stage.FIRST, FAIL, S.RECYCLED, False),
        (S.ASSEMBLED, Stage.FIRST, PASS, S.ASSEMBLED, False),
        (S.ASSEMBLED, Stage.FIRST, FAIL, S.ASSEMBLED, True),
        (S.ASSEMBLED, Stage.FINAL, FAIL, S.ASSEMBLED, False),
        (S.GRADED, Stage.FIRST, FAIL, S.GRADED, True),
        (S.GRADED, Stage.FINAL, FAIL, S.GRADED, True),
        (S.GRADED, Stage.FINAL, PASS, S.GRADED, False),
        (S.RELEASED, Stage.FINAL, FAIL, S.RELEASED, True),
        (S.SCRAPPED, Stage.FINAL, FAIL, S.SCRAPPED, True),
    ],
)
def test_transitions(world, before, stage, verdict, after, held):
    batch = world.bring_to(before)
    earlier = world.batch(batch)
    revision = (earlier.first_revision if stage is Stage.FIRST else earlier.final_revision) + 1
    tx = world.inspect(batch, stage, verdict)
    now = world.batch(batch)
    assert (now.state, now.on_hold) == (after, held)
    assert verdict == (now.first_verdict if stage is Stage.FIRST else now.final_verdict)
    assert event(tx, "VerdictApplied") == {
        "batch": batch,
        "stage": stage,
        "verdict": verdict,
        "revision": revision,
        "state": after,
    }
    assert ("BatchHeld" in tx.events) is held
    if held:
        assert event(tx, "BatchHeld") == {
            "batch": batch,
            "by": world.inspections.address,
            "reason": "failed inspection after its stage",
        }


@pytest.mark.parametrize("state", [S.REGISTERED, S.FIRST_PASSED, S.STOPPED, S.RECYCLED])
def test_a_final_verdict_before_assembly_is_refused(world, state):
    batch = world.bring_to(state)
    inspection = world.inspection(batch, Stage.FINAL)
    assert refusal(
        world.inspections.record, tuple(inspection.values()), world.sign(inspection), sender=world.stranger
    ) == Refused("WrongState", batch=batch, state=state)


def test_a_later_pass_does_not_end_the_hold(world):
    batch = world.bring_to(S.GRADED)
    world.inspect(batch, Stage.FINAL, FAIL)
    world.inspect(batch, Stage.FINAL, PASS)
    assert world.batch(batch).on_hold


def test_a_batch_that_is_held_already_is_not_held_twice(world):
    batch = world.bring_to(S.GRADED)
    world.registry.hold(batch, "colour", {"from": world.supervisor})
    assert "BatchHeld" not in world.inspect(batch, Stage.FINAL, FAIL).events
    assert world.batch(batch).on_hold


def test_a_recalled_batch_can_still_be_inspected(world):
    batch = world.register()
    world.registry.recall(batch, "x", {"from": world.supervisor})
    world.inspect(batch, Stage.FIRST, FAIL)
    assert world.batch(batch).first_verdict is FAIL


def test_only_the_verdict_ledger(world):
    batch = world.register()
    assert refusal(world.registry.applyVerdict, batch, Stage.FIRST, PASS, sender=world.registrar) == Refused(
        "AccessControlUnauthorizedAccount", account=world.registrar, neededRole=VERDICT_LEDGER
    )


def test_refuses_an_unknown_batch(world):
    assert refusal(
        world.registry.applyVerdict, batch_id("NONE"), Stage.FIRST, PASS, sender=world.inspections
    ) == Refused("UnknownBatch", batch=batch_id("NONE"))


def test_revisions_end_at_255(world):
    batch = world.register()
    slot = "0x" + keccak(batch + bytes(32)).hex()
    stored = bytearray(web3.eth.get_storage_at(world.registry.address, int(slot, 16)))
    stored[-7] = 255  # the seventh byte from the right, `firstRevision`
    web3.provider.make_request("anvil_setStorageAt", [world.registry.address, slot, "0x" + stored.hex()])
    assert world.batch(batch).first_revision == 255
    assert refusal(world.registry.applyVerdict, batch, Stage.FIRST, PASS, sender=world.inspections) == Refused(
        "RevisionsExhausted", batch=batch, stage=Stage.FIRST
    )
