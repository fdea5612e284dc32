"""`InspectionLedger.record`: policy, revisions and deadlines."""

import pytest
from brownie import chain
from environment import FOREVER, advance_to, batch_id, event
from eth_utils import keccak
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role, Stage, Verdict


def revert_of_record(env, inspection):
    return revert_of(env.inspections.record, tuple(inspection.values()), env.sign(inspection), sender=env.stranger)


def test_anyone_can_submit_a_signed_inspection(env):
    batch = env.register(quantity=250)
    inspection = env.inspection(batch, Stage.FIRST, Verdict.FAIL, sampleSize=5, defects=2)
    tx = env.inspections.record(tuple(inspection.values()), env.sign(inspection), {"from": env.stranger})
    assert event(tx, "InspectionRecorded") == {
        "batch": batch,
        "stage": Stage.FIRST,
        "inspector": env.lab_inspector.address,
        "organisation": env.lab,
        "verdict": Verdict.FAIL,
        "revision": 1,
        "sampleSize": 5,
        "defects": 2,
        "instrument": keccak(b"instrument"),
        "evidence": keccak(b"evidence"),
        "inspectedAt": inspection["inspectedAt"],
    }
    assert env.inspections.nonces(env.lab_inspector.address, 0) == 1


def test_a_later_revision_supersedes_a_verdict(env):
    batch = env.register()
    first = env.inspect(batch, Stage.FIRST, Verdict.FAIL)
    second = env.inspect(batch, Stage.FIRST, Verdict.PASS)
    assert [event(tx, "InspectionRecorded")["revision"] for tx in (first, second)] == [1, 2]
    assert env.batch(batch).first_verdict is Verdict.PASS


@pytest.mark.parametrize("revision", [0, 2, 255])
def test_rejects_a_wrong_revision(env, revision):
    batch = env.register()
    assert revert_of_record(env, env.inspection(batch, revision=revision)) == Revert(
        "WrongRevision", revision=revision, expected=1
    )


def test_rejects_the_verdict_none(env):
    batch = env.register()
    assert revert_of_record(env, env.inspection(batch, verdict=Verdict.NONE)) == Revert("InvalidVerdict")


def test_rejects_an_unknown_batch(env):
    unknown = batch_id("NONE")
    assert revert_of_record(env, env.inspection(unknown, sampleSize=1)) == Revert("UnknownBatch", batch=unknown)


@pytest.mark.parametrize(("quantity", "required"), [(1, 1), (100, 1), (101, 2), (250, 3), (2**32 - 1, 42949673)])
def test_the_first_inspection_samples_one_unit_in_a_hundred(env, quantity, required):
    batch = env.register(quantity=quantity)
    assert revert_of_record(env, env.inspection(batch, sampleSize=required - 1)) == Revert(
        "SampleTooSmall", sampleSize=required - 1, required=required
    )
    env.inspect(batch, sampleSize=required)


def test_the_final_inspection_samples_at_least_one_unit(env):
    batch = env.batch_in_state(BatchState.ASSEMBLED)
    assert revert_of_record(env, env.inspection(batch, Stage.FINAL, sampleSize=0)) == Revert(
        "SampleTooSmall", sampleSize=0, required=1
    )
    env.inspect(batch, Stage.FINAL, sampleSize=1)


def test_rejects_a_sample_larger_than_the_batch(env):
    batch = env.register(quantity=10)
    assert revert_of_record(env, env.inspection(batch, sampleSize=11)) == Revert(
        "SampleTooLarge", sampleSize=11, quantity=10
    )


def test_rejects_more_defects_than_sampled_units(env):
    batch = env.register(quantity=10)
    assert revert_of_record(env, env.inspection(batch, sampleSize=4, defects=5)) == Revert(
        "TooManyDefects", defects=5, sampleSize=4
    )


def test_an_inspector_of_the_producer_can_do_the_first_inspection_only(env):
    batch = env.register()
    env.inspect(batch, by=env.plant_inspector)
    env.registry.assemble(batch, {"from": env.producer})
    assert revert_of_record(env, env.inspection(batch, Stage.FINAL, by=env.plant_inspector)) == Revert(
        "InspectorNotIndependent", inspector=env.plant_inspector.address, organisation=env.plant
    )


def test_rejects_an_unknown_inspector(env):
    batch = env.register()
    assert revert_of_record(env, env.inspection(batch, by=env.unknown_inspector)) == Revert(
        "UnknownOperator", operator=env.unknown_inspector.address
    )


def test_rejects_an_operator_without_the_inspector_role(env):
    env.appoint(env.unknown_inspector.address, env.plant, Role.PRODUCER)
    batch = env.register()
    assert revert_of_record(env, env.inspection(batch, by=env.unknown_inspector)) == Revert(
        "MissingRole", operator=env.unknown_inspector.address, roles=Role.PRODUCER, required=Role.INSPECTOR
    )


def test_rejects_an_inspection_in_the_future(env):
    batch = env.register()
    assert revert_of_record(env, env.inspection(batch, inspectedAt=FOREVER)) == Revert(
        "InspectionInTheFuture", inspectedAt=FOREVER
    )


def test_rejects_a_signature_after_its_deadline(env):
    batch = env.register()
    deadline = chain[-1].timestamp + 50
    inspection = env.inspection(batch, deadline=deadline)
    advance_to(deadline + 1)
    assert revert_of_record(env, inspection) == Revert("InspectionExpired", deadline=deadline)


def test_rejects_an_inspection_of_a_suspended_laboratory_signed_before(env):
    batch = env.register()
    inspection = env.inspection(batch)
    env.suspend(env.lab)
    assert revert_of_record(env, inspection) == Revert("OrganisationInactive", organisation=env.lab)
