"""What is drawn: cards and the arrows between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a card is coloured; its words say the same."""

    PLAIN = "plain"
    GOOD = "good"
    CAUTION = "caution"
    ALARM = "alarm"
    OUTSIDE = "outside"
    """Something that has no batch on the chain."""


@dataclass(frozen=True, slots=True)
class Node:
    """A card. `lines`: what stands below its title, at most two; `link`: where a click leads, if anywhere."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN
    chosen: bool = False
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from what went in to what it became."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """A picture's content. `note`: what is not in it, empty where it is whole."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    note: str = ""
