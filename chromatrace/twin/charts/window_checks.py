"""Check that the windows of a model look like normal operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromatrace.twin.charts.model import Model
from chromatrace.twin.charts.subgroups import Array
from chromatrace.twin.errors import TrainingDataError

MAX_OUTLIER = 10.0
"""Largest distance from a tag's median in robust standard deviations (1.4826 times the median absolute deviation)."""
MAX_SPREAD = 3.0
"""Largest standard deviation of a tag in a tenth of a window, in standard deviations of the other window."""
MAX_RUN = 10
"""Largest number of consecutive rows above a limit in normal operation."""
MAX_SHIFT = 3.0
"""Largest distance of a tag's median in a tenth of a window from its median in the other window, in robust standard
deviations."""


def check_levels(tags: list[str], rows: Array, limit_rows: Array) -> None:
    """Compare the level of each tag in tenths of each window with the other window. Raises `TrainingDataError`."""
    windows = (rows, limit_rows)
    medians = [_tenths(window, np.nanmedian) for window in windows]
    for window, other in ((0, 1), (1, 0)):
        level, deviation = _robust(windows[other])
        distance = np.abs(medians[window] - level) / deviation
        _check_parts(tags, windows, medians, np.nan_to_num(distance / MAX_SHIFT), "median")


def check_spreads(tags: list[str], rows: Array, limit_rows: Array) -> None:
    """Compare the spread of each tag in tenths of each window with the other window. Raises `TrainingDataError`."""
    windows = (rows, limit_rows)
    spreads = [_tenths(window, np.nanstd) for window in windows]
    for window, other in ((0, 1), (1, 0)):
        whole = np.nanstd(windows[other], axis=0)
        ratio = spreads[window] / np.where(whole > 0, whole, np.inf)
        _check_parts(tags, windows, spreads, np.nan_to_num(ratio / MAX_SPREAD), "standard deviation")


def _check_parts(
    tags: list[str], windows: tuple[Array, Array], figures: list[Array], distance: Array, name: str
) -> None:
    """Raise if a distance is above 1. The fault is in the window whose figure changes more."""
    tag = int(distance.max(axis=0).argmax())
    if distance[:, tag].max() <= 1:
        return
    changes = [float(np.nanmax(tenths[:, tag]) - np.nanmin(tenths[:, tag])) for tenths in figures]
    suspect = changes.index(max(changes))
    usual = float(np.nanmedian(figures[1 - suspect][:, tag]))
    part = int(np.nan_to_num(np.abs(figures[suspect][:, tag] - usual)).argmax())
    block = np.array_split(np.arange(len(windows[suspect])), 10)[part]
    raise _suspect(
        f"in rows {block[0]} to {block[-1]} the {name} of {tags[tag]} is {figures[suspect][part, tag]:.6g}; in the "
        f"other data it is {usual:.6g}",
        ("training", "limits")[suspect],
    )


def _tenths(rows: Array, figure: Callable[[Array], np.floating[Any]]) -> Array:
    """Return a figure of each column in each tenth of the rows; NaN without values."""
    parts = [part for part in np.array_split(rows, 10) if len(part)]
    return np.array(
        [[float(figure(column)) if np.isfinite(column).any() else np.nan for column in part.T] for part in parts]
    )


def _robust(rows: Array) -> tuple[Array, Array]:
    """Return the median and the robust standard deviation of each column.

    The latter is 1.4826 times the median absolute deviation, or the standard deviation if more than half of the values
    are equal.
    """
    median = np.nanmedian(rows, axis=0)
    deviation = 1.4826 * np.nanmedian(np.abs(rows - median), axis=0)
    deviation = np.where(deviation > 0, deviation, np.nanstd(rows, axis=0))
    return median, np.where(deviation > 0, deviation, np.inf)


def check_outliers(tags: list[str], rows: Array, field: str) -> None:
    """Look for single values far from the others. Raises `TrainingDataError`."""
    median, deviation = _robust(rows)
    distance = np.nan_to_num(np.abs(rows - median) / deviation)
    row, tag = (int(index) for index in np.unravel_index(int(distance.argmax()), distance.shape))
    if distance[row, tag] > MAX_OUTLIER:
        raise _suspect(
            f"row {row}: {tags[tag]} is {rows[row, tag]:g}, {distance[row, tag]:.0f} robust standard deviations from "
            f"its median {median[tag]:g}",
            field,
        )


def check_runs(model: Model, numbers: NDArray[np.int64], statistics: Array, field: str) -> None:
    """Look for long runs of rows above a limit; `numbers` are the numbers of the rows. Raises `TrainingDataError`."""
    for index, name in enumerate(model.statistics):
        rows = numbers[statistics[:, index] > model.limits[index]]
        for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
            if len(run) >= MAX_RUN:
                raise _suspect(f"rows {run[0]} to {run[-1]} are above the limit of {name}", field)


def _suspect(observation: str, field: str) -> TrainingDataError:
    window = "training data" if field == "training" else "data for the limits"
    return TrainingDataError(
        f"the {window} seem to contain a fault: {observation}",
        field=field,
        hint="name a window of normal operation with --rows or --limit-rows, or use --accept-excursions",
    )
