"""Who works at a workcell, how well it inspects, and what it answers.

The actual quality of a step is a ratio q; a step is defective where q < 1/2. An inspector of capability 1/2 answers
"pass" with exactly that ratio, a more capable one sharper, a less capable one flatter:

    P(pass) = q^g / (q^g + (1 - q)^g),   g = c / (1 - c)

so c = 0 is a coin, c = 1 never errs, and log-odds grow in proportion to g. The study says what happens at, above and
below 1/2 and gives no formula; this is the simplest that does all three.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

PASS, FAIL = 0, 1
"""Places of the two states in a rule's `states`."""
CERTAIN = 700.0
"""Log-odds beyond which exp() overflows."""


class Kind(Enum):
    """A human cannot assemble and inspect at once; an AI agent can."""

    HUMAN = "human"
    AI = "ai"


def sharpness(capability: float) -> float:
    """g of a capability from 0 to 1; infinite at 1."""
    return capability / (1 - capability) if capability < 1 else math.inf


def pass_probability(log_odds: float, g: float) -> float:
    """How likely an inspector of sharpness `g` answers "pass" to a step with quality's log-odds `log_odds`."""
    scaled = g * log_odds if log_odds else 0.0
    if scaled > CERTAIN:
        return 1.0
    if scaled < -CERTAIN:
        return 0.0
    return 1 / (1 + math.exp(-scaled))


def log_odds(quality: float) -> float:
    """ln(q / (1 - q)) of a quality from 0 to 1."""
    if quality <= 0:
        return -math.inf
    return math.inf if quality >= 1 else math.log(quality / (1 - quality))


def quality_drawer(defect_rate: float, random: Callable[[], float]) -> Callable[[], float]:
    """Draws log-odds of actual qualities: below 1/2 with probability `defect_rate`, uniform on either side.

    At a rate of 1/2 the quality is uniform on 0 to 1. Negative log-odds are a defective step.
    """

    def draw() -> float:
        minor = 0.5 * (1 - random())
        ratio = math.log((1 - minor) / minor)
        return -ratio if random() < defect_rate else ratio

    return draw


def staffing(cells: int, pattern: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Who works at each of `cells` workcells: the pattern, repeated."""
    return tuple(pattern[cell % len(pattern)] for cell in range(cells))
