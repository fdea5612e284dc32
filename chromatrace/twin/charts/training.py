"""Train a model on a window of normal operation, with limits from another window.

Limits are a quantile of each statistic on data that the model has not seen, because statistics of the training data are
too small. The windows are checked: gaps, constant columns, too few rows, outliers, rows that look like a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts.individuals import MIN_DEAD_RUN, longest_runs
from chromatrace.twin.charts.model import PCA, STATISTICS, Form, Model, Window
from chromatrace.twin.charts.subgroups import Array
from chromatrace.twin.charts.window_checks import check_levels, check_outliers, check_runs, check_spreads
from chromatrace.twin.errors import TrainingDataError

EIGENVALUE_FLOOR = 0.01
"""Smallest eigenvalue of the covariances of a CVA model, for tags with standard deviation 1."""
MIN_ROWS_PER_VALUE = 2


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train: `order` is the number of components (PCA) or states (CVA).

    accept_excursions  train although the windows look as if they contain a fault
    """

    method: Literal["pca", "cva"] = PCA
    order: int = 11
    lags: int = 1
    false_alarms: float = 0.01
    accept_excursions: bool = False

    def __post_init__(self) -> None:
        if self.method not in STATISTICS:
            raise InvalidInput(f"expected pca or cva, got {self.method!r}", field="method")
        if self.method == PCA and self.lags != 1:
            raise InvalidInput("a pca model has no lags", field="lags", hint="use the method cva")
        for name in ("order", "lags"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{getattr(self, name)} is below 1", field=name)
        if not 0 < self.false_alarms <= 0.5:
            raise InvalidInput(f"{self.false_alarms:g} is not above 0 and at most 0.5", field="false_alarms")


def train(
    tags: list[str],
    rows: Array,
    window: Window,
    limit_rows: Array,
    limit_window: Window,
    options: TrainingOptions,
    approved_by: str = "",
) -> Model:
    """Return the model of `rows`, with limits from `limit_rows`. Raises `TrainingDataError`, `InvalidInput`."""
    mean, scale = _scaling(tags, rows, options)
    _check_limit_rows(tags, limit_rows)
    standard = (rows - mean) / scale
    whitening, basis, variances, noise = _pca(standard, options) if options.method == PCA else _cva(standard, options)
    dead_after = np.maximum(np.maximum(longest_runs(rows), longest_runs(limit_rows)), MIN_DEAD_RUN)
    unlimited = Model(
        method=options.method,
        tags=list(tags),
        mean=mean.tolist(),
        scale=scale.tolist(),
        lags=options.lags,
        whitening=whitening.tolist(),
        basis=basis.tolist(),
        variances=variances.tolist(),
        noise=noise,
        limits=[1.0, 1.0],
        false_alarms=options.false_alarms,
        dead_after=dead_after.tolist(),
        training=window,
        limit_data=limit_window,
    )
    numbers, statistics = complete_statistics(unlimited, limit_rows)
    if len(statistics) < 1 / options.false_alarms:
        raise TrainingDataError(
            f"{len(statistics)} complete rows; limits at {options.false_alarms:.3g} of rows need "
            f"{round(1 / options.false_alarms)}",
            field="limits",
        )
    limits = np.quantile(statistics, 1 - options.false_alarms, axis=0)
    model = replace(unlimited, limits=limits.tolist())
    if not options.accept_excursions:
        check_levels(tags, rows, limit_rows)
        check_outliers(tags, limit_rows, "limits")
        check_outliers(tags, rows, "training")
        check_spreads(tags, rows, limit_rows)
        check_runs(model, numbers, statistics, "limits")
        check_runs(model, *complete_statistics(model, rows), "training")
    return model.approved(approved_by) if approved_by else model.sealed()


def complete_statistics(model: Model, rows: Array) -> tuple[NDArray[np.int64], Array]:
    """Return the numbers of the rows for which all values are present, lagged rows included, and both statistics."""
    form = Form(model)
    lagged = form.lagged(form.standardised(rows))
    complete = np.isfinite(lagged).all(axis=1)
    numbers: NDArray[np.int64] = np.flatnonzero(complete).astype(np.int64) + (model.lags - 1)
    return numbers, form.evaluate(lagged[complete])


def _scaling(tags: list[str], rows: Array, options: TrainingOptions) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of each column of the training window."""
    if rows.ndim != 2 or rows.shape[1] != len(tags):
        raise InvalidInput(f"expected rows of {len(tags)} values, got shape {rows.shape}", field="rows")
    complete = rows[np.isfinite(rows).all(axis=1)]
    values = len(tags) * options.lags
    if options.order >= values:
        raise InvalidInput(f"{options.order} is not below the number of values of a row, {values}", field="order")
    for index, tag in enumerate(tags):
        column = rows[:, index][np.isfinite(rows[:, index])]
        if len(column) < len(rows) / 2:
            raise TrainingDataError(
                f"{tag} has values in {len(column)} of {len(rows)} rows only",
                field="training",
                hint="leave the column out: write - for it in --columns",
            )
        if np.ptp(column) == 0:
            raise TrainingDataError(
                f"{tag} is constant ({column[0]:g})",
                field="training",
                hint="a constant column cannot be monitored; write - for it in --columns",
            )
    if len(complete) < MIN_ROWS_PER_VALUE * values:
        raise TrainingDataError(
            f"{len(complete)} complete rows; {len(tags)} tags and {options.lags} lags need "
            f"{MIN_ROWS_PER_VALUE * values}",
            field="training",
            hint="use a longer window, fewer tags or fewer lags",
        )
    return complete.mean(axis=0), complete.std(axis=0, ddof=1)


def _check_limit_rows(tags: list[str], rows: Array) -> None:
    if rows.ndim != 2 or rows.shape[1] != len(tags):
        raise InvalidInput(f"expected rows of {len(tags)} values, got shape {rows.shape}", field="limits")
    for index, tag in enumerate(tags):
        if not np.isfinite(rows[:, index]).any():
            raise TrainingDataError(f"{tag} has no values", field="limits")


def _pca(rows: Array, options: TrainingOptions) -> tuple[Array, Array, Array, float]:
    complete = rows[np.isfinite(rows).all(axis=1)]
    _, singular, loadings = np.linalg.svd(complete - complete.mean(axis=0), full_matrices=False)
    variances = singular**2 / (len(complete) - 1)
    noise = float(variances[options.order :].mean())
    if min(variances[options.order - 1], noise) < 1e-12:
        raise TrainingDataError(
            f"the columns have only {int((variances > 1e-12).sum())} independent directions",
            field="components",
            hint="use fewer components",
        )
    return np.empty((0, 0)), loadings[: options.order].T, variances[: options.order], noise


def _cva(rows: Array, options: TrainingOptions) -> tuple[Array, Array, Array, float]:
    """Past vectors have the newest `lags` rows, future vectors the next `lags` rows."""
    lags, number = options.lags, len(rows)
    past = np.hstack([rows[lags - 1 - lag : number - lags - lag] for lag in range(lags)])
    future = np.hstack([rows[lags + lag : number - lags + 1 + lag] for lag in range(lags)])
    complete = np.isfinite(past).all(axis=1) & np.isfinite(future).all(axis=1)
    past, future = past[complete], future[complete]
    if len(past) < MIN_ROWS_PER_VALUE * past.shape[1]:
        raise TrainingDataError(
            f"{len(past)} windows without a gap; {past.shape[1]} values need {MIN_ROWS_PER_VALUE * past.shape[1]}",
            field="training",
            hint="use a longer window, fewer tags or fewer lags",
        )
    degrees = len(past) - 1
    whitening = _inverse_root(past.T @ past / degrees)
    scaled = whitening @ (past.T @ future / degrees) @ _inverse_root(future.T @ future / degrees)
    basis, _, _ = np.linalg.svd(scaled)
    return whitening, basis[:, : options.order], np.ones(options.order), 0.0


def _inverse_root(covariance: Array) -> Array:
    """Return covariance^-1/2, with eigenvalues of at least `EIGENVALUE_FLOOR`."""
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors / np.sqrt(np.maximum(values, EIGENVALUE_FLOOR))) @ vectors.T
    return root
