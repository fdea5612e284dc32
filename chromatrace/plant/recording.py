"""Replay a recorded table: a file of numbers without a header, one row per time step, one column per tag."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chromatrace.plant.errors import RecordingError
from chromatrace.plant.records import DEFAULT_NAMESPACE, Station, Tag
from chromatrace.plant.sources import GOOD, TagSample

_COLUMN = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")
_RANGE = re.compile(r"(?P<before>.*?)\((?P<first>\d{1,6})\.\.(?P<last>\d{1,6})\)", re.ASCII)
_SKIPPED = "-"


@dataclass(frozen=True, slots=True)
class RecordedColumn:
    """A column of a recording. A column whose `tag` is None is not served."""

    tag: str | None
    unit: str = ""


class Recording:
    """A `Source` that replays a table: row i has the time `start_ns` + i · `step_s`.

    `name` is the source of the readings (None: the file's stem). The whole file is read and validated first. Raises
    `RecordingError`, which names the option or the row.
    """

    namespace = DEFAULT_NAMESPACE

    def __init__(
        self, path: Path, columns: Sequence[RecordedColumn], *, step_s: float, start_ns: int, name: str | None = None
    ) -> None:
        if start_ns <= 0 or start_ns % 1000:
            raise RecordingError(f"{start_ns} is not a whole number of microseconds after 1970", field="start_ns")
        step_ns = round(step_s * 1e9) if math.isfinite(step_s) else 0
        if step_ns < 1000 or step_ns % 1000:
            raise RecordingError(f"{step_s} s is not a positive whole number of microseconds", field="step_s")
        served = [position for position, column in enumerate(columns) if column.tag is not None]
        names = [column.tag for column in columns]
        for position in served:
            if names[position] in names[:position]:
                raise RecordingError(f"duplicate column {names[position]!r}", field=f"columns[{position}]")
        self._rows = _read(path, len(columns))[:, served]
        self._start_ns = start_ns
        self._step_ns = step_ns
        self.name = name or path.stem
        self.title = f"Recording {path.name}"
        self.stations: Sequence[Station] = (Station("recording", self.title),)
        low, high = self._rows.min(axis=0), self._rows.max(axis=0)
        self.tags: Sequence[Tag] = tuple(
            Tag(str(columns[position].tag), "recording", columns[position].unit, float(low[index]), float(high[index]))
            for index, position in enumerate(served)
        )

    @property
    def period_s(self) -> float:
        return self._step_ns / 1e9

    def steps(self) -> Iterator[TagSample]:
        """Yield the rows from the first."""
        qualities = [GOOD] * len(self.tags)
        for index, row in enumerate(self._rows):
            yield TagSample(self._start_ns + index * self._step_ns, row.tolist(), qualities)


def expand_columns(text: str) -> list[RecordedColumn]:
    """Parse a column list in the syntax of `chromatrace ingest file`, such as `XMEAS(1..41),T[Cel],-`.

    `name(a..b)` expands to name(a) to name(b); `-` marks a column that is not served. Raises `RecordingError`.
    """
    columns: list[RecordedColumn] = []
    for part in text.split(","):
        match = _COLUMN.fullmatch(part.strip())
        if match is None:
            raise RecordingError(
                f"{part!r} is not a valid column", field="columns", hint="for example XMEAS(1..41),T[Cel],-"
            )
        name, unit = match["name"], match["unit"] or ""
        numbered = _RANGE.fullmatch(name)
        if name == _SKIPPED:
            columns.append(RecordedColumn(None))
        elif numbered is None:
            columns.append(RecordedColumn(name, unit))
        elif int(numbered["first"]) > int(numbered["last"]):
            raise RecordingError(f"the range {name!r} is descending; write the lower number first", field="columns")
        else:
            numbers = range(int(numbered["first"]), int(numbered["last"]) + 1)
            columns += [RecordedColumn(f"{numbered['before']}({number})", unit) for number in numbers]
    return columns


def _read(path: Path, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    try:
        rows = np.loadtxt(path, ndmin=2)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error}", field="path") from error
    except ValueError as error:
        raise RecordingError(f"{path} is not a table of numbers: {error}", field="path") from error
    if rows.shape[1] != columns or rows.shape[0] == 0:
        raise RecordingError(
            f"expected {columns} columns, but {path} has {rows.shape[0]} rows of {rows.shape[1]} numbers",
            field="columns",
        )
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise RecordingError(f"row {row + 1}, column {column + 1} is not a finite number", field="path")
    return rows
