"""Store the readings of recorded files in the spool, in bounded memory.

Rejected values are reported by line and field; all others are stored.

    layout = layout_for(columns="XMEAS(1..41),XMV(1..11)", start="2026-01-01T00:00:00Z", step="180s")
    result = ingest_file(spool, "line-1", path, layout)

Reading a file again stores no reading twice. A reading is identified by its source (default: the file name without
extension), tag and source time, which all come from the file and the options.
"""

from __future__ import annotations

import dataclasses
import glob
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound
from chromatrace.ingest.errors import FileFormatError
from chromatrace.ingest.layout import Layout, layout_for
from chromatrace.ingest.records import ReadingFields
from chromatrace.ingest.spool import BATCH, Spool
from chromatrace.ingest.tables import RowReader, interpret, open_rows
from chromatrace.ingest.tables.json_rows import ReadingObjects, are_reading_objects
from chromatrace.ingest.tables.quality import quality_word
from chromatrace.ingest.tables.reader import Rejection
from chromatrace.ingest.tables.rows import Rows
from chromatrace.ingest.times import rfc3339

__all__ = ["FileResult", "RejectedValue", "files_in", "ingest_file", "layout_for", "preview"]

LISTED_REJECTIONS = 10_000
PREVIEWED = 1000
_SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".dat", ".ssv", ".asc", ".mpt", ".prn"),
    *(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".parquet", ".json", ".jsonl", ".ndjson"),
)
"""Suffixes of the files that are read from a folder, also followed by .gz."""

Progress = Callable[[int, int], None]
"""Receives the bytes read so far and the file size in bytes."""


@dataclass(frozen=True, slots=True)
class RejectedValue:
    """A rejected part of a line: line number (from 1), field (a tag, `time`, `columns` or `line`), reason and hint."""

    line: int
    field: str
    reason: str
    hint: str | None = dataclasses.field(default=None, compare=False)


@dataclass(slots=True)
class RejectionKind:
    """Rejections with the same hint and reason, except for the values in it: their number and the first of them."""

    count: int
    first: RejectedValue


@dataclass(slots=True)
class FileResult:
    """Counts of one file. `rejected` lists the first `LISTED_REJECTIONS` of `rejected_count`.

    stored       new readings
    duplicates   readings that were already in the spool
    conflicting  readings that contradict a stored one; also counted as rejected, and recorded by the spool
    gaps         cells without a value
    lines        lines read
    layout       how the file was interpreted
    notes        what was left out
    kinds        rejections by kind
    """

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    gaps: int = 0
    lines: int = 0
    rejected_count: int = 0
    rejected: list[RejectedValue] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kinds: dict[tuple[str, str], RejectionKind] = field(default_factory=dict)

    @property
    def empty(self) -> int:
        """Cells without a value."""
        return self.gaps

    def reject(self, line: int, rejection: Rejection) -> None:
        """Count a rejected value and list it if the list is not full."""
        value = RejectedValue(line, rejection.field, rejection.reason, rejection.hint)
        self.rejected_count += 1
        if len(self.rejected) < LISTED_REJECTIONS:
            self.rejected.append(value)
        key = (rejection.hint or "", _kind(rejection.reason))
        kind = self.kinds.setdefault(key, RejectionKind(0, value))
        kind.count += 1


def files_in(paths: Sequence[str]) -> dict[Path, str]:
    """Return the files that paths, folders and patterns name, each with its source.

    The source is the file name without extension; below a folder, the path from the folder. Raises `NotFound` if a path
    names no file, `InvalidInput` if two files have the same source.
    """
    found: dict[Path, str] = {}
    for text in paths:
        path = Path(text)
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if file.is_file() and _is_known(file)]
            named = {file: str(_without_suffix(file).relative_to(path)) for file in files}
        elif path.exists():
            named = {path: _without_suffix(path).name}
        else:
            matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - an absolute pattern
            files = [file for file in matches if file.is_file()]
            base = _common_folder(files)
            named = {file: str(_without_suffix(file).relative_to(base)) for file in files}
        if not named:
            raise NotFound(f"{text} names no file that can be read", field="path")
        found |= named
    duplicates = [source for source, number in Counter(found.values()).items() if number > 1]
    if duplicates:
        names = [str(path) for path, source in found.items() if source == duplicates[0]]
        raise InvalidInput(
            f"{' and '.join(names)} have the same source {duplicates[0]!r}, so their readings would be mixed",
            field="source",
            hint="read them separately with --source, or give the folder that contains both",
        )
    return found


def _is_known(path: Path) -> bool:
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    return suffix.lower() in _SUFFIXES and not path.name.startswith(".")


def _without_suffix(path: Path) -> Path:
    return path.with_suffix("").with_suffix("") if path.suffix.lower() == ".gz" else path.with_suffix("")


def _common_folder(files: Sequence[Path]) -> Path:
    folders = {file.parent for file in files}
    while len(folders) > 1:
        deepest = max(folders, key=lambda folder: len(folder.parts))
        folders = (folders - {deepest}) | {deepest.parent}
    return next(iter(folders), Path())


def ingest_file(
    spool: Spool,
    channel: str,
    path: Path | str,
    layout: Layout,
    *,
    source: str | None = None,
    progress: Progress | None = None,
) -> FileResult:
    """Store the readings of the file `path` in `channel`. `source` names their source (None: the file's stem).

    Raises `FileFormatError` if the file cannot be read, `LayoutError` if the layout does not fit it or is ambiguous,
    and `SpoolUnavailable`. Readings stored before an error stay, and a second run continues.
    """
    path = Path(path)
    result = FileResult()
    try:
        with path.open("rb") as file:
            total = path.stat().st_size
            reader, rows = _opened(file, path, layout, source or _without_suffix(path).name, result)
            _ingest(
                spool, channel, reader, rows, result, lambda: progress(rows.position(), total) if progress else None
            )
            if progress:
                progress(total, total)
    except OSError as error:
        raise FileFormatError(f"{path}: {error.strerror}", field="path") from error
    result.gaps = reader.gaps
    return result


def preview(path: Path | str, layout: Layout, source: str | None = None) -> dict[str, Any]:
    """Return how a file is interpreted, its first `PREVIEWED` readings, and errors. Stores nothing."""
    path = Path(path)
    result = FileResult()
    readings: list[ReadingFields] = []
    errors: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            reader, rows = _opened(file, path, layout, source or _without_suffix(path).name, result)
            reader.naive = True
            for row in rows.rows:
                for rejection in reader.read(row, readings):
                    result.reject(row.number, rejection)
                if len(readings) >= PREVIEWED:
                    break
    except OSError as error:
        raise FileFormatError(f"{path}: {error.strerror}", field="path") from error
    except ChromaTraceError as error:
        errors.append({"line": None, "field": error.field, "reason": error.message, "hint": error.hint})
    # Without a time zone, the times are shown as they are in the file, without an offset.
    naive = any(row.hint is not None and "--time-zone" in row.hint for row in result.rejected)
    errors += [
        {"line": row.line, "field": row.field, "reason": row.reason, "hint": row.hint} for row in result.rejected
    ]
    return {
        "layout": result.layout,
        "readings": [_previewed(fields, naive) for fields in islice(readings, PREVIEWED)],
        "errors": errors,
        "notes": result.notes,
    }


def _previewed(fields: ReadingFields, naive: bool) -> dict[str, Any]:
    source, tag, time_ns, _, value, unit, quality, *_ = fields
    return {
        "source": source,
        "tag": tag,
        "time": rfc3339(time_ns).removesuffix("Z" if naive else ""),
        "value": value,
        "unit": unit,
        "quality": quality_word(quality),
    }


def _opened(
    file: BinaryIO, path: Path, layout: Layout, source: str, result: FileResult
) -> tuple[RowReader | ReadingObjects, Rows]:
    rows = open_rows(file, path, layout)
    if are_reading_objects(rows):
        result.layout = rows.facts
        return ReadingObjects(source), rows
    try:
        interpretation = interpret(rows, layout, source)
    except ChromaTraceError:
        result.layout = rows.facts
        raise
    result.layout, result.notes = interpretation.facts, interpretation.notes
    return RowReader(interpretation, source), Rows(interpretation.rows, rows.facts, rows.position)


def _ingest(
    spool: Spool,
    channel: str,
    reader: RowReader | ReadingObjects,
    rows: Rows,
    result: FileResult,
    report: Callable[[], None],
) -> None:
    batch: list[ReadingFields] = []
    line_numbers: list[int] = []
    for row in rows.rows:
        result.lines += 1
        before = len(batch)
        for rejection in reader.read(row, batch):
            result.reject(row.number, rejection)
        line_numbers.extend([row.number] * (len(batch) - before))
        if len(batch) >= BATCH:
            _store(spool, channel, batch, line_numbers, result)
            report()
    _store(spool, channel, batch, line_numbers, result)


def _store(spool: Spool, channel: str, batch: list[ReadingFields], line_numbers: list[int], result: FileResult) -> None:
    if not batch:
        return
    appended = spool.append_fields(channel, batch)
    result.stored += appended.stored
    result.duplicates += appended.duplicates
    result.conflicting += appended.conflicting
    for conflict in appended.conflicts:
        stored = conflict.stored
        reason = (
            f"{conflict.rejected.value} {conflict.rejected.unit}".rstrip()
            + f" contradicts {stored.reading.value} {stored.reading.unit}".rstrip()
            + f" at the same source, tag and time (entry {stored.index} of the channel)"
        )
        result.reject(line_numbers[conflict.position], Rejection(conflict.rejected.tag, reason))
    result.rejected_count += appended.conflicting - len(appended.conflicts)
    batch.clear()
    line_numbers.clear()


def _kind(reason: str) -> str:
    """Return the reason without the values in it."""
    return "".join(part for index, part in enumerate(reason.split("'")) if index % 2 == 0)[:60].rstrip("0123456789 .")
