"""Recorded files of numbers: a column for each tag, a row for each time step. Times are not used; rows count from 0."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.errors import FileFormatError, LayoutError
from chromatrace.ingest.layout import Column, Layout
from chromatrace.ingest.tables import NumberTable, number_table, open_rows
from chromatrace.ingest.tables.interpretation import MISSING
from chromatrace.storage.strict_json import Digest
from chromatrace.twin.charts.model import Window
from chromatrace.twin.charts.subgroups import Array

MAX_ROWS = 1_000_000
MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Recording:
    """The columns of a file as numbers, NaN for a missing value, and the SHA-256 digest of the file."""

    name: str
    tags: list[str]
    rows: Array
    sha256: Digest

    def window(self, rows: tuple[int, int] | None = None) -> tuple[Array, Window]:
        """Return the rows from the first to the last, both included (default: all). Raises `InvalidInput`."""
        first, last = rows if rows is not None else (0, len(self.rows) - 1)
        if not 0 <= first <= last < len(self.rows):
            raise InvalidInput(
                f"rows {first} to {last} are not in {self.name}, which has rows 0 to {len(self.rows) - 1}", field="rows"
            )
        return self.rows[first : last + 1], Window(self.name, first, last, self.sha256)

    def columns(self, tags: Sequence[str]) -> Array:
        """Return the columns of these tags. Raises `InvalidInput`."""
        unknown = [tag for tag in tags if tag not in self.tags]
        if unknown:
            raise InvalidInput(f"{unknown[0]} is not among the columns of {self.name}", field="tags")
        return self.rows[:, [self.tags.index(tag) for tag in tags]]


def read_recording(path: Path, columns: Sequence[Column], *, is_transposed: bool = False) -> Recording:
    """Read a file. Without a header, `columns` names all columns in order; otherwise it selects columns by name.

    Raises `InvalidInput`, which names the file and the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", field="path") from error
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{path} has more than {MAX_BYTES >> 20} MiB", field="path", hint="split the file")
    layout = Layout(columns=tuple(columns), transposed=is_transposed)
    try:
        table = number_table(open_rows(io.BytesIO(data), path, layout), layout, maximum_rows=MAX_ROWS)
        tags, rows = _numbers(table, columns)
    except (LayoutError, FileFormatError) as error:
        field = f"{path}: {error.field}" if error.field else str(path)
        raise type(error)(error.message, field=field, hint=error.hint) from error
    return Recording(path.name, tags, rows, Digest(hashlib.sha256(data).digest()))


def _numbers(table: NumberTable, columns: Sequence[Column]) -> tuple[list[str], Array]:
    names = [column.name for column in table.columns]
    wanted = [column.tag for column in columns]
    if any(names):
        missing = [tag for tag in wanted if tag is not None and tag not in names]
        if missing:
            raise LayoutError(f"the header has no column {missing[0]!r}", field="columns")
        selected = [(tag, names.index(tag)) for tag in wanted if tag is not None]
    elif len(names) != len(wanted):
        raise LayoutError(
            f"{len(wanted)} columns are named, but the table has {len(names)} columns and {len(table.lines)} rows",
            field="columns",
            hint="use --transposed if each line is a tag",
        )
    else:
        selected = [(tag, position) for position, tag in enumerate(wanted) if tag is not None]
    if not table.lines:
        raise FileFormatError("the table has no rows", field="rows")
    rows = np.empty((len(table.lines), len(selected)))
    for index, (tag, position) in enumerate(selected):
        for row, cell in enumerate(table.columns[position].cells):
            if cell.casefold() in MISSING:
                rows[row, index] = np.nan
                continue
            try:
                rows[row, index] = table.number.parse(cell)
            except ValueError as error:
                raise FileFormatError(f"{tag}: {error}", field=f"line {table.lines[row]}") from error
    return [tag for tag, _ in selected], rows
