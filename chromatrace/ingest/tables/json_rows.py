"""Rows of JSON files: one object per line, or an array of objects or arrays."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, NoReturn

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import FileFormatError
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.records import ReadingFields, reading_fields
from chromatrace.ingest.tables.numbers import is_number
from chromatrace.ingest.tables.reader import Rejection
from chromatrace.ingest.tables.rows import Row, Rows, _text, cell_text, read_whole
from chromatrace.ingest.times import parse_time
from chromatrace.storage.strict_json import require_shallow

_SAMPLE_ROWS = 1000


def are_reading_objects(rows: Rows) -> bool:
    """Return whether the rows are JSON objects that are readings: members `tag` and `value`, one object per line."""
    return rows.facts.get("format") == "readings"


class ReadingObjects:
    """Reads JSON objects that are readings.

    `tag`, `value` and either `source_time_ns` (integer) or `time` (RFC 3339) are required. `source`, `unit`, `quality`,
    `sequence`, `replayed` and `received_ns` are optional. Unknown members are rejected.
    """

    _REQUIRED = ("tag", "value")
    _KNOWN = frozenset(Reading.__slots__) | {"time"}

    def __init__(self, source: str) -> None:
        self.gaps = 0
        self.naive = False
        self._source = source
        self._row = 0

    def read(self, row: Row, readings: list[ReadingFields]) -> list[Rejection]:
        """Append the reading of a line and return what is rejected."""
        text = row.text or ""
        if row.fault:
            return [Rejection("line", row.fault)]
        if not text.strip():
            return []
        number, self._row = self._row, self._row + 1
        try:
            readings.append(reading_fields(self._reading(text, number)))
        except InvalidInput as error:
            return [Rejection(error.field or "line", error.message, error.hint)]
        except (ValueError, RecursionError) as error:
            return [Rejection("line", f"invalid JSON: {error}")]
        return []

    def _reading(self, line: str, number: int) -> Reading:
        require_shallow(line.encode("utf-8"))
        document = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_number)
        if not isinstance(document, dict):
            raise InvalidInput("expected a JSON object", field="line")
        for name in document.keys() - self._KNOWN:
            raise InvalidInput("unknown field", field=name)
        for name in self._REQUIRED:
            if name not in document:
                raise InvalidInput("missing field", field=name)
        if ("time" in document) == ("source_time_ns" in document):
            raise InvalidInput("expected exactly one of time and source_time_ns", field="source_time_ns")
        value = document["value"]
        if isinstance(value, str) and is_number(value):
            raise InvalidInput(f"{value!r} is a number in quotes", field="value", hint="remove the quotes")
        if isinstance(value, bool):
            document["value"] = "true" if value else "false"
        fields: dict[str, Any] = {"source": self._source, "received_ns": time.time_ns(), "sequence": number} | document
        if "time" in fields:
            moment = fields.pop("time")
            if not isinstance(moment, str):
                raise InvalidInput(f"{moment!r} is not a valid RFC 3339 time", field="time")
            fields["source_time_ns"] = parse_time(moment)
        return Reading(**fields)


def json_rows(stream: BinaryIO, layout: Layout) -> Rows:
    """Return the rows of a JSON file. The first row has the names of the members."""
    buffered = io.BufferedReader(stream) if not isinstance(stream, io.BufferedReader) else stream  # type: ignore[type-var]
    start = buffered.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n")
    buffered.seek(0)
    if start.startswith(b"["):
        array = _array(read_whole(buffered))
        if array and all(isinstance(item, list) for item in array):
            rows = (Row(number, cells=[_cell(value) for value in item]) for number, item in enumerate(array, 1))
            return Rows(rows, {"format": "json", "encoding": "utf-8"}, cells_given=True)
        items: Iterable[tuple[int, Any, str]] = ((number, item, "") for number, item in enumerate(array, 1))
    else:
        lines = _text(buffered, layout)
        first = next((row for row in lines.rows if row.fault or (row.text or "").strip()), None)
        rest = chain([first] if first is not None else [], lines.rows)
        if first is not None and '"tag"' in (first.text or ""):
            return Rows(rest, {"format": "readings", "encoding": "utf-8"})
        items = _objects(rest)
    return Rows(_named(items), {"format": "json", "encoding": "utf-8"}, cells_given=True)


def _array(data: bytes) -> list[Any]:
    try:
        require_shallow(data)
        array = json.loads(data, **_STRICT)
    except (ValueError, RecursionError, InvalidInput) as error:
        raise FileFormatError(f"invalid JSON: {error}", field="path") from error
    if not isinstance(array, list):
        raise FileFormatError("expected an array or one object per line", field="path")
    return array


def _objects(lines: Iterable[Row]) -> Iterator[tuple[int, Any, str]]:
    for row in lines:
        if row.fault or not (row.text or "").strip():
            yield row.number, None, row.fault
            continue
        try:
            text = row.text or ""
            require_shallow(text.encode())
            yield row.number, json.loads(text, **_STRICT), ""
        except (ValueError, RecursionError, InvalidInput) as error:
            yield row.number, None, f"invalid JSON: {error}"


def _named(items: Iterable[tuple[int, Any, str]]) -> Iterator[Row]:
    """Yield the names of all members of the first objects, then the cells of each object."""
    iterator = iter(items)
    sample = [item for _, item in zip(range(_SAMPLE_ROWS), iterator, strict=False)]
    names = list(dict.fromkeys(name for _, item, _ in sample if isinstance(item, dict) for name in item))
    if not names:
        raise FileFormatError("the file contains no JSON objects", field="path")
    yield Row(0, cells=names)
    known = set(names)
    for number, item, fault in chain(sample, iterator):
        if fault or item is None:
            yield Row(number, cells=[], fault=fault)
        elif not isinstance(item, dict):
            yield Row(number, cells=[], fault="expected a JSON object")
        elif unknown := item.keys() - known:
            yield Row(number, cells=[], fault=f"unknown member {min(unknown)!r}")
        elif nested := [name for name, value in item.items() if isinstance(value, dict | list)]:
            yield Row(number, cells=[], fault=f"member {nested[0]!r} is nested")
        else:
            yield Row(number, cells=[_cell(item.get(name)) for name in names])


def _cell(value: Any) -> str:
    return cell_text(value)


def _no_number(constant: str) -> NoReturn:
    raise InvalidInput(f"expected a finite number, got {constant}", field="value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidInput("duplicate member", field=next(name for name in names if names.count(name) > 1))
    return members


# Numbers stay texts, so no digit is lost.
_STRICT: dict[str, Any] = {
    "parse_constant": _no_number,
    "parse_float": str,
    "parse_int": str,
    "object_pairs_hook": _unique,
}
