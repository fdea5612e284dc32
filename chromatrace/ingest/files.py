"""Store the readings of recorded files in the spool, in bounded memory.

Rejected values are reported by line and field; all others are stored.

    layout = layout_for(path, columns="XMEAS(1..41),XMV(1..11)", start="2026-01-01T00:00:00Z", step="180s")
    result = ingest_file(spool, "line-1", path, layout)

Reading a file again stores no reading twice. A reading is identified by its source (default: the file name without
extension), tag and source time, which all come from the file and the options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from chromatrace.ingest.errors import FileFormatError
from chromatrace.ingest.layout import Layout, layout_for
from chromatrace.ingest.records import ReadingFields
from chromatrace.ingest.rows import RowParser, parser_for
from chromatrace.ingest.spool import BATCH, Spool

__all__ = ["FileResult", "RejectedValue", "ingest_file", "layout_for"]

MAX_LINE = 1 << 20
"""Bytes."""
LISTED_REJECTIONS = 10_000
_MAX_EMPTY_LINES = 100_000

Progress = Callable[[int, int], None]
"""Receives the bytes read so far and the file size in bytes."""


@dataclass(frozen=True, slots=True)
class RejectedValue:
    """A rejected part of a line: line number (from 1), field (a tag, `time`, `columns` or `line`) and reason."""

    line: int
    field: str
    reason: str


@dataclass(slots=True)
class FileResult:
    """Counts of one file. `rejected` lists the first `LISTED_REJECTIONS` of `rejected_count`.

    stored       new readings
    duplicates   readings that were already in the spool
    conflicting  readings that contradict a stored one; also counted as rejected, and recorded by the spool
    empty        cells without a value
    lines        lines read
    """

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    empty: int = 0
    lines: int = 0
    rejected_count: int = 0
    rejected: list[RejectedValue] = field(default_factory=list)

    def reject(self, line: int, field: str, reason: str) -> None:
        """Count a rejected value and list it if the list is not full."""
        self.rejected_count += 1
        if len(self.rejected) < LISTED_REJECTIONS:
            self.rejected.append(RejectedValue(line, field, reason))


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

    Raises `FileFormatError` if the file cannot be opened or has no usable header, `LayoutError` if the layout does not
    fit it, and `SpoolUnavailable`. Readings stored before an error stay, and a second run continues.
    """
    path = Path(path)
    result = FileResult()
    parser = parser_for(layout, path.stem if source is None else source)
    try:
        with path.open("rb") as file:
            total = path.stat().st_size
            _ingest(spool, channel, file, parser, result, lambda done: progress(done, total) if progress else None)
    except OSError as error:
        raise FileFormatError(f"{path}: {error.strerror}", field="path") from error
    result.empty = parser.empty
    return result


def _ingest(
    spool: Spool, channel: str, file: BinaryIO, parser: RowParser, result: FileResult, report: Callable[[int], None]
) -> None:
    batch: list[ReadingFields] = []
    line_numbers: list[int] = []
    bytes_read = 0
    for line in _lines(file):
        result.lines += 1
        bytes_read += line.size
        before = len(batch)
        if line.fault:
            rejections = [("line", line.fault)]
            parser.parse("", [])
        else:
            rejections = parser.parse(line.text, batch)
        for name, reason in rejections:
            result.reject(result.lines, name, reason)
        line_numbers.extend([result.lines] * (len(batch) - before))
        if len(batch) >= BATCH:
            _store(spool, channel, batch, line_numbers, result)
            report(bytes_read)
    _store(spool, channel, batch, line_numbers, result)
    report(bytes_read)


def _store(spool: Spool, channel: str, batch: list[ReadingFields], line_numbers: list[int], result: FileResult) -> None:
    if not batch:
        return
    appended = spool.append_fields(channel, batch)
    result.stored += appended.stored
    result.duplicates += appended.duplicates
    result.conflicting += appended.conflicting
    for conflict in appended.conflicts:
        stored = conflict.stored
        result.reject(
            line_numbers[conflict.position],
            conflict.rejected.tag,
            f"{conflict.rejected.value} {conflict.rejected.unit}".rstrip()
            + f" contradicts {stored.reading.value} {stored.reading.unit}".rstrip()
            + f" at the same source, tag and time (entry {stored.index} of the channel)",
        )
    result.rejected_count += appended.conflicting - len(appended.conflicts)
    batch.clear()
    line_numbers.clear()


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: int
    fault: str = ""


def _lines(file: BinaryIO) -> Iterator[_Line]:
    """Yield the lines of `file` without line ends, and without empty lines at the end of the file."""
    empty_sizes: list[int] = []
    while raw := file.readline(MAX_LINE):
        size, fault, text = len(raw), "", ""
        if size == MAX_LINE and not raw.endswith(b"\n"):
            fault = f"longer than {MAX_LINE} bytes"
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(MAX_LINE)
                size += len(raw)
        else:
            try:
                text = raw.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                fault = f"not valid UTF-8: {error.reason} at byte {error.start}"
        if fault or text.strip():
            yield from (_Line("", empty_size) for empty_size in empty_sizes)
            empty_sizes.clear()
            yield _Line(text, size, fault)
        elif len(empty_sizes) < _MAX_EMPTY_LINES:
            empty_sizes.append(size)
        else:
            raise FileFormatError(f"more than {_MAX_EMPTY_LINES} consecutive empty lines", field="path")
