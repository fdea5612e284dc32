"""`BatchRegistry.applyVerdict`: state transitions, holds after late failures, and access."""

import pytest
from brownie import web3
from environment import VERDICT_LEDGER, batch_id, event
from eth_utils import keccak
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, HoldKind, Stage, Verdict

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
def test_transitions(env, before, stage, verdict, after, held):
    batch = env.batch_in_state(before)
    previous = env.batch(batch)
    revision = (previous.first_revision if stage is Stage.FIRST else previous.final_revision) + 1
    tx = env.inspect(batch, stage, verdict)
    current = env.batch(batch)
    assert (current.state, current.on_hold) == (after, held)
    assert verdict == (current.first_verdict if stage is Stage.FIRST else current.final_verdict)
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
            "kind": HoldKind.FIRST_INSPECTION if stage is Stage.FIRST else HoldKind.FINAL_INSPECTION,
            "by": env.inspections.address,
            "reason": "failed inspection after its stage",
        }


@pytest.mark.parametrize("state", [S.REGISTERED, S.FIRST_PASSED, S.STOPPED, S.RECYCLED])
def test_rejects_a_final_verdict_before_assembly(env, state):
    batch = env.batch_in_state(state)
    inspection = env.inspection(batch, Stage.FINAL)
    assert revert_of(
        env.inspections.record, tuple(inspection.values()), env.sign(inspection), sender=env.stranger
    ) == Revert("WrongState", batch=batch, state=state)


def test_a_second_late_failure_emits_no_second_hold(env):
    batch = env.batch_in_state(S.GRADED)
    env.inspect(batch, Stage.FINAL, FAIL)
    assert "BatchHeld" not in env.inspect(batch, Stage.FINAL, FAIL).events
    assert env.batch(batch).on_hold


def test_a_pass_without_a_hold_emits_no_release(env):
    batch = env.batch_in_state(S.GRADED)
    assert "BatchHoldReleased" not in env.inspect(batch, Stage.FINAL, PASS).events


def test_a_recalled_batch_can_still_be_inspected(env):
    batch = env.register()
    env.registry.recall(batch, "x", {"from": env.supervisor})
    env.inspect(batch, Stage.FIRST, FAIL)
    assert env.batch(batch).first_verdict is FAIL


def test_requires_the_verdict_ledger(env):
    batch = env.register()
    assert revert_of(env.registry.applyVerdict, batch, Stage.FIRST, PASS, sender=env.registrar) == Revert(
        "AccessControlUnauthorizedAccount", account=env.registrar, neededRole=VERDICT_LEDGER
    )


def test_rejects_an_unknown_batch(env):
    assert revert_of(env.registry.applyVerdict, batch_id("NONE"), Stage.FIRST, PASS, sender=env.inspections) == Revert(
        "UnknownBatch", batch=batch_id("NONE")
    )


@pytest.mark.parametrize(("stage", "byte"), [(Stage.FIRST, 4), (Stage.FINAL, 5)])
def test_no_number_of_verdicts_locks_a_batch(env, stage, byte):
    batch = env.batch_in_state(S.ASSEMBLED)
    slot = "0x" + keccak(batch + bytes(32)).hex()
    stored = bytearray(web3.eth.get_storage_at(env.registry.address, int(slot, 16)))
    stored[-1 - byte] = 254  # bytes of the slot from the right: `firstRevision`, `finalRevision`
    web3.provider.make_request("anvil_setStorageAt", [env.registry.address, slot, "0x" + stored.hex()])
    for verdict in (FAIL, PASS):
        tx = env.inspect(batch, stage, verdict, revision=255)
        assert event(tx, "VerdictApplied")["revision"] == event(tx, "InspectionRecorded")["revision"] == 255
        current = env.batch(batch)
        assert (current.first_verdict if stage is Stage.FIRST else current.final_verdict) is verdict
