"""Scores of probabilities, and the two predictions that a model must beat.

Log loss: mean of -ln p(state that occurred). Brier score: mean of Σ (p - o)², o = 1 for the state that occurred (G. W.
Brier, Monthly Weather Review 78 (1950) 1-3). Smaller is better for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

MIN_PROBABILITY = 1e-12
"""A probability of 0 for the state that occurred counts as this one."""


@dataclass(slots=True)
class Score:
    """Sums of the scores of predictions so far."""

    forecasts: int = 0
    log_loss_sum: float = 0.0
    brier_sum: float = 0.0

    def add(self, probabilities: Sequence[float], state: int) -> None:
        """Score one prediction by the state that occurred."""
        self.forecasts += 1
        self.log_loss_sum -= math.log(max(probabilities[state], MIN_PROBABILITY))
        self.brier_sum += sum(p * p for p in probabilities) - 2 * probabilities[state] + 1

    def merge(self, other: Score) -> None:
        """Add the predictions of another score."""
        self.forecasts += other.forecasts
        self.log_loss_sum += other.log_loss_sum
        self.brier_sum += other.brier_sum

    @property
    def log_loss(self) -> float | None:
        """The mean log loss; None without predictions."""
        return self.log_loss_sum / self.forecasts if self.forecasts else None

    @property
    def brier(self) -> float | None:
        """The mean Brier score; None without predictions."""
        return self.brier_sum / self.forecasts if self.forecasts else None

    def as_dict(self) -> dict[str, float | None]:
        """Return the JSON form."""
        return {"log_loss": self.log_loss, "brier": self.brier}


@dataclass(frozen=True, slots=True)
class Baselines:
    """Predictions that need no model.

    persistence  probability of each next state, by current state: the state stays with the share of training steps in
                 which it stayed; the other states share the rest equally
    marginal     share of each state in the training data, with the prior of `MarkovChain`
    """

    persistence: tuple[tuple[float, ...], ...]
    marginal: tuple[float, ...]

    @classmethod
    def from_states(cls, states: NDArray[np.int64], number: int) -> Self:
        """Return the baselines of a training run; a state below 0 is unknown."""
        pairs = (states[1:] >= 0) & (states[:-1] >= 0)
        stayed = int((states[1:] == states[:-1])[pairs].sum())
        steps = int(pairs.sum())
        smallest = 1 / (number * (steps + 1))
        stay = min(max(stayed / steps if steps else 1 / number, smallest), 1 - smallest)
        other = (1 - stay) / (number - 1)
        shares = np.bincount(states[states >= 0], minlength=number) + 1 / number
        return cls(
            tuple(tuple(stay if i == j else other for j in range(number)) for i in range(number)),
            tuple((shares / shares.sum()).tolist()),
        )


@dataclass(slots=True)
class Comparison:
    """Scores of the model, of persistence and of the marginal on the same steps."""

    model: Score = field(default_factory=Score)
    persistence: Score = field(default_factory=Score)
    marginal: Score = field(default_factory=Score)

    def add(self, probabilities: Sequence[float], baselines: Baselines, before: int, state: int) -> None:
        """Score one step from `before` to `state`."""
        self.model.add(probabilities, state)
        self.persistence.add(baselines.persistence[before], state)
        self.marginal.add(baselines.marginal, state)

    def merge(self, other: Comparison) -> None:
        """Add the steps of another comparison."""
        self.model.merge(other.model)
        self.persistence.merge(other.persistence)
        self.marginal.merge(other.marginal)

    @property
    def beats_persistence(self) -> bool | None:
        """Whether the model has a lower log loss than persistence; None without predictions."""
        if not self.model.forecasts:
            return None
        return self.model.log_loss_sum < self.persistence.log_loss_sum

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "forecasts": self.model.forecasts,
            "model": self.model.as_dict(),
            "persistence": self.persistence.as_dict(),
            "marginal": self.marginal.as_dict(),
            "beats_persistence": self.beats_persistence,
        }
