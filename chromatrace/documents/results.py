"""Result files of instruments in the evidence of an inspection: digests, key figures and the options of the reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.strict_json import Digest, JsonObject, Positive, number, text

MAX_FIGURES = 200
"""Figures of one file."""
MAX_FILES = 50
"""Files of one result."""


class StatedFigure(JsonObject, frozen=True):
    """A value that the evidence states besides the measurements. `condition`: how it was measured or computed."""

    quantity: str
    value: float
    unit: str
    condition: str

    def check(self) -> None:
        text(self.quantity, "/quantity", maximum=200)
        number(self.value, "/value")
        text(self.unit, "/unit", minimum=0, maximum=50)
        text(self.condition, "/condition", minimum=0, maximum=500)


class ResultFile(JsonObject, frozen=True):
    """A result file. `role`: state of the sample if the file is one of a pair of spectra."""

    name: str
    sha256: Digest
    bytes: Positive
    kind: str
    format: str
    role: Literal["bleached", "coloured"] | None
    figures: tuple[StatedFigure, ...]

    def check(self) -> None:
        text(self.name, "/name", maximum=255)
        if "/" in self.name or "\\" in self.name:
            raise InvalidInput(f"{self.name!r} is a path; expected a file name", field="/name")
        text(self.kind, "/kind", maximum=40)
        text(self.format, "/format", maximum=40)
        if len(self.figures) > MAX_FIGURES:
            raise InvalidInput(f"{len(self.figures)} figures; at most {MAX_FIGURES}", field="/figures")


class ReaderSettings(JsonObject, frozen=True):
    """Options with which the figures were read; null: not given."""

    wavelength_nm: float
    ordinate: Literal["fraction", "percent", "absorbance"] | None
    area_cm2: float | None
    cycles: Positive | None
    decimal: Literal[".", ","] | None

    def check(self) -> None:
        for name, value in (("wavelength_nm", self.wavelength_nm), ("area_cm2", self.area_cm2)):
            if value is not None and number(value, f"/{name}") <= 0:
                raise InvalidInput(f"{name} is {value:g}; it must be above 0", field=f"/{name}")


class AttachedResult(JsonObject, frozen=True):
    """Files that were read together. `figures`: those that need several files, such as the optical modulation."""

    files: tuple[ResultFile, ...]
    options: ReaderSettings
    figures: tuple[StatedFigure, ...]

    def check(self) -> None:
        if not 1 <= len(self.files) <= MAX_FILES:
            raise InvalidInput(f"{len(self.files)} files; expected 1 to {MAX_FILES}", field="/files")
        roles = sorted(file.role for file in self.files if file.role is not None)
        if roles not in ([], ["bleached", "coloured"]):
            raise InvalidInput("a pair has one file of the role bleached and one of the role coloured", field="/files")
        if len(self.figures) > MAX_FIGURES:
            raise InvalidInput(f"{len(self.figures)} figures; at most {MAX_FIGURES}", field="/figures")

    def all_figures(self) -> Iterator[StatedFigure]:
        """Yield the figures of several files, then those of each file."""
        yield from self.figures
        for file in self.files:
            yield from file.figures
