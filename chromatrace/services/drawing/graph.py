"""A graph of cards and arrows, before layout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CardTone(StrEnum):
    """Colour of a card. The text of the card gives the same information."""

    PLAIN = "plain"
    GOOD = "good"
    CAUTION = "caution"
    ALARM = "alarm"
    EXTERNAL = "external"
    """Not a batch on the chain."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card. `lines`: at most two lines below the title; `link`: URL, or None."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    tone: CardTone = CardTone.PLAIN
    selected: bool = False
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from an input to the batch made from it."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Cards and arrows. `note` names omitted parts, or is empty."""

    title: str
    cards: tuple[Card, ...]
    arrows: tuple[Arrow, ...]
    note: str = ""
