"""How an inspector's capability follows its agreement with the winner groups; in 1/10,000, as on the chain.

Every inspector starts at 0.1. Of its last inspections (at most ten, then both counters start again) the share in the
winner group is its history; a winner whose history is more than 0.01 above its capability gains 0.01, a dissenter
whose history is more than 0.01 below it loses 0.01. A lone answer, which a rule by log-odds may be content with,
agrees with nobody: nothing is learned of it (`LEAST_ANSWERS`).
"""

from __future__ import annotations

from typing import NamedTuple

from chromatrace.quality.rules import UNIT, check_capability

START = 1_000
STEP = 100
LEAST_ANSWERS = 2
"""Of a round from which anybody learns."""
WINDOW = 10
"""Inspections after which both counters start again."""
STALL_PENALTY = 500
"""What an inspector loses that is drawn and does not answer in time: more than any single dissent costs."""


class Standing(NamedTuple):
    """An inspector's capability (1/10,000), and its inspections and wins since the counters last started."""

    capability: int = START
    inspections: int = 0
    wins: int = 0


def enrolled(capability: int = START) -> Standing:
    """The standing of a new inspector. Raises `InvalidRule` for a capability out of range."""
    return Standing(check_capability(capability, "/capability"))


def learned(standing: Standing, won: bool) -> Standing:
    """The standing after one more round: in its winner group, or not."""
    capability, inspections, wins = standing
    inspections += 1
    wins += won
    # history > capability + 0.01, without a division: wins / inspections > (capability + STEP) / UNIT
    if won and wins * UNIT > (capability + STEP) * inspections:
        capability = min(capability + STEP, UNIT)
    elif not won and wins * UNIT < (capability - STEP) * inspections:
        capability = max(capability - STEP, 0)
    return Standing(capability, 0, 0) if inspections >= WINDOW else Standing(capability, inspections, wins)


def stalled(standing: Standing) -> Standing:
    """The standing of an inspector that was drawn and did not answer: a penalty, and a round without a win."""
    capability, inspections, wins = standing
    inspections += 1
    capability = max(capability - STALL_PENALTY, 0)
    return Standing(capability, 0, 0) if inspections >= WINDOW else Standing(capability, inspections, wins)
