"""The layout of a file, as the options of `chromatrace ingest file` set it. All else is found from the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from chromatrace.ingest.errors import LayoutError
from chromatrace.ingest.times import TIME_UNITS, parse_duration, parse_time

MAX_COLUMNS = 100_000
DELIMITERS = {"space": " ", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}

_COLUMN = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")
_RANGE = re.compile(r"(?P<before>.*?)\((?P<first>\d{1,6})\.\.(?P<last>\d{1,6})\)", re.ASCII)
SKIPPED = "-"
OPC_DA, OPC_UA, WORDS = "opc-da", "opc-ua", "words"
"""Scales of a quality column."""
_CHOICES = {
    "delimiter": ("auto", *DELIMITERS),
    "time_unit": TIME_UNITS,
    "decimal": (".", ","),
    "quality": (OPC_DA, OPC_UA, WORDS),
    "shape": ("wide", "long"),
    "fold": ("earlier", "later"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of readings. A column whose `tag` is None is skipped."""

    tag: str | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Options of one kind of file. None or () means that the value is found from the file.

    columns       tags of a table without a header, in order; or the columns to read of a table with one
    start, step   time of the first row (RFC 3339) and interval between rows (`180s`), for rows without times;
                  `start` without `step`: the time column has times since then
    delimiter     auto, space, tab, comma, semicolon, pipe
    encoding      such as utf-8, utf-16, cp1252
    skip_lines    lines before the table
    sheet         name or number of a sheet of a workbook
    transposed    each line is a tag
    shape         wide (a column for each tag) or long (columns tag, time, value)
    time_column   name of the time column; date and time columns are separated by a comma
    date_format   strptime format, or "excel" for serial days
    time_zone     IANA name for times without an offset
    fold          earlier or later: local times that occur twice when the clock is set back
    time_unit     s, ms, us, ns: times are numbers since 1970
    decimal       `.` or `,`
    missing       texts that mean "no value", besides the usual ones
    text          columns that have states or texts
    quality       opc-da, opc-ua or words: the scale of the quality column
    units         unit by tag

    Raises `LayoutError`, which names the option.
    """

    columns: tuple[Column, ...] | None = None
    start: str | None = None
    step: str | None = None
    delimiter: str = "auto"
    encoding: str | None = None
    skip_lines: int | None = None
    sheet: str | None = None
    transposed: bool = False
    shape: str | None = None
    time_column: str | None = None
    date_format: str | None = None
    time_zone: str | None = None
    fold: str | None = None
    time_unit: str | None = None
    decimal: str | None = None
    missing: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    quality: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise LayoutError(f"{value!r} is not one of {', '.join(choices)}", field=name)
        if self.step is not None:
            for name in ("columns", "start"):
                if getattr(self, name) is None:
                    raise LayoutError(
                        "required for rows without times", field=name, hint="give columns, start and step"
                    )
            for name in ("time_column", "time_unit", "date_format"):
                if getattr(self, name) is not None:
                    raise LayoutError("cannot be combined with start and step", field=name)
            parse_duration(self.step)
        if self.start is not None:
            parse_time(self.start, field="start")
            if self.time_unit is not None:
                raise LayoutError("cannot be combined with start", field="time_unit")
        if self.skip_lines is not None and self.skip_lines < 0:
            raise LayoutError(f"{self.skip_lines} is negative", field="skip_lines")

    @property
    def start_ns(self) -> int | None:
        """`start` in Unix nanoseconds."""
        return None if self.start is None else parse_time(self.start, field="start")

    @property
    def step_ns(self) -> int | None:
        """`step` in nanoseconds."""
        return None if self.step is None else parse_duration(self.step)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Return the layout in a table of a plant file, whose keys are the members. Raises `LayoutError`."""
        known = {member.name: member for member in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in table.items():
            if name not in known:
                raise LayoutError("unknown key", field=name, hint=f"known keys: {', '.join(known)}")
            if name == "columns" and isinstance(value, str):
                values[name] = parse_columns(value)
            elif name in ("missing", "text"):
                if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                    raise LayoutError(f"expected a list of texts, got {value!r}", field=name)
                values[name] = tuple(value)
            elif name == "units":
                if not isinstance(value, dict) or not all(isinstance(unit, str) for unit in value.values()):
                    raise LayoutError(f"expected a table of texts, got {value!r}", field=name)
                values[name] = dict(value)
            elif type(value) is not {"skip_lines": int, "transposed": bool}.get(name, str):
                raise LayoutError(f"unexpected value {value!r}", field=name)
            else:
                values[name] = value
        return cls(**values)


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


def layout_for(saved: Layout | None = None, *, columns: str | None = None, **options: Any) -> Layout:
    """Return the layout with these options, which change the `saved` one. Raises `LayoutError`.

    columns  as in `parse_columns`
    An option that is None, False or () does not change the saved layout.
    """
    given = {name: value for name, value in options.items() if not (value is None or value is False or value == ())}
    if columns is not None:
        given["columns"] = parse_columns(columns)
    return replace(saved or Layout(), **given)
