"""Open a file as rows of cells, whatever its format: text, workbook, Parquet or JSON, with or without gzip.

Memory is bounded for text and Parquet. Workbooks, JSON arrays and transposed tables are read whole, up to `MAX_WHOLE`.
"""

from __future__ import annotations

import datetime
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from chromatrace.ingest.errors import FileFormatError, LayoutError
from chromatrace.ingest.layout import Layout

MAX_LINE = 1 << 20
"""Characters."""
MAX_WHOLE = 256 << 20
"""Bytes of a file that is read whole."""
SAMPLE = 1 << 18
"""Bytes from which the encoding is found."""

_GZIP, _ZIP, _OLE, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LATIN = set("°µ²³±·×÷€£§«»¼½¾®©–—‘’“”…") | {chr(code) for code in range(0xC0, 0x100)}
"""Characters that are plausible in a Western file. Other encodings give other characters for the same bytes."""

Cells = list[str]


@dataclass(slots=True)
class Row:
    """One line or row: its number in the file, from 1, and either its text, its cells, or why it cannot be read."""

    number: int
    text: str | None = None
    cells: Cells | None = None
    fault: str = ""


@dataclass(slots=True)
class Rows:
    """The rows of a file. `facts` describes the format; `position` returns the bytes read so far."""

    rows: Iterator[Row]
    facts: dict[str, Any] = field(default_factory=dict)
    position: Callable[[], int] = lambda: 0
    cells_given: bool = False
    """Whether the format gives cells. Otherwise a row is a text that needs a delimiter."""
    notes: list[str] = field(default_factory=list)


def open_rows(file: BinaryIO, path: Path, layout: Layout) -> Rows:
    """Return the rows of an open file. Raises `FileFormatError`, `LayoutError`."""
    head = file.read(8)
    file.seek(0)
    stream: BinaryIO = file
    facts: dict[str, Any] = {}
    suffix = path.suffix.lower()
    if head.startswith(_GZIP):
        facts["compression"] = "gzip"
        stream = io.BufferedReader(_Gzip(file))
        suffix = Path(path.stem).suffix.lower()
        head = stream.peek(8)[:8]
    if head.startswith(_PARQUET):
        rows = _parquet(stream)
    elif head.startswith((_ZIP, _OLE)) and suffix in (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ""):
        rows = _workbook(stream, layout.sheet)
    elif suffix in (".json", ".jsonl", ".ndjson"):
        from chromatrace.ingest.tables.json_rows import json_rows

        rows = json_rows(stream, layout)
    else:
        rows = _text(stream, layout)
    if layout.sheet is not None and rows.facts.get("format") != "workbook":
        raise LayoutError("only a workbook has sheets", field="sheet")
    rows.facts = facts | rows.facts
    rows.position = file.tell
    return rows


def read_whole(stream: BinaryIO) -> bytes:
    """Return the content of a stream. Raises `FileFormatError` beyond `MAX_WHOLE` bytes."""
    data = stream.read(MAX_WHOLE + 1)
    if len(data) > MAX_WHOLE:
        raise FileFormatError(
            f"the file has more than {MAX_WHOLE >> 20} MiB, and this format is read whole",
            field="path",
            hint="convert it to CSV or Parquet",
        )
    return data


class _Gzip(gzip.GzipFile):
    """A gzip stream that raises the project's error if it is damaged."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(fileobj=file, mode="rb")

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`."""
        try:
            return super().readinto(buffer)
        except (OSError, EOFError, zlib.error) as error:
            raise FileFormatError(f"the gzip file is damaged or cut off: {error}", field="path") from error


def detect_encoding(sample: bytes) -> str:
    """Return the encoding of a text file from its first bytes. Raises `FileFormatError` if it cannot be found."""
    for bom, name in _BOMS:
        if sample.startswith(bom):
            return name
    if sample and sample.count(0) > len(sample) / 5:
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        # A character may be cut off at the end of the sample.
        sample[: sample.rfind(b"\n") + 1 or None].decode()
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    try:
        western = sample.decode("cp1252")
    except UnicodeDecodeError:
        western = ""
    if western and all(character.isascii() or character in _LATIN for character in western):
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is None:
        raise FileFormatError(
            "the encoding of the text is unknown: it is not UTF-8, UTF-16 or Western European",
            field="encoding",
            hint="use --encoding, such as cp1251 or gb18030",
        )
    return str(best.encoding)


def _text(stream: BinaryIO, layout: Layout) -> Rows:
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    sample = _peek(buffered)
    encoding = layout.encoding or detect_encoding(sample)
    try:
        "".encode(encoding)
    except LookupError as error:
        raise LayoutError(f"{encoding!r} is not a known encoding", field="encoding", hint="such as utf-8") from error
    reader = io.TextIOWrapper(buffered, encoding=encoding, errors="surrogateescape", newline=None)
    facts = {"format": "text", "encoding": encoding.removesuffix("-sig")}
    return Rows(_lines(reader, encoding), facts)


def _peek(stream: io.BufferedIOBase) -> bytes:
    """Return up to `SAMPLE` bytes; the stream stays at its start."""
    sample = stream.read(SAMPLE)
    stream.seek(0)
    return sample


def _lines(reader: io.TextIOWrapper, encoding: str) -> Iterator[Row]:
    number = 0
    try:
        while line := reader.readline(MAX_LINE):
            number += 1
            fault = ""
            if len(line) == MAX_LINE and not line.endswith("\n"):
                fault = f"longer than {MAX_LINE} bytes"
                while line and not line.endswith("\n"):
                    line = reader.readline(MAX_LINE)
            elif not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
                fault = f"not valid {encoding.removesuffix('-sig').upper()}"
            yield Row(number, "" if fault else line.rstrip("\n"), fault=fault)
    except UnicodeError as error:
        raise FileFormatError(
            f"the text is not valid {encoding} after line {number}: {error}", field="encoding", hint="use --encoding"
        ) from error
    finally:
        with suppress(ValueError):
            reader.detach()  # the wrapper would close the file


def _workbook(stream: BinaryIO, sheet: str | None) -> Rows:
    import python_calamine

    data = read_whole(stream)
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        contents = {
            name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in workbook.sheet_names
        }
    except Exception as error:
        raise FileFormatError(
            f"the workbook is damaged or protected: {error}", field="path", hint="open it and save it again"
        ) from error
    filled = [name for name, rows in contents.items() if any(cell != "" for row in rows for cell in row)]
    name = _chosen_sheet(sheet, list(contents), filled)
    rows = (Row(number, cells=[cell_text(cell) for cell in row]) for number, row in enumerate(contents[name], 1))
    return Rows(rows, {"format": "workbook", "sheet": name}, cells_given=True)


def _chosen_sheet(sheet: str | None, names: list[str], filled: list[str]) -> str:
    if sheet is not None:
        if sheet in names:
            return sheet
        if sheet.isascii() and sheet.isdigit() and 1 <= int(sheet) <= len(names):
            return names[int(sheet) - 1]
        raise LayoutError(f"the workbook has no sheet {sheet!r}", field="sheet", hint=f"it has {', '.join(names)}")
    if len(filled) > 1:
        raise LayoutError(f"{len(filled)} sheets have data: {', '.join(filled)}", field="sheet", hint="use --sheet")
    if not filled:
        raise FileFormatError("the workbook is empty", field="path")
    return filled[0]


def cell_text(value: Any) -> str:
    """Return a typed cell as text that gives the same value when it is read again."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return repr(value.total_seconds())
    return str(value)


def _parquet(stream: BinaryIO) -> Rows:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    source = (
        stream if stream.seekable() and not isinstance(stream, io.BufferedReader) else io.BytesIO(read_whole(stream))
    )
    try:
        table = parquet.ParquetFile(source)
        schema = table.schema_arrow
        nested = [column.name for column in schema if arrow.types.is_nested(column.type)]
        names = [column.name for column in schema if column.name not in nested]
    except (arrow.ArrowException, OSError) as error:
        raise FileFormatError(f"the Parquet file is damaged or cut off: {error}", field="path") from error
    if not names:
        raise FileFormatError(f"all columns are nested: {', '.join(nested)}", field="path", hint="flatten the columns")

    def rows() -> Iterator[Row]:
        yield Row(1, cells=names)
        number = 1
        try:
            for batch in table.iter_batches(batch_size=4096, columns=names):
                columns = [_arrow_texts(column) for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield Row(number, cells=list(cells))
        except (arrow.ArrowException, OSError) as error:
            raise FileFormatError(f"the Parquet file is damaged after row {number}: {error}", field="path") from error

    notes = [f"column {name} is nested and left out" for name in nested]
    return Rows(rows(), {"format": "parquet"}, cells_given=True, notes=notes)


def _arrow_texts(column: Any) -> list[str]:
    import pyarrow as arrow

    if arrow.types.is_timestamp(column.type):
        suffix = "Z" if column.type.tz else ""
        # Nanoseconds do not fit into Python's datetime.
        whole = column.cast(arrow.timestamp("ns")).cast(arrow.int64()).to_pylist()
        return ["" if ns is None else _nanosecond_text(ns) + suffix for ns in whole]
    return [cell_text(value) for value in column.to_pylist()]


def _nanosecond_text(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.isoformat(" ") + (f".{rest:09d}" if rest else "")


def transposed(rows: Rows, split: Callable[[str], Cells]) -> Rows:
    """Return the columns of a table as its rows. Raises `FileFormatError` if the lines have different lengths."""
    lines: list[tuple[int, Cells]] = []
    for row in rows.rows:
        if row.fault:
            raise FileFormatError(f"line {row.number}: {row.fault}", field="transposed")
        cells = row.cells if row.cells is not None else split(row.text or "")
        if any(cell.strip() for cell in cells):
            lines.append((row.number, cells))
    widths = {len(cells) for _, cells in lines}
    if len(widths) > 1:
        number = next(number for number, cells in lines if len(cells) != len(lines[0][1]))
        raise FileFormatError(
            f"line {number} has another number of cells than line {lines[0][0]}",
            field="transposed",
            hint="all lines of a transposed table have the same number of cells",
        )
    turned = (
        Row(number, cells=list(cells)) for number, cells in enumerate(zip(*(c for _, c in lines), strict=True), 1)
    )
    return Rows(turned, rows.facts | {"transposed": True}, rows.position, cells_given=True, notes=rows.notes)
