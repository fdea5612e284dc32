"""Recalling what was made of a recalled batch: every link is checked against the child's commitment."""

import pytest
from refusals import Refused, refusal
from world import batch_id

from chromatrace.domain.rights import BatchState


@pytest.fixture
def family(world):
    """A recalled batch of glass, another one, and two batches of panes made of both."""
    glass, other = world.register("GLASS"), world.register("OTHER")
    panes = [world.register(lot, inputs=(other, glass)) for lot in ("P1", "P2")]
    world.registry.recall(glass, "inclusions", {"from": world.supervisor})
    return glass, other, panes


@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_recalls_every_child_named(world, family, by):
    glass, other, panes = family
    tx = world.registry.recallDescendants(
        glass, panes, [world.parts((other, glass))] * 2, "inclusions", {"from": getattr(world, by)}
    )
    assert all(world.batch(pane).recalled for pane in panes)
    assert [(bytes(event["batch"]), bytes(event["cause"])) for event in tx.events["BatchRecalled"]] == [
        (pane, glass) for pane in panes
    ]
    assert not world.batch(other).recalled


def test_goes_on_to_grandchildren(world, family):
    glass, other, panes = family
    window = world.register("WINDOW", inputs=(batch_id("OTHER"),))
    assert refusal(
        world.registry.recallDescendants, glass, [window], [world.parts((other,))], "x", sender=world.supervisor
    ) == Refused("NotAnInput", parent=glass, child=window)

    parts = [world.parts((other, glass))]
    grandchild_inputs = (world.register("P3", inputs=(other,)),)
    grandchild = world.register("W2", inputs=grandchild_inputs)
    world.registry.recall(grandchild_inputs[0], "x", {"from": world.supervisor})
    world.registry.recallDescendants(glass, panes[:1], parts, "x", {"from": world.supervisor})
    world.registry.recallDescendants(
        grandchild_inputs[0], [grandchild], [world.parts(grandchild_inputs)], "x", {"from": world.supervisor}
    )
    assert world.batch(grandchild).recalled


def test_refuses_parts_that_are_not_the_childs(world, family):
    glass, _, panes = family
    assert refusal(
        world.registry.recallDescendants, glass, panes[:1], [world.parts((glass,))], "x", sender=world.supervisor
    ) == Refused("CommitmentMismatch", batch=panes[0])


def test_refuses_a_parent_that_is_not_recalled(world, family):
    glass, other, panes = family
    assert refusal(
        world.registry.recallDescendants,
        other,
        panes[:1],
        [world.parts((other, glass))],
        "x",
        sender=world.supervisor,
    ) == Refused("BatchNotRecalled", batch=other)


def test_refuses_a_child_twice(world, family):
    glass, other, panes = family
    assert refusal(
        world.registry.recallDescendants,
        glass,
        [panes[0], panes[0]],
        [world.parts((other, glass))] * 2,
        "x",
        sender=world.supervisor,
    ) == Refused("BatchIsRecalled", batch=panes[0])


def test_refuses_unequal_lengths(world, family):
    glass, other, panes = family
    assert refusal(
        world.registry.recallDescendants, glass, panes, [world.parts((other, glass))], "x", sender=world.supervisor
    ) == Refused("LengthMismatch", first=2, second=1)


def test_refuses_unknown_batches(world, family):
    glass, other, _ = family
    unknown = batch_id("NONE")
    parts = [world.parts((other, glass))]
    for parent, child in ((unknown, glass), (glass, unknown)):
        assert refusal(
            world.registry.recallDescendants, parent, [child], parts, "x", sender=world.supervisor
        ) == Refused("UnknownBatch", batch=unknown)


def test_the_childs_producer_may_and_a_third_may_not(world):
    glass = world.bring_to(BatchState.RELEASED, "GLASS")
    world.hand_over(glass, world.rival, world.logistics, world.competitor)
    pane = world.register("PANE", inputs=(glass,), sender=world.competitor)
    world.registry.recall(glass, "inclusions", {"from": world.official})
    world.appoint(world.franchisee, world.shop, 0)
    by_third = (glass, [pane], [world.parts((glass,))], "x")
    world.consortium.changeOrganisation(world.shop, 1 << 6, 2**64 - 1, {"from": world.registrar})
    world.appoint(world.franchisee, world.shop, 1 << 6)
    assert refusal(world.registry.recallDescendants, *by_third, sender=world.franchisee) == Refused(
        "NotBatchSupervisor", batch=pane, caller=world.franchisee
    )
    world.registry.recallDescendants(*by_third, {"from": world.competitor})
    assert world.batch(pane).recalled
