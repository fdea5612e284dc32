"""A recorded table as a source: a header-less file of numbers, one row an instant, one column a tag."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chromatrace.plant.errors import InvalidRecording
from chromatrace.plant.records import DEFAULT_NAMESPACE, Station, Tag
from chromatrace.plant.sources import GOOD, Step

_COLUMN = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")
_RANGE = re.compile(r"(?P<before>.*?)\((?P<first>\d{1,6})\.\.(?P<last>\d{1,6})\)", re.ASCII)
_SKIPPED = "-"


@dataclass(frozen=True, slots=True)
class RecordedColumn:
    """A column of a recording; `tag` None: the column is not served."""

    tag: str | None
    unit: str = ""


class Recording:
    """A `Source` that replays a table: row i at `start_ns` + i · `step_s`, with the values that the file gives.

    `columns` are the columns, from the left. `name` is the source of the readings; None: the file's stem. Raises
    `InvalidRecording` naming the option, or the row, that is wrong: the whole file is read and checked before serving.
    """

    namespace = DEFAULT_NAMESPACE

    def __init__(
        self, path: Path, columns: Sequence[RecordedColumn], *, step_s: float, start_ns: int, name: str | None = None
    ) -> None:
        if start_ns <= 0 or start_ns % 1000:
            raise InvalidRecording(f"whole microseconds after 1970 are needed, got {start_ns}", field="start_ns")
        step_ns = round(step_s * 1e9) if math.isfinite(step_s) else 0
        if step_ns < 1000 or step_ns % 1000:
            raise InvalidRecording(f"whole microseconds, at least one, are needed, got {step_s} s", field="step_s")
        places = [place for place, column in enumerate(columns) if column.tag is not None]
        names = [column.tag for column in columns]
        for place in places:
            if names[place] in names[:place]:
                raise InvalidRecording(f"{names[place]!r} stands here twice", field=f"columns[{place}]")
        self._rows = _read(path, len(columns))[:, places]
        self._start_ns = start_ns
        self._step_ns = step_ns
        self.name = name or path.stem
        self.title = f"Recording {path.name}"
        self.stations: Sequence[Station] = (Station("recording", self.title),)
        low, high = self._rows.min(axis=0), self._rows.max(axis=0)
        self.tags: Sequence[Tag] = tuple(
            Tag(str(columns[place].tag), "recording", columns[place].unit, float(low[number]), float(high[number]))
            for number, place in enumerate(places)
        )

    @property
    def period_s(self) -> float:
        return self._step_ns / 1e9

    def steps(self) -> Iterator[Step]:
        """The rows, from the first."""
        qualities = [GOOD] * len(self.tags)
        for number, row in enumerate(self._rows):
            yield Step(self._start_ns + number * self._step_ns, row.tolist(), qualities)


def expand_columns(text: str) -> list[RecordedColumn]:
    """The columns of `XMEAS(1..41),T[Cel],-`, in the syntax of `chromatrace ingest file`: names with an optional unit.

    `name(a..b)` stands for name(a) to name(b), `-` for a column that is not served. Raises `InvalidRecording`.
    """
    columns: list[RecordedColumn] = []
    for part in text.split(","):
        match = _COLUMN.fullmatch(part.strip())
        if match is None:
            raise InvalidRecording(f"{part!r} is not a column", field="columns", hint="as in XMEAS(1..41),T[Cel],-")
        name, unit = match["name"], match["unit"] or ""
        numbered = _RANGE.fullmatch(name)
        if name == _SKIPPED:
            columns.append(RecordedColumn(None))
        elif numbered is None:
            columns.append(RecordedColumn(name, unit))
        elif int(numbered["first"]) > int(numbered["last"]):
            raise InvalidRecording(f"{name!r} runs backwards", field="columns")
        else:
            numbers = range(int(numbered["first"]), int(numbered["last"]) + 1)
            columns += [RecordedColumn(f"{numbered['before']}({number})", unit) for number in numbers]
    return columns


def _read(path: Path, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    try:
        rows = np.loadtxt(path, ndmin=2)
    except OSError as error:
        raise InvalidRecording(f"{path} cannot be read: {error}", field="path") from error
    except ValueError as error:
        raise InvalidRecording(f"{path} is not a table of numbers: {error}", field="path") from error
    if rows.shape[1] != columns or rows.shape[0] == 0:
        raise InvalidRecording(
            f"{path} has {rows.shape[0]} rows of {rows.shape[1]} numbers, {columns} columns are named", field="columns"
        )
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise InvalidRecording(f"row {row + 1}, column {column + 1} is not a finite number", field="path")
    return rows
