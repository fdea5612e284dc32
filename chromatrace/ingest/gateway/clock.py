"""Clocks of sources, compared with this machine's clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chromatrace.ingest.gateway.values import ReceivedValue

CLOCK_TOLERANCE_NS = 300 * 10**9
"""Default: a source time that is further ahead of the receipt is implausible."""
EARLIEST_NS = 946_684_800 * 10**9
"""1 January 2000. Earlier source times are implausible."""
_LEAST = -(2**63)
_WINDOW_NS = 60 * 10**9


def is_future(source_time_ns: int, received_ns: int, tolerance_ns: int = CLOCK_TOLERANCE_NS) -> bool:
    """Return whether a source time is implausibly far ahead of its receipt."""
    return source_time_ns > received_ns + tolerance_ns


@dataclass(slots=True)
class _Window:
    """The maximum of source time minus receipt in the current and in the preceding minute."""

    started_ns: int = 0
    current_ns: int | None = None
    previous_ns: int | None = None

    def add(self, received_ns: int, offset_ns: int) -> None:
        if received_ns - self.started_ns > _WINDOW_NS:
            self.started_ns, self.previous_ns, self.current_ns = received_ns, self.current_ns, None
        self.current_ns = offset_ns if self.current_ns is None else max(self.current_ns, offset_ns)

    @property
    def offset_ns(self) -> int | None:
        found = [offset for offset in (self.current_ns, self.previous_ns) if offset is not None]
        return max(found) if found else None


@dataclass(slots=True)
class ClockOffsets:
    """Estimates how far the clock of each source is ahead of this machine's.

    source time - receipt = offset - delay, and the delay is never negative. The maximum over one to two minutes is the
    value with the least delay. Values from a history have no meaningful delay and are left out.
    """

    _windows: dict[str, _Window] = field(default_factory=dict)

    def add(self, values: Iterable[ReceivedValue]) -> None:
        """Take the times of values that were just received."""
        maximum: dict[str, int] = {}
        last_ns: dict[str, int] = {}
        for key, source_time_ns, received_ns, _, _, replayed, _ in values:
            if not replayed:
                source, offset_ns = key.source, source_time_ns - received_ns
                if offset_ns > maximum.get(source, _LEAST):
                    maximum[source] = offset_ns
                last_ns[source] = received_ns
        for source, offset_ns in maximum.items():
            self._windows.setdefault(source, _Window()).add(last_ns[source], offset_ns)

    def offsets_ms(self) -> dict[str, float]:
        """Return the offset of each source in milliseconds."""
        return {
            source: round(window.offset_ns / 1e6, 3)
            for source, window in self._windows.items()
            if window.offset_ns is not None
        }
