"""How a recorded file is laid out, and the options that say so.

Three layouts: `Table` (numbers only, one row per time step), `TimedCsv` (a header and a column of times), `JsonLines`
(one reading per line). `layout_for` chooses and builds one from the options of `chromatrace ingest file`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chromatrace.ingest.errors import LayoutRefused
from chromatrace.ingest.times import TIME_UNITS, parse_duration, parse_time

MAX_COLUMNS = 100_000
DELIMITERS = {"auto": None, "space": " ", "tab": "\t", "comma": ",", "semicolon": ";"}
TIME_COLUMNS = ("source_time", "timestamp", "time", "datetime", "date_time", "ts", "t")
"""Names, in any case, under which a header's column of times is recognised; the first that occurs."""

_COLUMN = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")
_RANGE = re.compile(r"(?P<before>.*?)\((?P<first>\d{1,6})\.\.(?P<last>\d{1,6})\)", re.ASCII)
SKIPPED = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of readings; `tag` None: the column is skipped."""

    tag: str | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers without a header; row i (from 0) was measured at `start_ns + i * step_ns`, Unix nanoseconds.

    `delimiter` None: told from the first row. A row that is refused takes its step nevertheless.
    """

    columns: tuple[Column, ...]
    start_ns: int
    step_ns: int
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class TimedCsv:
    """A header, then rows; `time_column` None: the first of `TIME_COLUMNS` that occurs.

    Times are RFC 3339 where `time_unit` is None, else numbers of that unit (s, ms, us, ns) since 1970. A column's unit
    stands in its header, `pressure [Pa]`, or in `units`. `columns` chooses some of the columns (None: all).
    """

    time_column: str | None = None
    time_unit: str | None = None
    columns: tuple[Column, ...] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object per line: `tag`, `value`, `source_time_ns` or `time` (RFC 3339), and what else a reading has."""


Layout = Table | TimedCsv | JsonLines


def parse_columns(text: str) -> tuple[Column, ...]:
    """The columns of `XMEAS(1..41),T[Cel],-`: names with an optional unit in brackets, separated by commas.

    `name(a..b)` stands for name(a) to name(b); `-` for a column to skip. Raises `LayoutRefused`.
    """
    columns: list[Column] = []
    for part in text.split(","):
        match = _COLUMN.fullmatch(part.strip())
        if match is None or match["name"].count("(") != match["name"].count(")"):
            raise LayoutRefused(
                f"{part!r} is no column", field="columns", hint='for instance "XMEAS(1..41),pressure[Pa],-"'
            )
        name, unit = match["name"], match["unit"] or ""
        span = _RANGE.fullmatch(name)
        if name == SKIPPED:
            columns.append(Column(None))
        elif span is None:
            columns.append(Column(name, unit))
        else:
            first, last = int(span["first"]), int(span["last"])
            if first > last:
                raise LayoutRefused(f"{name!r} counts backwards", field="columns")
            if last - first >= MAX_COLUMNS:
                raise LayoutRefused(f"{name!r} makes more than {MAX_COLUMNS} columns", field="columns")
            columns.extend(Column(f"{span['before']}({number})", unit) for number in range(first, last + 1))
    tags = [column.tag for column in columns if column.tag is not None]
    if len(tags) != len(set(tags)):
        twice = next(tag for tag in tags if tags.count(tag) > 1)
        raise LayoutRefused(f"{twice!r} stands for two columns", field="columns")
    if not tags or len(columns) > MAX_COLUMNS:
        raise LayoutRefused(f"1 to {MAX_COLUMNS} columns are needed, got {len(columns)}", field="columns")
    return tuple(columns)


def layout_for(
    path: Path | str,
    *,
    columns: str | None = None,
    start: str | None = None,
    step: str | None = None,
    delimiter: str = "auto",
    time_column: str | None = None,
    time_unit: str | None = None,
    units: Mapping[str, str] | None = None,
) -> Layout:
    """The layout that the options describe: a `Table` where `start` or `step` is given, `JsonLines` where the file's
    name ends in .jsonl, .ndjson or .json, else a `TimedCsv`.

    columns      `parse_columns`; needed for a table, chooses among the header's columns otherwise
    start, step  time of the first row (RFC 3339) and between rows (`180s`)
    delimiter    auto, space, tab, comma, semicolon
    time_column  name of the column of times
    time_unit    s, ms, us, ns: the times are numbers since 1970
    units        unit by tag

    Raises `LayoutRefused`, naming the option.
    """
    if delimiter not in DELIMITERS:
        raise LayoutRefused(f"{delimiter!r} is not one of {', '.join(DELIMITERS)}", field="delimiter")
    if time_unit is not None and time_unit not in TIME_UNITS:
        raise LayoutRefused(f"{time_unit!r} is not one of {', '.join(TIME_UNITS)}", field="time_unit")
    parsed = parse_columns(columns) if columns is not None else None
    if start is not None or step is not None:
        for name, value in (("columns", columns), ("start", start), ("step", step)):
            if value is None:
                raise LayoutRefused(
                    "a table without a header needs it", field=name, hint="give columns, start and step"
                )
        for name, value in (("time_column", time_column), ("time_unit", time_unit)):
            if value is not None:
                raise LayoutRefused("a table with start and step has no column of times", field=name)
        named = tuple(Column(c.tag, (units or {}).get(c.tag or "", c.unit)) for c in parsed or ())
        return Table(named, parse_time(start or "", field="start"), parse_duration(step or ""), DELIMITERS[delimiter])
    if Path(path).suffix.lower() in {".jsonl", ".ndjson", ".json"}:
        return JsonLines()
    return TimedCsv(time_column, time_unit, parsed, units or {}, DELIMITERS[delimiter])
