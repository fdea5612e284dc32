"""Answers about genealogy: what went into a batch, where it went, what a recall of it reaches.

Quantities are units. Of an input only so much went in as its link says; which of the units it was, nobody knows, so
that a recall reaches every unit of everything that was made of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.identifiers import BatchId
from chromatrace.index.views import BatchView


@dataclass(frozen=True, slots=True)
class Link:
    """`batch` is made of `quantity` units of `input`."""

    batch: BatchId
    input: BatchId
    quantity: int


class Direction(StrEnum):
    """`BACK`: what went in; `FORWARD`: where it went."""

    BACK = "back"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """A batch of a trace.

    depth  shortest distance from the origin (0: the origin itself)
    used   units of it that went into other batches, within the trace or not
    """

    batch: BatchView
    depth: int
    used: int

    @property
    def overused(self) -> bool:
        """Whether more went into other batches than there was: the contract bounds each use, not their sum."""
        return self.used > self.batch.quantity


@dataclass(frozen=True, slots=True)
class TraceView:
    """The genealogy of `origin` in one direction, nearest first; every link has both its ends in `steps`.

    `truncated` says that a limit was met and there is more than this; never silent. `open_ends` are the batches
    whose further links were not followed.
    """

    origin: BatchId
    direction: Direction
    steps: tuple[TraceStep, ...]
    links: tuple[Link, ...]
    truncated: bool
    open_ends: tuple[BatchId, ...]


@dataclass(frozen=True, slots=True)
class HolderImpact:
    """What one organisation holds of a recall: number of batches and of units, and how many of the batches are
    recalled already."""

    organisation: int
    batches: int
    units: int
    recalled: int


@dataclass(frozen=True, slots=True)
class RecallImpact:
    """What a recall of `origin` reaches: itself and its descendants, and who holds them, most units first."""

    origin: BatchId
    trace: TraceView
    holders: tuple[HolderImpact, ...]
    truncated: bool

    @property
    def units(self) -> int:
        """Units in all."""
        return sum(holder.units for holder in self.holders)
