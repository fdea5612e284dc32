"""A recorded table as a source: a header-less file of numbers, one row an instant, one column a tag."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from chromatrace.plant.errors import InvalidRecording
from chromatrace.plant.records import DEFAULT_NAMESPACE, Station, Tag
from chromatrace.plant.sources import GOOD, Step

_RANGE = re.compile(r"(?P<name>[^\[\]]+?)\((?P<first>\d+)\)?\.\.(?:(?P=name)\()?(?P<last>\d+)\)")


class Recording:
    """A `Source` that replays a table: row i at `start_ns` + i · `step_s`, with the values that the file gives.

    `columns` names the columns, from the left. `name` is the source of the readings; None: the file's name. Raises
    `InvalidRecording` naming the option, or the row, that is wrong: the whole file is read and checked before serving.
    """

    namespace = DEFAULT_NAMESPACE

    def __init__(
        self, path: Path, columns: Sequence[str], *, step_s: float, start_ns: int, name: str | None = None
    ) -> None:
        if start_ns <= 0 or start_ns % 1000:
            raise InvalidRecording(f"whole microseconds after 1970 are needed, got {start_ns}", field="start_ns")
        step_ns = round(step_s * 1e9)
        if step_ns < 1000 or step_ns % 1000:
            raise InvalidRecording(f"whole microseconds, at least one, are needed, got {step_s} s", field="step_s")
        for position, column in enumerate(columns):
            if column in columns[:position]:
                raise InvalidRecording(f"{column!r} stands here twice", field=f"columns[{position}]")
        self._rows = _read(path, len(columns))
        self._start_ns = start_ns
        self._step_ns = step_ns
        self.name = name or path.name
        self.title = f"Recording {path.name}"
        self.stations: Sequence[Station] = (Station("recording", self.title),)
        low, high = self._rows.min(axis=0), self._rows.max(axis=0)
        self.tags: Sequence[Tag] = tuple(
            Tag(column, "recording", "", float(low[place]), float(high[place])) for place, column in enumerate(columns)
        )

    @property
    def period_s(self) -> float:
        return self._step_ns / 1e9

    def steps(self) -> Iterator[Step]:
        """The rows, from the first."""
        qualities = [GOOD] * len(self.tags)
        for number, row in enumerate(self._rows):
            yield Step(self._start_ns + number * self._step_ns, row.tolist(), qualities)


def expand_columns(text: str) -> list[str]:
    """`XMEAS(1..41),XMV(1..11)`: names separated by commas, a range of numbers in brackets standing for all of them."""
    columns: list[str] = []
    for part in text.split(","):
        name = part.strip()
        match = _RANGE.fullmatch(name)
        if match is not None:
            first, last = int(match["first"]), int(match["last"])
            if last < first:
                raise InvalidRecording(f"{name!r} runs backwards", field="columns")
            columns += [f"{match['name']}({number})" for number in range(first, last + 1)]
        elif name and ".." not in name:
            columns.append(name)
        else:
            raise InvalidRecording(f"{name!r} is not a column", field="columns", hint="as in XMEAS(1..41),XMV(1..11)")
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
