"""A graph as SVG: legible in print, in light and dark; every card says in words what its colour says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from chromatrace.services.drawing.graph import Edge, Graph, Node
from chromatrace.services.drawing.layout import CARD_HEIGHT, CARD_WIDTH, layout

STYLE = (Path(__file__).parent / "graph.css").read_text(encoding="utf-8")
"""The style sheet of these pictures; a page that shows one inline links it."""

_MARGIN = 24.0
_NOTE_ROOM = 34.0
_TITLE_CHARACTERS, _LINE_CHARACTERS = 23, 30


def svg(graph: Graph, *, standalone: bool = True) -> str:
    """The picture. `standalone`: as a file of its own, with its style in it and without links to pages."""
    placed = layout(graph)
    width = placed.width + 2 * _MARGIN
    height = placed.height + 2 * _MARGIN + (_NOTE_ROOM if graph.note else 0)
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ct-graph" role="group" aria-label={quoteattr(graph.title)} '
        f"{size}>",
        f"<title>{escape(graph.title)}</title>",
        f"<desc>{escape(_description(graph))}</desc>",
    ]
    if standalone:
        parts.append(f"<style>{STYLE}</style>")
    parts.append(
        '<defs><marker id="ct-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path class="ct-tip" d="M0 0.6 7.4 4 0 7.4Z"/></marker></defs>'
    )
    if standalone:
        parts.append('<rect class="ct-paper" width="100%" height="100%"/>')
    parts.append(f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">')
    parts += [_line(edge, path) for edge, path in zip(graph.edges, placed.paths, strict=True)]
    parts += [_label(edge, path) for edge, path in zip(graph.edges, placed.paths, strict=True) if edge.label]
    parts += [
        _card(node, corner, linked=not standalone) for node, corner in zip(graph.nodes, placed.corners, strict=True)
    ]
    if graph.note:
        parts.append(f'<text class="ct-note" x="0" y="{placed.height + _NOTE_ROOM:.0f}">{escape(graph.note)}</text>')
    return "".join([*parts, "</g></svg>"])


def _description(graph: Graph) -> str:
    names = {node.id: node.title for node in graph.nodes}
    said = [f"{names[edge.source]} went into {names[edge.target]}" for edge in graph.edges[:40]]
    more = f" and {len(graph.edges) - 40} more links" if len(graph.edges) > 40 else ""
    return "; ".join(said) + more + (f". {graph.note}" if graph.note else "")


def _line(edge: Edge, path: tuple[tuple[float, float], ...]) -> str:
    commands = [f"M{path[0][0]:.1f} {path[0][1]:.1f}"]
    for place, ((x, y), (to_x, to_y)) in enumerate(pairwise(path)):
        # Between two layers a curve that leaves and arrives level; within a layer a line.
        bend = (to_x - x) * 0.5
        level = place % 2 == 1
        commands.append(
            f"L{to_x:.1f} {to_y:.1f}"
            if level
            else f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        )
    return f'<path class="ct-line" marker-end="url(#ct-tip)" d="{"".join(commands)}"/>'


def _label(edge: Edge, path: tuple[tuple[float, float], ...]) -> str:
    # On the last curve, at the parameter 0.72: where arrows that cross have parted again.
    (x, y), (to_x, to_y) = path[-2:]
    at_x, at_y = x + 0.676 * (to_x - x), y + 0.809 * (to_y - y) + 4.5
    return f'<text class="ct-label" x="{at_x:.1f}" y="{at_y:.1f}">{escape(edge.label)}</text>'


def _card(node: Node, corner: tuple[float, float], *, linked: bool) -> str:
    whole = ", ".join((node.title, *node.lines))
    chosen = " ct-chosen" if node.chosen else ""
    parts = [
        f'<g class="ct-card ct-{node.tone}{chosen}" transform="translate({corner[0]:.1f} {corner[1]:.1f})">',
        f"<title>{escape(whole)}</title>",
        f'<rect class="ct-face" width="{CARD_WIDTH:.0f}" height="{CARD_HEIGHT:.0f}" rx="11"/>',
        f'<path class="ct-edge" d="M11 .75A10.25 10.25 0 0 0 .75 11V{CARD_HEIGHT - 11:.2f}'
        f'A10.25 10.25 0 0 0 11 {CARD_HEIGHT - 0.75:.2f}H6V.75Z"/>',
        f'<text class="ct-title" x="18" y="26">{escape(_short(node.title, _TITLE_CHARACTERS))}</text>',
    ]
    for place, line in enumerate(node.lines[:2]):
        parts.append(
            f'<text class="ct-text" x="18" y="{46 + 18 * place}">{escape(_short(line, _LINE_CHARACTERS))}</text>'
        )
    drawn = "".join([*parts, "</g>"])
    if linked and node.link:
        return f"<a href={quoteattr(node.link)} aria-label={quoteattr(whole)}>{drawn}</a>"
    return drawn


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
