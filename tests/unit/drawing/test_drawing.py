"""Drawings: cards do not overlap, arrows go forward, and text repeats what colours show."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET

import pytest

from chromatrace.services.drawing.graph import Arrow, Card, CardTone, Graph
from chromatrace.services.drawing.layout import CARD_HEIGHT, CARD_WIDTH, layout
from chromatrace.services.drawing.svg import svg

SVG = "{http://www.w3.org/2000/svg}"


def graph(edges, count=None):
    count = count or 1 + max(max(edge) for edge in edges)
    nodes = tuple(Card(str(number), f"L{number}", ("100 units", "released")) for number in range(count))
    return Graph("A genealogy", nodes, tuple(Arrow(str(a), str(b), f"{a}{b}") for a, b in edges))


def random_edges(seed):
    rng = random.Random(seed)
    size = rng.randint(2, 40)
    return [(a, b) for b in range(1, size) for a in rng.sample(range(b), min(b, rng.randint(1, 3)))], size


@pytest.mark.parametrize("seed", range(12))
def test_cards_do_not_overlap_and_arrows_go_forward(seed):
    edges, size = random_edges(seed)
    placement = layout(graph(edges, size))
    corners = placement.corners
    for a in range(size):
        assert corners[a][0] >= 0
        assert corners[a][1] >= -1e-6
        assert corners[a][0] + CARD_WIDTH <= placement.width
        assert corners[a][1] + CARD_HEIGHT <= placement.height + 1e-6
        for b in range(a):
            apart_x = abs(corners[a][0] - corners[b][0]) >= CARD_WIDTH
            assert apart_x or abs(corners[a][1] - corners[b][1]) >= CARD_HEIGHT
    for (a, b), path in zip(edges, placement.paths, strict=True):
        assert corners[a][0] < corners[b][0]
        assert path[0][0] == corners[a][0] + CARD_WIDTH
        assert path[-1][0] == corners[b][0]
        assert [x for x, _ in path] == sorted(x for x, _ in path)


@pytest.mark.parametrize("seed", range(12))
def test_no_arrow_crosses_a_card(seed):
    """Within a layer, arrows pass through waypoints."""
    edges, size = random_edges(seed)
    placement = layout(graph(edges, size))
    for path in placement.paths:
        for x, y in path[1:-1]:
            for left, top in placement.corners:
                assert not (left <= x <= left + CARD_WIDTH and top < y < top + CARD_HEIGHT)


def test_a_ladder_has_no_crossings():
    placement = layout(graph([(0, 4), (1, 3), (2, 5), (3, 6), (4, 7), (5, 8)]))
    heights = {number: placement.corners[number][1] for number in range(9)}
    assert [heights[a] for a in (4, 3, 5)] == [heights[a] for a in (0, 1, 2)], "each card is level with its input"


def test_a_cycle_is_drawn():
    placement = layout(graph([(0, 1), (1, 2), (2, 0)]))
    assert len(placement.paths) == 3


@pytest.mark.parametrize("standalone", [True, False])
def test_the_drawing_contains_all_text(standalone):
    nodes = (
        Card("a", "L<1>", ("x" * 99,), CardTone.ALARM, link="/01/x"),
        Card("b", "L&2", ("100 units", "recalled · Example Glass"), selected=True),
    )
    drawing = svg(Graph("Genealogy of L1", nodes, (Arrow("a", "b", "1,000"),), "Truncated."), standalone=standalone)
    root = ET.fromstring(drawing)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == ["1,000", "L<1>", "x" * 29 + "…", "L&2", "100 units", "recalled · Example Glass", "Truncated."]
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles == ["Genealogy of L1", "L<1>, " + "x" * 99, "L&2, 100 units, recalled · Example Glass"]
    assert root.find(f"{SVG}desc").text == "L<1> went into L&2. Truncated."
    links = [link.get("href") for link in root.iter(f"{SVG}a")]
    assert links == ([] if standalone else ["/01/x"])
    assert (root.find(f"{SVG}style") is not None) is standalone
    assert "style=" not in drawing, "the content security policy of the pages rejects inline styles"


def test_an_empty_graph_and_a_single_card():
    assert layout(Graph("", (), ())).paths == ()
    assert layout(graph([], 1)).corners == ((0.0, 0.0),)
