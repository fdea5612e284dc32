"""Parse the lines of a recorded file into readings: one parser per layout, one line at a time.

A parser returns the field and the reason of everything that it rejects. It does not raise errors for the content of a
line.
"""

from __future__ import annotations

import csv
import json
import math
import re
import time
from contextlib import suppress
from typing import Any, NoReturn, Protocol

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import FileFormatError, LayoutError
from chromatrace.ingest.layout import TIME_COLUMNS, Layout, Table, TimedCsv
from chromatrace.ingest.records import ReadingFields, reading_fields
from chromatrace.ingest.times import parse_epoch, parse_time
from chromatrace.storage.strict_json import require_shallow

_MAX_TIME_NS = 2**63 - 1
_HEADER = re.compile(r"(?P<name>.+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")

Rejection = tuple[str, str]
"""Field and reason."""


class RowParser(Protocol):
    """Parses the lines of a file into readings, one line at a time."""

    @property
    def empty(self) -> int:
        """Return the number of cells without a value so far."""

    def parse(self, line: str, readings: list[ReadingFields]) -> list[Rejection]:
        """Append the readings of `line` to `readings` and return what was rejected."""


def parser_for(layout: Layout, source: str) -> RowParser:
    """Return the parser of `layout`. `source` is the source of readings whose line names none."""
    if isinstance(layout, Table):
        return _TableParser(layout, source)
    if isinstance(layout, TimedCsv):
        return _TimedCsvParser(layout, source)
    return _JsonLinesParser(source)


def detect_delimiter(line: str) -> str:
    """Return the delimiter of a row: the first of tab, semicolon and comma that occurs, else white space."""
    return next((delimiter for delimiter in "\t;," if delimiter in line), " ")


def _cells(line: str, delimiter: str) -> list[str]:
    """Split a line into cells. Raises `InvalidInput` if quotes do not match."""
    if delimiter == " ":
        return line.split()
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InvalidInput(str(error), field="line") from error


def _number(text: str, delimiter: str) -> float:
    """Return the finite number in a cell. With the delimiter `;`, a decimal comma is accepted. Raises ValueError."""
    text = text.strip()
    plain = text.replace(",", ".", 1) if delimiter == ";" else text
    try:
        # float() also accepts non-ASCII digits and underscores between digits.
        value = float(plain) if plain.isascii() and "_" not in plain else math.nan
    except ValueError:
        raise ValueError(f"expected a number, got {text!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {text!r}")
    return value


class _Columns:
    """Converts the cells of a row to readings."""

    def __init__(self, columns: list[tuple[int, str, str]], source: str, width: int) -> None:
        """Set up for `columns` (position in the row, tag and unit) of rows with `width` cells."""
        self.empty = 0
        self._columns = columns
        self._source = source
        self._width = width

    def parse(
        self, line: str, cells: list[str], delimiter: str, time_ns: int, row: int, readings: list[ReadingFields]
    ) -> list[Rejection]:
        if len(cells) != self._width:
            return [("columns", f"expected {self._width} cells, got {len(cells)}")]
        source, received_ns, sequence = self._source, time.time_ns(), row * self._width
        # Fast path for a row that contains only numbers. Other rows are parsed cell by cell.
        with suppress(ValueError):
            values = [float(cells[position]) for position, _, _ in self._columns]
            if all(map(math.isfinite, values)) and line.isascii() and "_" not in line:
                readings.extend(
                    [
                        (source, tag, time_ns, received_ns, value, unit, 0, sequence + position, False)
                        for (position, tag, unit), value in zip(self._columns, values, strict=True)
                    ]
                )
                return []
        rejections = []
        for position, tag, unit in self._columns:
            if not cells[position].strip():
                self.empty += 1
                continue
            try:
                value = _number(cells[position], delimiter)
            except ValueError as error:
                rejections.append((tag, str(error)))
            else:
                readings.append((source, tag, time_ns, received_ns, value, unit, 0, sequence + position, False))
        return rejections


class _TableParser:
    def __init__(self, layout: Table, source: str) -> None:
        self._layout = layout
        self._delimiter = layout.delimiter
        self._row = 0
        columns = [(position, c.tag, c.unit) for position, c in enumerate(layout.columns) if c.tag is not None]
        _require_valid(source, columns)
        self._columns = _Columns(columns, source, len(layout.columns))

    @property
    def empty(self) -> int:
        return self._columns.empty

    def parse(self, line: str, readings: list[ReadingFields]) -> list[Rejection]:
        row, self._row = self._row, self._row + 1
        time_ns = self._layout.start_ns + row * self._layout.step_ns
        if not line.strip():
            return [("line", "empty line")]
        if not 0 < time_ns <= _MAX_TIME_NS:
            return [("time", f"the time of row {row} is outside the years 1970 to 2262")]
        if self._delimiter is None:
            self._delimiter = detect_delimiter(line)
        try:
            cells = _cells(line, self._delimiter)
        except InvalidInput as error:
            return [(error.field or "line", error.message)]
        return self._columns.parse(line, cells, self._delimiter, time_ns, row, readings)


class _TimedCsvParser:
    """Reads the first line as the header. Raises `LayoutError` or `FileFormatError` if the header is not usable."""

    def __init__(self, layout: TimedCsv, source: str) -> None:
        self._layout = layout
        self._source = source
        self._delimiter = layout.delimiter
        self._columns: _Columns | None = None
        self._time_position = 0
        self._row = 0

    @property
    def empty(self) -> int:
        return self._columns.empty if self._columns else 0

    def parse(self, line: str, readings: list[ReadingFields]) -> list[Rejection]:
        if self._columns is None:
            self._read_header(line)
            return []
        row, self._row = self._row, self._row + 1
        if not line.strip():
            return [("line", "empty line")]
        delimiter = self._delimiter or ","
        try:
            cells = _cells(line, delimiter)
            if len(cells) <= self._time_position or not cells[self._time_position].strip():
                return [(self._time_name, "the time is missing")]
            time_ns = self._time(cells[self._time_position])
        except InvalidInput as error:
            return [(error.field or "line", error.message)]
        return self._columns.parse(line, cells, delimiter, time_ns, row, readings)

    def _time(self, text: str) -> int:
        unit = self._layout.time_unit
        time_ns = parse_epoch(text, unit, field=self._time_name) if unit else parse_time(text, field=self._time_name)
        if not 0 < time_ns <= _MAX_TIME_NS:
            raise InvalidInput(f"{text.strip()!r} is outside the years 1970 to 2262", field=self._time_name)
        return time_ns

    def _read_header(self, line: str) -> None:
        self._delimiter = self._delimiter or detect_delimiter(line)
        names = [name.strip() for name in _cells(line.removeprefix("\ufeff"), self._delimiter)]
        if not line.strip() or all(_is_number(name) for name in names):
            raise FileFormatError(
                "the first line is not a header",
                field="line 1",
                hint="for a table without a header, give columns, start and step",
            )
        self._time_position, self._time_name = _time_column(names, self._layout.time_column)
        chosen = {c.tag: c.unit for c in self._layout.columns} if self._layout.columns is not None else None
        columns: list[tuple[int, str, str]] = []
        for position, name in enumerate(names):
            match = _HEADER.fullmatch(name)
            tag, unit = (match["name"], match["unit"] or "") if match else (name, "")
            if position == self._time_position or (chosen is not None and tag not in chosen):
                continue
            if not tag:
                raise FileFormatError(f"column {position + 1} has no name", field="line 1")
            unit = self._layout.units.get(tag) or (chosen or {}).get(tag) or unit
            columns.append((position, tag, unit))
        _require_columns(columns, chosen)
        _require_valid(self._source, columns)
        self._columns = _Columns(columns, self._source, len(names))


def _time_column(names: list[str], wanted: str | None) -> tuple[int, str]:
    lowered = [name.lower() for name in names]
    if wanted is not None:
        if wanted not in names:
            raise LayoutError(f"the header has no column {wanted!r}: {', '.join(names)}", field="time_column")
        return names.index(wanted), wanted
    for candidate in TIME_COLUMNS:
        if candidate in lowered:
            position = lowered.index(candidate)
            return position, names[position]
    raise LayoutError(
        f"the header has no known time column: {', '.join(names)}",
        field="time_column",
        hint="name the time column, or give columns, start and step for a table without one",
    )


def _require_columns(columns: list[tuple[int, str, str]], chosen: dict[str | None, str] | None) -> None:
    tags = [tag for _, tag, _ in columns]
    if duplicates := {tag for tag in tags if tags.count(tag) > 1}:
        raise FileFormatError(f"duplicate column {min(duplicates)!r}", field="line 1")
    if missing := [tag for tag in chosen or () if tag is not None and tag not in tags]:
        raise LayoutError(f"the header has no column {missing[0]!r}", field="columns")
    if not columns:
        raise FileFormatError("the header has a time column but no column of readings", field="line 1")


def _require_valid(source: str, columns: list[tuple[int, str, str]]) -> None:
    """Validate once the fields that are the same in every row."""
    for _, tag, unit in columns:
        Reading(source, tag, 1, 1, 0.0, unit)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _JsonLinesParser:
    """Parses readings given as JSON objects.

    `tag`, `value` and either `source_time_ns` (integer) or `time` (RFC 3339) are required. `source`, `unit`, `quality`,
    `sequence`, `replayed` and `received_ns` are optional. Unknown fields are rejected.
    """

    _REQUIRED = ("tag", "value")
    _KNOWN = frozenset(Reading.__slots__) | {"time"}

    def __init__(self, source: str) -> None:
        self.empty = 0
        self._source = source
        self._row = 0

    def parse(self, line: str, readings: list[ReadingFields]) -> list[Rejection]:
        row, self._row = self._row, self._row + 1
        if not line.strip():
            return [("line", "empty line")]
        try:
            readings.append(reading_fields(self._reading(line, row)))
        except InvalidInput as error:
            return [(error.field or "line", error.message)]
        except (ValueError, RecursionError) as error:
            return [("line", f"invalid JSON: {error}")]
        return []

    def _reading(self, line: str, row: int) -> Reading:
        require_shallow(line.encode("utf-8"))
        document = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_number)
        if not isinstance(document, dict):
            raise InvalidInput("expected a JSON object", field="line")
        for name in document.keys() - self._KNOWN:
            raise InvalidInput("unknown field", field=name)
        for name in self._REQUIRED:
            if name not in document:
                raise InvalidInput("missing field", field=name)
        if ("time" in document) == ("source_time_ns" in document):
            raise InvalidInput("expected exactly one of time and source_time_ns", field="source_time_ns")
        value = document["value"]
        if isinstance(value, str) and _is_number(value):
            raise InvalidInput(f"{value!r} is a number in quotes", field="value", hint="remove the quotes")
        fields: dict[str, Any] = {"source": self._source, "received_ns": time.time_ns(), "sequence": row} | document
        if "time" in fields:
            moment = fields.pop("time")
            if not isinstance(moment, str):
                raise InvalidInput(f"{moment!r} is not a valid RFC 3339 time", field="time")
            fields["source_time_ns"] = parse_time(moment)
        return Reading(**fields)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidInput("duplicate field", field=next(name for name in names if names.count(name) > 1))
    return members


def _no_number(constant: str) -> NoReturn:
    raise InvalidInput(f"expected a finite number, got {constant}", field="value")
