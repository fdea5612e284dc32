"""Decide from the options and the first rows what a table means: delimiter, header, columns, times, decimal mark.

If neither the file nor an option decides, an error names the option.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import FileFormatError, LayoutError
from chromatrace.ingest.layout import DELIMITERS, Layout
from chromatrace.ingest.tables.numbers import NumberFormat, decimal_mark, is_number
from chromatrace.ingest.tables.quality import quality_scale
from chromatrace.ingest.tables.rows import Cells, Row, Rows, transposed
from chromatrace.ingest.tables.times import TimeReader, looks_like_epoch, looks_like_time, looks_like_times, time_reader

SAMPLE_ROWS = 1000
_PREAMBLE_LINES = 3
MISSING = frozenset(
    ("", "na", "n/a", "n.a.", "#n/a", "#na", "nan", "null", "none", "nil", "-", "--", "---", "?", "missing", "no data")
)
"""Texts that mean "no value", in any case."""

_TIME_NAMES = (
    *("source_time", "timestamp", "time", "datetime", "date_time", "date/time", "date time", "ts", "t", "uts", "epoch"),
    *("utc", "zeit", "zeitstempel", "datum", "date", "when", "recorded", "time stamp"),
)
"""Names of a time column, in any case and without a unit. The first one that occurs is used."""
_TAG_NAMES = ("tag", "tagname", "tag name", "point", "pointname", "sensor", "signal", "variable", "parameter", "name")
_VALUE_NAMES = ("value", "val", "wert", "reading", "measurement")
_QUALITY_NAMES = ("quality", "status", "qualität", "confidence", "statuscode", "opc quality")
_UNIT_NAMES = ("unit", "units", "uom", "engunits", "einheit")
_QUALITY_SUFFIX = re.compile(r"(?P<tag>.+?)[\s._:-]+(?:quality|status|q)", re.IGNORECASE)

_UNITS = frozenset(
    (
        *(
            "s",
            "ms",
            "min",
            "h",
            "d",
            "V",
            "mV",
            "kV",
            "A",
            "mA",
            "µA",
            "uA",
            "nA",
            "K",
            "C",
            "°C",
            "degC",
            "°F",
            "degF",
        ),
        *("%", "Pa", "hPa", "kPa", "MPa", "mbar", "bar", "W", "kW", "mW", "Wh", "kWh", "J", "Hz", "kHz", "MHz", "m"),
        *("mm", "cm", "µm", "um", "nm", "g", "kg", "mg", "L", "mL", "l", "ml", "mol", "Ohm", "ohm", "Ω", "kΩ", "mΩ"),
        *("mA.h", "mAh", "A.h", "Ah", "mC", "N", "Nm", "rpm", "sccm", "slm", "ppm", "ppb", "lx", "lm", "cd"),
    )
)
_UNIT_NAMES_EQUAL = {"degC": "°C", "deg C": "°C", "℃": "°C", "degF": "°F", "deg F": "°F", "celsius": "°C"}
_BRACKETS = re.compile(r"(?P<name>.*?\S)\s*\[(?P<unit>[^\[\]]*)\]")
_PARENTHESES = re.compile(r"(?P<name>.*?\S)\s+\((?P<unit>[^()]*)\)")
_SLASH = re.compile(r"(?P<name>.*[^\s/])\s*/\s*(?P<unit>\S+)")
_COMMENT = re.compile(r"\s*(?:#|//|%)")
_TIME_UNIT_NAMES = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "µs", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nanoseconds"), "ns"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A column of readings at `position`. `quality` is the position of its quality column. `text`: it has states."""

    position: int
    tag: str
    unit: str = ""
    quality: int | None = None
    text: bool = False


@dataclass(slots=True)
class Interpretation:
    """The meaning of a table. `rows` yields its rows after the header, with their line numbers.

    times       positions of the date and time columns; () for rows by number
    long        positions of tag, value, unit (or None) and quality (or None), if the table is long
    """

    rows: Iterator[Row]
    delimiter: str | None
    width: int
    number: NumberFormat
    missing: frozenset[str]
    values: tuple[ValueColumn, ...] = ()
    times: tuple[int, ...] = ()
    time_name: str = "time"
    time: TimeReader | None = None
    start_ns: int = 0
    step_ns: int = 0
    long: tuple[int, int, int | None, int | None] | None = None
    quality_scale: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def cells(self, row: Row) -> Cells:
        """Return the cells of a row. Raises `InvalidInput` if its quotes do not match."""
        return row.cells if row.cells is not None else split(row.text or "", self.delimiter or " ")


def split(line: str, delimiter: str) -> Cells:
    """Split a line into cells. Raises `InvalidInput` if quotes do not match."""
    if delimiter == " ":
        return line.split()
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InvalidInput(str(error), field="line") from error


def is_comment(row: Row) -> bool:
    """Return whether a row of text is a comment."""
    return row.text is not None and _COMMENT.match(row.text) is not None


def is_blank(row: Row) -> bool:
    """Return whether a row has no content."""
    if row.fault:
        return False
    if row.cells is not None:
        return not any(cell.strip() for cell in row.cells)
    return not (row.text or "").strip()


def interpret(rows: Rows, layout: Layout, source: str) -> Interpretation:
    """Return the interpretation of a file; `source` is the source of its readings.

    Raises `LayoutError` if an option does not fit or is missing, `FileFormatError` if the file has no usable table.
    """
    sample = list(islice(rows.rows, SAMPLE_ROWS))
    complete = len(sample) < SAMPLE_ROWS
    content = [row for row in sample if not is_blank(row) and not is_comment(row)]
    if not content:
        raise FileFormatError("the file has no rows", field="path")
    delimiter = None if rows.cells_given else _delimiter(content, layout)
    if layout.transposed or _is_transposed(content, delimiter, layout, complete):
        everything = Rows(chain(sample, rows.rows), rows.facts, rows.position, rows.cells_given, rows.notes)
        everything.rows = (row for row in everything.rows if not is_blank(row) and not is_comment(row))
        turned = transposed(everything, lambda text: split(text, delimiter or " "))
        without = {name: getattr(layout, name) for name in layout.__slots__ if name not in ("transposed", "skip_lines")}
        return interpret(turned, Layout(**without), source)
    table = _Table(rows, layout, sample, delimiter)
    interpretation = table.interpret()
    for column in interpretation.values:
        Reading(source, column.tag, 1, 1, 0.0, column.unit)  # validates once what is the same in every row
    return interpretation


def _is_transposed(content: Sequence[Row], delimiter: str | None, layout: Layout, complete: bool) -> bool:
    """Return whether a table without a header and times is transposed."""
    if layout.columns is None or layout.step is None or not complete or layout.skip_lines:
        return False
    return _has_transposed_shape(content, delimiter, len(layout.columns))


def _has_transposed_shape(content: Sequence[Row], delimiter: str | None, width: int) -> bool:
    """Return whether only the number of lines, not the number of cells, equals the number of columns named."""
    cells = [row.cells if row.cells is not None else _try_split(row.text or "", delimiter or " ") for row in content]
    widths = {len(row) for row in cells}
    return len(content) == width and widths != {width} and len(widths) == 1 and all(map(_is_data, cells))


def _try_split(text: str, delimiter: str) -> Cells:
    try:
        return split(text, delimiter)
    except InvalidInput:
        return []


def _is_data(cells: Cells) -> bool:
    return bool(cells) and all(is_number(cell) or cell.strip().casefold() in MISSING for cell in cells)


def _delimiter(content: Sequence[Row], layout: Layout) -> str:
    """Return the delimiter for which the most lines have the same number of cells, more than one if possible."""
    if layout.delimiter != "auto":
        return DELIMITERS[layout.delimiter]
    lines = [row.text or "" for row in content[layout.skip_lines or 0 :] if not row.fault]
    if len(lines) > _PREAMBLE_LINES:
        lines = lines[len(lines) // 2 :]  # words in a preamble say nothing about the delimiter
    expected = len(layout.columns) if layout.columns is not None and layout.step is not None else None
    best, best_score = " ", (0.0, 0)
    for rank, delimiter in enumerate(("\t", ";", "|", ",", " ")):
        counts = Counter(len(_try_split(line, delimiter)) for line in lines)
        counts.pop(0, None)
        if not counts:
            continue
        width, number = max(counts.items(), key=lambda item: (item[0] == expected, item[0] > 1, item[1], item[0]))
        if width == 1 and expected != 1:
            continue
        score = (number / len(lines) + (10 if width == expected else 0), -rank)
        if score > best_score:
            best, best_score = delimiter, score
    return best


class _Table:
    def __init__(self, rows: Rows, layout: Layout, sample: list[Row], delimiter: str | None) -> None:
        self._rows, self._layout, self._delimiter = rows, layout, delimiter
        self._sample = sample
        self._notes = list(rows.notes)
        self._facts: dict[str, Any] = dict(rows.facts)
        if delimiter is not None:
            self._facts["delimiter"] = next(name for name, mark in DELIMITERS.items() if mark == delimiter)

    def _cells(self, row: Row) -> Cells:
        if row.fault:
            return []
        return row.cells if row.cells is not None else _try_split(row.text or "", self._delimiter or " ")

    def interpret(self) -> Interpretation:
        layout = self._layout
        first = self._first_row()
        header, body_start = self._header(first)
        unit_row: Cells | None = None
        if header is not None:
            unit_row, body_start = self._unit_row(header, body_start)
        body = [row for row in self._sample[body_start:] if not is_blank(row) and not is_comment(row)]
        cells = [self._cells(row) for row in body]
        width = self._width(header, cells)
        columns = [[row[index].strip() for row in cells if len(row) == width] for index in range(width)]
        result = Interpretation(
            rows=chain(self._sample[body_start:], self._rows.rows),
            delimiter=self._delimiter,
            width=width,
            number=NumberFormat(),
            missing=MISSING | {text.strip().casefold() for text in layout.missing},
            facts=self._facts,
            notes=self._notes,
        )
        if layout.step is not None:
            self._by_row_number(result, header)
        else:
            names = self._names(header, width)
            self._timed(result, names, unit_row, columns)
        self._decimal(result, columns)
        result.facts |= {
            "decimal": result.number.decimal,
            "missing": sorted(layout.missing),
            "columns": [
                {"position": column.position + 1, "tag": column.tag, "unit": column.unit}
                | ({"text": True} if column.text else {})
                for column in result.values
            ],
        }
        return result

    def head(self) -> tuple[list[str], list[str], int]:
        """Return the names and units of the columns, empty without a header, and the index of the first row."""
        first = self._first_row()
        header, start = self._header(first)
        if header is None:
            width = len(self._cells(self._sample[first]))
            return [""] * width, [""] * width, first
        unit_row, start = self._unit_row(header, start)
        parts = [_name_and_unit(name.strip().lstrip("\ufeff")) for name in header]
        names = [name for name, _ in parts]
        return names, [unit or (_unit(unit_row[i]) if unit_row else "") for i, (_, unit) in enumerate(parts)], start

    # -- lines

    def _first_row(self) -> int:
        """Return the index in the sample of the first row of the table; skips a preamble."""
        skip = self._layout.skip_lines
        if skip is not None:
            if skip >= len(self._sample):
                raise LayoutError(f"the file has no table after {skip} lines", field="skip_lines")
            self._facts["skipped_lines"] = skip
            index = skip
            while index < len(self._sample) and (is_blank(self._sample[index]) or is_comment(self._sample[index])):
                index += 1
            return index
        rows = [(index, self._cells(row)) for index, row in enumerate(self._sample) if not self._ignored(row)]
        counts = Counter(len(cells) for _, cells in rows if cells)
        if self._layout.columns is not None and self._layout.step is not None:
            return rows[0][0]
        width = max(counts.items(), key=lambda item: (item[0] > 1, item[1], item[0]))[0] if counts else 1
        for order, (index, cells) in enumerate(rows):
            following = [len(other) for _, other in rows[order + 1 : order + 4]]
            fits = len(cells) == width and (not following or following.count(width) * 2 > len(following))
            if fits or _is_data(cells):
                if order:
                    self._facts["preamble_lines"] = self._sample[index].number - 1
                return index
        return rows[0][0]

    @staticmethod
    def _ignored(row: Row) -> bool:
        return is_blank(row) or is_comment(row)

    def _header(self, first: int) -> tuple[Cells | None, int]:
        """Return the header, or None, and the index of the row after it."""
        cells = self._cells(self._sample[first])
        if (
            self._rows.facts.get("format") in ("parquet", "json")
            and first == 0
            and not self._rows.facts.get("transposed")
        ):
            return cells, first + 1
        values = [cell.strip() for cell in cells if cell.strip()]
        data = [cell for cell in values if is_number(cell) or looks_like_time(cell)]
        timed = bool(values) and _name_and_unit(values[0])[0].casefold() in _TIME_NAMES
        if values and (not data or timed):
            self._facts["header_line"] = self._sample[first].number
            return cells, first + 1
        if values and len(data) <= len(values) / 2 and not is_number(values[0]) and not looks_like_time(values[0]):
            self._facts["header_line"] = self._sample[first].number
            return cells, first + 1
        commented = self._commented_header(first, len(cells))
        if commented is not None:
            return commented, first
        return None, first

    def _commented_header(self, first: int, width: int) -> Cells | None:
        """Return the header in the comment before the first row, if it has a name for each cell."""
        if first == 0 or not is_comment(self._sample[first - 1]):
            return None
        text = _COMMENT.sub("", self._sample[first - 1].text or "", count=1).strip()
        names = _try_split(text, self._delimiter or " ")
        if len(names) != width or any(is_number(name) for name in names):
            return None
        self._facts["header_line"] = self._sample[first - 1].number
        return names

    def _unit_row(self, header: Cells, start: int) -> tuple[Cells | None, int]:
        """Return the row of units after the header, or None, and the index of the row after it."""
        index = start
        while index < len(self._sample) and self._ignored(self._sample[index]):
            index += 1
        if index + 1 >= len(self._sample):
            return None, start
        units = [cell.strip() for cell in self._cells(self._sample[index])]
        following = next((self._cells(row) for row in self._sample[index + 1 :] if not self._ignored(row)), [])
        if len(units) != len(header) or not any(units) or not any(is_number(cell) for cell in following):
            return None, start
        plain = all(not is_number(unit) and not looks_like_time(unit) and len(unit) <= 20 for unit in units if unit)
        missing = MISSING | {text.casefold() for text in self._layout.missing}
        if not plain or all(unit.casefold() in missing for unit in units):
            return None, start
        numeric = [position for position, cell in enumerate(following) if is_number(cell)]
        if not all(position < len(units) for position in numeric):
            return None, start
        known = [unit for unit in units if unit and (unit in _UNITS or unit in _UNIT_NAMES_EQUAL)]
        if not known:
            return None, start
        self._facts["unit_line"] = self._sample[index].number
        return units, index + 1

    def _width(self, header: Cells | None, cells: Sequence[Cells]) -> int:
        if self._layout.columns is not None and self._layout.step is not None:
            return len(self._layout.columns)
        if header is not None:
            return len(header)
        counts = Counter(len(row) for row in cells)
        return max(counts.items(), key=lambda item: (item[1], item[0]))[0] if counts else 0

    def _names(self, header: Cells | None, width: int) -> list[str]:
        if header is not None:
            return [name.strip().lstrip("\ufeff") for name in header]
        chosen = self._layout.columns
        if chosen is not None and len(chosen) == width:
            return [column.tag or "" for column in chosen]
        return []

    # -- columns

    def _by_row_number(self, result: Interpretation, header: Cells | None) -> None:
        layout = self._layout
        assert layout.columns is not None
        assert layout.start_ns is not None
        assert layout.step_ns is not None
        if header is not None and len(header) != result.width:
            header_line = self._facts.get("header_line")
            raise FileFormatError(
                f"expected {result.width} columns, got {len(header)}",
                field=f"line {header_line}",
                hint="check --columns",
            )
        result.start_ns, result.step_ns = layout.start_ns, layout.step_ns
        result.values = tuple(
            ValueColumn(
                position, column.tag, layout.units.get(column.tag, column.unit), None, column.tag in layout.text
            )
            for position, column in enumerate(layout.columns)
            if column.tag is not None
        )
        result.facts |= {"shape": "wide", "time": {"start": layout.start, "step": layout.step}}

    def _timed(
        self, result: Interpretation, names: list[str], unit_row: Cells | None, columns: list[list[str]]
    ) -> None:
        layout = self._layout
        if not names:
            names = self._unnamed(columns)
        parts = [_name_and_unit(name) for name in names]
        if unit_row is not None:
            parts = [(name, unit or _unit(unit_row[index])) for index, (name, unit) in enumerate(parts)]
        lowered = [name.casefold() for name, _ in parts]
        result.times, result.time_name = self._time_columns(names, lowered, columns)
        self._read_times(result, parts, columns)
        others = [index for index in range(len(names)) if index not in result.times]
        tag = _position(lowered, _TAG_NAMES, others)
        value = _position(lowered, _VALUE_NAMES, others)
        if layout.shape == "long" or (layout.shape is None and tag is not None and value is not None):
            if tag is None or value is None:
                raise LayoutError(
                    f"a long table has a tag and a value column; the header has {', '.join(names)}", field="shape"
                )
            unit, quality = _position(lowered, _UNIT_NAMES, others), _position(lowered, _QUALITY_NAMES, others)
            result.long = (tag, value, unit, quality)
            self._set_quality(result, columns, [quality] if quality is not None else [])
            result.facts |= {"shape": "long", "tag": names[tag], "value": names[value]}
            result.facts["quality"] = None if quality is None else names[quality]
            return
        result.facts["shape"] = "wide"
        self._wide(result, parts, lowered, columns, others)

    def _unnamed(self, columns: list[list[str]]) -> list[str]:
        """Return the names of the columns of a table without a header: `time` and the given or numbered tags."""
        chosen = self._layout.columns
        dated = [
            index for index, cells in enumerate(columns) if looks_like_times(cells) or looks_like_epoch(cells[:50])
        ]
        if not dated and self._layout.start is None:
            raise FileFormatError(
                "the first line is not a header",
                field=f"line {self._sample[0].number or 1}",
                hint="for a table without a header, give columns, start and step",
            )
        time = dated[0] if dated else 0
        if chosen is None:
            return ["time" if index == time else f"column {index + 1}" for index in range(len(columns))]
        if len(chosen) != len(columns) - 1:
            raise LayoutError(f"{len(chosen)} columns are named; the table has {len(columns)}", field="columns")
        tags = iter(chosen)
        return ["time" if index == time else (next(tags).tag or "") for index in range(len(columns))]

    def _time_columns(
        self, names: list[str], lowered: list[str], columns: list[list[str]]
    ) -> tuple[tuple[int, ...], str]:
        wanted = self._layout.time_column
        if wanted is not None:
            if wanted in names:
                return (names.index(wanted),), wanted
            parts = [part.strip() for part in wanted.split(",")]
            bare = [_name_and_unit(name)[0] for name in names]
            for part in parts:
                if part not in names and part not in bare:
                    raise LayoutError(f"the header has no column {part!r}: {', '.join(names)}", field="time_column")
            return tuple((names if part in names else bare).index(part) for part in parts), wanted
        date = next((index for index, name in enumerate(lowered) if name in ("date", "datum")), None)
        clock = next((index for index, name in enumerate(lowered) if name in ("time", "zeit", "uhrzeit")), None)
        if date is not None and clock is not None and any(":" in c or "." in c for c in columns[clock] or [":"]):
            return (date, clock), f"{names[date]},{names[clock]}"
        for candidate in _TIME_NAMES:
            if candidate in lowered:
                index = lowered.index(candidate)
                if candidate not in ("when", "recorded", "date", "datum", "utc", "t") or self._is_time(columns[index]):
                    return (index,), names[index]
        dated = [index for index, cells in enumerate(columns) if looks_like_times([c for c in cells if c])]
        if len(dated) == 1:
            return (dated[0],), names[dated[0]]
        raise LayoutError(
            f"the header has no known time column: {', '.join(names)}",
            field="time_column",
            hint="name the time column, or give columns, start and step for a table without one",
        )

    def _is_time(self, cells: list[str]) -> bool:
        given = [cell for cell in cells if cell]
        numbers = self._layout.start is not None or self._layout.time_unit is not None
        return not given or looks_like_times(given) or looks_like_epoch(given) or (numbers and is_number(given[0]))

    def _read_times(self, result: Interpretation, parts: list[tuple[str, str]], columns: list[list[str]]) -> None:
        layout = self._layout
        count = len(columns[result.times[0]]) if columns else 0
        joined = [" ".join(columns[position][row] for position in result.times).strip() for row in range(count)]
        unit = _TIME_UNIT_NAMES.get(parts[result.times[0]][1].casefold(), "s")
        time_unit = layout.time_unit
        if (
            time_unit is None
            and layout.start is None
            and joined
            and looks_like_epoch([cell for cell in joined if cell])
        ):
            named = parts[result.times[0]][1].casefold()
            time_unit = _TIME_UNIT_NAMES.get(named) if named in ("s", "ms", "us", "µs", "ns") else None
            if time_unit is not None and not _plausible(joined, time_unit):
                time_unit = None
        cells = [cell for cell in joined if cell and cell.casefold() not in result.missing]
        if not cells:
            cells = ["1970-01-02T00:00:00Z"]
        try:
            result.time = time_reader(
                cells,
                date_format=layout.date_format,
                time_unit=time_unit,
                time_zone=layout.time_zone,
                fold=layout.fold,
                start_ns=layout.start_ns,
                elapsed_unit=unit,
            )
        except LayoutError as error:
            if error.field == "time_unit":
                raise LayoutError(f"{result.time_name}: {error.message}", field="time_unit", hint=error.hint) from error
            raise
        result.facts["time"] = {
            "columns": [position + 1 for position in result.times],
            "format": result.time.format,
            "time_zone": layout.time_zone,
            "start": layout.start,
        }

    def _wide(
        self,
        result: Interpretation,
        parts: list[tuple[str, str]],
        lowered: list[str],
        columns: list[list[str]],
        others: list[int],
    ) -> None:
        layout, left_out = self._layout, []
        chosen = {column.tag: column.unit for column in layout.columns or () if column.tag is not None}
        qualities = self._quality_columns(parts, lowered, others)
        values: list[ValueColumn] = []
        for index in others:
            tag, unit = parts[index]
            full = tag
            if chosen and tag not in chosen and f"{tag} [{unit}]" not in chosen:
                continue
            if index in qualities.values():
                continue
            given = [cell for cell in columns[index] if cell.casefold() not in result.missing]
            if not tag:
                if given:
                    raise FileFormatError(
                        f"column {index + 1} has no name", field=f"line {self._facts.get('header_line', 1)}"
                    )
                if not any(columns[index]) and columns[index]:
                    self._notes.append(f"column {index + 1} is empty and left out")
                    continue
                raise FileFormatError(
                    f"column {index + 1} has no name", field=f"line {self._facts.get('header_line', 1)}"
                )
            is_text = full in layout.text
            if not is_text and tag not in chosen and given and not any(is_number(cell) for cell in given):
                left_out.append(tag)
                continue
            unit = layout.units.get(tag) or chosen.get(tag) or unit
            quality = qualities.get(tag, qualities.get(""))
            values.append(ValueColumn(index, tag, unit, quality, is_text))
        self._check(values, chosen, left_out)
        result.values = tuple(values)
        self._set_quality(result, columns, sorted(set(qualities.values())))
        if left_out:
            result.facts["left_out"] = left_out
            names = ", ".join(left_out)
            self._notes.append(f"columns without numbers are left out: {names}; use --text to read one as text")

    def _quality_columns(self, parts: list[tuple[str, str]], lowered: list[str], others: list[int]) -> dict[str, int]:
        """Return the positions of quality columns by tag; "" is the one for all other columns."""
        found: dict[str, int] = {}
        tags = {parts[index][0] for index in others}
        for index in others:
            name = parts[index][0]
            match = _QUALITY_SUFFIX.fullmatch(name)
            if lowered[index] in _QUALITY_NAMES:
                found.setdefault("", index)
            elif match and match["tag"] in tags:
                found[match["tag"]] = index
        return found

    def _set_quality(self, result: Interpretation, columns: list[list[str]], positions: list[int]) -> None:
        if positions:
            cells = [cell for position in positions for cell in columns[position]]
            result.quality_scale = self._layout.quality or quality_scale(cells)
            result.facts["quality_scale"] = result.quality_scale

    def _check(self, values: list[ValueColumn], chosen: dict[str, str], left_out: list[str]) -> None:
        line = f"line {self._facts.get('header_line', 1)}"
        tags = [column.tag for column in values]
        if duplicates := {tag for tag in tags if tags.count(tag) > 1}:
            raise FileFormatError(f"duplicate column {min(duplicates)!r}", field=line)
        if missing := [tag for tag in chosen if tag not in tags]:
            raise LayoutError(f"the header has no column {missing[0]!r}", field="columns")
        if not values:
            hint = (
                f"columns without numbers: {', '.join(left_out)}; use --text to read one as text" if left_out else None
            )
            raise FileFormatError("the header has a time column but no column of readings", field=line, hint=hint)

    def _decimal(self, result: Interpretation, columns: list[list[str]]) -> None:
        mark = self._layout.decimal
        if mark is None:
            positions = (
                [result.long[1]] if result.long else [column.position for column in result.values if not column.text]
            )
            if result.time is not None and "since" in result.time.format:
                positions = [*positions, *result.times]
            mark = decimal_mark(cell for position in positions if position < len(columns) for cell in columns[position])
        result.number = NumberFormat(mark)


def _position(lowered: list[str], candidates: Sequence[str], allowed: Sequence[int]) -> int | None:
    return next(
        (lowered.index(name) for name in candidates if name in lowered and lowered.index(name) in allowed), None
    )


def _name_and_unit(text: str) -> tuple[str, str]:
    """Split a header such as `pressure [Pa]`, `T (°C)` or `time/s` into name and unit."""
    for pattern in (_BRACKETS, _PARENTHESES):
        if match := pattern.fullmatch(text):
            return match["name"], _unit(match["unit"])
    match = _SLASH.fullmatch(text)
    if match and match["unit"] in _UNITS:
        return match["name"], _unit(match["unit"])
    return text, ""


def _unit(text: str) -> str:
    text = text.strip()
    return _UNIT_NAMES_EQUAL.get(text, text)


def _plausible(cells: Sequence[str], unit: str) -> bool:
    numbers = [float(cell) for cell in cells if is_number(cell)]
    seconds = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]
    return all(1e8 <= number / seconds < 1e10 for number in numbers)


@dataclass(frozen=True, slots=True)
class NamedColumn:
    """A column of a table of numbers: name, unit ("" if the header has none), cells."""

    name: str
    unit: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class NumberTable:
    """A table without an interpretation of its columns. `lines` are the line numbers of its rows.

    `columns` have empty names if the table has no header.
    """

    columns: tuple[NamedColumn, ...]
    lines: list[int]
    number: NumberFormat


def number_table(rows: Rows, layout: Layout, *, maximum_rows: int) -> NumberTable:
    """Return the columns of a table that does not have to have times, such as a spectrum.

    The table is transposed first if the layout states it, or if it has as many lines as the layout has columns. Raises
    `LayoutError`, `FileFormatError`; the latter also for a row with another number of cells.
    """
    everything = list(islice(rows.rows, maximum_rows + SAMPLE_ROWS))
    sample = everything[:SAMPLE_ROWS]
    content = [row for row in sample if not is_blank(row) and not is_comment(row)]
    if not content:
        raise FileFormatError("the file has no rows", field="path")
    if len(everything) > maximum_rows:
        raise FileFormatError(f"the table has more than {maximum_rows:,} rows", field="path")
    delimiter = None if rows.cells_given else _delimiter(content, layout)
    lines_only = len(everything) <= SAMPLE_ROWS and layout.columns is not None
    if layout.transposed or (lines_only and _has_transposed_shape(content, delimiter, len(layout.columns or ()))):
        kept = (row for row in everything if not is_blank(row) and not is_comment(row))
        lines_of_tags = Rows(kept, rows.facts, rows.position, rows.cells_given, rows.notes)
        turned = transposed(lines_of_tags, lambda text: split(text, delimiter or " "))
        return number_table(turned, replace(layout, transposed=False, columns=None), maximum_rows=maximum_rows)
    table = _Table(rows, layout, sample, delimiter)
    names, units, start = table.head()
    cells: list[list[str]] = [[] for _ in names]
    lines = []
    for row in everything[start:]:
        if is_blank(row) or is_comment(row):
            continue
        if row.fault:
            raise FileFormatError(row.fault, field=f"line {row.number}")
        values = row.cells if row.cells is not None else split(row.text or "", delimiter or " ")
        if len(values) != len(names):
            raise FileFormatError(f"expected {len(names)} cells, got {len(values)}", field=f"line {row.number}")
        lines.append(row.number)
        for column, value in zip(cells, values, strict=True):
            column.append(value.strip())
    mark = layout.decimal or decimal_mark(cell for column in cells for cell in column if is_number(cell))
    columns = tuple(NamedColumn(name, unit, column) for name, unit, column in zip(names, units, cells, strict=True))
    return NumberTable(columns, lines, NumberFormat(mark))
