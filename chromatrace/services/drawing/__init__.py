"""Pictures of genealogies: cards in layers from left to right, what went in before what it became."""

from chromatrace.services.drawing.genealogy import Names, genealogy
from chromatrace.services.drawing.graph import Edge, Graph, Node, Tone
from chromatrace.services.drawing.svg import STYLE, svg

__all__ = ["STYLE", "Edge", "Graph", "Names", "Node", "Tone", "genealogy", "svg"]
