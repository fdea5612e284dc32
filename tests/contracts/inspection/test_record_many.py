"""Recording many inspections: all or none."""

from refusals import Refused, refusal

from chromatrace.domain.rights import Verdict


def signed(world, *inspections):
    return [tuple(one.values()) for one in inspections], [world.sign(one) for one in inspections]


def test_records_all(world):
    batches = [world.register(f"L{n}") for n in range(3)]
    inspections, signatures = signed(
        world, *(world.inspection(batch, nonce=place) for place, batch in enumerate(batches))
    )
    tx = world.inspections.recordMany(inspections, signatures, {"from": world.stranger})
    assert [bytes(event["batch"]) for event in tx.events["InspectionRecorded"]] == batches
    assert all(world.batch(batch).first_verdict is Verdict.PASS for batch in batches)


def test_one_refusal_refuses_all(world):
    good, bad = (world.inspection(world.register(f"L{n}"), nonce=n) for n in range(2))
    inspections, signatures = signed(world, good, bad | {"sampleSize": 0})
    assert refusal(world.inspections.recordMany, inspections, signatures, sender=world.stranger) == Refused(
        "SampleTooSmall", sampleSize=0, required=3
    )


def test_refuses_unequal_lengths(world):
    inspections, _ = signed(world, world.inspection(world.register()))
    assert refusal(world.inspections.recordMany, inspections, [], sender=world.stranger) == Refused(
        "LengthMismatch", first=1, second=0
    )
