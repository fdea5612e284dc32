"""Render a graph as SVG for light and dark screens and for print. Text repeats what colours show."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from chromatrace.services.drawing.graph import Arrow, Card, Graph
from chromatrace.services.drawing.layout import CARD_HEIGHT, CARD_WIDTH, layout

STYLE = (Path(__file__).parent / "graph.css").read_text(encoding="utf-8")
"""Style sheet of the drawings; a page that embeds a drawing links to it."""

_MARGIN = 24.0
_NOTE_ROOM = 34.0
_TITLE_CHARACTERS, _LINE_CHARACTERS = 23, 30
_DESCRIBED_ARROWS = 40


def svg(graph: Graph, *, standalone: bool = True) -> str:
    """Return the drawing. `standalone`: include the style sheet and omit links to pages."""
    placement = layout(graph)
    width = placement.width + 2 * _MARGIN
    height = placement.height + 2 * _MARGIN + (_NOTE_ROOM if graph.note else 0)
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
    parts += [_line(path) for path in placement.paths]
    parts += [_label(arrow, path) for arrow, path in zip(graph.arrows, placement.paths, strict=True) if arrow.label]
    parts += [
        _card(card, corner, linked=not standalone) for card, corner in zip(graph.cards, placement.corners, strict=True)
    ]
    if graph.note:
        parts.append(f'<text class="ct-note" x="0" y="{placement.height + _NOTE_ROOM:.0f}">{escape(graph.note)}</text>')
    return "".join([*parts, "</g></svg>"])


def _description(graph: Graph) -> str:
    names = {card.id: card.title for card in graph.cards}
    sentences = [f"{names[arrow.source]} went into {names[arrow.target]}" for arrow in graph.arrows[:_DESCRIBED_ARROWS]]
    omitted = len(graph.arrows) - _DESCRIBED_ARROWS
    more = f" and {omitted} more links" if omitted > 0 else ""
    return "; ".join(sentences) + more + (f". {graph.note}" if graph.note else "")


def _line(path: tuple[tuple[float, float], ...]) -> str:
    commands = [f"M{path[0][0]:.1f} {path[0][1]:.1f}"]
    for number, ((x, y), (to_x, to_y)) in enumerate(pairwise(path)):
        # Even segments run between two layers: a curve with horizontal ends. Odd ones cross a layer: a line.
        bend = (to_x - x) * 0.5
        commands.append(
            f"L{to_x:.1f} {to_y:.1f}"
            if number % 2 == 1
            else f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        )
    return f'<path class="ct-line" marker-end="url(#ct-tip)" d="{"".join(commands)}"/>'


def _label(arrow: Arrow, path: tuple[tuple[float, float], ...]) -> str:
    # The point of the last curve at parameter 0.72, where crossing arrows have separated.
    (x, y), (to_x, to_y) = path[-2:]
    at_x, at_y = x + 0.676 * (to_x - x), y + 0.809 * (to_y - y) + 4.5
    return f'<text class="ct-label" x="{at_x:.1f}" y="{at_y:.1f}">{escape(arrow.label)}</text>'


def _card(card: Card, corner: tuple[float, float], *, linked: bool) -> str:
    full_text = ", ".join((card.title, *card.lines))
    selected = " ct-selected" if card.selected else ""
    parts = [
        f'<g class="ct-card ct-{card.tone}{selected}" transform="translate({corner[0]:.1f} {corner[1]:.1f})">',
        f"<title>{escape(full_text)}</title>",
        f'<rect class="ct-face" width="{CARD_WIDTH:.0f}" height="{CARD_HEIGHT:.0f}" rx="11"/>',
        f'<path class="ct-edge" d="M11 .75A10.25 10.25 0 0 0 .75 11V{CARD_HEIGHT - 11:.2f}'
        f'A10.25 10.25 0 0 0 11 {CARD_HEIGHT - 0.75:.2f}H6V.75Z"/>',
        f'<text class="ct-title" x="18" y="26">{escape(_short(card.title, _TITLE_CHARACTERS))}</text>',
    ]
    for number, line in enumerate(card.lines[:2]):
        parts.append(
            f'<text class="ct-text" x="18" y="{46 + 18 * number}">{escape(_short(line, _LINE_CHARACTERS))}</text>'
        )
    drawn = "".join([*parts, "</g>"])
    if linked and card.link:
        return f"<a href={quoteattr(card.link)} aria-label={quoteattr(full_text)}>{drawn}</a>"
    return drawn


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
