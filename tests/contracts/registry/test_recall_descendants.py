"""`BatchRegistry.recallDescendants`."""

import pytest
from environment import batch_id, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, HoldKind, holds_of

SKIPPED, RECALLED, NOTICED = range(3)


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


@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_skips_children_that_are_recalled_already(env, family, by):
    glass, other, panes = family
    sender, parts = getattr(env, by), [env.parts((other, glass))] * 3
    env.registry.recall(panes[0], "mine", {"from": env.supervisor})
    tx = env.registry.recallDescendants(glass, [*panes, panes[1]], parts, "x", {"from": sender})
    assert list(tx.return_value) == [SKIPPED, RECALLED, SKIPPED]
    assert [plain(skipped.values()) for skipped in tx.events["RecallSkipped"]] == [
        (pane, glass, sender) for pane in panes
    ]
    assert event(tx, "BatchRecalled")["batch"] == panes[1]


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


@pytest.fixture
def delivery(env):
    """Sell glass to the rival, which makes panes of it; recall the glass."""
    glass = env.batch_in_state(BatchState.RELEASED, "GLASS")
    env.transfer(glass, env.rival, env.logistics, env.competitor)
    panes = [env.register(lot, inputs=(glass,), sender=env.competitor) for lot in ("K1", "K2", "K3")]
    env.registry.recall(glass, "inclusions", {"from": env.supervisor})
    return glass, panes, [env.parts((glass,))] * 3


def test_a_supplier_puts_a_notice_on_the_batches_of_its_customer(env, delivery):
    glass, panes, parts = delivery
    tx = env.registry.recallDescendants(glass, panes, parts, "inclusions", {"from": env.supervisor})
    assert list(tx.return_value) == [NOTICED] * 3
    assert [plain(notice.values()) for notice in tx.events["SupplierNoticeGiven"]] == [
        (pane, glass, env.supervisor, "inclusions") for pane in panes
    ]
    assert [plain(hold.values()) for hold in tx.events["BatchHeld"]] == [
        (pane, HoldKind.SUPPLIER_NOTICE, env.supervisor, "inclusions") for pane in panes
    ]
    assert "BatchRecalled" not in tx.events
    for pane in panes:
        assert (env.batch(pane).recalled, holds_of(env.batch(pane).holds)) == (False, {HoldKind.SUPPLIER_NOTICE})


@pytest.mark.parametrize("by", ["competitor", "official"])
def test_the_producer_or_an_authority_answers_a_notice(env, delivery, by):
    glass, panes, parts = delivery
    env.registry.recallDescendants(glass, panes, parts, "inclusions", {"from": env.supervisor})
    sender = getattr(env, by)
    assert revert_of(
        env.registry.releaseHold, panes[0], HoldKind.SUPPLIER_NOTICE, "no", sender=env.supervisor
    ) == Revert("NotBatchSupervisor", batch=panes[0], caller=env.supervisor)
    env.registry.releaseHold(panes[0], HoldKind.SUPPLIER_NOTICE, "other sheet", {"from": sender})
    env.registry.recall(panes[1], "same sheet", {"from": sender})
    assert not env.batch(panes[0]).on_hold
    assert env.batch(panes[1]).recalled


def test_a_supplier_cannot_repeat_an_answered_notice(env, delivery):
    glass, panes, parts = delivery
    env.registry.recallDescendants(glass, panes, parts, "inclusions", {"from": env.supervisor})
    env.registry.releaseHold(panes[0], HoldKind.SUPPLIER_NOTICE, "other sheet", {"from": env.competitor})
    tx = env.registry.recallDescendants(glass, panes, parts, "again", {"from": env.supervisor})
    assert list(tx.return_value) == [SKIPPED] * 3
    assert not env.batch(panes[0]).on_hold


def test_a_child_recalled_first_by_its_producer_does_not_stop_the_others(env, delivery):
    glass, panes, parts = delivery
    env.registry.recall(panes[1], "mine", {"from": env.competitor})
    for sender, outcome in ((env.supervisor, NOTICED), (env.official, RECALLED)):
        tx = env.registry.recallDescendants(glass, panes, parts, "danger", {"from": sender})
        assert list(tx.return_value) == [outcome, SKIPPED, outcome]


def test_a_second_parent_can_be_noticed_while_the_first_notice_is_open(env):
    other = env.batch_in_state(BatchState.RELEASED, "OTHER")
    env.transfer(other, env.rival, env.logistics, env.competitor)
    third = env.batch_in_state(BatchState.RELEASED, "THIRD")
    env.transfer(third, env.rival, env.logistics, env.competitor)
    pane = env.register("K4", inputs=(other, third), sender=env.competitor)
    for parent in (other, third):
        env.registry.recall(parent, "x", {"from": env.supervisor})
    parts = [env.parts((other, third))]
    first = env.registry.recallDescendants(other, [pane], parts, "x", {"from": env.supervisor})
    second = env.registry.recallDescendants(third, [pane], parts, "x", {"from": env.supervisor})
    assert ("BatchHeld" in first.events, "BatchHeld" in second.events) == (True, False)
    assert event(second, "SupplierNoticeGiven")["parent"] == third


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
