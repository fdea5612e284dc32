"""Recording an inspection: what is signed, what the policy asks, what can be superseded."""

import pytest
from brownie import chain
from eth_utils import keccak
from refusals import Refused, refusal
from world import FOREVER, advance_to, batch_id, event

from chromatrace.domain.rights import BatchState, Role, Stage, Verdict


def refused(world, inspection):
    return refusal(world.inspections.record, tuple(inspection.values()), world.sign(inspection), sender=world.stranger)


def test_anyone_submits_what_the_inspector_signed(world):
    batch = world.register(quantity=250)
    inspection = world.inspection(batch, Stage.FIRST, Verdict.FAIL, sampleSize=5, defects=2)
    tx = world.inspections.record(tuple(inspection.values()), world.sign(inspection), {"from": world.stranger})
    assert event(tx, "InspectionRecorded") == {
        "batch": batch,
        "stage": Stage.FIRST,
        "inspector": world.lab_inspector.address,
        "organisation": world.lab,
        "verdict": Verdict.FAIL,
        "revision": 1,
        "sampleSize": 5,
        "defects": 2,
        "instrument": keccak(b"instrument"),
        "evidence": keccak(b"evidence"),
        "inspectedAt": inspection["inspectedAt"],
    }
    assert world.inspections.nonces(world.lab_inspector.address, 0) == 1


def test_a_verdict_is_superseded_and_stays_readable(world):
    batch = world.register()
    first = world.inspect(batch, Stage.FIRST, Verdict.FAIL)
    second = world.inspect(batch, Stage.FIRST, Verdict.PASS)
    assert [event(tx, "InspectionRecorded")["revision"] for tx in (first, second)] == [1, 2]
    assert world.batch(batch).first_verdict is Verdict.PASS


@pytest.mark.parametrize("revision", [0, 2, 255])
def test_refuses_a_wrong_revision(world, revision):
    batch = world.register()
    assert refused(world, world.inspection(batch, revision=revision)) == Refused(
        "WrongRevision", revision=revision, expected=1
    )


def test_refuses_no_verdict(world):
    batch = world.register()
    assert refused(world, world.inspection(batch, verdict=Verdict.NONE)) == Refused("InvalidVerdict")


def test_refuses_an_unknown_batch(world):
    unknown = batch_id("NONE")
    assert refused(world, world.inspection(unknown, sampleSize=1)) == Refused("UnknownBatch", batch=unknown)


@pytest.mark.parametrize(("quantity", "required"), [(1, 1), (100, 1), (101, 2), (250, 3), (2**32 - 1, 42949673)])
def test_first_inspection_samples_one_in_a_hundred(world, quantity, required):
    batch = world.register(quantity=quantity)
    assert refused(world, world.inspection(batch, sampleSize=required - 1)) == Refused(
        "SampleTooSmall", sampleSize=required - 1, required=required
    )
    world.inspect(batch, sampleSize=required)


def test_any_sample_will_do_where_the_policy_sets_none_but_not_nothing(world):
    batch = world.bring_to(BatchState.ASSEMBLED)
    assert refused(world, world.inspection(batch, Stage.FINAL, sampleSize=0)) == Refused(
        "SampleTooSmall", sampleSize=0, required=1
    )
    world.inspect(batch, Stage.FINAL, sampleSize=1)


def test_refuses_a_sample_larger_than_the_batch(world):
    batch = world.register(quantity=10)
    assert refused(world, world.inspection(batch, sampleSize=11)) == Refused(
        "SampleTooLarge", sampleSize=11, quantity=10
    )


def test_refuses_more_defects_than_samples(world):
    batch = world.register(quantity=10)
    assert refused(world, world.inspection(batch, sampleSize=4, defects=5)) == Refused(
        "TooManyDefects", defects=5, sampleSize=4
    )


def test_the_producers_inspector_may_do_first_inspection_not_final(world):
    batch = world.register()
    world.inspect(batch, by=world.plant_inspector)
    world.registry.assemble(batch, {"from": world.producer})
    assert refused(world, world.inspection(batch, Stage.FINAL, by=world.plant_inspector)) == Refused(
        "InspectorNotIndependent", inspector=world.plant_inspector.address, organisation=world.plant
    )


def test_refuses_an_inspector_nobody_knows(world):
    batch = world.register()
    assert refused(world, world.inspection(batch, by=world.unknown_inspector)) == Refused(
        "UnknownOperator", operator=world.unknown_inspector.address
    )


def test_refuses_an_operator_who_is_no_inspector(world):
    world.appoint(world.unknown_inspector.address, world.plant, Role.PRODUCER)
    batch = world.register()
    assert refused(world, world.inspection(batch, by=world.unknown_inspector)) == Refused(
        "MissingRole", operator=world.unknown_inspector.address, roles=Role.PRODUCER, required=Role.INSPECTOR
    )


def test_refuses_an_inspection_in_the_future(world):
    batch = world.register()
    assert refused(world, world.inspection(batch, inspectedAt=FOREVER)) == Refused(
        "InspectionInTheFuture", inspectedAt=FOREVER
    )


def test_a_signature_holds_until_its_deadline(world):
    batch = world.register()
    deadline = chain[-1].timestamp + 50
    inspection = world.inspection(batch, deadline=deadline)
    advance_to(deadline + 1)
    assert refused(world, inspection) == Refused("InspectionExpired", deadline=deadline)


def test_a_suspended_laboratory_gives_no_verdicts_even_signed_before(world):
    batch = world.register()
    inspection = world.inspection(batch)
    world.suspend(world.lab)
    assert refused(world, inspection) == Refused("OrganisationInactive", organisation=world.lab)
