"""A model of the normal operation of several tags, its two statistics, and its file.

Both methods are one linear form of the standardised values x of the newest `lags` rows (newest first):

    y = W x,  s = Bᵀ y,  state statistic Σ s²/v,  residual statistic |y - B s|²

    PCA    lags 1, W = identity, B = loadings, v = variances of the scores: T² and SPE
    CVA    W = Σpp^-1/2, B = left singular vectors of Σpp^-1/2 Σpf Σff^-1/2, v = 1: Ts² and Tr²

Source: L. H. Chiang, E. L. Russell, R. D. Braatz, Fault Detection and Diagnosis in Industrial Systems (2001),
chapters 4 and 7.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.strict_json import Digest, JsonObject, Positive, Whole, decode, encode, text
from chromatrace.twin.charts.subgroups import Array
from chromatrace.twin.errors import ModelAltered

Mask = NDArray[np.bool_]
PCA: Literal["pca"] = "pca"
CVA: Literal["cva"] = "cva"
STATISTICS = {PCA: ("T2", "SPE"), CVA: ("Ts2", "Tr2")}
"""Names of the state statistic and of the residual statistic."""
MAX_TAGS = 2_000


class Window(JsonObject, frozen=True):
    """The data behind a model or its limits: a name, the rows (first and last, from 0), and the SHA-256 digest."""

    name: str
    first_row: Whole
    last_row: Whole
    sha256: Digest

    def check(self) -> None:
        """Validate the members."""
        text(self.name, "/name", maximum=500)
        if self.last_row < self.first_row:
            raise InvalidInput(f"{self.last_row} is before the first row", field="/last_row")


class Model(JsonObject, frozen=True, tag_field="schema", tag="chromatrace.twin-model/1"):
    """A trained model. Its file contains `digest`, the SHA-256 of the canonical JSON of the other members.

    tags, mean, scale  the columns, in order, and how they are standardised
    whitening, basis, variances  W (empty: identity), B by row, v; see the module
    noise              variance of each residual direction of a PCA model; 0 for CVA
    limits             limit of the state and of the residual statistic
    false_alarms       share of the limit data above each limit
    dead_after         by tag: more equal values in a row mean a dead sensor
    approved_by        the person who approved the windows; "": for evaluation only
    """

    method: Literal["pca", "cva"]
    tags: list[str]
    mean: list[float]
    scale: list[float]
    lags: Positive
    whitening: list[list[float]]
    basis: list[list[float]]
    variances: list[float]
    noise: float
    limits: list[float]
    false_alarms: float
    dead_after: list[Positive]
    training: Window
    limit_data: Window
    approved_by: str = ""
    digest: Digest = Digest(bytes(32))

    def check(self) -> None:
        """Validate the shapes, and that all numbers can be used."""
        tags, width, order = len(self.tags), len(self.tags) * self.lags, len(self.variances)
        if not 1 <= tags <= MAX_TAGS or len(set(self.tags)) != tags:
            raise InvalidInput(f"expected 1 to {MAX_TAGS} different tags", field="/tags")
        for name in ("mean", "scale", "dead_after"):
            if len(getattr(self, name)) != tags:
                raise InvalidInput(f"expected {tags} numbers, one for each tag", field=f"/{name}")
        shapes = {"basis": (width, order), "whitening": (width, width) if self.method == CVA else (0, 0)}
        for name, (rows, columns) in shapes.items():
            matrix = getattr(self, name)
            if len(matrix) != rows or any(len(row) != columns for row in matrix):
                raise InvalidInput(f"expected {rows} rows of {columns} numbers", field=f"/{name}")
        if not 1 <= order <= width or min(*self.scale, *self.variances) <= 0:
            raise InvalidInput("expected numbers above 0", field="/scale and /variances")
        if len(self.limits) != 2 or min(self.limits) <= 0:
            raise InvalidInput("expected two numbers above 0", field="/limits")
        if (self.method == PCA) != (self.noise > 0) or self.noise < 0:
            raise InvalidInput("expected a number above 0 for pca, 0 for cva", field="/noise")

    # -- file

    @property
    def statistics(self) -> tuple[str, str]:
        """Names of the two statistics."""
        return STATISTICS[self.method]

    def sealed(self) -> Self:
        """Return the model with its digest."""
        bare = msgspec.structs.replace(self, digest=Digest(bytes(32)))
        return msgspec.structs.replace(self, digest=Digest(hashlib.sha256(encode(bare)).digest()))

    def approved(self, person: str) -> Self:
        """Return the model with the name of the person who approved its windows, and a new digest."""
        return msgspec.structs.replace(self, approved_by=text(person, "approved_by", maximum=200)).sealed()

    def to_bytes(self) -> bytes:
        """Return the file."""
        return encode(self.sealed())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a file. Raises `InvalidInput`; `ModelAltered` if the content does not match its digest."""
        model = decode(data, cls)
        if model.sealed().digest != model.digest:
            raise ModelAltered(
                "the model was altered after training: it does not match its digest",
                field="digest",
                hint="train the model again, or restore the file",
            )
        return model


class Form:
    """The arrays of a model, and the statistics that they give."""

    def __init__(self, model: Model) -> None:
        self.tags, self.lags = len(model.tags), model.lags
        self.mean, self.scale = np.array(model.mean), np.array(model.scale)
        self.limits = np.array(model.limits)
        self._whitening = np.array(model.whitening) if model.whitening else None
        self._basis = np.array(model.basis)
        self._weights = 1 / np.array(model.variances)
        self._noise = model.noise

    def standardised(self, rows: Array) -> Array:
        """Return rows with mean 0 and standard deviation 1."""
        standardised: Array = (rows - self.mean) / self.scale
        return standardised

    def lagged(self, rows: Array) -> Array:
        """Return for each row from the `lags`-th the newest `lags` rows in one, newest first."""
        number = len(rows)
        return np.hstack([rows[self.lags - 1 - lag : number - lag] for lag in range(self.lags)])

    def evaluate(self, x: Array) -> Array:
        """Return both statistics for each row of lagged standardised values.

        Each row is a product of the same shape, so the result does not depend on the number of rows.
        """
        y, s = self._project(x)
        residual = y - (s[:, None, :] @ self._basis.T)[:, 0]
        return np.stack([(s * s * self._weights).sum(axis=1), (residual * residual).sum(axis=1)], axis=1)

    def contributions(self, x: Array) -> Array:
        """Return for each statistic the contribution of each tag; they add up to the statistic.

        The contributions are squares of the entries of B s/√v and y - B s, summed over the lags: the complete
        decomposition (C. F. Alcala, S. J. Qin, Automatica 45 (2009) 1593-1600).
        """
        y, s = self._project(x[None])
        parts = np.stack([self._basis @ (s[0] * np.sqrt(self._weights)), y[0] - self._basis @ s[0]])
        summed: Array = (parts * parts).reshape(2, self.lags, self.tags).sum(axis=1)
        return summed

    def _project(self, x: Array) -> tuple[Array, Array]:
        y = x if self._whitening is None else (x[:, None, :] @ self._whitening)[:, 0]
        return y, (y[:, None, :] @ self._basis)[:, 0]

    # -- missing values

    @cached_property
    def precision(self) -> Array:
        """The inverse of the covariance that the model implies for the lagged standardised values."""
        if self._whitening is not None:
            squared: Array = self._whitening @ self._whitening
            return squared
        residual = np.eye(len(self._basis)) - self._basis @ self._basis.T
        precision: Array = (self._basis * self._weights) @ self._basis.T + residual / self._noise
        return precision

    def filled(self, x: Array, excluded: Mask) -> Array:
        """Return `x` with excluded entries replaced by their expected value, given the others and the model.

        The expected value adds nothing to a statistic that the other entries do not justify. With the precision Q, it
        is - Qmm^-1 Qmk x_k for missing entries m and known entries k.
        """
        if not excluded.any():
            return x
        result = np.where(excluded, 0.0, x)
        weighted = self.precision[excluded] @ result
        result[excluded] = -np.linalg.solve(self.precision[np.ix_(excluded, excluded)], weighted)
        return result
