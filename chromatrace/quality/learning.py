"""How an inspector's capability follows its agreement with the winner groups; in 1/10,000, as on chain.

An inspector starts at 0.1. Its history is the share of wins among its last inspections; the counters restart after ten.
A winner whose history exceeds its capability by more than 0.01 gains 0.01; a dissenter whose history is more than 0.01
below it loses 0.01. A single answer, which a log-odds rule may accept, agrees with no other and changes nothing
(`MIN_ANSWERS`).
"""

from __future__ import annotations

from typing import NamedTuple

from chromatrace.quality.rules import UNIT, check_capability

START = 1_000
STEP = 100
MIN_ANSWERS = 2
"""Answers in a round from which capabilities are learned."""
WINDOW = 10
"""Inspections after which both counters restart."""
STALL_PENALTY = 500
"""Capability deducted for missing the deadline; more than any single dissent costs."""


class InspectorRecord(NamedTuple):
    """An inspector's capability (1/10,000), and its inspections and wins since the counters last restarted."""

    capability: int = START
    inspections: int = 0
    wins: int = 0


def enrolled(capability: int = START) -> InspectorRecord:
    """Return the record of a new inspector. Raises `RuleError` for a capability out of range."""
    return InspectorRecord(check_capability(capability, "/capability"))


def learned(record: InspectorRecord, won: bool) -> InspectorRecord:
    """Return the record after one more round, won or lost."""
    capability, inspections, wins = record
    inspections += 1
    wins += won
    # history > capability + 0.01, without a division: wins / inspections > (capability + STEP) / UNIT
    if won and wins * UNIT > (capability + STEP) * inspections:
        capability = min(capability + STEP, UNIT)
    elif not won and wins * UNIT < (capability - STEP) * inspections:
        capability = max(capability - STEP, 0)
    return _restarted(capability, inspections, wins)


def stalled(record: InspectorRecord) -> InspectorRecord:
    """Return the record of an inspector that missed the deadline: a penalty, and a round without a win."""
    capability, inspections, wins = record
    return _restarted(max(capability - STALL_PENALTY, 0), inspections + 1, wins)


def _restarted(capability: int, inspections: int, wins: int) -> InspectorRecord:
    if inspections >= WINDOW:
        return InspectorRecord(capability, 0, 0)
    return InspectorRecord(capability, inspections, wins)
