"""Recorded files into the spool, in bounded memory: what is broken is reported by line and field, the rest is taken.

    layout = layout_for(path, columns="XMEAS(1..41),XMV(1..11)", start="2026-01-01T00:00:00Z", step="180s")
    result = ingest_file(spool, "line-1", path, layout)

Reading the same file again takes nothing twice: a reading's identity is its source (by default the file's name
without its ending), its tag and its source time, all of which come from the file and the options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from chromatrace.ingest.errors import FileRefused
from chromatrace.ingest.layout import Layout, layout_for
from chromatrace.ingest.records import ReadingFields
from chromatrace.ingest.rows import RowParser, parser_for
from chromatrace.ingest.spool import BATCH, Spool

__all__ = ["FileResult", "RefusedRow", "ingest_file", "layout_for"]

MAX_LINE = 1 << 20
"""Bytes."""
LISTED_REFUSALS = 10_000
_MAX_EMPTY = 100_000

Progress = Callable[[int, int], None]
"""Told the bytes read and the bytes in all."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """What was refused of a line: its number (from 1), the field (a tag, or `time`, `columns`, `line`) and why."""

    line: int
    field: str
    reason: str


@dataclass(slots=True)
class FileResult:
    """What became of a file. `refused` lists the first ten thousand of `refused_count`.

    taken        readings new to the spool
    duplicates   readings that the spool had already
    conflicting  readings that contradict one of the spool; in `refused` too, and kept by the spool
    empty        cells without a value
    lines        lines read
    """

    taken: int = 0
    duplicates: int = 0
    conflicting: int = 0
    empty: int = 0
    lines: int = 0
    refused_count: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    def refuse(self, line: int, field: str, reason: str) -> None:
        """Counts a refusal, and lists it while there is room."""
        self.refused_count += 1
        if len(self.refused) < LISTED_REFUSALS:
            self.refused.append(RefusedRow(line, field, reason))


def ingest_file(
    spool: Spool,
    channel: str,
    path: Path | str,
    layout: Layout,
    *,
    source: str | None = None,
    progress: Progress | None = None,
) -> FileResult:
    """Takes the readings of the file `path` into `channel`; `source` names their source (None: the file's stem).

    Raises `FileRefused` where the file cannot be opened or has no usable header, `LayoutRefused` where the layout does
    not fit it, `SpoolUnavailable` where the spool does; what was taken before stays, and a second run goes on.
    """
    path = Path(path)
    result = FileResult()
    parser = parser_for(layout, path.stem if source is None else source)
    try:
        with path.open("rb") as file:
            total = path.stat().st_size
            _ingest(spool, channel, file, parser, result, lambda done: progress(done, total) if progress else None)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}", field="path") from error
    result.empty = parser.empty
    return result


def _ingest(
    spool: Spool, channel: str, file: BinaryIO, parser: RowParser, result: FileResult, report: Callable[[int], None]
) -> None:
    batch: list[ReadingFields] = []
    lines: list[int] = []
    done = 0
    for line in _lines(file):
        result.lines += 1
        done += line.size
        before = len(batch)
        if line.fault:
            refusals = [("line", line.fault)]
            parser.parse("", [])
        else:
            refusals = parser.parse(line.text, batch)
        for name, reason in refusals:
            result.refuse(result.lines, name, reason)
        lines.extend([result.lines] * (len(batch) - before))
        if len(batch) >= BATCH:
            _take(spool, channel, batch, lines, result)
            report(done)
    _take(spool, channel, batch, lines, result)
    report(done)


def _take(spool: Spool, channel: str, batch: list[ReadingFields], lines: list[int], result: FileResult) -> None:
    if not batch:
        return
    appended = spool.append_fields(channel, batch)
    result.taken += appended.taken
    result.duplicates += appended.duplicates
    result.conflicting += appended.conflicting
    for conflict in appended.conflicts:
        stored = conflict.stored
        result.refuse(
            lines[conflict.offset],
            conflict.offered.tag,
            f"{conflict.offered.value} {conflict.offered.unit}".rstrip()
            + f" contradicts {stored.reading.value} {stored.reading.unit}".rstrip()
            + f" of the same source, tag and time, number {stored.index} of the channel",
        )
    result.refused_count += appended.conflicting - len(appended.conflicts)
    batch.clear()
    lines.clear()


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: int
    fault: str = ""


def _lines(file: BinaryIO) -> Iterator[_Line]:
    """The lines of `file` without their ends. Empty ones at its end are left out: many writers add one."""
    empty: list[int] = []
    while raw := file.readline(MAX_LINE):
        size, fault, text = len(raw), "", ""
        if size == MAX_LINE and not raw.endswith(b"\n"):
            fault = f"it is longer than {MAX_LINE} bytes"
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(MAX_LINE)
                size += len(raw)
        else:
            try:
                text = raw.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                fault = f"it is not UTF-8: {error.reason} at byte {error.start}"
        if fault or text.strip():
            yield from (_Line("", one) for one in empty)
            empty.clear()
            yield _Line(text, size, fault)
        elif len(empty) < _MAX_EMPTY:
            empty.append(size)
        else:
            raise FileRefused(f"more than {_MAX_EMPTY} empty lines follow each other", field="path")
