"""Read result files, compare the bleached with the coloured state, and combine optical and charge results.

`MeasuredFiles.attached` is the statement about the files in the evidence of an inspection; `recompute` repeats it from
the content of the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chromatrace.documents.results import AttachedResult, ReaderSettings, ResultFile, StatedFigure
from chromatrace.domain.errors import InvalidInput
from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.optical import Spectrum, optical_change
from chromatrace.instruments.reading import ReadOptions, read_result, result_of
from chromatrace.instruments.results import Figure, Result
from chromatrace.instruments.series import SeriesOptions, coloration_efficiency
from chromatrace.quality.optical_consistency import OpticalCheck, optical_check
from chromatrace.storage.strict_json import Digest, convert, to_builtins

_DIGITS = 9
"""Significant digits of a stated figure."""
_SAME = 1e-6
"""Relative difference of a stated and a recomputed figure that other versions of NumPy explain."""


@dataclass(frozen=True, slots=True)
class MeasuredFiles:
    """Results of files, of the pair of spectra (bleached, coloured), and the figures that need several files."""

    results: tuple[Result, ...]
    options: ReadOptions
    pair: tuple[Result, Result] | None = None
    combined: tuple[Figure, ...] = ()

    def consistency(self, efficiency: float | None = None) -> OpticalCheck | None:
        """Compare efficiency · charge density with the optical density change. None without the values.

        efficiency  in cm²/C, as the instrument reports it; None: that of a series with charge and transmittance
        """
        figures = [figure for result in self.results for figure in result.figures]
        if self.pair is not None:
            # The density change of the pair is independent of a series; that of the series itself is not.
            figures = [figure for figure in figures if figure.quantity != "optical density change"]
            figures += [figure for figure in self.combined if figure.quantity == "optical density change"]
        values = [(figure.quantity, figure.value, figure.unit) for figure in figures]
        if efficiency is not None:
            values = [value for value in values if value[0] != "coloration efficiency"]
            values.append(("coloration efficiency", efficiency, "cm2/C"))
        return optical_check(values)

    def attached(self) -> AttachedResult:
        """Return the statement about the files. Raises `ResultFileError`."""
        roles = (("bleached", "coloured"), self.pair or ())
        files = [_stated_file(result, None) for result in self.results]
        files += [_stated_file(result, role) for role, result in zip(*roles, strict=False)]
        try:
            return AttachedResult(tuple(files), self._settings(), tuple(_stated(figure) for figure in self.combined))
        except InvalidInput as error:
            raise ResultFileError(error.message, field=error.field, hint=error.hint) from error

    def as_dict(self, efficiency: float | None = None) -> dict[str, Any]:
        """Return the JSON form. `efficiency` as in `consistency`."""
        facts: dict[str, Any] = {"files": [_described(result) for result in self.results]}
        if self.pair is not None:
            bleached, coloured = self.pair
            facts["pair"] = {
                "bleached": _described(bleached),
                "coloured": _described(coloured),
                "figures": [_figure(figure) for figure in self.combined],
            }
        elif self.combined:
            facts["figures"] = [_figure(figure) for figure in self.combined]
        if check := self.consistency(efficiency):
            facts["optical_consistency"] = {
                "consistent": check.consistent,
                "deviation": check.deviation,
                "coloration_efficiency": check.efficiency,
                "charge_density": check.charge,
                "optical_density_change": check.density_change,
            }
        return facts | {"options": to_builtins(self._settings())}

    def _settings(self) -> ReaderSettings:
        series = self.options.series
        settings = {"wavelength_nm": self.options.wavelength_nm, "ordinate": self.options.ordinate}
        settings |= {"area_cm2": series.area_cm2, "cycles": series.cycles, "decimal": series.decimal}
        return convert(settings, ReaderSettings)


def read_measurement(paths: Sequence[Path], pair: tuple[Path, Path] | None, options: ReadOptions) -> MeasuredFiles:
    """Read every file. With a pair, compute ΔT and ΔOD, and the coloration efficiency of each charge series.

    Raises `ResultFileError`.
    """
    results = tuple(read_result(path, options) for path in paths)
    states = None if pair is None else (read_result(pair[0], options), read_result(pair[1], options))
    return _combined(results, states, options)


def measure_contents(
    files: Sequence[tuple[str, bytes]], pair: tuple[tuple[str, bytes], tuple[str, bytes]] | None, options: ReadOptions
) -> MeasuredFiles:
    """Do the same as `read_measurement` with the names and contents of files."""
    results = tuple(result_of(data, name, options) for name, data in files)
    states = None if pair is None else tuple(result_of(data, name, options) for name, data in pair)
    return _combined(results, None if states is None else (states[0], states[1]), options)


def reader_options(settings: ReaderSettings) -> ReadOptions:
    """Return the options of the readers that a statement names."""
    series = SeriesOptions(settings.area_cm2, settings.cycles, settings.decimal)
    return ReadOptions(settings.wavelength_nm, settings.ordinate, series)


def recompute(stated: AttachedResult, contents: Mapping[bytes, bytes]) -> AttachedResult:
    """Return the statement that the files give. `contents`: the bytes of each file by their SHA-256.

    Raises `ResultFileError`, and `KeyError` for a file that is missing in `contents`.
    """
    options = reader_options(stated.options)
    by_role: dict[str | None, list[Result]] = {}
    for file in stated.files:
        by_role.setdefault(file.role, []).append(result_of(contents[bytes(file.sha256)], file.name, options))
    states = (by_role["bleached"][0], by_role["coloured"][0]) if "bleached" in by_role else None
    return _combined(tuple(by_role.get(None, ())), states, options).attached()


def difference(stated: AttachedResult, recomputed: AttachedResult) -> str | None:
    """Return how the figures of a statement differ from those of the files; None if they are the same."""
    ordered = [*(file for file in stated.files if file.role is None)]
    ordered += sorted((file for file in stated.files if file.role is not None), key=lambda file: str(file.role))
    for file, again in zip(ordered, recomputed.files, strict=True):
        if (file.kind, file.format) != (again.kind, again.format):
            return f"{file.name} is {again.kind}, {again.format}; the evidence states {file.kind}, {file.format}"
        if text := _different(file.figures, again.figures):
            return f"{file.name}: {text}"
    return _different(stated.figures, recomputed.figures)


def _different(stated: Sequence[StatedFigure], recomputed: Sequence[StatedFigure]) -> str | None:
    if len(stated) != len(recomputed):
        return f"the file gives {len(recomputed)} figures, the evidence states {len(stated)}"
    for figure, again in zip(stated, recomputed, strict=True):
        if (figure.quantity, figure.unit, figure.condition) != (again.quantity, again.unit, again.condition):
            return (
                f"the file gives {again.quantity} [{again.unit}] {again.condition}, the evidence states "
                f"{figure.quantity} [{figure.unit}] {figure.condition}"
            )
        if abs(figure.value - again.value) > _SAME * max(abs(figure.value), abs(again.value)):
            return f"{figure.quantity} is {again.value:g} {again.unit}; the evidence states {figure.value:g}"
    return None


def _combined(results: tuple[Result, ...], pair: tuple[Result, Result] | None, options: ReadOptions) -> MeasuredFiles:
    charges = [figure for result in results for figure in result.figures if figure.quantity == "charge density"]
    if pair is None:
        spectra = [figure for result in results if result.content.kind == "spectra" for figure in result.figures]
        changes = [figure for figure in spectra if figure.quantity == "optical density change"]
        if len(changes) != 1:
            return MeasuredFiles(results, options)
        return MeasuredFiles(results, options, None, _efficiencies(changes[0], charges))
    bleached, coloured = pair
    for result in pair:
        if result.content.kind != "spectrum":
            raise ResultFileError(
                f"the file is a {result.content.kind} file; a pair has two spectra", field=f"{result.path}: pair"
            )
    change = optical_change(
        Spectrum.from_curves(bleached.content.curves),
        Spectrum.from_curves(coloured.content.curves),
        options.wavelength_nm,
    )
    return MeasuredFiles(results, options, pair, (*change, *_efficiencies(change[1], charges)))


def _efficiencies(change: Figure, charges: Sequence[Figure]) -> tuple[Figure, ...]:
    return tuple(coloration_efficiency(change, charge) for charge in charges)


def _stated_file(result: Result, role: Any) -> ResultFile:
    content = result.content
    name = Path(result.path).name
    try:
        figures = tuple(_stated(figure) for figure in content.figures)
        return ResultFile(name, Digest(result.sha256), result.size, content.kind, content.format, role, figures)
    except InvalidInput as error:
        raise ResultFileError(error.message, field=f"{result.path}: {error.field}", hint=error.hint) from error


def _stated(figure: Figure) -> StatedFigure:
    value = float(f"{figure.value:.{_DIGITS}g}")
    condition = "".join(character if character.isprintable() else "?" for character in figure.condition)
    return StatedFigure(figure.quantity, value, figure.unit, condition[:500])


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
