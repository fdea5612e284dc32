"""SVG drawings of genealogies: cards in layers from left to right, inputs before the batches made of them."""

from chromatrace.services.drawing.genealogy import draw_genealogy, genealogy_graph
from chromatrace.services.drawing.svg import STYLE

__all__ = ["STYLE", "draw_genealogy", "genealogy_graph"]
