"""Lines of a recorded file as readings: one parser per layout, each given one line at a time.

A parser turns a line into the fields of readings, and says of what it refuses the field and the reason; it never
raises for what a line contains.
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
from chromatrace.ingest.errors import FileRefused, LayoutRefused
from chromatrace.ingest.layout import TIME_COLUMNS, Layout, Table, TimedCsv
from chromatrace.ingest.records import ReadingFields, reading_fields
from chromatrace.ingest.times import parse_epoch, parse_time
from chromatrace.storage.strict_json import refuse_depth

_MAX_TIME_NS = 2**63 - 1
_HEADER = re.compile(r"(?P<name>.+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")

Refusal = tuple[str, str]
"""Field and reason."""


class RowParser(Protocol):
    """Turns the lines of a file into readings, one line at a time."""

    @property
    def empty(self) -> int:
        """Cells without a value so far: no reading was there to take."""

    def parse(self, line: str, taken: list[ReadingFields]) -> list[Refusal]:
        """Adds the line's readings to `taken` and returns what it refused of it."""


def parser_for(layout: Layout, source: str) -> RowParser:
    """The parser of `layout`; `source` is the readings' source where the lines name none."""
    if isinstance(layout, Table):
        return _TableParser(layout, source)
    if isinstance(layout, TimedCsv):
        return _TimedCsvParser(layout, source)
    return _JsonLinesParser(source)


def told_delimiter(line: str) -> str:
    """The delimiter of a row: the first of tab, semicolon and comma that occurs, else white space."""
    return next((delimiter for delimiter in "\t;," if delimiter in line), " ")


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line; raises `InvalidInput` where quotes do not match."""
    if delimiter == " ":
        return line.split()
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InvalidInput(str(error), field="line") from error


def _number(text: str, delimiter: str) -> float:
    """The finite number that a cell holds; raises ValueError with the reason. With `;` a decimal comma will do."""
    text = text.strip()
    plain = text.replace(",", ".", 1) if delimiter == ";" else text
    try:
        # Python would read digits of other scripts, and underscores between digits.
        value = float(plain) if plain.isascii() and "_" not in plain else math.nan
    except ValueError:
        raise ValueError(f"a number is needed, got {text!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"a finite number is needed, got {text!r}")
    return value


class _Columns:
    """The cells of one row as readings."""

    def __init__(self, columns: list[tuple[int, str, str]], source: str, width: int) -> None:
        """`columns`: position in the row, tag and unit; `width`: cells of a row."""
        self.empty = 0
        self._columns = columns
        self._source = source
        self._width = width

    def parse(
        self, line: str, cells: list[str], delimiter: str, time_ns: int, row: int, taken: list[ReadingFields]
    ) -> list[Refusal]:
        if len(cells) != self._width:
            return [("columns", f"{self._width} cells are needed, got {len(cells)}")]
        source, received_ns, sequence = self._source, time.time_ns(), row * self._width
        # The usual row, numbers throughout, is taken as a whole; any other cell by cell.
        with suppress(ValueError):
            values = [float(cells[position]) for position, _, _ in self._columns]
            if all(map(math.isfinite, values)) and line.isascii() and "_" not in line:
                taken.extend(
                    [
                        (source, tag, time_ns, received_ns, value, unit, 0, sequence + position, False)
                        for (position, tag, unit), value in zip(self._columns, values, strict=True)
                    ]
                )
                return []
        refused = []
        for position, tag, unit in self._columns:
            if not cells[position].strip():
                self.empty += 1
                continue
            try:
                value = _number(cells[position], delimiter)
            except ValueError as error:
                refused.append((tag, str(error)))
            else:
                taken.append((source, tag, time_ns, received_ns, value, unit, 0, sequence + position, False))
        return refused


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

    def parse(self, line: str, taken: list[ReadingFields]) -> list[Refusal]:
        row, self._row = self._row, self._row + 1
        time_ns = self._layout.start_ns + row * self._layout.step_ns
        if not line.strip():
            return [("line", "it is empty")]
        if not 0 < time_ns <= _MAX_TIME_NS:
            return [("time", f"row {row} falls outside the years 1970 to 2262")]
        if self._delimiter is None:
            self._delimiter = told_delimiter(line)
        try:
            cells = _cells(line, self._delimiter)
        except InvalidInput as error:
            return [(error.field or "line", error.message)]
        return self._columns.parse(line, cells, self._delimiter, time_ns, row, taken)


class _TimedCsvParser:
    """Takes the first line as the header; raises `LayoutRefused` or `FileRefused` where that does not do."""

    def __init__(self, layout: TimedCsv, source: str) -> None:
        self._layout = layout
        self._source = source
        self._delimiter = layout.delimiter
        self._columns: _Columns | None = None
        self._time_at = 0
        self._row = 0

    @property
    def empty(self) -> int:
        return self._columns.empty if self._columns else 0

    def parse(self, line: str, taken: list[ReadingFields]) -> list[Refusal]:
        if self._columns is None:
            self._read_header(line)
            return []
        row, self._row = self._row, self._row + 1
        if not line.strip():
            return [("line", "it is empty")]
        delimiter = self._delimiter or ","
        try:
            cells = _cells(line, delimiter)
            if len(cells) <= self._time_at or not cells[self._time_at].strip():
                return [(self._time_name, "a reading without its time is refused, never stamped by us")]
            time_ns = self._time(cells[self._time_at])
        except InvalidInput as error:
            return [(error.field or "line", error.message)]
        return self._columns.parse(line, cells, delimiter, time_ns, row, taken)

    def _time(self, text: str) -> int:
        unit = self._layout.time_unit
        time_ns = parse_epoch(text, unit, field=self._time_name) if unit else parse_time(text, field=self._time_name)
        if not 0 < time_ns <= _MAX_TIME_NS:
            raise InvalidInput(f"{text.strip()!r} falls outside the years 1970 to 2262", field=self._time_name)
        return time_ns

    def _read_header(self, line: str) -> None:
        self._delimiter = self._delimiter or told_delimiter(line)
        names = [name.strip() for name in _cells(line.removeprefix("\ufeff"), self._delimiter)]
        if not line.strip() or all(_is_number(name) for name in names):
            raise FileRefused(
                "the first line is no header", field="line 1", hint="a table of numbers needs columns, start and step"
            )
        self._time_at, self._time_name = _time_column(names, self._layout.time_column)
        chosen = {c.tag: c.unit for c in self._layout.columns} if self._layout.columns is not None else None
        columns: list[tuple[int, str, str]] = []
        for position, name in enumerate(names):
            match = _HEADER.fullmatch(name)
            tag, unit = (match["name"], match["unit"] or "") if match else (name, "")
            if position == self._time_at or (chosen is not None and tag not in chosen):
                continue
            if not tag:
                raise FileRefused(f"column {position + 1} has no name", field="line 1")
            unit = self._layout.units.get(tag) or (chosen or {}).get(tag) or unit
            columns.append((position, tag, unit))
        _require_columns(columns, chosen)
        _require_valid(self._source, columns)
        self._columns = _Columns(columns, self._source, len(names))


def _time_column(names: list[str], wanted: str | None) -> tuple[int, str]:
    lowered = [name.lower() for name in names]
    if wanted is not None:
        if wanted not in names:
            raise LayoutRefused(f"the header has no column {wanted!r}: {', '.join(names)}", field="time_column")
        return names.index(wanted), wanted
    for candidate in TIME_COLUMNS:
        if candidate in lowered:
            position = lowered.index(candidate)
            return position, names[position]
    raise LayoutRefused(
        f"the header has no column of times that is recognised: {', '.join(names)}",
        field="time_column",
        hint="name it; or, for a table without one, give columns, start and step",
    )


def _require_columns(columns: list[tuple[int, str, str]], chosen: dict[str | None, str] | None) -> None:
    tags = [tag for _, tag, _ in columns]
    if twice := {tag for tag in tags if tags.count(tag) > 1}:
        raise FileRefused(f"two columns are called {min(twice)!r}", field="line 1")
    if missing := [tag for tag in chosen or () if tag is not None and tag not in tags]:
        raise LayoutRefused(f"the header has no column {missing[0]!r}", field="columns")
    if not columns:
        raise FileRefused("the header names no column but that of times", field="line 1")


def _require_valid(source: str, columns: list[tuple[int, str, str]]) -> None:
    """Has `Reading` check once what is the same in every row, so that the rows need not."""
    for _, tag, unit in columns:
        Reading(source, tag, 1, 1, 0.0, unit)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _JsonLinesParser:
    """Readings as JSON objects.

    `tag`, `value` and one of `source_time_ns` (integer) and `time` (RFC 3339) are needed; `source`, `unit`, `quality`,
    `sequence`, `replayed` and `received_ns` may be given; anything else is refused, lest a misspelt field be lost.
    """

    _NEEDED = ("tag", "value")
    _KNOWN = frozenset(Reading.__slots__) | {"time"}

    def __init__(self, source: str) -> None:
        self.empty = 0
        self._source = source
        self._row = 0

    def parse(self, line: str, taken: list[ReadingFields]) -> list[Refusal]:
        row, self._row = self._row, self._row + 1
        if not line.strip():
            return [("line", "it is empty")]
        try:
            taken.append(reading_fields(self._reading(line, row)))
        except InvalidInput as error:
            return [(error.field or "line", error.message)]
        except (ValueError, RecursionError) as error:
            return [("line", f"not JSON: {error}")]
        return []

    def _reading(self, line: str, row: int) -> Reading:
        refuse_depth(line.encode("utf-8"))
        document = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_number)
        if not isinstance(document, dict):
            raise InvalidInput("a JSON object is needed", field="line")
        for name in document.keys() - self._KNOWN:
            raise InvalidInput("unknown field", field=name)
        for name in self._NEEDED:
            if name not in document:
                raise InvalidInput("it is missing", field=name)
        if ("time" in document) == ("source_time_ns" in document):
            raise InvalidInput("one of time and source_time_ns is needed", field="source_time_ns")
        fields: dict[str, Any] = {"source": self._source, "received_ns": time.time_ns(), "sequence": row} | document
        if "time" in fields:
            moment = fields.pop("time")
            if not isinstance(moment, str):
                raise InvalidInput(f"an RFC 3339 time is needed, got {moment!r}", field="time")
            fields["source_time_ns"] = parse_time(moment)
        return Reading(**fields)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidInput("it is given twice", field=next(name for name in names if names.count(name) > 1))
    return members


def _no_number(constant: str) -> NoReturn:
    raise InvalidInput(f"a finite number is needed, got {constant}", field="value")
