"""Limit alarms of a tag, with a deadband that keeps a value at the limit from raising alarms again and again."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.twin.plan import TagPlan


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. The alarm is raised beyond `raise_at`, and cleared within `clear_at`."""

    name: str
    sign: int
    raise_at: float
    clear_at: float

    def exceeded(self, value: float) -> bool:
        """Return whether the alarm is raised."""
        return (value - self.raise_at) * self.sign > 0

    def cleared(self, value: float) -> bool:
        """Return whether the alarm is cleared."""
        return (value - self.clear_at) * self.sign <= 0


def limits_of(tag: TagPlan, deadband: float) -> tuple[Limit, ...]:
    """Return the limits of a tag. `deadband`: share of the range of the instrument, or of the limit without a range."""
    limits = []
    for name, sign, limit in (("low", -1, tag.limit_low), ("high", 1, tag.limit_high)):
        if limit is None:
            continue
        span = tag.high - tag.low if tag.low is not None and tag.high is not None else abs(limit)
        limits.append(Limit(name, sign, limit, limit - sign * deadband * span))
    return tuple(limits)
