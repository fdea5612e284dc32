"""Read tables of results: spectra, diffraction patterns, charge, cycling and switching series.

The header decides which columns there are. Each column is converted to one unit.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.tables import NumberTable, number_table, open_rows
from chromatrace.ingest.tables.times import looks_like_times, time_reader
from chromatrace.instruments.diffraction import pattern
from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.optical import ABSORBANCE, FRACTION, Spectrum, optical_change
from chromatrace.instruments.results import MAX_POINTS, Array, Content
from chromatrace.instruments.series import Series, SeriesOptions

MAX_UNPACKED = 256 << 20
"""Bytes of a compressed file after unpacking."""

_MAX_COLUMNS = 100
_ZIPPED = (".xlsx", ".ods")
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"

_NAMES = {
    "wavelength": r"wave ?length|lambda|λ|nm|wl",
    "wavenumber": r"wave ?number",
    "two_theta": r"2 ?-?(theta|θ|th)|two ?theta|angle",
    "intensity": r"intensity|counts|int|yobs|i",
    "bleached": r"(t|transmittance|transmission) ?(in )?(the )?bleached( state)?|t ?b|bleached",
    "coloured": r"(t|transmittance|transmission) ?(in )?(the )?colou?red( state)?|t ?c|colou?red",
    "modulation": r"(delta|δ|∆|d) ?t|optical modulation|modulation|contrast|optical contrast|transmittance modulation",
    "transmittance": r"%? ?t|t ?%|%? ?transmittance|%? ?transmission|transmittance ?%|transmission ?%|%? ?trans",
    "absorbance": r"abs|absorbance|a|od|optical density",
    "cycle": r"cycle|cycles|cycle ?(number|no|n|index)|n",
    "time": r"time|t|elapsed( time)?|zeit",
    "current": r"current|i|<i>|current ?density|j",
    "charge": r"charge|q|charge ?density|\(q-qo\)|q-qo|capacity|inserted charge|discharge ?(charge|capacity)",
    "voltage": r"voltage|potential|e|u|v|ewe|bias|applied ?(voltage|potential)",
}
"""Names of columns after case folding, `_` as a space. The first one that matches and whose unit fits is used."""

_UNITS: dict[str, list[tuple[str, float]]] = {
    "wavelength": [("nm|nanomet(er|re)s?", 1.0), ("[µμu]m|micromet(er|re)s?|microns?", 1e3)],
    "wavenumber": [(r"cm-1|1/cm|cm\^-1|cm⁻¹", 1.0)],
    "two_theta": [("deg|°|degrees?|°2θ|°2theta|deg2theta|2theta", 1.0), ("", 1.0)],
    "intensity": [("", 1.0), (r"counts?|cts|cps|a\.?u\.?|arb\.? ?u(nits)?\.?|counts/s|c/s", 1.0)],
    "transmittance": [("%|percent|pct", 0.01), ("1|fraction|0-1|0\\.\\.1", 1.0)],
    "absorbance": [("", 1.0), (r"1|abs|a\.?u\.?|od", 1.0)],
    "cycle": [("", 1.0), ("1|#|cycles?", 1.0)],
    "time": [("s|sec|seconds?", 1.0), ("ms", 1e-3), ("min|minutes?", 60.0), ("h|hours?", 3600.0)],
    "current": [("a", 1.0), ("ma", 1e-3), ("[µμu]a", 1e-6)],
    "charge": [("c", 1.0), ("mc", 1e-3), ("[µμu]c", 1e-6), ("a ?[.·]?h|ah", 3600.0), ("ma ?[.·]?h|mah", 3.6)],
    "voltage": [("v", 1.0), ("mv", 1e-3), ("", 1.0)],
}
_UNITS |= dict.fromkeys(("bleached", "coloured", "modulation"), _UNITS["transmittance"])
_RATIOS = ("transmittance", "bleached", "coloured", "modulation")
_PER_AREA = re.compile(r"(?P<unit>.+?) ?(?:[/_] ?cm(?:2|²|\^2)|[ .·*]?cm(?:\^?-2|⁻²))")
_UNIT_IN_NAME = re.compile(
    r"(?P<name>.+?)\s*[\[(](?P<unit>[^\[\]()]+)[\])]|(?P<name2>.+?)[ _/](?P<unit2>[^ _/]+(?:[/_]cm[2²])?)"
)


def read_table(
    data: bytes, path: Path, ordinate: str | None, wavelength_nm: float, options: SeriesOptions
) -> tuple[Spectrum | None, Content]:
    """Return the content of a table, and the spectrum if it is one. Raises `ResultFileError`."""
    try:
        layout = Layout(decimal=options.decimal)
        data, path = _unpacked(data, path)
        table = number_table(open_rows(io.BytesIO(data), path, layout), layout, maximum_rows=MAX_POINTS)
    except InvalidInput as error:
        hint = "save the file as UTF-8" if error.field == "encoding" else error.hint
        raise ResultFileError(error.message, field=error.field, hint=hint) from error
    if len(table.columns) > _MAX_COLUMNS:
        raise ResultFileError(f"the table has {len(table.columns)} columns; at most {_MAX_COLUMNS}", field="columns")
    if not table.lines:
        raise ResultFileError("the table has a header but no rows", field="rows")
    if path.suffix.lower() == ".xy":
        return None, pattern(*_two_columns(table), "xy")
    if not any(column.name for column in table.columns):
        raise ResultFileError(
            "the table has no header",
            field="line 1",
            hint="name the columns with their units, such as wavelength [nm] and T [%]",
        )
    columns = _Columns(table)
    if "wavelength" in columns or "wavenumber" in columns:
        if ordinate is None and "bleached" in columns and "coloured" in columns:
            return None, _both_states(columns, wavelength_nm)
        return _spectrum(columns, ordinate)
    if "two_theta" in columns and "intensity" in columns:
        return None, pattern(columns.values("two_theta"), columns.values("intensity"), "table")
    return None, Series(
        {name: columns.values(name) for name in columns.present if name in Series.COLUMNS},
        frozenset(columns.per_area),
        tuple(columns.notes),
    ).content(options)


def _unpacked(data: bytes, path: Path) -> tuple[bytes, Path]:
    """Return the content and name of a gzip file, or the file itself. Raises `ResultFileError` if it is too large."""
    if path.suffix.lower() in _ZIPPED and not data.startswith(_ZIP):
        raise ResultFileError("the file is not a workbook: it is damaged, or has another format", field="workbook")
    if data.startswith(_ZIP):
        try:
            size = sum(member.file_size for member in zipfile.ZipFile(io.BytesIO(data)).infolist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise ResultFileError(f"the workbook is damaged or cut off: {error}", field="workbook") from error
        if size > MAX_UNPACKED:
            raise ResultFileError(f"the workbook has more than {MAX_UNPACKED >> 20} MiB unpacked", field="size")
    if not data.startswith(_GZIP):
        return data, path
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ResultFileError(f"the gzip file is damaged or cut off: {error}", field="gzip") from error
    if len(unpacked) > MAX_UNPACKED:
        raise ResultFileError(f"the file has more than {MAX_UNPACKED >> 20} MiB unpacked", field="size")
    return unpacked, path.with_suffix("")


def _two_columns(table: NumberTable) -> tuple[Array, Array]:
    if len(table.columns) < 2:
        raise ResultFileError(f"expected 2 columns, got {len(table.columns)}", field="columns")
    return _numbers(table, 0, "2theta"), _numbers(table, 1, "intensity")


def _both_states(columns: _Columns, wavelength_nm: float) -> Content:
    """Return the change between the spectra of both states in one table."""
    _, x, x_unit = _abscissa(columns)
    spectra = {name: Spectrum.of(x, x_unit, columns.values(name), FRACTION) for name in ("bleached", "coloured")}
    figures = optical_change(spectra["bleached"], spectra["coloured"], wavelength_nm)
    facts = {"points": len(x), "ordinate": FRACTION, "notes": list(columns.notes)}
    curves = tuple(spectrum.curve(name) for name, spectrum in spectra.items())
    return Content("spectra", "table", figures, facts, curves)


def _abscissa(columns: _Columns) -> tuple[str, Array, str]:
    """Return the name, the values and the unit of the abscissa of a spectrum."""
    name, unit = ("wavelength", "nm") if "wavelength" in columns else ("wavenumber", "1/cm")
    return name, columns.values(name), unit


def _spectrum(columns: _Columns, ordinate: str | None) -> tuple[Spectrum, Content]:
    abscissa, x, x_unit = _abscissa(columns)
    if ordinate is not None:
        name = "absorbance" if ordinate == ABSORBANCE and "absorbance" in columns else columns.only_ordinate(abscissa)
        y = columns.raw(name)
    elif "transmittance" in columns:
        y, ordinate = columns.values("transmittance"), FRACTION
    elif "absorbance" in columns:
        y, ordinate = columns.values("absorbance"), ABSORBANCE
    else:
        raise ResultFileError(
            f"the header has no column of transmittance or absorbance: {', '.join(columns.names)}",
            field="columns",
            hint="name it T [%], T [1] or absorbance, or use --ordinate",
        )
    facts = {"points": len(x), "ordinate": ordinate, "notes": list(columns.notes)}
    return Spectrum.of(x, x_unit, y, ordinate), Content("spectrum", "table", (), facts)


class _Columns:
    """The known columns of a table by name, converted to their units."""

    def __init__(self, table: NumberTable) -> None:
        self._table = table
        self.names = [f"{column.name} [{column.unit}]" if column.unit else column.name for column in table.columns]
        self.present: dict[str, tuple[int, float | None]] = {}
        self.per_area: set[str] = set()
        self.notes: list[str] = []
        for index, column in enumerate(table.columns):
            self._identify(index, column.name, column.unit)

    def __contains__(self, name: str) -> bool:
        return name in self.present

    def _identify(self, index: int, name: str, unit: str) -> None:
        candidates = [(name, unit)]
        if not unit and (match := _UNIT_IN_NAME.fullmatch(name.strip(" ."))):
            candidates.append((match["name"] or match["name2"], match["unit"] or match["unit2"]))
        for text, given in candidates:
            plain = re.sub(r"[\s_]+", " ", text.casefold()).strip(" .")
            unit_text = given.casefold().strip(" .")
            if not unit_text and re.fullmatch(r"%.*|.*%", plain):
                unit_text = "%"
            known = [key for key, pattern_ in _NAMES.items() if re.fullmatch(pattern_, plain)]
            for key in known:
                if self._accept(index, key, unit_text):
                    return
        if unit:
            return  # a column of another kind, such as T [°C]
        # A known name without a unit: its values may show the unit.
        plain = re.sub(r"[\s_]+", " ", name.casefold()).strip(" .")
        for key, pattern_ in _NAMES.items():
            if re.fullmatch(pattern_, plain) and key not in self.present:
                self.present[key] = (index, None)
                return

    def _accept(self, index: int, key: str, unit: str) -> bool:
        if key in self.present and self.present[key][1] is not None:
            return False
        area = _PER_AREA.fullmatch(unit) if key in ("current", "charge") else None
        for pattern_, factor in _UNITS[key]:
            if re.fullmatch(pattern_, area["unit"] if area else unit):
                self.present[key] = (index, factor)
                if area:
                    self.per_area.add(key)
                return True
        return False

    def raw(self, name: str) -> Array:
        """Return the numbers of a column as they are in the file; times of day become seconds since the first one."""
        index = self.present[name][0]
        if name == "time" and looks_like_times(self._table.columns[index].cells):
            self.present[name] = (index, 1.0)
            return self._elapsed(index)
        return _numbers(self._table, self.present[name][0], self.names[self.present[name][0]])

    def values(self, name: str) -> Array:
        """Return the numbers of a column in its unit. Raises `ResultFileError` if the unit is unknown."""
        values = self.raw(name)
        index, factor = self.present[name]
        if factor is None:
            factor = self._factor_from_values(name, index, values)
        return values * factor

    def _elapsed(self, index: int) -> Array:
        cells = self._table.columns[index].cells
        try:
            read = time_reader(
                cells, date_format=None, time_unit=None, time_zone="UTC", fold=None, start_ns=None, elapsed_unit="s"
            )
            moments = [read(cell) for cell in cells]
        except InvalidInput as error:
            raise ResultFileError(error.message, field=self.names[index], hint="write elapsed seconds") from error
        self.notes.append(f"{self.names[index]}: seconds since {cells[0]}")
        return np.array([(moment - moments[0]) / 1e9 for moment in moments])

    def _factor_from_values(self, name: str, index: int, values: Array) -> float:
        """Return the factor if only one unit fits the values: no one writes a wavelength of 633 µm or 0.6 nm."""
        unit = self._table.columns[index].unit
        low, high = float(values.min()), float(values.max())
        if not unit and name == "wavelength" and (low >= 100 or high <= 30):
            self.notes.append(f"{self.names[index]} has no unit; its values are in {'nm' if low >= 100 else 'µm'}")
            return 1.0 if low >= 100 else 1e3
        if not unit and name in _RATIOS and high > 1.5:
            self.notes.append(f"{self.names[index]} has no unit; its values are in %")
            return 0.01
        if not unit and name in _RATIOS and high >= 0.1:
            self.notes.append(f"{self.names[index]} has no unit; its values are fractions")
            return 1.0
        problem = f"the unit {unit!r} is unknown" if unit else "the unit is missing"
        raise ResultFileError(problem, field=self.names[index], hint="write it into the header, such as T [%]")

    def only_ordinate(self, abscissa: str) -> str:
        """Return the name of the column that is not the abscissa. Raises `ResultFileError` if there are several."""
        position = self.present[abscissa][0]
        others = [index for index in range(len(self.names)) if index != position]
        if len(others) != 1:
            for name in ("transmittance", "absorbance"):
                if name in self.present:
                    return name
            raise ResultFileError(
                f"{len(others)} columns can be the ordinate: {', '.join(self.names)}", field="columns"
            )
        self.present["ordinate"] = (others[0], 1.0)
        return "ordinate"


def _numbers(table: NumberTable, index: int, name: str) -> Array:
    values = np.empty(len(table.lines))
    for row, (line, cell) in enumerate(zip(table.lines, table.columns[index].cells, strict=True)):
        try:
            values[row] = table.number.parse(cell)
        except ValueError as error:
            raise ResultFileError(
                f"expected a number, got {cell!r:.60}", field=f"line {line}, {name or 'column'}"
            ) from error
    return values
