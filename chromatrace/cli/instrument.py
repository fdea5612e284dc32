"""`chromatrace instrument`: result files of laboratory instruments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chromatrace.cli.output import emit, json_option, print_line, print_note
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chromatrace.instruments import Figure, Result
    from chromatrace.instruments.measurement import MeasuredFiles


@click.group()
def instrument() -> None:
    """Read result files of laboratory instruments.

    \b
    Example: optical modulation at 633 nm, and coloration efficiency of a sample of 4 cm²
      chromatrace instrument read charge.csv --area 4 --pair bleached.jdx coloured.jdx --plot spectra.svg
    """


@instrument.command()
@click.argument("files", metavar="FILE…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--pair",
    nargs=2,
    metavar="BLEACHED COLOURED",
    type=click.Path(path_type=Path),
    help="Spectra of the bleached and the coloured state: ΔT, ΔOD, and coloration efficiency if a FILE has the charge.",
)
@click.option(
    "--wavelength",
    type=FiniteRange(0, min_open=True),
    default=633.0,
    show_default=True,
    metavar="NM",
    help="Wavelength of the optical figures.",
)
@click.option(
    "--ordinate",
    type=click.Choice(["fraction", "percent", "absorbance"]),
    help="Meaning of the ordinate of spectra; replaces what the file states.",
)
@click.option("--area", type=FiniteRange(0, min_open=True), metavar="CM2", help="Area of the sample in cm².")
@click.option(
    "--efficiency",
    type=FiniteRange(0, min_open=True),
    metavar="CM2_C",
    help="Coloration efficiency that the instrument reports: compare it with the optical density change per charge.",
)
@click.option("--cycles", type=WholeRange(1), help="Number of cycles of the retention. Default: the last cycle.")
@click.option("--decimal", type=click.Choice([".", ","]), help="Decimal mark of tables. Default: found from the file.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the curves as .svg or .png.")
@json_option
def read(
    files: tuple[Path, ...],
    pair: tuple[Path, Path] | None,
    wavelength: float,
    ordinate: str | None,
    area: float | None,
    efficiency: float | None,
    cycles: int | None,
    decimal: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show the key figures of result files and the SHA-256 digest of each file.

    The command reads spectra (CSV, JCAMP-DX, ASD), charge, switching and cycling series (tables), diffraction patterns
    (.xrdml, .xy), XPS regions (VAMAS) and SEM images (TIFF, PNG).
    """
    from chromatrace.instruments import ReadOptions
    from chromatrace.instruments.measurement import read_measurement
    from chromatrace.instruments.series import SeriesOptions

    if not files and pair is None:
        raise InvalidInput("no file is given", field="files", hint="give FILE or --pair BLEACHED COLOURED")
    options = ReadOptions(wavelength, ordinate, SeriesOptions(area, cycles, decimal))
    measurement = read_measurement(files, pair, options)
    if plot is not None:
        _plot(measurement, plot)
    if efficiency is not None and measurement.consistency(efficiency) is None:
        raise InvalidInput(
            "the files do not give both an optical density change and a charge density to compare with",
            field="efficiency",
            hint="give --pair BLEACHED COLOURED and a charge series",
        )
    emit(as_json, measurement.as_dict(efficiency), lambda: _print(measurement, efficiency))


def _plot(measurement: MeasuredFiles, path: Path) -> None:
    from dataclasses import replace

    from chromatrace.services.drawing.plot import plot_png, plot_svg

    results = [*measurement.results, *(measurement.pair or ())]
    curves = [
        replace(curve, name=f"{Path(result.path).name}{f' {curve.name}' if curve.name else ''}")
        for result in results
        for curve in result.content.curves
    ]
    if not curves:
        raise InvalidInput("the files have no curve to draw", field="plot")
    if path.suffix.lower() == ".svg":
        deliver(path, [plot_svg(curves).encode()])
    elif path.suffix.lower() == ".png":
        deliver(path, [plot_png(curves)])
    else:
        raise InvalidInput(f"{path.name!r} does not end with .svg or .png", field="plot")


def _print(measurement: MeasuredFiles, efficiency: float | None) -> None:
    for result in [*measurement.results, *(measurement.pair or ())]:
        _print_result(result)
    if measurement.combined:
        print_line("bleached and coloured")
        _print_figures(measurement.combined)
    if check := measurement.consistency(efficiency):
        result = "consistent" if check.consistent else f"MEASUREMENT ERROR, deviation {check.deviation:.0%}"
        print_line(f"optical consistency: {result}")
        print_line(f"  {check.text}")


def _print_result(result: Result) -> None:
    print_line(f"{result.path}  {result.content.kind}, {result.content.format}, {result.size:,} bytes")
    print_line(f"  sha256 0x{result.sha256.hex()}")
    _print_figures(result.figures)
    for note in result.content.facts.get("notes", ()):
        print_note(note)


def _print_figures(figures: Iterable[Figure]) -> None:
    for figure in figures:
        unit = {"1": "", "%": " %"}.get(figure.unit, f" {figure.unit}")
        if figure.quantity == "optical modulation":
            unit = " points"
        print_line(f"  {figure.quantity:<24}{f'{figure.value:.5g}{unit}':<20}{figure.condition}".rstrip())
