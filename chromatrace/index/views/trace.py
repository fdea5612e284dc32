"""Genealogy of a batch: the batches it is made from, or those made from it. Quantities are in units."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.identifiers import BatchId
from chromatrace.index.views.batches import BatchView


@dataclass(frozen=True, slots=True)
class Link:
    """`batch` is made of `quantity` units of `input`."""

    batch: BatchId
    input: BatchId
    quantity: int


class Direction(StrEnum):
    """`BACK` follows inputs; `FORWARD` follows uses."""

    BACK = "back"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """A batch of a trace.

    depth  shortest distance from the origin (0: the origin itself)
    used   units of it that went into other batches, inside or outside the trace
    """

    batch: BatchView
    depth: int
    used: int

    @property
    def overused(self) -> bool:
        """Whether other batches used more units than the batch has: the contract bounds each use, not their sum."""
        return self.used > self.batch.quantity


@dataclass(frozen=True, slots=True)
class TraceView:
    """The genealogy of `origin` in one direction, nearest batches first. Both ends of every link are in `steps`.

    truncated  whether a limit was reached
    open_ends  batches whose further links were not followed
    """

    origin: BatchId
    direction: Direction
    steps: tuple[TraceStep, ...]
    links: tuple[Link, ...]
    truncated: bool
    open_ends: tuple[BatchId, ...]
