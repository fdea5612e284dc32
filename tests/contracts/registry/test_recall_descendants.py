"""`BatchRegistry.recallDescendants`."""

import pytest
from environment import batch_id
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState


@pytest.fixture
def family(env):
    """Register two batches of glass and two batches of panes made of both; recall the first batch of glass."""
    glass, other = env.register("GLASS"), env.register("OTHER")
    panes = [env.register(lot, inputs=(other, glass)) for lot in ("P1", "P2")]
    env.registry.recall(glass, "inclusions", {"from": env.supervisor})
    return glass, other, panes


@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_recalls_all_listed_children(env, family, by):
    glass, other, panes = family
    tx = env.registry.recallDescendants(
        glass, panes, [env.parts((other, glass))] * 2, "inclusions", {"from": getattr(env, by)}
    )
    assert all(env.batch(pane).recalled for pane in panes)
    assert [(bytes(event["batch"]), bytes(event["cause"])) for event in tx.events["BatchRecalled"]] == [
        (pane, glass) for pane in panes
    ]
    assert not env.batch(other).recalled


def test_recalls_grandchildren_in_a_second_call(env, family):
    glass, other, panes = family
    window = env.register("WINDOW", inputs=(batch_id("OTHER"),))
    assert revert_of(
        env.registry.recallDescendants, glass, [window], [env.parts((other,))], "x", sender=env.supervisor
    ) == Revert("NotAnInput", parent=glass, child=window)

    parts = [env.parts((other, glass))]
    grandchild_inputs = (env.register("P3", inputs=(other,)),)
    grandchild = env.register("W2", inputs=grandchild_inputs)
    env.registry.recall(grandchild_inputs[0], "x", {"from": env.supervisor})
    env.registry.recallDescendants(glass, panes[:1], parts, "x", {"from": env.supervisor})
    env.registry.recallDescendants(
        grandchild_inputs[0], [grandchild], [env.parts(grandchild_inputs)], "x", {"from": env.supervisor}
    )
    assert env.batch(grandchild).recalled


def test_rejects_parts_that_do_not_match_the_commitment(env, family):
    glass, _, panes = family
    assert revert_of(
        env.registry.recallDescendants, glass, panes[:1], [env.parts((glass,))], "x", sender=env.supervisor
    ) == Revert("CommitmentMismatch", batch=panes[0])


def test_rejects_a_parent_that_is_not_recalled(env, family):
    glass, other, panes = family
    assert revert_of(
        env.registry.recallDescendants,
        other,
        panes[:1],
        [env.parts((other, glass))],
        "x",
        sender=env.supervisor,
    ) == Revert("BatchNotRecalled", batch=other)


def test_rejects_a_child_listed_twice(env, family):
    glass, other, panes = family
    assert revert_of(
        env.registry.recallDescendants,
        glass,
        [panes[0], panes[0]],
        [env.parts((other, glass))] * 2,
        "x",
        sender=env.supervisor,
    ) == Revert("BatchIsRecalled", batch=panes[0])


def test_rejects_unequal_lengths(env, family):
    glass, other, panes = family
    assert revert_of(
        env.registry.recallDescendants, glass, panes, [env.parts((other, glass))], "x", sender=env.supervisor
    ) == Revert("LengthMismatch", first=2, second=1)


def test_rejects_unknown_batches(env, family):
    glass, other, _ = family
    unknown = batch_id("NONE")
    parts = [env.parts((other, glass))]
    for parent, child in ((unknown, glass), (glass, unknown)):
        assert revert_of(env.registry.recallDescendants, parent, [child], parts, "x", sender=env.supervisor) == Revert(
            "UnknownBatch", batch=unknown
        )


def test_accepts_the_producer_of_the_child_and_rejects_a_third_organisation(env):
    glass = env.batch_in_state(BatchState.RELEASED, "GLASS")
    env.transfer(glass, env.rival, env.logistics, env.competitor)
    pane = env.register("PANE", inputs=(glass,), sender=env.competitor)
    env.registry.recall(glass, "inclusions", {"from": env.official})
    env.appoint(env.franchisee, env.shop, 0)
    arguments = (glass, [pane], [env.parts((glass,))], "x")
    env.consortium.changeOrganisation(env.shop, 1 << 6, 2**64 - 1, {"from": env.registrar})
    env.appoint(env.franchisee, env.shop, 1 << 6)
    assert revert_of(env.registry.recallDescendants, *arguments, sender=env.franchisee) == Revert(
        "NotBatchSupervisor", batch=pane, caller=env.franchisee
    )
    env.registry.recallDescendants(*arguments, {"from": env.competitor})
    assert env.batch(pane).recalled
