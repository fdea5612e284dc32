"""A Markov chain whose transition matrix is learned online.

Each row of the matrix has a Dirichlet prior with parameter 1/K for each of the K states. Every transition first
multiplies all counts by the forgetting factor. So the chain follows a process that changes: with 0.99, a transition
weighs half after 69 steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts.subgroups import Array

DEFAULT_FORGETTING = 0.99
MAX_STATES = 50


class MarkovChain:
    """The chain of one tag or of one quality grade. The state of a process that is not known is None.

    The posterior counts and the current state are all that it keeps: `counts` and `state` restore it.
    """

    __slots__ = ("_prior", "counts", "forgetting", "state")

    def __init__(
        self,
        states: int,
        *,
        forgetting: float = DEFAULT_FORGETTING,
        counts: Sequence[Sequence[float]] | None = None,
        state: int | None = None,
    ) -> None:
        if not 2 <= states <= MAX_STATES:
            raise InvalidInput(f"{states} states; expected 2 to {MAX_STATES}", field="states")
        if not 0 < forgetting <= 1:
            raise InvalidInput(f"{forgetting:g} is not above 0 and at most 1", field="forgetting")
        self.forgetting = forgetting
        self.counts = [[0.0] * states for _ in range(states)] if counts is None else [list(row) for row in counts]
        """Weights of the transitions so far, from state (row) to state (column)."""
        if len(self.counts) != states or any(len(row) != states for row in self.counts):
            raise InvalidInput(f"expected {states} rows of {states} numbers", field="counts")
        if any(not (math.isfinite(count) and count >= 0) for row in self.counts for count in row):
            raise InvalidInput("expected finite numbers of at least 0", field="counts")
        self._prior = 1 / states
        self.state: int | None = None
        self.start(state)

    def start(self, state: int | None) -> None:
        """Set the state without counting a transition, for example after an interruption."""
        if state is not None and not 0 <= state < len(self.counts):
            raise InvalidInput(f"{state} is not a state from 0 to {len(self.counts) - 1}", field="state")
        self.state = state

    def update(self, state: int | None) -> None:
        """Count the transition to `state`. A transition from or to an unknown state is not counted."""
        before = self.state
        if before is None or state is None or not 0 <= state < len(self.counts):
            self.start(state)
            return
        forgetting = self.forgetting
        self.counts = counts = [[count * forgetting for count in row] for row in self.counts]
        counts[before][state] += 1.0
        self.state = state

    def learn(self, states: Iterable[int | None]) -> None:
        """Count the transitions of a training run without forgetting, and end in an unknown state."""
        before: int | None = None
        for state in states:
            if before is not None and state is not None:
                self.counts[before][state] += 1.0
            before = state
        self.state = None

    def next_probabilities(self) -> list[float] | None:
        """Return the probability of each state after one step; None if the current state is unknown."""
        if self.state is None:
            return None
        row = self.counts[self.state]
        total = 1.0  # The prior. `sum` is not used: its rounding differs between Python versions.
        for count in row:
            total += count
        return [(count + self._prior) / total for count in row]

    @property
    def matrix(self) -> Array:
        """The transition matrix: the mean of the posterior."""
        counts = np.array(self.counts) + self._prior
        matrix: Array = counts / counts.sum(axis=1, keepdims=True)
        return matrix

    def forecast(self, steps: int) -> Array | None:
        """Return the probabilities after 1 to `steps` steps, one row for each; None if the state is unknown."""
        if steps < 1:
            raise InvalidInput(f"{steps} steps; expected at least 1", field="steps")
        if self.state is None:
            return None
        matrix, probabilities = self.matrix, np.zeros(len(self.counts))
        probabilities[self.state] = 1.0
        rows = []
        for _ in range(steps):
            probabilities = probabilities @ matrix
            rows.append(probabilities)
        return np.array(rows)

    def expected_steps_to(self, target: int) -> float | None:
        """Return the mean number of steps until `target` is reached first, 0 if it is the current state.

        With Q the matrix without row and column `target`, the means solve (I - Q) m = 1.
        """
        if self.state is None:
            return None
        if self.state == target:
            return 0.0
        others = [index for index in range(len(self.counts)) if index != target]
        within = self.matrix[np.ix_(others, others)]
        means = np.linalg.solve(np.eye(len(others)) - within, np.ones(len(others)))
        return float(means[others.index(self.state)])

    @property
    def stationary(self) -> Array:
        """The stationary distribution: π P = π, Σ π = 1. It is unique because the prior makes all entries positive."""
        size = len(self.counts)
        equations = np.vstack([(self.matrix.T - np.eye(size))[:-1], np.ones(size)])
        distribution: Array = np.linalg.solve(equations, np.concatenate([np.zeros(size - 1), [1.0]]))
        return distribution


class MarkovTable:
    """The same chains for many tags at once, as arrays. An unknown state is -1."""

    def __init__(self, counts: Array, forgetting: float = DEFAULT_FORGETTING) -> None:
        self.counts = np.array(counts, dtype=float)
        """Weights by tag, state before, state after."""
        self.forgetting = forgetting
        self.state = np.full(len(counts), -1)

    def update(self, states: NDArray[np.int64]) -> None:
        """Count the transition of each tag to its state."""
        counted = np.flatnonzero((self.state >= 0) & (states >= 0))
        self.counts[counted] *= self.forgetting
        self.counts[counted, self.state[counted], states[counted]] += 1.0
        self.state = np.array(states)

    def next_probabilities(self) -> Array:
        """Return the probability of each state of each tag after one step; NaN if its state is unknown."""
        size = self.counts.shape[2]
        rows = self.counts[np.arange(len(self.counts)), self.state]
        total = np.ones(len(rows))
        for state in range(size):
            total += rows[:, state]
        probabilities: Array = (rows + 1 / size) / total[:, None]
        probabilities[self.state < 0] = np.nan
        return probabilities
