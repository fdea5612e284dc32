"""`InspectionLedger.recordMany`."""

from reverts import Revert, revert_of

from chromatrace.domain.rights import Verdict


def signed(env, *inspections):
    return [tuple(item.values()) for item in inspections], [env.sign(item) for item in inspections]


def test_records_all_inspections(env):
    batches = [env.register(f"L{n}") for n in range(3)]
    inspections, signatures = signed(env, *(env.inspection(batch, nonce=nonce) for nonce, batch in enumerate(batches)))
    tx = env.inspections.recordMany(inspections, signatures, {"from": env.stranger})
    assert [bytes(event["batch"]) for event in tx.events["InspectionRecorded"]] == batches
    assert all(env.batch(batch).first_verdict is Verdict.PASS for batch in batches)


def test_one_invalid_inspection_reverts_the_call(env):
    valid, invalid = (env.inspection(env.register(f"L{n}"), nonce=n) for n in range(2))
    inspections, signatures = signed(env, valid, invalid | {"sampleSize": 0})
    assert revert_of(env.inspections.recordMany, inspections, signatures, sender=env.stranger) == Revert(
        "SampleTooSmall", sampleSize=0, required=3
    )


def test_rejects_unequal_lengths(env):
    inspections, _ = signed(env, env.inspection(env.register()))
    assert revert_of(env.inspections.recordMany, inspections, [], sender=env.stranger) == Revert(
        "LengthMismatch", first=1, second=0
    )
