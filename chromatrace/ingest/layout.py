"""Layouts of recorded files.

Three layouts: `Table` (numbers only, one row per time step), `TimedCsv` (a header and a time column), `JsonLines`
(one reading per line). `layout_for` builds one from the options of `chromatrace ingest file`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chromatrace.ingest.errors import LayoutError
from chromatrace.ingest.times import TIME_UNITS, parse_duration, parse_time

MAX_COLUMNS = 100_000
DELIMITERS = {"auto": None, "space": " ", "tab": "\t", "comma": ",", "semicolon": ";"}
TIME_COLUMNS = ("source_time", "timestamp", "time", "datetime", "date_time", "ts", "t")
"""Names of a time column, in any case. The first one that occurs in the header is used."""

_COLUMN = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")
_RANGE = re.compile(r"(?P<before>.*?)\((?P<first>\d{1,6})\.\.(?P<last>\d{1,6})\)", re.ASCII)
SKIPPED = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of readings. A column whose `tag` is None is skipped."""

    tag: str | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers without a header. Row i (from 0) was measured at `start_ns + i * step_ns`, Unix nanoseconds.

    `delimiter` None: detected from the first row. A rejected row counts as a time step.
    """

    columns: tuple[Column, ...]
    start_ns: int
    step_ns: int
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class TimedCsv:
    """A header, then rows. `time_column` None: the first of `TIME_COLUMNS` that occurs.

    Times are RFC 3339 if `time_unit` is None, else numbers of that unit (s, ms, us, ns) since 1970. The unit of a
    column is in its header (`pressure [Pa]`) or in `units`. `columns` selects columns (None: all).
    """

    time_column: str | None = None
    time_unit: str | None = None
    columns: tuple[Column, ...] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object per line: `tag`, `value`, `source_time_ns` or `time` (RFC 3339), and optional reading fields."""


Layout = Table | TimedCsv | JsonLines


def parse_columns(text: str) -> tuple[Column, ...]:
    """Parse a column list such as `XMEAS(1..41),T[Cel],-`: names with an optional unit in brackets.

    `name(a..b)` expands to name(a) to name(b); `-` skips a column. Raises `LayoutError`.
    """
    columns: list[Column] = []
    for part in text.split(","):
        match = _COLUMN.fullmatch(part.strip())
        if match is None or match["name"].count("(") != match["name"].count(")"):
            raise LayoutError(
                f"{part!r} is not a valid column", field="columns", hint='for example "XMEAS(1..41),pressure[Pa],-"'
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
                raise LayoutError(f"the range {name!r} is descending; write the lower number first", field="columns")
            if last - first >= MAX_COLUMNS:
                raise LayoutError(f"{name!r} expands to more than {MAX_COLUMNS} columns", field="columns")
            columns.extend(Column(f"{span['before']}({number})", unit) for number in range(first, last + 1))
    tags = [column.tag for column in columns if column.tag is not None]
    if len(tags) != len(set(tags)):
        duplicate = next(tag for tag in tags if tags.count(tag) > 1)
        raise LayoutError(f"duplicate column {duplicate!r}", field="columns")
    if not tags or len(columns) > MAX_COLUMNS:
        raise LayoutError(f"expected 1 to {MAX_COLUMNS} columns, got {len(columns)}", field="columns")
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
    """Return the layout that the options describe.

    It is a `Table` if `start` or `step` is given, `JsonLines` if the file name ends in .jsonl, .ndjson or .json, and
    otherwise a `TimedCsv`.

    columns      see `parse_columns`; required for a table, otherwise selects columns of the header
    start, step  time of the first row (RFC 3339) and interval between rows (`180s`)
    delimiter    auto, space, tab, comma, semicolon
    time_column  name of the time column
    time_unit    s, ms, us, ns: times are numbers since 1970
    units        unit by tag

    Raises `LayoutError`, which names the option.
    """
    if delimiter not in DELIMITERS:
        raise LayoutError(f"{delimiter!r} is not one of {', '.join(DELIMITERS)}", field="delimiter")
    if time_unit is not None and time_unit not in TIME_UNITS:
        raise LayoutError(f"{time_unit!r} is not one of {', '.join(TIME_UNITS)}", field="time_unit")
    parsed = parse_columns(columns) if columns is not None else None
    if start is not None or step is not None:
        for name, value in (("columns", columns), ("start", start), ("step", step)):
            if value is None:
                raise LayoutError(
                    "required for a table without a header", field=name, hint="give columns, start and step"
                )
        for name, value in (("time_column", time_column), ("time_unit", time_unit)):
            if value is not None:
                raise LayoutError("cannot be combined with start and step", field=name)
        with_units = tuple(Column(c.tag, (units or {}).get(c.tag or "", c.unit)) for c in parsed or ())
        start_ns, step_ns = parse_time(start or "", field="start"), parse_duration(step or "")
        return Table(with_units, start_ns, step_ns, DELIMITERS[delimiter])
    if Path(path).suffix.lower() in {".jsonl", ".ndjson", ".json"}:
        return JsonLines()
    return TimedCsv(time_column, time_unit, parsed, units or {}, DELIMITERS[delimiter])
