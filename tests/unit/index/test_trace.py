"""Genealogy against a naive reference, on random graphs."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import insert
from synthetic import Ledger, batch_id, registered

from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchId
from chromatrace.index.genealogy import Direction, HolderImpact, Link
from chromatrace.index.models import BatchInput


def naive(edges, origin, direction):
    """Distances from `origin`, and every link between what is reached; edges are (batch, input)."""
    depths, queue = {origin: 0}, [origin]
    while queue:
        here = queue.pop(0)
        for batch, made_of in edges:
            near, far = (batch, made_of) if direction is Direction.BACK else (made_of, batch)
            if near == here and far not in depths:
                depths[far] = depths[here] + 1
                queue.append(far)
    near_end = 0 if direction is Direction.BACK else 1
    return depths, {edge for edge in edges if edge[near_end] in depths}


def trace(index, number, direction, **limits):
    ask = index.trace_back if direction is Direction.BACK else index.trace_forward
    return ask(batch_id(number), **limits)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("seed", range(6))
def test_random_genealogies(seed, direction):
    chance = random.Random(seed)
    ledger = Ledger()
    edges, units, size = set(), {}, chance.randint(5, 40)
    blocks = []
    for number in range(size):
        inputs = [
            (one, chance.randint(1, 60)) for one in chance.sample(range(number), min(number, chance.randrange(4)))
        ]
        edges |= {(number, made_of) for made_of, _ in inputs}
        units |= {(number, made_of): quantity for made_of, quantity in inputs}
        blocks.append([registered(number, inputs)])
    ledger.blocks(blocks)
    used = {number: sum(units[edge] for edge in edges if edge[1] == number) for number in range(size)}
    for origin in range(size):
        view = trace(ledger.index, origin, direction)
        depths, links = naive(edges, origin, direction)
        assert {step.batch.batch_id: step.depth for step in view.steps} == {batch_id(n): d for n, d in depths.items()}
        expected = {Link(batch_id(a), batch_id(b), units[a, b]) for a, b in links}
        assert (set(view.links), len(view.links)) == (expected, len(expected))
        assert {step.batch.batch_id: step.used for step in view.steps} == {batch_id(n): used[n] for n in depths}
        assert all(step.overused is (step.used > 100) for step in view.steps)
        assert [step.depth for step in view.steps] == sorted(depths.values())
        assert (view.truncated, view.open_ends) == (False, ())


def diamond():
    """0 goes into 1 and 2, both into 3, that into 4."""
    ledger = Ledger()
    ledger.blocks([[registered(0)], [registered(1, [0])], [registered(2, [0])], [registered(3, [1, 2])]])
    return ledger.block(registered(4, [3]))


def test_a_limit_on_depth_is_told():
    view = trace(diamond().index, 4, Direction.BACK, max_depth=2)
    assert [step.depth for step in view.steps] == [0, 1, 2, 2]
    assert view.truncated
    assert set(view.open_ends) == {batch_id(1), batch_id(2)}


def test_a_limit_on_depth_that_cuts_nothing_is_not_told():
    view = trace(diamond().index, 4, Direction.BACK, max_depth=3)
    assert len(view.steps) == 5
    assert not view.truncated


def test_a_limit_on_batches_is_told():
    view = trace(diamond().index, 0, Direction.FORWARD, max_batches=3)
    assert len(view.steps) == 3
    assert view.truncated
    assert view.open_ends
    for link in view.links:
        assert {link.batch, link.input} <= {step.batch.batch_id for step in view.steps}


def test_a_cycle_ends():
    """No chain of ours can hold one; a database somebody wrote to can."""
    ledger = diamond()
    with ledger.index.engine.begin() as connection:
        connection.execute(insert(BatchInput).values(batch=batch_id(0), place=0, input=batch_id(4), quantity=1))
    for direction in Direction:
        view = trace(ledger.index, 2, direction)
        assert len(view.steps) == 5
        assert Link(BatchId(batch_id(0)), BatchId(batch_id(4)), 1) in view.links
        assert not view.truncated


def test_a_batch_that_does_not_exist():
    index = diamond().index
    assert index.trace_back(batch_id(99)) is None
    assert index.recall_impact(batch_id(99)) is None


def test_recall_impact_names_who_holds_what():
    ledger = diamond()
    ledger.block(
        ("BatchRegistry", "CustodyMoved", [batch_id(4), 1, 7]),
        ("BatchRegistry", "BatchRecalled", [batch_id(1), batch_id(1), "0x" + "01" * 20, "glass"]),
        ("BatchRegistry", "BatchGraded", [batch_id(3), 60, 0, 40, "0x" + "01" * 20]),
    )
    impact = ledger.index.recall_impact(batch_id(1))
    assert impact.holders == (HolderImpact(1, 2, 160, 1), HolderImpact(7, 1, 100, 0))
    assert impact.units == 260
    assert not impact.truncated
    assert ledger.index.recall_impact(batch_id(0), max_batches=2).truncated


def test_inputs_and_uses_in_order():
    index = diamond().index
    assert index.inputs_of(batch_id(3)) == (Input(batch_id(1), 1), Input(batch_id(2), 1))
    assert index.used_in(batch_id(0)) == (batch_id(1), batch_id(2))
