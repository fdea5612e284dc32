"""Read the rows of a CSV or JSON-lines table as members of records. An invalid row does not affect the others.

CSV: the header has the field names, and an empty cell is an absent field. Lists are separated by `;`; products with
quantities are written as `P-1:2;P-2:1`. JSON lines: one object per line, parsed strictly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.numbers import parse_decimal, parse_whole
from chromatrace.domain.record_kinds import FieldType, RecordKind
from chromatrace.records.document import MAX_DOCUMENT, parse
from chromatrace.records.errors import InvalidRecordError

_MAX_LINE = MAX_DOCUMENT + 2


class TableFormat(Enum):
    """The formats of a table."""

    CSV = "csv"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row: its members, or why it is invalid. `line` counts from 1 and includes the header."""

    line: int
    members: dict[str, Any] | None = None
    error: ChromaTraceError | None = None


def rows_of_file(path: Path, kind: RecordKind) -> Iterator[ImportRow]:
    """Yield the rows of a `.csv` or `.jsonl` file. Raises `InvalidInput` if the file cannot be read."""
    if path.suffix not in (".csv", ".jsonl", ".ndjson"):
        raise InvalidInput(f"{path.name} must be a .csv or .jsonl file", field="file")
    try:
        with path.open("rb") as file:
            yield from rows(file, TableFormat.CSV if path.suffix == ".csv" else TableFormat.JSON_LINES, kind)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", field="file") from error


def rows(table: BinaryIO, table_format: TableFormat, kind: RecordKind) -> Iterator[ImportRow]:
    """Yield the rows of a table, which is read once and never stored. Raises `InvalidInput` for an invalid header."""
    return _csv(table, kind) if table_format is TableFormat.CSV else _json_lines(table)


def _json_lines(table: BinaryIO) -> Iterator[ImportRow]:
    number = 0
    while line := table.readline(_MAX_LINE):
        number += 1
        while not line.endswith(b"\n") and (rest := table.readline(_MAX_LINE)):
            # Keep no more of an overlong line than needed to reject it.
            line = line[:_MAX_LINE] + rest[-1:]
        if not line.strip():
            continue
        try:
            yield ImportRow(number, parse(line.rstrip(b"\r\n")))
        except InvalidRecordError as error:
            yield ImportRow(number, error=error)


def _csv(table: BinaryIO, kind: RecordKind) -> Iterator[ImportRow]:
    # Bytes that are not UTF-8 become lone surrogates, which no field allows, so only their row is rejected.
    with io.TextIOWrapper(table, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise InvalidInput(f"not CSV: {error}", field="file") from error
        for index, name in enumerate(header):
            if kind.field(name) is None or name in header[:index]:
                known = ", ".join(field.name for field in kind.fields)
                raise InvalidInput(
                    f"column {name!r} is not a field of {kind.schema}, or a duplicate",
                    field="file",
                    hint=f"allowed: {known}",
                )
        if not header:
            raise InvalidInput("the file has no header", field="file")
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield ImportRow(reader.line_num, error=InvalidRecordError(f"not CSV: {error}", field=""))
                continue
            if not cells:
                continue
            line = reader.line_num
            if len(cells) != len(header):
                message = f"expected {len(header)} cells, got {len(cells)}"
                yield ImportRow(line, error=InvalidRecordError(message, field=""))
                continue
            try:
                filled = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
                yield ImportRow(line, {name: _value(kind, name, cell) for name, cell in filled.items()})
            except InvalidRecordError as error:
                yield ImportRow(line, error=error)


def _value(kind: RecordKind, name: str, cell: str) -> Any:
    field = kind.field(name)
    assert field is not None
    try:
        match field.type:
            case FieldType.WHOLE:
                return parse_whole(cell, name)
            case FieldType.NUMBER:
                return parse_decimal(cell, name)
            case FieldType.FLAG:
                return {"true": True, "false": False}[cell]
            case FieldType.KEYS | FieldType.TEXTS:
                return cell.split(";")
            case FieldType.QUANTITIES:
                pairs = [item.rpartition(":") for item in cell.split(";")]
                return [
                    {"product_id": product, "quantity": parse_whole(quantity, name)} for product, _, quantity in pairs
                ]
    except InvalidInput as error:
        raise InvalidRecordError(error.message, field=f"/{name}", hint=error.hint) from error
    except KeyError as error:
        raise InvalidRecordError(f"{cell[:80]!r} is not a valid {field.type}", field=f"/{name}") from error
    return cell
