"""Read measured values of single units from a CSV file: a column `serial`, and quantities such as `ΔT [%]`."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from pathlib import Path

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.quality.disposition import Values

_HEADER = re.compile(r"(?P<name>.+?)\s*\[(?P<unit>[^\[\]]*)\]")
_FIELD = "units"


def read_unit_values(path: Path, serials: SerialRange | None) -> dict[str, Values]:
    """Return the values of each unit by serial. An empty cell is a quantity that was not measured.

    serials  those of the batch; None: its units have none, which is an error

    Raises `InvalidInput` with the line.
    """
    if serials is None:
        raise InvalidInput("the units of this batch have no serials", field=_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            columns = _columns(header, path)
            values: dict[str, Values] = {}
            for row in rows:
                if not row:
                    continue
                where = f"{path}, line {rows.line_num}"
                if len(row) != len(header):
                    raise InvalidInput(f"{where}: {len(row)} cells; the header has {len(header)}", field=_FIELD)
                serial, measured = _unit(row, columns, where)
                if not _belongs(serial, serials):
                    raise InvalidInput(f"{where}: unit {serial!r:.40} does not belong to the batch", field=_FIELD)
                if serial in values:
                    raise InvalidInput(f"{where}: duplicate serial {serial}", field=_FIELD)
                values[serial] = measured
            return values
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} is not a CSV file in UTF-8: {error}", field=_FIELD) from error


def _columns(header: list[str], path: Path) -> Mapping[int, tuple[str, str] | None]:
    """Return quantity and unit of each column; None for that of the serials."""
    columns: dict[int, tuple[str, str] | None] = {}
    for index, text in enumerate(header):
        name = text.strip()
        match = _HEADER.fullmatch(name)
        column = None if name.lower() == "serial" else (match["name"], match["unit"].strip()) if match else (name, "")
        if column in columns.values() or column == ("", ""):
            raise InvalidInput(f"{path}: column {index + 1} is {name!r:.60}: empty or a duplicate", field=_FIELD)
        columns[index] = column
    if None not in columns.values() or len(columns) < 2:
        raise InvalidInput(
            f"{path} needs a column serial and a quantity",
            field=_FIELD,
            hint="write quantities with their units, such as optical modulation [%]",
        )
    return columns


def _unit(row: list[str], columns: Mapping[int, tuple[str, str] | None], where: str) -> tuple[str, Values]:
    serial, values = "", dict[str, tuple[float, str]]()
    for index, cell in enumerate(row):
        column, text = columns[index], cell.strip()
        if column is None:
            serial = text
        elif text:
            values[column[0]] = (_number(text, f"{where}: {column[0]}"), column[1])
    if not values:
        raise InvalidInput(f"{where}: unit {serial!r:.40} has no values", field=_FIELD)
    return serial, values


def _number(text: str, where: str) -> float:
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput(f"{where} is {text!r:.40}; expected a finite number", field=_FIELD)
    return value


def _belongs(serial: str, serials: SerialRange) -> bool:
    try:
        return Serial(serial) in serials
    except InvalidInput:
        return False
