"""Workers of the workcells, their capability, and their answers.

The actual quality of a step is a ratio q; a step is defective if q < 1/2. An inspector of capability c = 1/2 answers
"pass" with probability q; the answers of a more capable inspector depend more sharply on q:

    P(pass) = q^g / (q^g + (1 - q)^g),   g = c / (1 - c)

At c = 0 the answer is random; at c = 1 it is always correct. The study describes the behaviour at, above and below 1/2
without a formula; this is the simplest formula with that behaviour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

PASS, FAIL = 0, 1
"""Indexes of the two states in a rule's `states`."""
CERTAIN = 700.0
"""Log-odds beyond which exp() overflows."""


class Kind(Enum):
    """A human cannot assemble and inspect at the same time; an AI agent can."""

    HUMAN = "human"
    AI = "ai"


def sharpness(capability: float) -> float:
    """Return g of a capability from 0 to 1; infinite at 1."""
    return capability / (1 - capability) if capability < 1 else math.inf


def pass_probability(log_odds: float, g: float) -> float:
    """Return P(pass) for a step with these log-odds of its quality and an inspector of sharpness `g`."""
    scaled = g * log_odds if log_odds else 0.0
    if scaled > CERTAIN:
        return 1.0
    if scaled < -CERTAIN:
        return 0.0
    return 1 / (1 + math.exp(-scaled))


def log_odds(quality: float) -> float:
    """Return ln(q / (1 - q)) of a quality from 0 to 1."""
    if quality <= 0:
        return -math.inf
    return math.inf if quality >= 1 else math.log(quality / (1 - quality))


def quality_drawer(defect_rate: float, random: Callable[[], float]) -> Callable[[], float]:
    """Return a function that draws the log-odds of a quality: below 1/2 with probability `defect_rate`.

    The quality is uniform on either side of 1/2. Negative log-odds mean a defective step.
    """

    def draw() -> float:
        minor = 0.5 * (1 - random())
        ratio = math.log((1 - minor) / minor)
        return -ratio if random() < defect_rate else ratio

    return draw


def staffing(cells: int, pattern: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Return the kind of worker at each of `cells` workcells: the pattern, repeated."""
    return tuple(pattern[cell % len(pattern)] for cell in range(cells))
