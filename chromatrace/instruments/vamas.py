"""Read XPS regions in the VAMAS format (ISO 14976; Dench et al., Surface and Interface Analysis 13 (1988) 63)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.results import (
    MAX_POINTS,
    Array,
    Content,
    Curve,
    Figure,
    finite_array,
    finite_number,
    whole_number,
)
from chromatrace.instruments.text import decoded_lines

IDENTIFIER = "VAMAS Surface Chemical Analysis Standard Data Transfer Format 1988 May 4"
MAX_BLOCKS = 10_000
_MAX_LINES = 100_000
_EXPERIMENTS = ("MAP", "MAPDP", "MAPSV", "MAPSVDP", "NORM", "SDP", "SDPSV", "SEM", "NOEXP")
_SPUTTERED = ("MAPDP", "MAPSVDP", "SDP", "SDPSV")
_SPUTTERING_TECHNIQUES = (
    *("FABMS", "FABMS energy spec", "ISS", "SIMS", "SIMS energy spec", "SNMS", "SNMS energy spec"),
)
_SPUTTERING_SOURCE_TECHNIQUES = ("AES diff", "AES dir", "EDX", "ELS", "UPS", "XPS", "XRF")
_PARAMETERS = 40


def read_vamas(data: bytes) -> Content:
    """Return the regions of a file, each with the position of its maximum. Raises `ResultFileError`."""
    lines = _Lines(decoded_lines(data))
    header = _header(lines)
    figures: list[Figure] = []
    curves: list[Curve] = []
    first: dict[int, list[str]] = {}
    total = 0
    for number in range(1, header.blocks + 1):
        lines.block = f"block {number}, "
        region = _block(lines, header, first)
        total += len(region.counts)
        if total > MAX_POINTS:
            raise ResultFileError(f"the file has more than {MAX_POINTS:,} values", field="ordinate values")
        highest = int(np.argmax(region.counts))
        condition = f"{region.name}: maximum {region.counts[highest]:g} {region.unit}, {region.x_label.lower()}"
        figures.append(Figure("region maximum", float(region.x[highest]), region.x_unit, condition))
        label = f"{region.x_label} [{region.x_unit}]"
        curves.append(Curve(region.name, label, region.y_label, region.x, region.counts))
    lines.block = ""
    for text in lines.rest():
        if text.strip() and text.strip().lower() != "end of experiment":
            raise ResultFileError(f"expected the end of the experiment, got {text.strip()!r:.40}", field="end")
    facts = {
        "sample": header.sample or "",
        "experiment_mode": header.mode,
        "regions": [
            {"name": curve.name, "points": len(curve.x), "range": [float(curve.x.min()), float(curve.x.max())]}
            for curve in curves
        ],
    }
    return Content("photoelectron", "VAMAS", tuple(figures), facts, tuple(curves))


class _Lines:
    """The lines of a file, each read with the name of its field."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0
        self.block = ""

    def text(self, name: str) -> str:
        if self._next >= len(self._lines) or (self._next == len(self._lines) - 1 and not self._lines[-1]):
            raise ResultFileError("the file ends before this field: it is cut off", field=f"{self.block}{name}")
        line = self._lines[self._next].strip()
        self._next += 1
        return line

    def number(self, name: str) -> float:
        return finite_number(self.text(name), f"{self.block}{name}, line {self._next}")

    def count(self, name: str, maximum: int = _MAX_LINES, *, minimum: int = 0) -> int:
        text = self.text(name)
        return whole_number(text, f"{self.block}{name}, line {self._next}", maximum, minimum=minimum)

    def skip(self, count: int, name: str) -> None:
        for _ in range(count):
            self.text(name)

    def rest(self) -> list[str]:
        return self._lines[self._next :]


@dataclass(slots=True)
class _Header:
    mode: str
    regular: bool
    variables: int
    included: list[bool]
    future_block_entries: int
    blocks: int
    sample: str = ""


def _header(lines: _Lines) -> _Header:
    identifier = lines.text("format identifier")
    if identifier != IDENTIFIER:
        raise ResultFileError(
            f"the first line is {identifier!r:.80}; expected {IDENTIFIER!r}", field="format identifier"
        )
    for name in ("institution", "instrument", "operator", "experiment identifier"):
        lines.text(name)
    lines.skip(lines.count("number of comment lines"), "comment")
    mode = lines.text("experiment mode")
    if mode not in _EXPERIMENTS:
        raise ResultFileError(f"{mode!r:.40} is not one of {', '.join(_EXPERIMENTS)}", field="experiment mode")
    scan = lines.text("scan mode")
    if scan not in ("REGULAR", "IRREGULAR"):
        raise ResultFileError(f"{scan!r:.40} is not supported; expected REGULAR or IRREGULAR", field="scan mode")
    if mode in ("MAP", "MAPDP", "NORM", "SDP"):
        lines.count("number of spectral regions")
    if mode in ("MAP", "MAPDP"):
        for name in ("analysis positions", "discrete x coordinates", "discrete y coordinates"):
            lines.count(f"number of {name}")
    variables = lines.count("number of experimental variables", 100)
    lines.skip(2 * variables, "experimental variable")
    entries = lines.count("number of entries in the parameter list", _PARAMETERS, minimum=-_PARAMETERS)
    included = [entries <= 0] * (_PARAMETERS + 1)
    for _ in range(abs(entries)):
        included[lines.count("parameter list", _PARAMETERS, minimum=1)] = entries > 0
    lines.skip(lines.count("number of manually entered items"), "manually entered item")
    future_experiment = lines.count("number of future upgrade experiment entries")
    future_block = lines.count("number of future upgrade block entries")
    lines.skip(future_experiment, "future upgrade experiment entry")
    blocks = lines.count("number of blocks", MAX_BLOCKS, minimum=1)
    return _Header(mode, scan == "REGULAR", variables, included, future_block, blocks)


@dataclass(slots=True)
class _Region:
    name: str
    x_label: str
    x_unit: str
    y_label: str
    unit: str
    x: Array
    counts: Array = field(default_factory=lambda: np.empty(0))


def _block(lines: _Lines, header: _Header, first: dict[int, list[str]]) -> _Region:
    """Return the region of a block. `first` has the parameters of the first block, by their number in the standard."""
    is_first = not first
    read: dict[int, list[str]] = {}

    def parameter(number: int, name: str, count: int | Callable[[], list[str]] = 1) -> list[str]:
        """Return the lines of a parameter; those of the first block if the header excludes it from the others."""
        if is_first or header.included[number]:
            read[number] = count() if callable(count) else [lines.text(name) for _ in range(count)]
        else:
            read[number] = first.get(number, [])
        return read[number]

    def counted(name: str, lines_each: int) -> Callable[[], list[str]]:
        def read_lines() -> list[str]:
            number = lines.count(f"number of {name}")
            return [lines.text(name) for _ in range(number * lines_each)]

        return read_lines

    block_name, sample = lines.text("block identifier"), lines.text("sample identifier")
    header.sample = header.sample or sample
    for number, name in enumerate(("year", "month", "day", "hours", "minutes", "seconds", "hours before GMT"), 1):
        parameter(number, name)
    parameter(8, "block comment", counted("block comment lines", 1))
    technique = parameter(9, "technique")[0]
    if header.mode in ("MAP", "MAPDP"):
        parameter(10, "x and y coordinate", 2)
    parameter(11, "value of experimental variable", header.variables)
    parameter(12, "analysis source label")
    if header.mode in _SPUTTERED or technique in _SPUTTERING_TECHNIQUES:
        parameter(13, "sputtering ion", 3)
    parameter(14, "analysis source characteristic energy")
    parameter(15, "analysis source strength")
    parameter(16, "analysis source beam width", 2)
    if header.mode in ("MAP", "MAPDP", "MAPSV", "MAPSVDP", "SEM"):
        parameter(17, "field of view", 2)
    if header.mode in ("MAPSV", "MAPSVDP", "SEM"):
        parameter(18, "linescan coordinate", 6)
    parameter(19, "analysis source polar angle")
    parameter(20, "analysis source azimuth")
    parameter(21, "analyser mode")
    parameter(22, "analyser pass energy")
    if technique == "AES diff":
        parameter(23, "differential width")
    for number, name in ((24, "magnification"), (25, "analyser work function"), (26, "target bias")):
        parameter(number, name)
    parameter(27, "analysis width", 2)
    parameter(28, "analyser axis angle", 2)
    species = parameter(29, "species label")[0]
    transition = parameter(30, "transition label and charge", 2)[0]
    abscissa = parameter(31, "abscissa", 4) if header.regular else []
    variables = parameter(32, "corresponding variable", counted("corresponding variables", 2))
    for number, name in (
        (33, "signal mode"),
        (34, "collection time"),
        (35, "number of scans"),
        (36, "time correction"),
    ):
        parameter(number, name)
    if header.mode in _SPUTTERED and technique in _SPUTTERING_SOURCE_TECHNIQUES:
        parameter(37, "sputtering source", 7)
    parameter(38, "sample normal angle", 2)
    parameter(39, "sample rotation")
    parameter(40, "additional parameter", counted("additional numerical parameters", 3))
    if is_first:
        first.update(read)
    lines.skip(header.future_block_entries, "future upgrade block entry")
    columns = len(variables) // 2
    required = 1 if header.regular else 2
    if columns < required:
        raise ResultFileError(
            f"the block has {columns} corresponding variables; it must have at least {required}",
            field=f"{lines.block}corresponding variables",
        )
    total = lines.count("number of ordinate values", MAX_POINTS, minimum=1)
    if total % columns:
        raise ResultFileError(
            f"{total} values are not a multiple of {columns} variables", field=f"{lines.block}number of ordinate values"
        )
    limits = [(lines.number("minimum"), lines.number("maximum")) for _ in range(columns)]
    values = finite_array((lines.number("ordinate value") for _ in range(total)), f"{lines.block}ordinate values")
    values = values.reshape(-1, columns)
    for column in range(required):
        _check_limits(values[:, column], limits[column], f"{lines.block}ordinate values")
    counts = values[:, required - 1]
    if header.regular:
        x_label, x_unit, start, step = abscissa
        x_first, x_step = (finite_number(text, f"{lines.block}abscissa") for text in (start, step))
        if x_step == 0 and len(counts) > 1:
            raise ResultFileError("the increment is 0", field=f"{lines.block}abscissa")
        x = x_first + x_step * np.arange(len(counts), dtype=np.float64)
    else:  # the first corresponding variable is the abscissa
        (x_label, x_unit), x = variables[:2], values[:, 0]
        if len(x) > 1 and not ((np.diff(x) > 0).all() or (np.diff(x) < 0).all()):
            raise ResultFileError("the values must ascend or descend", field=f"{lines.block}abscissa")
    if not x_unit:
        raise ResultFileError("the unit is missing", field=f"{lines.block}abscissa")
    name = " ".join(part for part in (species, transition) if part and part.lower() not in ("none", "n/a"))
    y_label, unit = variables[2 * required - 2 : 2 * required]
    return _Region(name or block_name, x_label, x_unit, y_label, unit, x, counts)


def _check_limits(values: Array, limits: tuple[float, float], where: str) -> None:
    low, high = limits
    tolerance = 1e-3 * max(abs(low), abs(high), 1.0)
    if values.min() < low - tolerance or values.max() > high + tolerance:
        raise ResultFileError(
            f"the values are {values.min():g} to {values.max():g}; the block states {low:g} to {high:g}", field=where
        )
