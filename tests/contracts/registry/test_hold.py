"""`BatchRegistry.hold` and `BatchRegistry.releaseHold`: a hold records who set it, which determines who can end it."""

import pytest
from environment import FOREVER, batch_id, event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, HoldKind, Role, Stage, Verdict, holds_of

BOTH_FUNCTIONS = pytest.mark.parametrize(
    ("function", "rest"), [("hold", ("x",)), ("releaseHold", (HoldKind.PRODUCER, "x"))]
)
INSPECTION_HOLDS = pytest.mark.parametrize(
    ("stage", "kind"),
    [(Stage.FIRST, HoldKind.FIRST_INSPECTION), (Stage.FINAL, HoldKind.FINAL_INSPECTION)],
)


def held(env, batch):
    return holds_of(env.batch(batch).holds)


@pytest.mark.parametrize(("by", "kind"), [("supervisor", HoldKind.PRODUCER), ("official", HoldKind.AUTHORITY)])
def test_holds_a_batch_and_releases_the_hold(env, by, kind):
    batch, sender = env.register(), getattr(env, by)
    tx = env.registry.hold(batch, "pressure out of limits", {"from": sender})
    assert held(env, batch) == {kind}
    assert event(tx, "BatchHeld") == {"batch": batch, "kind": kind, "by": sender, "reason": "pressure out of limits"}
    tx = env.registry.releaseHold(batch, kind, "gauge was wrong", {"from": sender})
    assert held(env, batch) == set()
    assert event(tx, "BatchHoldReleased") == {"batch": batch, "kind": kind, "by": sender, "reason": "gauge was wrong"}


def test_the_producer_cannot_end_the_hold_of_an_authority(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.registry.hold(batch, "danger", {"from": env.official})
    assert revert_of(
        env.registry.releaseHold, batch, HoldKind.AUTHORITY, "never mind", sender=env.supervisor
    ) == Revert("HoldOutranks", batch=batch, kind=HoldKind.AUTHORITY)
    # A hold of its own hides nothing: the holds are independent.
    env.registry.hold(batch, "mine", {"from": env.supervisor})
    env.registry.releaseHold(batch, HoldKind.PRODUCER, "mine", {"from": env.supervisor})
    assert held(env, batch) == {HoldKind.AUTHORITY}
    assert revert_of(env.custody.offer, batch, env.shop, FOREVER, sender=env.logistics) == Revert(
        "BatchBlocked", batch=batch, onHold=True, recalled=False
    )


def test_an_authority_can_end_every_hold(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.registry.hold(batch, "mine", {"from": env.supervisor})
    env.registry.hold(batch, "danger", {"from": env.official})
    for stage in Stage:
        env.inspect(batch, stage, Verdict.FAIL)
    kinds = held(env, batch)
    assert kinds == set(HoldKind) - {HoldKind.SUPPLIER_NOTICE}
    for kind in sorted(kinds):
        env.registry.releaseHold(batch, kind, "checked", {"from": env.official})
    assert not env.batch(batch).on_hold


@INSPECTION_HOLDS
def test_the_producer_cannot_end_the_hold_after_a_failed_verdict(env, stage, kind):
    batch = env.batch_in_state(BatchState.RELEASED)
    tx = env.inspect(batch, stage, Verdict.FAIL)
    assert event(tx, "BatchHeld")["kind"] == kind
    assert revert_of(env.registry.releaseHold, batch, kind, "ok", sender=env.supervisor) == Revert(
        "HoldOutranks", batch=batch, kind=kind
    )
    assert revert_of(env.custody.offer, batch, env.shop, FOREVER, sender=env.logistics).name == "BatchBlocked"


@INSPECTION_HOLDS
def test_a_passing_verdict_ends_the_hold_of_its_stage_only(env, stage, kind):
    batch = env.batch_in_state(BatchState.RELEASED)
    for failed in Stage:
        env.inspect(batch, failed, Verdict.FAIL)
    env.registry.hold(batch, "danger", {"from": env.official})
    before = held(env, batch)
    tx = env.inspect(batch, stage, Verdict.PASS)
    assert event(tx, "BatchHoldReleased") == {
        "batch": batch,
        "kind": kind,
        "by": env.inspections,
        "reason": "superseded by a passing verdict",
    }
    assert before - held(env, batch) == {kind}


@BOTH_FUNCTIONS
def test_rejects_a_supervisor_of_another_producer(env, function, rest):
    batch = env.register()
    assert revert_of(getattr(env.registry, function), batch, *rest, sender=env.competitor) == Revert(
        "NotBatchSupervisor", batch=batch, caller=env.competitor
    )


@BOTH_FUNCTIONS
def test_rejects_an_operator_without_the_role(env, function, rest):
    batch = env.register()
    assert revert_of(getattr(env.registry, function), batch, *rest, sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.SUPERVISOR
    )


@BOTH_FUNCTIONS
def test_rejects_an_unknown_batch(env, function, rest):
    assert revert_of(getattr(env.registry, function), batch_id("NONE"), *rest, sender=env.supervisor) == Revert(
        "UnknownBatch", batch=batch_id("NONE")
    )


@BOTH_FUNCTIONS
def test_rejects_a_recalled_batch(env, function, rest):
    batch = env.register()
    env.registry.recall(batch, "x", {"from": env.supervisor})
    assert revert_of(getattr(env.registry, function), batch, *rest, sender=env.supervisor) == Revert(
        "BatchIsRecalled", batch=batch
    )


@pytest.mark.parametrize(("by", "kind"), [("supervisor", HoldKind.PRODUCER), ("official", HoldKind.AUTHORITY)])
def test_rejects_a_second_hold_of_the_same_kind(env, by, kind):
    batch, sender = env.register(), getattr(env, by)
    env.registry.hold(batch, "x", {"from": sender})
    assert revert_of(env.registry.hold, batch, "x", sender=sender) == Revert("HoldAlreadySet", batch=batch, kind=kind)


def test_rejects_releasing_a_hold_that_does_not_exist(env):
    batch = env.register()
    assert revert_of(env.registry.releaseHold, batch, HoldKind.PRODUCER, "x", sender=env.supervisor) == Revert(
        "HoldNotSet", batch=batch, kind=HoldKind.PRODUCER
    )


def test_a_batch_on_hold_can_be_inspected_and_recalled(env):
    batch = env.register()
    env.registry.hold(batch, "x", {"from": env.supervisor})
    env.inspect(batch)
    assert env.batch(batch).state is BatchState.FIRST_PASSED
    env.registry.recall(batch, "x", {"from": env.supervisor})
    assert env.batch(batch).recalled
