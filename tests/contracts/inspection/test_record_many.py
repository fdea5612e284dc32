"""`InspectionLedger.recordMany`."""

from environment import event
from eth_abi import encode
from eth_utils import keccak
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


def test_skips_an_inspection_that_was_recorded_first(env):
    batches = [env.register(f"L{n}") for n in range(3)]
    inspections, signatures = signed(env, *(env.inspection(batch, nonce=nonce) for nonce, batch in enumerate(batches)))
    env.inspections.record(inspections[0], signatures[0], {"from": env.stranger})
    tx = env.inspections.recordMany(inspections, signatures, {"from": env.gateway})
    assert list(tx.return_value) == [False, True, True]
    skipped = event(tx, "InspectionSkipped")
    assert (skipped["batch"], skipped["inspector"], skipped["nonce"]) == (batches[0], env.lab_inspector.address, 0)
    assert bytes(skipped["reason"])[:4] == keccak(text="InvalidAccountNonce(address,uint256)")[:4]
    assert all(env.batch(batch).first_verdict is Verdict.PASS for batch in batches)


def test_an_invalid_inspection_does_not_revert_the_others(env):
    invalid, valid = (env.inspection(env.register(f"L{n}")) for n in range(2))
    inspections, signatures = signed(env, invalid | {"sampleSize": 0}, valid)
    tx = env.inspections.recordMany(inspections, signatures, {"from": env.stranger})
    assert list(tx.return_value) == [False, True]
    reason = keccak(text="SampleTooSmall(uint32,uint256)")[:4] + encode(["uint32", "uint256"], [0, 3])
    assert bytes(event(tx, "InspectionSkipped")["reason"]) == reason
    assert env.batch(invalid["batch"]).first_verdict is Verdict.NONE


def test_a_stale_revision_does_not_revert_the_others(env):
    batches = [env.register(f"L{n}") for n in range(2)]
    inspections, signatures = signed(env, *(env.inspection(batch, nonce=nonce) for nonce, batch in enumerate(batches)))
    env.inspect(batches[1], by=env.plant_inspector)
    tx = env.inspections.recordMany(inspections, signatures, {"from": env.stranger})
    assert list(tx.return_value) == [True, False]


def test_rejects_unequal_lengths(env):
    inspections, _ = signed(env, env.inspection(env.register()))
    assert revert_of(env.inspections.recordMany, inspections, [], sender=env.stranger) == Revert(
        "LengthMismatch", first=1, second=0
    )
