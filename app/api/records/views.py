"""The routes of department records; files are in `files`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import jsonify, request

from app.api.records.request_context import (
    department_of,
    keys,
    only_parameters,
    open_desk,
    readers,
    record_of,
    transaction_of,
    unlock,
    writing_desk,
)
from app.context import current_operator, current_portal
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.ledger_entries import record_id
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.records.bulk import rows
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.document import MAX_DOCUMENT, RecordDocument, parse
from chromatrace.records.errors import ContentNotFoundError, InvalidRecordError, KeyMissingError, RecordPendingError
from chromatrace.records.importing import ImportReport, append_rows, check_rows
from chromatrace.records.reader_key import Reader
from chromatrace.storage.strict_json import members

MAX_PAGE = 1_000
BATCH = 500
MAX_IMPORT = 64 * 1024 * 1024
"""Bytes of a table; larger ones are imported in parts, or by the command line."""
_TABLES = {"text/csv": ".csv", "application/x-ndjson": ".jsonl"}


def kinds() -> Any:
    """What the plant's departments write, each kind with its JSON Schema."""
    only_parameters()
    desk, _ = open_desk()
    return jsonify({"kinds": [_kind(kind) for kind in desk.catalogue.kinds]})


def add() -> Any:
    """Adds the record in the body: 202 and the transaction, or a refusal and nothing written."""
    only_parameters("reader")
    current_operator()
    _need_type("application/json")
    given = parse(request.stream.read(MAX_DOCUMENT + 1))
    desk, kind = writing_desk(given.get("schema"))
    entitled = readers(kind.department)
    prepared = desk.prepare(desk.document(kind, given, {}))
    made = prepared.document
    try:
        transaction = desk.add([prepared], entitled, {})
    except RecordPendingError as error:
        raise RecordPendingError(error.records, field=f"/{kind.key[0]}") from error
    answer = jsonify(
        {
            "transaction": transaction,
            "schema": kind.schema,
            "key": made.key,
            "record": _hex(made.record),
            "digest": _hex(made.digest),
        }
    )
    answer.status_code = 202
    answer.headers["Location"] = f"/api/v1/records/{_hex(made.record)}?transaction={transaction}"
    return answer


def take_rows() -> Any:
    """Adds a record for each row of a CSV or JSON-lines body; rows that are refused are told, the rest is taken."""
    only_parameters("schema", "reader")
    current_operator()
    ending = _TABLES[_need_type(*_TABLES)]
    desk, kind = writing_desk(request.args.get("schema"), "schema")
    entitled = readers(kind.department)
    request.max_content_length = MAX_IMPORT
    report = ImportReport()
    with tempfile.TemporaryDirectory(prefix="chromatrace-import-") as folder:
        table = Path(folder) / f"body{ending}"
        with table.open("wb") as file:
            shutil.copyfileobj(request.stream, file)
        accepted = check_rows(desk, kind, rows(table, kind), report, lambda _: None)
    append_rows(desk, accepted, entitled, BATCH, report, lambda _: None)
    answer = jsonify(report.as_dict())
    answer.status_code = 202
    return answer


def list_() -> Any:
    """The records about `product` in the departments that the caller may read, oldest first, page by page.

    In its place, `transaction`: what that transaction appended, each with whether it was only a repeat. Or `schema` and
    `key`: the one record of that key, the organisation's own where it has one.
    """
    only_parameters("product", "schema", "key", "transaction", "perPage", "nextPageToken")
    desk, _ = open_desk()
    size, start = _number("perPage", 100, MAX_PAGE, 1), _number("nextPageToken", 0, 10**9)
    if "product" in request.args:
        found = list(desk.trace(_text("product")))
    elif "transaction" in request.args:
        found = list(desk.appended_by(transaction_of(request.args["transaction"])))
    else:
        kind = desk.catalogue.by_schema(request.args.get("schema"))
        found = [desk.find(record_id(kind.id, _text("key")), kind)]
    answer = jsonify({"records": [_entry(desk, entry) for entry in found[start : start + size]]})
    if start + size < len(found):
        query = urlencode({**request.args, "nextPageToken": start + size})
        answer.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return answer


def show(record: str) -> Any:
    """A record and its document, where the portal holds a key that opens it (`document` is null where not).

    With `transaction`: the one that it appended, or `RecordRepeatedError` where it only repeated what was there.
    """
    only_parameters("transaction")
    desk, _ = open_desk()
    entry, document = read(desk, record, request.args.get("transaction"))
    fields = document and {"schema": document.kind.schema, **document.fields}
    repeats = [_hex(one.appended.tx_hash) for one in desk.repeats_of(entry)]
    return jsonify(_entry(desk, entry) | {"document": fields, "repeats": list(dict.fromkeys(repeats))})


def grant(record: str) -> Any:
    """Lets `{"reader": "NAME=x25519:…"}` read the document and its files, for one who may append to the department."""
    only_parameters()
    current_operator()
    _need_type("application/json")
    given = members(parse(request.stream.read(MAX_DOCUMENT + 1)), "", ["reader"])
    if not isinstance(given["reader"], str):
        raise InvalidRecordError("text is needed", field="/reader")
    try:
        reader = Reader.parse(given["reader"])
    except InvalidInput as error:
        raise InvalidRecordError(error.message, field="/reader", hint=error.hint) from error
    return _change_readers(record, [reader], [])


def revoke(record: str, name: str) -> Any:
    """Takes the document from a reader who has not read it yet; whoever has may keep it."""
    only_parameters()
    current_operator()
    return _change_readers(record, [], [name])


def _change_readers(record: str, added: list[Reader], removed: list[str]) -> Any:
    desk, writer = open_desk()
    unlock(writer)
    entry = desk.find(record_of(record))
    kind = _kind_of(desk, entry)
    desk.require_writer(kind)
    own = keys(current_portal(), kind.department)
    if not own:
        raise KeyMissingError(f"the portal has no reading key of {kind.department!r}", field="reader")
    return jsonify({"readers": desk.grant(entry, own[0], added, removed)})


def read(desk: DepartmentRecords, record: str, transaction: str | None = None) -> tuple[Any, RecordDocument | None]:
    """Return an entry, and its document if the portal holds a key. Raises as `DepartmentRecords.find`, `find_in`."""
    named = record_of(record)
    entry = desk.find(named) if transaction is None else desk.find_in(named, transaction_of(transaction))
    department = department_of(entry)
    held = keys(current_portal(), department.name) if department else []
    try:
        return entry, desk.read(entry, held) if desk.catalogue.by_hash(entry.kind) else None
    except ContentNotFoundError:
        return entry, None


def _kind_of(desk: DepartmentRecords, entry: Any) -> RecordKind:
    kind = desk.catalogue.by_hash(entry.kind)
    if kind is None:
        raise NotFound("this plant does not define records of that kind", field="record")
    return kind


def _kind(kind: RecordKind) -> dict[str, Any]:
    before = [{"field": one.field, "kind": one.kind, "match": str(one.match)} for one in kind.preceding]
    return {
        "schema": kind.schema,
        "title": kind.title,
        "department": kind.department,
        "key": list(kind.key),
        "subject": kind.subject,
        "preceding": before,
        "jsonSchema": kind.json_schema(),
    }


def _entry(desk: DepartmentRecords, entry: Any) -> dict[str, Any]:
    kind, department = desk.catalogue.by_hash(entry.kind), department_of(entry)
    return {
        "record": _hex(entry.record),
        "schema": kind and kind.schema,
        "title": kind and kind.title,
        "department": department and department.name,
        "organisation": department and department.organisation,
        "number": entry.number,
        "subject": _hex(entry.subject),
        "preceding": entry.preceding and _hex(entry.preceding),
        "digest": _hex(entry.digest),
        "by": entry.by,
        "transaction": _hex(entry.appended.tx_hash),
        "block": entry.appended.block_number,
        "time": entry.appended.block_time,
        "repeat": entry.repeat,
    }


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _need_type(*types: str) -> str:
    if request.mimetype not in types:
        raise InvalidInput(f"{' or '.join(types)} is needed, got {request.mimetype or 'none'}", field="Content-Type")
    return request.mimetype


def _text(name: str) -> str:
    text = request.args.get(name, "")
    if not 1 <= len(text) <= 300 or any(ord(one) < 32 for one in text):
        raise InvalidInput("1 to 300 characters are needed", field=name)
    return text


def _number(name: str, default: int, most: int, least: int = 0) -> int:
    text = request.args.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not least <= int(text) <= most:
        raise InvalidInput(f"a number from {least} to {most} is needed, got {text!r:.20}", field=name)
    return int(text)
