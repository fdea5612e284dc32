"""Genealogies, compared with networkx on random graphs."""

from __future__ import annotations

import random

import networkx
import pytest
from querying import query
from sqlalchemy import insert
from synthetic import SyntheticChain, batch_id, registered

from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchId
from chromatrace.index.models import BatchInputRow
from chromatrace.index.views import Direction, Link


def trace(index, number, direction, **limits):
    return query(index).trace(batch_id(number), direction, **limits)


def genealogy(seed):
    """Return a random genealogy as an index and as a graph with an edge from each batch to each input.

    Every third seed adds cycles, which the contracts do not allow but a modified database may contain.
    """
    rng = random.Random(seed)
    chain, graph = SyntheticChain(), networkx.DiGraph()
    for number in range(rng.randint(5, 40)):
        graph.add_node(number)
        for used in rng.sample(range(number), min(number, rng.randrange(4))):
            graph.add_edge(number, used, units=rng.randint(1, 60))
    chain.blocks(
        [[registered(number, [(used, edge["units"]) for used, edge in graph[number].items()])] for number in graph]
    )
    for used, batch in [] if seed % 3 else rng.sample(sorted(graph.edges), 3):
        row = {"position": 10**12, "number": 100 * batch + used, "quantity": rng.randint(1, 60)}
        graph.add_edge(batch, used, units=row["quantity"])
        with chain.index.engine.begin() as connection:
            connection.execute(insert(BatchInputRow).values(batch=batch_id(batch), input=batch_id(used), **row))
    return chain.index, graph, rng


def numbers_of(view, graph):
    """Return number -> depth of the traced batches, in the order of the trace."""
    numbers = {batch_id(number): number for number in graph}
    return {numbers[step.batch.batch_id]: step.depth for step in view.steps}


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("seed", range(6))
def test_traces_equal_those_of_networkx(seed, direction):
    index, graph, _ = genealogy(seed)
    reach = networkx.descendants if direction is Direction.BACK else networkx.ancestors
    towards = graph if direction is Direction.BACK else graph.reverse()
    assert networkx.is_directed_acyclic_graph(graph) is bool(seed % 3)
    for origin in graph:
        view = trace(index, origin, direction)
        depths = numbers_of(view, graph)
        assert set(depths) == reach(graph, origin) | {origin}
        assert depths == networkx.single_source_shortest_path_length(towards, origin)
        assert list(depths.values()) == sorted(depths.values())
        assert view.links == tuple(dict.fromkeys(view.links))
        assert set(view.links) == links_among(graph, depths)
        used = dict(graph.in_degree(weight="units"))
        assert [step.used for step in view.steps] == [used[number] for number in depths]
        assert [step.overused for step in view.steps] == [used[number] > 100 for number in depths]
        assert (view.truncated, view.open_ends) == (False, ())


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("seed", range(6))
def test_limits_keep_the_nearest_batches_and_name_the_open_ends(seed, direction):
    index, graph, rng = genealogy(seed)
    towards = graph if direction is Direction.BACK else graph.reverse()
    limits = [(rng.randrange(4), 10_000), (None, rng.randint(1, 12)), (2, rng.randint(1, 12))]
    for origin in rng.sample(sorted(graph), 5):
        distances = networkx.single_source_shortest_path_length(towards, origin)
        for depth, batches in limits:
            view = trace(index, origin, direction, max_depth=depth, max_batches=batches)
            kept = numbers_of(view, graph)
            near = {number: far for number, far in distances.items() if depth is None or far <= depth}
            assert len(kept) == min(batches, len(near))
            assert kept.items() <= near.items()
            assert {number for number, far in near.items() if far < max(kept.values())} <= set(kept)
            assert set(view.links) == links_among(graph, kept)
            ends = {number for number in kept if not set(towards[number]) <= set(kept)}
            assert set(view.open_ends) == {batch_id(number) for number in ends}
            assert view.truncated is bool(ends)


def links_among(graph, numbers):
    """Return the links with both ends among these batches."""
    edges = graph.subgraph(numbers).edges(data="units")
    return {Link(batch_id(batch), batch_id(used), units) for batch, used, units in edges}


def diamond():
    """Return a chain where 0 is used in 1 and 2, both in 3, and 3 in 4."""
    chain = SyntheticChain()
    chain.blocks([[registered(0)], [registered(1, [0])], [registered(2, [0])], [registered(3, [1, 2])]])
    return chain.block(registered(4, [3]))


def test_a_depth_limit_truncates():
    view = trace(diamond().index, 4, Direction.BACK, max_depth=2)
    assert [step.depth for step in view.steps] == [0, 1, 2, 2]
    assert view.truncated
    assert set(view.open_ends) == {batch_id(1), batch_id(2)}


def test_a_depth_limit_that_is_not_exceeded_does_not_truncate():
    view = trace(diamond().index, 4, Direction.BACK, max_depth=3)
    assert len(view.steps) == 5
    assert not view.truncated


def test_a_batch_limit_truncates():
    view = trace(diamond().index, 0, Direction.FORWARD, max_batches=3)
    assert len(view.steps) == 3
    assert view.truncated
    assert view.open_ends
    for link in view.links:
        assert {link.batch, link.input} <= {step.batch.batch_id for step in view.steps}


def test_a_trace_ends_at_a_cycle():
    """The contracts do not allow a cycle, but a modified database may contain one."""
    chain = diamond()
    with chain.index.engine.begin() as connection:
        connection.execute(
            insert(BatchInputRow).values(position=0, number=0, batch=batch_id(0), input=batch_id(4), quantity=1)
        )
    for direction in Direction:
        view = trace(chain.index, 2, direction)
        assert len(view.steps) == 5
        assert Link(BatchId(batch_id(0)), BatchId(batch_id(4)), 1) in view.links
        assert not view.truncated


def test_an_unregistered_batch_has_no_trace():
    for direction in Direction:
        assert trace(diamond().index, 99, direction) is None


def test_inputs_and_uses_are_in_order():
    index = diamond().index
    assert query(index).inputs_of(batch_id(3)) == (Input(batch_id(1), 1), Input(batch_id(2), 1))
    assert query(index).used_in(batch_id(0)) == (batch_id(1), batch_id(2))
