"""What a gateway has done so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

_LISTED = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that is no reading: which tag, and why not."""

    source: str
    tag: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnfilledGap:
    """Values of a tag after `start_ns` (0: from the beginning) are missing and the server's history does not help."""

    source: str
    tag: str
    start_ns: int
    reason: str


@dataclass(slots=True)
class Statistics:
    """Counts since the gateway began; the lists keep the last hundred. `lag_ms`: last reading, from measured to spooled
    (simulated time may run ahead or behind).
    """

    taken: int = 0
    duplicates: int = 0
    conflicting: int = 0
    replayed: int = 0
    refused: int = 0
    connects: int = 0
    reconnects: int = 0
    failed_attempts: int = 0
    overflows: int = 0
    gaps_unfilled: int = 0
    spool_retries: int = 0
    buffered: int = 0
    connected: bool = False
    lag_ms: float | None = None
    last_error: str | None = None
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=_LISTED))
    gaps: deque[UnfilledGap] = field(default_factory=lambda: deque(maxlen=_LISTED))

    def refuse(self, refusal: Refusal) -> None:
        """Counts and lists a refusal."""
        self.refused += 1
        self.refusals.append(refusal)

    def leave_gap(self, gap: UnfilledGap) -> None:
        """Counts and lists a gap that stays."""
        self.gaps_unfilled += 1
        self.gaps.append(gap)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("refusals", "gaps")}
        refusals = [{"source": r.source, "tag": r.tag, "reason": r.reason} for r in self.refusals]
        gaps = [{"source": g.source, "tag": g.tag, "start_ns": g.start_ns, "reason": g.reason} for g in self.gaps]
        return counts | {"refusals": refusals, "gaps": gaps}
