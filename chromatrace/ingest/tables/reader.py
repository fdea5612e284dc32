"""Turn the rows of an interpreted table into readings, and report what is rejected."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import BAD, GOOD, MAX_VALUE_TEXT, Reading, ReadingValue, normalised
from chromatrace.ingest.records import ReadingFields
from chromatrace.ingest.tables.interpretation import Interpretation, ValueColumn, is_blank, is_comment
from chromatrace.ingest.tables.quality import parse_quality
from chromatrace.ingest.tables.rows import Cells, Row
from chromatrace.ingest.tables.times import MissingTimeZoneError

_EXACT = 2.0**53
_MAX_TIME_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected part of a row: the field (a tag, `time`, `columns` or `line`), the reason and how to fix it."""

    field: str
    reason: str
    hint: str | None = None


class RowReader:
    """Reads the rows of one file. `gaps` counts cells without a value, `skipped` blank lines and comments.

    readings of one row have consecutive sequence numbers: row number × width + position
    """

    def __init__(self, interpretation: Interpretation, source: str) -> None:
        self.interpretation = interpretation
        self.gaps = self.skipped = 0
        self.naive = False
        """Also read times without an offset, as if they were UTC, besides rejecting them. For previews."""
        self._source = source
        self._row = 0
        values = interpretation.values
        plain = not any(column.text or column.quality is not None for column in values)
        # Fast path for rows that contain only numbers. Other rows are read cell by cell.
        self._fast = plain and interpretation.long is None and interpretation.number.decimal == "."
        self._columns = [(column.position, column.tag, column.unit) for column in values]

    def read(self, row: Row, readings: list[ReadingFields]) -> list[Rejection]:
        """Append the readings of a row and return what is rejected."""
        if is_blank(row) or is_comment(row):
            self.skipped += 1
            return []
        number, self._row = self._row, self._row + 1
        if row.fault:
            return [Rejection("line", row.fault)]
        table = self.interpretation
        try:
            cells = table.cells(row)
        except InvalidInput as error:
            return [Rejection(error.field or "line", error.message)]
        if len(cells) != table.width and (
            len(cells) < table.width or any(cell.strip() for cell in cells[table.width :])
        ):
            return [Rejection("columns", f"expected {table.width} cells, got {len(cells)}")]
        if table.time is None:
            time_ns = table.start_ns + number * table.step_ns
            if not 0 < time_ns <= _MAX_TIME_NS:
                return [
                    Rejection("time", f"the time of row {number} is not after 1970-01-01T00:00:00Z and before 2262")
                ]
        else:
            text = " ".join(cells[position].strip() for position in table.times).strip()
            if text.casefold() in table.missing:
                return self._without_time(cells)
            try:
                time_ns = table.time(text)
            except InvalidInput as error:
                rejected = [Rejection(table.time_name, error.message, error.hint)]
                if not self.naive or not isinstance(error, MissingTimeZoneError):
                    return rejected
                return rejected + self._values(cells, error.utc_ns, number * table.width, readings)
        return self._values(cells, time_ns, number * table.width, readings)

    def _values(self, cells: Cells, time_ns: int, first: int, readings: list[ReadingFields]) -> list[Rejection]:
        """Append the readings of a row whose time is known."""
        table = self.interpretation
        if table.long is not None:
            return self._long(cells, time_ns, first, readings)
        if self._fast and self._numbers(cells, time_ns, first, readings):
            return []
        rejections: list[Rejection] = []
        for column in table.values:
            self._cell(cells, column, time_ns, first, readings, rejections)
        return rejections

    def _without_time(self, cells: Cells) -> list[Rejection]:
        table = self.interpretation
        if all(cell.strip().casefold() in table.missing for cell in cells):
            self.skipped += 1
            return []
        return [Rejection(table.time_name, "the time is missing")]

    def _numbers(self, cells: Cells, time_ns: int, first: int, readings: list[ReadingFields]) -> bool:
        """Append the readings of a row of finite numbers; return False if it has anything else."""
        source, received_ns = self._source, time.time_ns()
        with suppress(ValueError):
            texts = [cells[position] for position, _, _ in self._columns]
            values = [float(text) for text in texts]
            # float() also accepts non-ASCII digits and underscores. Integers beyond 2^53 are not exact.
            joined = "".join(texts)
            if (
                all(map(math.isfinite, values))
                and joined.isascii()
                and "_" not in joined
                and (not values or (max(values) < _EXACT and min(values) > -_EXACT))
            ):
                readings.extend(
                    [
                        (source, tag, time_ns, received_ns, value, unit, GOOD, first + position, False)
                        for (position, tag, unit), value in zip(self._columns, values, strict=True)
                    ]
                )
                return True
        return False

    def _cell(
        self,
        cells: Cells,
        column: ValueColumn,
        time_ns: int,
        first: int,
        readings: list[ReadingFields],
        rejections: list[Rejection],
    ) -> None:
        quality_text = cells[column.quality] if column.quality is not None else ""
        try:
            value, quality = self._value(cells[column.position], quality_text, column.text)
        except ValueError as error:
            rejections.append(Rejection(column.tag, str(error)))
            return
        if value is None and quality & BAD == 0:
            self.gaps += 1
            return
        readings.append(
            (
                self._source,
                column.tag,
                time_ns,
                time.time_ns(),
                value,
                column.unit,
                quality,
                first + column.position,
                False,
            )
        )

    def _value(self, cell: str, quality_text: str, text: bool) -> tuple[ReadingValue, int]:
        """Return value and quality of a cell; None for a gap, or for a bad reading without a value.

        Raises `ValueError`.
        """
        table = self.interpretation
        quality = parse_quality(quality_text, table.quality_scale) if table.quality_scale else GOOD
        cell = cell.strip()
        if cell.casefold() in table.missing:
            return None, quality
        if text:
            if len(cell) > MAX_VALUE_TEXT:
                raise ValueError(f"the text has {len(cell)} characters; the maximum is {MAX_VALUE_TEXT}")
            return cell, quality
        try:
            return normalised(table.number.parse(cell)), quality
        except ValueError:
            if quality & BAD:
                return None, quality
            raise

    def _long(self, cells: Cells, time_ns: int, first: int, readings: list[ReadingFields]) -> list[Rejection]:
        table = self.interpretation
        assert table.long is not None
        tag_at, value_at, unit_at, quality_at = table.long
        tag = cells[tag_at].strip()
        unit = cells[unit_at].strip() if unit_at is not None else ""
        quality_text = cells[quality_at] if quality_at is not None else ""
        try:
            value, quality = self._value(cells[value_at], quality_text, text=False)
        except ValueError as error:
            if quality_at is not None and "quality" in str(error):
                return [Rejection(tag or "tag", str(error))]
            value, quality = cells[value_at].strip(), parse_quality(quality_text, table.quality_scale or "words")
            if not _is_state(cells[value_at].strip()):
                return [Rejection(tag or "tag", str(error))]
        if value is None and quality & BAD == 0:
            self.gaps += 1
            return []
        try:
            reading = Reading(self._source, tag, time_ns, time.time_ns(), value, unit, quality, first)
        except InvalidInput as error:
            return [Rejection(error.field or "line", error.message)]
        readings.append(
            (
                *(reading.source, reading.tag, time_ns, reading.received_ns),
                normalised(value),
                unit,
                quality,
                first,
                False,
            )
        )
        return []


def _is_state(text: str) -> bool:
    """Return whether a value that is not a number is a state such as "Running": it starts with a letter."""
    return text[:1].isalpha() and len(text) <= MAX_VALUE_TEXT and text.casefold() not in ("inf", "infinity")
