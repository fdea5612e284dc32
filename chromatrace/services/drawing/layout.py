"""Layered graph layout: layers by longest path, few crossings, straight arrows.

The method is that of Sugiyama, Tagawa and Toda (1981): assign layers, order each layer by the mean rank of its
neighbours, then assign coordinates. An arrow across several layers passes through a waypoint in each layer between,
and waypoints take part in every phase. Coordinates within a layer minimise the squared distances to the neighbours'
means under a minimum distance: an isotonic regression, solved by pooling adjacent violators.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from chromatrace.services.drawing.graph import Graph

CARD_WIDTH, CARD_HEIGHT = 216.0, 78.0
LAYER_GAP, ROW_GAP, WAYPOINT_GAP = 112.0, 22.0, 26.0
_SWEEPS = 12

Vertex = int
"""A card or a waypoint. Cards come first, in the order of the graph."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Top left corners of the cards and the points of the edges, both in the order of the graph."""

    width: float
    height: float
    corners: tuple[tuple[float, float], ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]


def layout(graph: Graph) -> Layout:
    """Lay out a graph. Edges that close a cycle are drawn but do not affect the layers.

    Raises `KeyError` for an arrow whose source or target is not a card.
    """
    number = {card.id: position for position, card in enumerate(graph.cards)}
    edges = [(number[edge.source], number[edge.target]) for edge in graph.arrows]
    cards = len(graph.cards)
    chains, layer_of = _with_waypoints(edges, _layers(cards, edges))
    order = _ordered(chains, layer_of)
    vertices = range(len(layer_of))
    heights = [CARD_HEIGHT if vertex < cards else 0.0 for vertex in vertices]
    centre = _centres(chains, order, heights)
    top = min((centre[vertex] - heights[vertex] / 2 for vertex in vertices), default=0.0)
    centre = [y - top for y in centre]
    left = [layer * (CARD_WIDTH + LAYER_GAP) for layer in layer_of]
    corners = tuple((left[card], centre[card] - CARD_HEIGHT / 2) for card in range(cards))
    height = max((centre[vertex] + heights[vertex] / 2 for vertex in vertices), default=CARD_HEIGHT)
    width = max((x + CARD_WIDTH for x in left), default=CARD_WIDTH)
    return Layout(width, height, corners, _paths(chains, centre, left))


def _layers(cards: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return the layer of each card: its longest path from a source; sources go right before their first target."""
    following, preceding = defaultdict(list), defaultdict(list)
    for source, target in _acyclic(cards, edges):
        following[source].append(target)
        preceding[target].append(source)
    layer = [0] * cards
    waiting = {card: len(preceding[card]) for card in range(cards)}
    ready = [card for card in range(cards) if not waiting[card]]
    for card in ready:
        for target in following[card]:
            layer[target] = max(layer[target], layer[card] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for card in range(cards):
        if not preceding[card] and following[card]:
            layer[card] = min(layer[target] for target in following[card]) - 1
    return layer


def _acyclic(cards: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the edges except those that close a cycle."""
    following = defaultdict(list)
    for source, target in edges:
        following[source].append(target)
    # 0: not visited, 1: on the stack, 2: done
    state, kept = [0] * cards, []
    for start in range(cards):
        stack = [(start, iter(following[start]))] if not state[start] else []
        state[start] = state[start] or 1
        while stack:
            card, rest = stack[-1]
            target = next(rest, -1)
            if target < 0:
                state[card] = 2
                stack.pop()
            elif state[target] != 1:
                kept.append((card, target))
                if not state[target]:
                    state[target] = 1
                    stack.append((target, iter(following[target])))
    return kept


def _with_waypoints(edges: Sequence[tuple[int, int]], layer_of: list[int]) -> tuple[list[list[Vertex]], list[int]]:
    """Return each edge as a chain of vertices in adjacent layers, and the layers of all vertices."""
    layers, chains = list(layer_of), []
    for source, target in edges:
        step = 1 if layers[target] >= layers[source] else -1
        between = range(layers[source] + step, layers[target], step) if layers[source] != layers[target] else ()
        waypoints = []
        for layer in between:
            waypoints.append(len(layers))
            layers.append(layer)
        chains.append([source, *waypoints, target])
    return chains, layers


def _neighbours(
    chains: Sequence[Sequence[Vertex]], layer_of: Sequence[int]
) -> tuple[list[list[Vertex]], list[list[Vertex]]]:
    """Return each vertex's neighbours in the layer before, and in the layer after."""
    before: list[list[Vertex]] = [[] for _ in layer_of]
    after: list[list[Vertex]] = [[] for _ in layer_of]
    for chain in chains:
        for source, target in pairwise(chain):
            low, high = (source, target) if layer_of[source] < layer_of[target] else (target, source)
            if layer_of[low] != layer_of[high]:
                after[low].append(high)
                before[high].append(low)
    return before, after


def _ordered(chains: Sequence[Sequence[Vertex]], layer_of: Sequence[int]) -> list[list[Vertex]]:
    """Return the vertices of each layer from top to bottom: the sweep with the fewest crossings."""
    order: list[list[Vertex]] = [[] for _ in range(max(layer_of, default=0) + 1)]
    for vertex, layer in enumerate(layer_of):
        order[layer].append(vertex)
    before, after = _neighbours(chains, layer_of)
    best, fewest = [list(row) for row in order], _crossings(order, after)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        rows = order[1:] if forward else order[-2::-1]
        near = before if forward else after
        rank = {vertex: position for row in order for position, vertex in enumerate(row)}
        for row in rows:
            means = {v: sum(rank[n] for n in near[v]) / len(near[v]) if near[v] else rank[v] for v in row}
            row.sort(key=means.__getitem__)
            rank |= {vertex: position for position, vertex in enumerate(row)}
        crossings = _crossings(order, after)
        if crossings < fewest:
            best, fewest = [list(row) for row in order], crossings
    return best


def _crossings(order: Sequence[Sequence[Vertex]], after: Sequence[Sequence[Vertex]]) -> int:
    count = 0
    for row, following in pairwise(order):
        rank = {vertex: position for position, vertex in enumerate(following)}
        ends = [rank[end] for vertex in row for end in sorted(after[vertex], key=rank.__getitem__)]
        count += sum(1 for position, end in enumerate(ends) for later in ends[position + 1 :] if later < end)
    return count


def _centres(
    chains: Sequence[Sequence[Vertex]], order: Sequence[Sequence[Vertex]], heights: Sequence[float]
) -> list[float]:
    """Return the vertical centre of each vertex."""
    layer_of = [0] * len(heights)
    for layer, row in enumerate(order):
        for vertex in row:
            layer_of[vertex] = layer
    before, after = _neighbours(chains, layer_of)
    centre = [0.0] * len(heights)
    for row in order:
        y = 0.0
        for above, vertex in zip([None, *row], row, strict=False):
            y += _distance(heights, above, vertex) if above is not None else 0.0
            centre[vertex] = y
    for sweep in range(_SWEEPS):
        rows = order if sweep % 2 == 0 else order[::-1]
        for row in rows:
            near = [before[v] + after[v] if sweep >= _SWEEPS // 2 else before[v] or after[v] for v in row]
            wanted = [
                sum(centre[n] for n in neighbours) / len(neighbours) if neighbours else centre[vertex]
                for vertex, neighbours in zip(row, near, strict=True)
            ]
            gaps = [_distance(heights, above, vertex) for above, vertex in pairwise(row)]
            for vertex, y in zip(row, _isotonic(wanted, gaps), strict=True):
                centre[vertex] = y
    return centre


def _distance(heights: Sequence[float], above: Vertex, below: Vertex) -> float:
    gap = ROW_GAP if heights[above] and heights[below] else WAYPOINT_GAP
    return (heights[above] + heights[below]) / 2 + gap


def _isotonic(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return the values nearest to those wanted (least squares) that keep their order and these minimum gaps."""
    offsets = [*accumulate(gaps, initial=0.0)][: len(wanted)]
    pools: list[list[float]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        pools.append([value - offset, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, size = pools.pop()
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * size) / (pools[-1][1] + size), pools[-1][1] + size]
    level = [mean for mean, size in pools for _ in range(int(size))]
    return [base + offset for base, offset in zip(level, offsets, strict=True)]


def _paths(
    chains: Sequence[Sequence[Vertex]], centre: Sequence[float], left: Sequence[float]
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Return the points of each edge. Edges of one card start and end side by side, ordered by their other ends."""
    ports: dict[tuple[Vertex, bool], list[int]] = defaultdict(list)
    for edge, chain in enumerate(chains):
        ports[chain[0], True].append(edge)
        ports[chain[-1], False].append(edge)
    shift: dict[tuple[int, bool], float] = {}
    for (_, outgoing), edges in ports.items():
        edges.sort(key=lambda edge: centre[chains[edge][1] if outgoing else chains[edge][-2]])
        spacing = min(17.0, CARD_HEIGHT * 0.7 / max(1, len(edges) - 1))
        for number, edge in enumerate(edges):
            shift[edge, outgoing] = (number - (len(edges) - 1) / 2) * spacing
    paths = []
    for edge, chain in enumerate(chains):
        start = (left[chain[0]] + CARD_WIDTH, centre[chain[0]] + shift[edge, True])
        end = (left[chain[-1]], centre[chain[-1]] + shift[edge, False])
        through = [(left[waypoint] + x, centre[waypoint]) for waypoint in chain[1:-1] for x in (0.0, CARD_WIDTH)]
        paths.append((start, *through, end))
    return tuple(paths)
