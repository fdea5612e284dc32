"""Control charts and forecasts per reading on one core, next to NumPy loops over the same rules.

A chart decision takes a `Reading`, finds the chart of its tag, and applies value limits, Western Electric rules, EWMA
and CUSUM. The decision on all tags together takes a row of 52 tags through a PCA model (11 components) and a CVA model
(3 lags, 25 states). A forecast update takes a reading, counts the transition and gives the next probabilities. CPU
time, best of several alternating rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bench.figure import Figure
from chromatrace.domain.reading import Reading
from chromatrace.storage.strict_json import Digest
from chromatrace.twin.charts import Model, Monitor, TagChart, TagLimits, TrainingOptions, Window, train
from chromatrace.twin.charts.subgroups import Array
from chromatrace.twin.prediction import MarkovChain, StateLimits

TARGET_READINGS_PER_S, TARGET_FORECAST_US = 100_000, 20
TAGS, ROWS, BASELINE_ROWS, ROUNDS = 52, 1000, 40, 4


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Return the rates and their baselines."""
    values = _line(3, ROWS)
    readings = [
        Reading("line", f"T{tag}", 1_000_000_000 * (row + 1), 1_000_000_000 * (row + 1), value)
        for row, items in enumerate(values.tolist())
        for tag, value in enumerate(items)
    ]
    few = readings[: BASELINE_ROWS * TAGS]
    rows = values.tolist()
    pca, cva = (_model(options) for options in (TrainingOptions(), TrainingOptions("cva", 25, 3)))
    best = dict.fromkeys(("charts", "numpy charts", "pca", "cva", "forecasts", "numpy forecasts"), float("inf"))
    for round_ in range(ROUNDS):
        progress(f"round {round_ + 1} of {ROUNDS}: {len(readings):,} readings, {len(few):,} by the baselines")
        for name, work, number in (
            ("charts", lambda: _chart(readings), len(readings)),
            ("numpy charts", lambda: _numpy_chart(few), len(few)),
            ("pca", lambda: _monitor(Monitor(pca), rows), len(readings)),
            ("cva", lambda: _monitor(Monitor(cva), rows), len(readings)),
            ("forecasts", lambda: _forecast(readings), len(readings)),
            ("numpy forecasts", lambda: _numpy_forecast(few), len(few)),
        ):
            start = time.process_time()
            work()
            best[name] = min(best[name], (time.process_time() - start) / number)
    loop = "NumPy loop over the same rules"
    return [
        Figure(
            "twin: reading to chart decision",
            *(1 / best["charts"], "readings/s", "higher", TARGET_READINGS_PER_S, loop, 1 / best["numpy charts"]),
        ),
        Figure(
            "twin: reading to decision of a PCA model of 52 tags",
            *(1 / best["pca"], "readings/s", "higher", TARGET_READINGS_PER_S),
        ),
        Figure(
            "twin: reading to decision of a CVA model of 52 tags",
            *(1 / best["cva"], "readings/s", "higher", TARGET_READINGS_PER_S),
        ),
        Figure(
            "twin: forecast update",
            *(1e6 * best["forecasts"], "µs/reading", "lower", TARGET_FORECAST_US),
            *("NumPy loop over the same update", 1e6 * best["numpy forecasts"]),
        ),
    ]


def _line(seed: int, rows: int) -> Array:
    """Return rows of a line with 52 tags and 11 causes."""
    mixing = np.random.default_rng(1).normal(size=(11, TAGS))
    random = np.random.default_rng(seed)
    return 100 + random.normal(size=(rows, 11)) @ mixing + 0.5 * random.normal(size=(rows, TAGS))


def _model(options: TrainingOptions) -> Model:
    tags = [f"T{tag}" for tag in range(TAGS)]
    windows = [(rows, Window("line", 0, len(rows) - 1, Digest(bytes(32)))) for rows in (_line(1, 800), _line(2, 800))]
    return train(tags, *windows[0], *windows[1], options)


def _limits() -> dict[str, TagLimits]:
    normal = _line(1, 800)
    return {f"T{tag}": TagLimits.from_values(normal[:, tag]) for tag in range(TAGS)}


def _chart(readings: list[Reading]) -> int:
    charts = {tag: TagChart(limits) for tag, limits in _limits().items()}
    return sum(1 for reading in readings if charts[reading.tag].update(reading.good_number))


def _monitor(monitor: Monitor, rows: list[list[float]]) -> int:
    return sum(len(monitor.update(row).raised) for row in rows)


def _numpy_chart(readings: list[Reading]) -> int:
    """Apply the same rules to the last eight values of the tag with NumPy."""
    limits, signals = _limits(), 0
    last = {tag: np.zeros(8) for tag in limits}
    state = {tag: np.zeros(4) for tag in limits}  # EWMA, decay exponent, C+, C-
    for reading in readings:
        limit, z, sums = limits[reading.tag], last[reading.tag], state[reading.tag]
        z[:-1] = z[1:]
        z[-1] = (reading.value - limit.centre) / limit.sigma  # type: ignore[operator]
        sums[0] = limit.ewma_weight * z[-1] + (1 - limit.ewma_weight) * sums[0]
        sums[1] += 1
        sums[2:] = np.maximum(0, sums[2:] + np.array([z[-1], -z[-1]]) - limit.cusum_slack)
        spread = np.sqrt(limit.ewma_weight / (2 - limit.ewma_weight) * (1 - (1 - limit.ewma_weight) ** (2 * sums[1])))
        one_side = z * np.sign(z[-1])
        signals += bool(
            np.abs(z[-1]) > 3
            or np.sum(one_side[-3:] > 2) >= 2
            or np.sum(one_side[-5:] > 1) >= 4
            or np.all(one_side > 0)
            or np.abs(sums[0]) > limit.ewma_width * spread
            or np.any(sums[2:] > limit.cusum_limit)
        )
    return signals


def _forecast(readings: list[Reading]) -> float:
    limits = {tag: StateLimits(limit.centre, limit.sigma) for tag, limit in _limits().items()}
    chains = {tag: MarkovChain(3) for tag in limits}
    total = 0.0
    for reading in readings:
        chain = chains[reading.tag]
        chain.update(limits[reading.tag].state(reading.good_number))
        probabilities = chain.next_probabilities()
        total += probabilities[2] if probabilities is not None else 0
    return total


def _numpy_forecast(readings: list[Reading]) -> float:
    limits = _limits()
    counts = {tag: np.zeros((3, 3)) for tag in limits}
    before: dict[str, int] = {}
    total = 0.0
    for reading in readings:
        limit, matrix = limits[reading.tag], counts[reading.tag]
        state = int(np.digitize(abs(reading.value - limit.centre) / limit.sigma, (2, 3)))  # type: ignore[operator]
        if reading.tag in before:
            matrix *= 0.99
            matrix[before[reading.tag], state] += 1
        before[reading.tag] = state
        row = matrix[state] + 1 / 3
        total += float((row / row.sum())[2])
    return total
