"""Where cards go: layers by longest path, few crossings, straight arrows.

The method is Sugiyama's (Sugiyama, Tagawa and Toda 1981): layers, places within the layers by the neighbours' mean
places, then coordinates. An arrow over several layers passes through a point in each layer between, which takes part
in all of it. Coordinates within a layer minimise the squares of the distances to the neighbours' means under a least
distance: an isotonic regression, by pooling adjacent violators.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from chromatrace.services.drawing.graph import Graph

CARD_WIDTH, CARD_HEIGHT = 216.0, 78.0
LAYER_GAP, ROW_GAP, POINT_GAP = 112.0, 22.0, 26.0
_SWEEPS = 12

Place = int
"""A card or a passing point: cards come first, in the graph's order."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Left upper corners of the cards in the graph's order, and for each edge the points that it passes."""

    width: float
    height: float
    corners: tuple[tuple[float, float], ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]


def layout(graph: Graph) -> Layout:
    """Lays a graph out. Edges whose ends are not there are refused by `KeyError`; cycles are drawn, not followed."""
    number = {node.id: place for place, node in enumerate(graph.nodes)}
    edges = [(number[edge.source], number[edge.target]) for edge in graph.edges]
    layer_of = _layers(len(graph.nodes), edges)
    chains, layer_of = _with_points(edges, layer_of)
    order = _ordered(chains, layer_of)
    heights = [CARD_HEIGHT if place < len(graph.nodes) else 0.0 for place in range(len(layer_of))]
    centre = _centres(chains, order, heights)
    lowest = min((centre[place] - heights[place] / 2 for place in range(len(layer_of))), default=0.0)
    centre = [y - lowest for y in centre]
    left = [layer * (CARD_WIDTH + LAYER_GAP) for layer in layer_of]
    corners = tuple((left[place], centre[place] - CARD_HEIGHT / 2) for place in range(len(graph.nodes)))
    height = max((centre[place] + heights[place] / 2 for place in range(len(layer_of))), default=CARD_HEIGHT)
    width = max((x + CARD_WIDTH for x in left), default=CARD_WIDTH)
    return Layout(width, height, corners, _paths(chains, centre, left))


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each card: the longest way to it, and what nothing went into as near to its use as can be."""
    following, preceding = defaultdict(list), defaultdict(list)
    for source, target in _acyclic(count, edges):
        following[source].append(target)
        preceding[target].append(source)
    layer = [0] * count
    waiting = {card: len(preceding[card]) for card in range(count)}
    ready = [card for card in range(count) if not waiting[card]]
    for card in ready:
        for target in following[card]:
            layer[target] = max(layer[target], layer[card] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for card in range(count):
        if not preceding[card] and following[card]:
            layer[card] = min(layer[target] for target in following[card]) - 1
    return layer


def _acyclic(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The edges without those that close a cycle."""
    following = defaultdict(list)
    for source, target in edges:
        following[source].append(target)
    state, kept = [0] * count, []
    for start in range(count):
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


def _with_points(edges: Sequence[tuple[int, int]], layer_of: list[int]) -> tuple[list[list[Place]], list[int]]:
    """Each edge as the places that it goes through, from layer to layer; and the layers of all places."""
    layers, chains = list(layer_of), []
    for source, target in edges:
        step = 1 if layers[target] >= layers[source] else -1
        between = range(layers[source] + step, layers[target], step) if layers[source] != layers[target] else ()
        points = []
        for layer in between:
            points.append(len(layers))
            layers.append(layer)
        chains.append([source, *points, target])
    return chains, layers


def _neighbours(chains: Sequence[Sequence[Place]], layer_of: Sequence[int]) -> tuple[list[list[Place]], ...]:
    """For each place its neighbours in the layer before and in the one behind."""
    before: list[list[Place]] = [[] for _ in layer_of]
    behind: list[list[Place]] = [[] for _ in layer_of]
    for chain in chains:
        for one, other in pairwise(chain):
            low, high = (one, other) if layer_of[one] < layer_of[other] else (other, one)
            if layer_of[low] != layer_of[high]:
                behind[low].append(high)
                before[high].append(low)
    return before, behind


def _ordered(chains: Sequence[Sequence[Place]], layer_of: Sequence[int]) -> list[list[Place]]:
    """The places of each layer from top to bottom: the best of some sweeps to the neighbours' means."""
    order: list[list[Place]] = [[] for _ in range(max(layer_of, default=0) + 1)]
    for place, layer in enumerate(layer_of):
        order[layer].append(place)
    before, behind = _neighbours(chains, layer_of)
    best, fewest = [list(row) for row in order], _crossings(order, behind)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        rows = order[1:] if forward else order[-2::-1]
        near = before if forward else behind
        rank = {place: at for row in order for at, place in enumerate(row)}
        for row in rows:
            means = {one: sum(rank[n] for n in near[one]) / len(near[one]) if near[one] else rank[one] for one in row}
            row.sort(key=means.__getitem__)
            rank |= {place: at for at, place in enumerate(row)}
        crossings = _crossings(order, behind)
        if crossings < fewest:
            best, fewest = [list(row) for row in order], crossings
    return best


def _crossings(order: Sequence[Sequence[Place]], behind: Sequence[Sequence[Place]]) -> int:
    count = 0
    for row, following in pairwise(order):
        rank = {place: at for at, place in enumerate(following)}
        ends = [rank[end] for place in row for end in sorted(behind[place], key=rank.__getitem__)]
        count += sum(1 for at, end in enumerate(ends) for later in ends[at + 1 :] if later < end)
    return count


def _centres(
    chains: Sequence[Sequence[Place]], order: Sequence[Sequence[Place]], heights: Sequence[float]
) -> list[float]:
    """The height at which each place has its middle."""
    layer_of = [0] * len(heights)
    for layer, row in enumerate(order):
        for place in row:
            layer_of[place] = layer
    before, behind = _neighbours(chains, layer_of)
    centre = [0.0] * len(heights)
    for row in order:
        at = 0.0
        for above, place in zip([None, *row], row, strict=False):
            at += _distance(heights, above, place) if above is not None else 0.0
            centre[place] = at
    for sweep in range(_SWEEPS):
        rows = order if sweep % 2 == 0 else order[::-1]
        for row in rows:
            near = [before[one] + behind[one] if sweep >= _SWEEPS // 2 else before[one] or behind[one] for one in row]
            wished = [
                sum(centre[n] for n in found) / len(found) if found else centre[one]
                for one, found in zip(row, near, strict=True)
            ]
            gaps = [_distance(heights, above, place) for above, place in pairwise(row)]
            for one, y in zip(row, _spread(wished, gaps), strict=True):
                centre[one] = y
    return centre


def _distance(heights: Sequence[float], above: Place, below: Place) -> float:
    gap = ROW_GAP if heights[above] and heights[below] else POINT_GAP
    return (heights[above] + heights[below]) / 2 + gap


def _spread(wished: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places nearest to those wished for that keep their order and at least these distances."""
    offsets = [*accumulate(gaps, initial=0.0)][: len(wished)]
    pools: list[list[float]] = []
    for wish, offset in zip(wished, offsets, strict=True):
        pools.append([wish - offset, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, size = pools.pop()
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * size) / (pools[-1][1] + size), pools[-1][1] + size]
    level = [mean for mean, size in pools for _ in range(int(size))]
    return [base + offset for base, offset in zip(level, offsets, strict=True)]


def _paths(
    chains: Sequence[Sequence[Place]], centre: Sequence[float], left: Sequence[float]
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """The points of each edge; those of one card leave and arrive side by side, in the order of their other ends."""
    ports: dict[tuple[Place, bool], list[int]] = defaultdict(list)
    for at, chain in enumerate(chains):
        ports[chain[0], True].append(at)
        ports[chain[-1], False].append(at)
    shift: dict[tuple[int, bool], float] = {}
    for (_, leaves), ends in ports.items():
        ends.sort(key=lambda at: centre[chains[at][1] if leaves else chains[at][-2]])
        room = min(17.0, CARD_HEIGHT * 0.7 / max(1, len(ends) - 1))
        for place, at in enumerate(ends):
            shift[at, leaves] = (place - (len(ends) - 1) / 2) * room
    found = []
    for at, chain in enumerate(chains):
        start = (left[chain[0]] + CARD_WIDTH, centre[chain[0]] + shift[at, True])
        end = (left[chain[-1]], centre[chain[-1]] + shift[at, False])
        through = [(left[point] + x, centre[point]) for point in chain[1:-1] for x in (0.0, CARD_WIDTH)]
        found.append((start, *through, end))
    return tuple(found)
