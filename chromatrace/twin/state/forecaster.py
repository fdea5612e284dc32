"""Forecast the state of a tag with its Markov chain, and score each forecast when its reading arrives.

The baselines are learned from the same readings as the chain, without forgetting: *persistence* gives the present state
the share of earlier forecasts of this step whose state had stayed, and divides the rest equally; the *marginal* is the
share of each state so far. Both start with the prior of the chain, one reading spread over the states.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from zlib import crc32

from chromatrace.plant.forecast_plans import ForecastPlan
from chromatrace.twin.effects import ForecastMade, ForecastScored
from chromatrace.twin.prediction import OUT_OF_CONTROL, STATES, MarkovChain, StateLimits
from chromatrace.twin.state.records import ForecasterState, PendingForecast, SeriesState

_SIZE = len(STATES)


class TagForecaster:
    """Applies the readings of a tag to its chain. `state` is the stored form of everything that it keeps."""

    def __init__(self, plan: ForecastPlan, channel: str, state: ForecasterState) -> None:
        self.plan, self.state = plan, state
        self._channel = channel
        # Different tags forecast at different readings, so the work is spread over time.
        self._offset = crc32(f"{state.source}/{state.tag}".encode()) % plan.every
        self._limits = StateLimits(plan.centre, plan.sigma)
        if not state.visits:
            state.visits = [0] * _SIZE
            state.scored, state.stayed = [0] * len(plan.steps), [0] * len(plan.steps)
        current = None if state.state < 0 else state.state
        self._chain = MarkovChain(_SIZE, forgetting=plan.forgetting, counts=state.counts or None, state=current)

    def apply(
        self, value: float | None, log_size: int, series: SeriesState, batch: str | None
    ) -> Iterator[ForecastMade | ForecastScored]:
        """Apply a reading; None if it has no good value."""
        state, chain = self.state, self._chain
        current = self._limits.state(value)
        state.number += 1
        while state.pending and state.pending[0].number <= state.number:
            forecast = state.pending.pop(0)
            if current is not None and forecast.number == state.number:
                yield self._score(forecast, current, log_size)
        chain.update(current)
        state.counts, state.state = chain.counts, -1 if current is None else current
        if current is None:
            return
        state.visits[current] += 1
        if (state.number + self._offset) % self.plan.every == 0:
            yield from self._forecast(current, log_size, series, batch)

    def _score(self, forecast: PendingForecast, outcome: int, log_size: int) -> ForecastScored:
        state, place = self.state, self.plan.steps.index(forecast.step)
        state.scored[place] += 1
        state.stayed[place] += outcome == forecast.state
        return ForecastScored(
            self._channel, forecast.log_size, state.source, state.tag, forecast.step, outcome, log_size
        )

    def _forecast(self, current: int, log_size: int, series: SeriesState, batch: str | None) -> Iterator[ForecastMade]:
        state, chain = self.state, self._chain
        probabilities = chain.forecast(self.plan.steps[-1])
        assert probabilities is not None
        expected, stationary = chain.expected_steps_to(OUT_OF_CONTROL), tuple(chain.stationary.tolist())
        seen = sum(state.visits)
        marginal = tuple((count + 1 / _SIZE) / (seen + 1) for count in state.visits)
        for place, step in enumerate(self.plan.steps):
            stay = (state.stayed[place] + 1 / _SIZE) / (state.scored[place] + 1)
            other = (1 - stay) / (_SIZE - 1)
            insort(
                state.pending,
                PendingForecast(state.number + step, log_size, step, current),
                key=lambda forecast: forecast.number,
            )
            yield ForecastMade(
                channel=self._channel,
                log_size=log_size,
                source=state.source,
                tag=state.tag,
                machine=series.machine,
                batch=batch,
                time_ns=series.source_time_ns,
                state=current,
                step=step,
                model=tuple(probabilities[step - 1].tolist()),
                persistence=tuple(stay if place == current else other for place in range(_SIZE)),
                marginal=marginal,
                expected_steps=expected,
                stationary=stationary,
            )
