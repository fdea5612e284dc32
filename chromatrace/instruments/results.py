"""Figures of a result file, and curves to draw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chromatrace.instruments.errors import ResultFileError

MAX_POINTS = 1_000_000
"""Points of one curve."""

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure with its unit. `condition`: how it was measured or computed.

    Raises `ResultFileError` if the value is not finite.
    """

    quantity: str
    value: float
    unit: str
    condition: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ResultFileError(f"the result is {self.value}; it must be a finite number", field=self.quantity)


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve to draw. The labels contain the units."""

    name: str
    x_label: str
    y_label: str
    x: Array
    y: Array


@dataclass(frozen=True, slots=True)
class Content:
    """The result of the reader of one format.

    kind      spectrum, spectra (of both states), series, diffraction, photoelectron or image
    format    JCAMP-DX, ASD, table, xrdml, xy, VAMAS, TIFF or PNG
    facts     what the file states about the measurement, and what was decided from its values
    """

    kind: str
    format: str
    figures: tuple[Figure, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The content of a file and the SHA-256 digest of its bytes."""

    path: str
    sha256: bytes
    size: int
    content: Content

    @property
    def figures(self) -> tuple[Figure, ...]:
        return self.content.figures


def finite_number(text: str, name: str) -> float:
    """Return the finite number in `text`. Raises `ResultFileError` naming `name`."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ResultFileError(f"expected a finite number, got {text.strip()!r:.60}", field=name)
    return value


def whole_number(text: str, name: str, maximum: int, *, minimum: int = 0) -> int:
    """Return the whole number in `text`, from `minimum` to `maximum`. Raises `ResultFileError` naming `name`."""
    value = finite_number(text, name)
    if not value.is_integer() or not minimum <= value <= maximum:
        raise ResultFileError(
            f"expected a whole number from {minimum:,} to {maximum:,}, got {text.strip()!r:.60}", field=name
        )
    return int(value)


def finite_array(values: Iterable[float], name: str) -> Array:
    """Return the values as an array. Raises `ResultFileError` naming `name` and a value that is not finite."""
    array = np.asarray(list(values) if not isinstance(values, np.ndarray) else values, dtype=np.float64)
    if not np.isfinite(array).all():
        index = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ResultFileError(f"point {index + 1} is {array[index]}; it must be a finite number", field=name)
    return array
