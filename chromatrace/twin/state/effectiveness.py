"""Overall equipment effectiveness (OEE).

    availability = actual production time / planned busy time
    performance  = ideal cycle time * units produced / actual production time   (ISO 22400-2: effectiveness)
    quality      = good units / units produced
    OEE          = availability * performance * quality

Definitions: ISO 22400-2:2014, "OEE index", "availability", "effectiveness" and "quality ratio". The actual production
time is the time in the status running. The planned busy time is the time in the statuses running, idle, stopped and
fault; time without a known status is not planned. A factor whose data the plant file does not name is None, and so is
the product.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chromatrace.twin.plan import NS_PER_S
from chromatrace.twin.state.records import HourCounts

SOURCE = "ISO 22400-2:2014 (OEE index = availability x effectiveness x quality ratio)"


@dataclass(frozen=True, slots=True)
class Effectiveness:
    """The factors, and the data behind them (seconds and units)."""

    availability: float | None
    performance: float | None
    quality: float | None
    running_s: float
    planned_s: float
    units: int
    good_units: int
    source: str = SOURCE

    @property
    def oee(self) -> float | None:
        """The product of the factors."""
        if self.availability is None or self.performance is None or self.quality is None:
            return None
        return self.availability * self.performance * self.quality


def effectiveness(hours: Iterable[HourCounts], ideal_cycle_s: float | None) -> Effectiveness:
    """Return the effectiveness over these hours. Without production, performance and quality are unknown."""
    counts = list(hours)
    running = sum(hour.running for hour in counts)
    planned = sum(hour.running + hour.idle + hour.stopped + hour.fault for hour in counts)
    units = sum(hour.units for hour in counts)
    good = units - sum(hour.rejected for hour in counts)
    running_s = running / NS_PER_S
    return Effectiveness(
        availability=running / planned if planned else None,
        performance=ideal_cycle_s * units / running_s if ideal_cycle_s is not None and running else None,
        quality=good / units if units else None,
        running_s=running_s,
        planned_s=planned / NS_PER_S,
        units=units,
        good_units=good,
    )
