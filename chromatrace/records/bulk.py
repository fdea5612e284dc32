"""Rows of a CSV or JSON-lines file as the members of records; a row that cannot be read is said, the rest goes on.

CSV: a header with the names of the fields; an empty cell is an absent field. Lists are separated by `;`, products and
quantities written as `P-1:2;P-2:1`. JSON lines: one object a line, read strictly.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.record_kinds import FieldType, RecordKind
from chromatrace.records.document import MAX_DOCUMENT, parse
from chromatrace.records.errors import InvalidRecordError

_MOST_LINE = MAX_DOCUMENT + 2


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row: its members, or why it is refused. `line` counts from 1, the header included."""

    line: int
    members: dict[str, Any] | None = None
    refusal: ChromaTraceError | None = None


def rows(path: Path, kind: RecordKind) -> Iterator[ImportRow]:
    """The rows of a `.csv` or `.jsonl` file. Raises `InvalidInput` where the file as a whole cannot be read."""
    if path.suffix not in (".csv", ".jsonl", ".ndjson"):
        raise InvalidInput(f"{path.name} is neither .csv nor .jsonl", field="file")
    try:
        yield from _csv(path, kind) if path.suffix == ".csv" else _json_lines(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", field="file") from error


def _json_lines(path: Path) -> Iterator[ImportRow]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_MOST_LINE):
            number += 1
            while not line.endswith(b"\n") and (rest := file.readline(_MOST_LINE)):
                # Of a line that is too long whatever it says, no more is kept than shows that.
                line = line[:_MOST_LINE] + rest[-1:]
            if not line.strip():
                continue
            try:
                yield ImportRow(number, parse(line.rstrip(b"\r\n")))
            except InvalidRecordError as refusal:
                yield ImportRow(number, refusal=refusal)


def _csv(path: Path, kind: RecordKind) -> Iterator[ImportRow]:
    # What is not UTF-8 becomes lone surrogates, which no field of a record takes: its row is refused, not the file.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise InvalidInput(f"not CSV: {error}", field="file") from error
        for place, name in enumerate(header):
            if kind.field(name) is None or name in header[:place]:
                known = ", ".join(field.name for field in kind.fields)
                raise InvalidInput(
                    f"column {name!r} is no field of {kind.schema}", field="file", hint=f"there are: {known}"
                )
        if not header:
            raise InvalidInput("the file has no header", field="file")
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield ImportRow(reader.line_num, refusal=InvalidRecordError(f"not CSV: {error}", field=""))
                continue
            if not cells:
                continue
            line = reader.line_num
            if len(cells) != len(header):
                message = f"{len(header)} cells are needed, got {len(cells)}"
                yield ImportRow(line, refusal=InvalidRecordError(message, field=""))
                continue
            try:
                filled = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
                yield ImportRow(line, {name: _value(kind, name, cell) for name, cell in filled.items()})
            except InvalidRecordError as refusal:
                yield ImportRow(line, refusal=refusal)


def _value(kind: RecordKind, name: str, cell: str) -> Any:
    field = kind.field(name)
    assert field is not None
    try:
        match field.type:
            case FieldType.WHOLE:
                return int(cell)
            case FieldType.NUMBER:
                return float(cell)
            case FieldType.FLAG:
                return {"true": True, "false": False}[cell]
            case FieldType.KEYS | FieldType.TEXTS:
                return cell.split(";")
            case FieldType.QUANTITIES:
                pairs = [item.rpartition(":") for item in cell.split(";")]
                return [{"product_id": product, "quantity": int(quantity)} for product, _, quantity in pairs]
    except (ValueError, KeyError) as error:
        raise InvalidRecordError(f"{cell[:80]!r} is no value of type {field.type}", field=f"/{name}") from error
    return cell
