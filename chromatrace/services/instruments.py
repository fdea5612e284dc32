"""Read result files, compare the bleached with the coloured state, and combine optical and charge results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chromatrace.instruments import Figure, ReadOptions, Result, read_result
from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.optical import Spectrum, optical_change
from chromatrace.instruments.series import coloration_efficiency


@dataclass(frozen=True, slots=True)
class Measurement:
    """Results of files, of the pair of spectra (bleached, coloured), and the figures that need several files."""

    results: tuple[Result, ...]
    pair: tuple[Result, Result] | None = None
    combined: tuple[Figure, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        facts: dict[str, Any] = {"files": [_described(result) for result in self.results]}
        if self.pair is not None:
            bleached, coloured = self.pair
            facts["pair"] = {
                "bleached": _described(bleached),
                "coloured": _described(coloured),
                "figures": [_figure(figure) for figure in self.combined],
            }
        return facts


def read_measurement(paths: Sequence[Path], pair: tuple[Path, Path] | None, options: ReadOptions) -> Measurement:
    """Read every file. With a pair, compute ΔT and ΔOD, and the coloration efficiency of each charge series.

    Raises `ResultFileError`.
    """
    results = tuple(read_result(path, options) for path in paths)
    if pair is None:
        return Measurement(results)
    bleached, coloured = (read_result(path, options) for path in pair)
    for result in (bleached, coloured):
        if result.content.kind != "spectrum":
            raise ResultFileError(
                f"the file is a {result.content.kind} file; a pair has two spectra", field=f"{result.path}: pair"
            )
    change = optical_change(
        Spectrum.from_curves(bleached.content.curves),
        Spectrum.from_curves(coloured.content.curves),
        options.wavelength_nm,
    )
    charges = [figure for result in results for figure in result.figures if figure.quantity == "charge density"]
    combined = (*change, *(coloration_efficiency(change[1], charge) for charge in charges))
    return Measurement(results, (bleached, coloured), combined)


def _described(result: Result) -> dict[str, Any]:
    return {
        "file": result.path,
        "kind": result.content.kind,
        "format": result.content.format,
        "sha256": result.sha256,
        "bytes": result.size,
        "figures": [_figure(figure) for figure in result.figures],
        "facts": result.content.facts,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "quantity": figure.quantity,
        "value": figure.value,
        "unit": figure.unit,
        "condition": figure.condition,
    }
