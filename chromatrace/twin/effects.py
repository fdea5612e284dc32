"""Alarms, forecasts and their outcomes, which the mirror derives from the log and the database stores.

An effect is a function of the log up to `log_size` readings of `channel`. Storing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chromatrace.twin.plan import Priority


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """The condition `key` of a channel became true.

    kind        "limit", "chart", "stale", "fault", "event", "flood" or "silent"
    time_ns     source time of the reading, or the log's time for "stale" and "flood"
    suppressed  by a flood: recorded, not announced
    data        the values behind the alarm
    """

    channel: str
    log_size: int
    key: str
    kind: str
    priority: Priority
    time_ns: int
    message: str
    machine: str | None = None
    source: str | None = None
    tag: str | None = None
    batch: str | None = None
    suppressed: bool = False
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AlarmCleared:
    """The condition `key` of a channel is no longer true."""

    channel: str
    log_size: int
    key: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class AlarmReleased:
    """The flood that suppressed the active alarm `key` is over."""

    channel: str
    log_size: int
    key: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class ForecastMade:
    """A forecast of a tag's state `step` readings after `log_size`.

    model, persistence, marginal  probability of each state (in control, warning, out of control)
    expected_steps                expected number of readings to out of control; None if it is not reachable
    """

    channel: str
    log_size: int
    source: str
    tag: str
    machine: str | None
    batch: str | None
    time_ns: int
    state: int
    step: int
    model: tuple[float, ...]
    persistence: tuple[float, ...]
    marginal: tuple[float, ...]
    expected_steps: float | None
    stationary: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ForecastScored:
    """The outcome of a forecast: the state at the reading that it is about."""

    channel: str
    log_size: int
    source: str
    tag: str
    step: int
    outcome: int
    outcome_log_size: int


Effect = AlarmRaised | AlarmCleared | AlarmReleased | ForecastMade | ForecastScored
