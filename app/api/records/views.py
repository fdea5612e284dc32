"""Views of department records. Files are in `files`."""

from __future__ import annotations

import io
from typing import Any, cast
from urllib.parse import urlencode

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from app.api.records.request_context import (
    department_of,
    open_for_writing,
    open_records,
    parse_record_id,
    parse_transaction,
    requested_organisation,
    requested_readers,
    require_parameters,
    unlock,
)
from app.context import current_operator
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.ledger_entries import record_id
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.views import RecordView
from chromatrace.records.bulk import TableFormat, rows
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.document import MAX_DOCUMENT, RecordDocument, parse
from chromatrace.records.errors import ContentNotFoundError, InvalidRecordError, RecordPendingError
from chromatrace.records.importing import ImportReport, append_rows, check_rows
from chromatrace.records.reader_key import Reader
from chromatrace.storage.strict_json import members

MAX_PAGE = 1_000
ROWS_PER_TRANSACTION = 500
MAX_IMPORT = 64 * 1024 * 1024
"""Bytes of a table. Import larger tables in parts or with the command line."""
_TABLE_FORMATS = {"text/csv": TableFormat.CSV, "application/x-ndjson": TableFormat.JSON_LINES}


def kinds() -> ResponseReturnValue:
    """Return the record kinds of the plant's departments with their JSON Schemas."""
    require_parameters()
    records, _ = open_records()
    return jsonify({"kinds": [_kind_json(kind) for kind in records.catalogue.kinds]})


def add() -> ResponseReturnValue:
    """Add the record in the body. Return 202 and the transaction; an error has no effect."""
    require_parameters("reader")
    current_operator()
    _require_type("application/json")
    fields = parse(request.stream.read(MAX_DOCUMENT + 1))
    records, kind = open_for_writing(fields.get("schema"))
    readers = requested_readers()
    prepared = records.prepare(records.document(kind, fields, {}))
    document = prepared.document
    try:
        transaction = records.add([prepared], readers, {})
    except RecordPendingError as error:
        raise RecordPendingError(error.records, field=f"/{kind.key[0]}") from error
    response = jsonify(
        {
            "transaction": transaction,
            "schema": kind.schema,
            "key": document.key,
            "record": _hex(document.record),
            "digest": _hex(document.digest),
        }
    )
    response.status_code = 202
    response.headers["Location"] = f"/api/v1/records/{_hex(document.record)}?transaction={transaction}"
    return response


def import_rows() -> ResponseReturnValue:
    """Add a record for each row of a CSV or JSON-lines body. The response reports the rejected rows."""
    require_parameters("schema", "reader")
    current_operator()
    table_format = _TABLE_FORMATS[_require_type(*_TABLE_FORMATS)]
    records, kind = open_for_writing(request.args.get("schema"), "schema")
    readers = requested_readers()
    report = ImportReport()
    # The body is read in chunks and never stored: its rows are plain text.
    table = io.BufferedReader(cast(io.RawIOBase, request.stream))
    accepted = check_rows(records, kind, rows(table, table_format, kind), report, lambda _: None)
    append_rows(records, accepted, readers, ROWS_PER_TRANSACTION, report, lambda _: None)
    response = jsonify(report.as_dict())
    response.status_code = 202
    return response


def list_() -> ResponseReturnValue:
    """Return the records about `product` in the departments that the caller may read, oldest first, in pages.

    Alternatives: `transaction` selects the records that it appended, each marked if it is a repeat; `schema` and `key`
    select one record: that of `organisation`, by default preferring the caller's own.
    """
    require_parameters("product", "schema", "key", "organisation", "transaction", "perPage", "nextPageToken")
    records, _ = open_records()
    size, start = _number("perPage", 100, MAX_PAGE, 1), _number("nextPageToken", 0, 10**9)
    if "product" in request.args:
        entries = list(records.trace(_text("product")))
    elif "transaction" in request.args:
        entries = list(records.appended_by(parse_transaction(request.args["transaction"])))
    else:
        kind = records.catalogue.by_schema(request.args.get("schema"))
        entries = [records.find(record_id(kind.id, _text("key")), kind, requested_organisation())]
    response = jsonify({"records": [_entry_json(records, entry) for entry in entries[start : start + size]]})
    if start + size < len(entries):
        query = urlencode({**request.args, "nextPageToken": start + size})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


def show(record: str) -> ResponseReturnValue:
    """Return a record and its document. `document` is null if the portal has no key for it.

    `organisation` selects the organisation, by default preferring the caller's own; `transaction` selects the record
    that it appended. Raises `RecordRepeatedError` if that was only a repeat.
    """
    require_parameters("organisation", "transaction")
    records, _ = open_records()
    entry, document = load_record(records, record, request.args.get("transaction"))
    fields = document and {"schema": document.kind.schema, **document.fields}
    repeats = [_hex(repeat.appended.tx_hash) for repeat in records.repeats_of(entry)]
    return jsonify(_entry_json(records, entry) | {"document": fields, "repeats": list(dict.fromkeys(repeats))})


def grant(record: str) -> ResponseReturnValue:
    """Let the reader in `{"reader": "NAME=…"}` read the document and its files. Return all readers.

    With `"rotate": true`, the reader replaces the other keys of the same department. The caller must be allowed to
    append to the department of the record.
    """
    require_parameters("organisation")
    current_operator()
    _require_type("application/json")
    body = members(parse(request.stream.read(MAX_DOCUMENT + 1)), "", ["reader"], ["rotate"])
    rotate = body.get("rotate", False)
    if not isinstance(rotate, bool):
        raise InvalidRecordError(f"expected true or false, got {rotate!r:.80}", field="/rotate")
    try:
        reader = Reader.parse(body["reader"])
    except InvalidInput as error:
        raise InvalidRecordError(error.message, field="/reader", hint=error.hint) from error
    return _change_readers(record, [reader], [], rotate=rotate)


def revoke(record: str, fingerprint: str) -> ResponseReturnValue:
    """Revoke the access of a reader's key. A reader who has already read the document may have kept a copy.

    The caller must be allowed to append to the department of the record.
    """
    require_parameters("organisation")
    current_operator()
    return _change_readers(record, [], [fingerprint], rotate=False)


def _change_readers(record: str, added: list[Reader], removed: list[str], *, rotate: bool) -> ResponseReturnValue:
    records, writer = open_records()
    unlock(writer)
    entry = records.find(parse_record_id(record), organisation=requested_organisation())
    if records.catalogue.by_hash(entry.kind) is None:
        raise NotFound("this plant does not define this kind of record", field="record")
    readers = records.grant(entry, added, removed, rotate=rotate)
    return jsonify({"readers": [reader.as_dict() for reader in readers]})


def load_record(
    records: DepartmentRecords, record: str, transaction: str | None = None
) -> tuple[RecordView, RecordDocument | None]:
    """Return an entry, and its document if the portal holds a key. Raises as `DepartmentRecords.find`, `find_in`."""
    identifier = parse_record_id(record)
    if transaction is None:
        entry = records.find(identifier, organisation=requested_organisation())
    elif "organisation" in request.args:
        raise InvalidInput("organisation and transaction are mutually exclusive", field="organisation")
    else:
        entry = records.find_in(identifier, parse_transaction(transaction))
    try:
        return entry, records.read(entry) if records.catalogue.by_hash(entry.kind) else None
    except ContentNotFoundError:
        return entry, None


def _kind_json(kind: RecordKind) -> dict[str, Any]:
    preceding = [{"field": rule.field, "kind": rule.kind, "match": str(rule.match)} for rule in kind.preceding]
    return {
        "schema": kind.schema,
        "title": kind.title,
        "department": kind.department,
        "key": list(kind.key),
        "subject": kind.subject,
        "preceding": preceding,
        "jsonSchema": kind.json_schema(),
    }


def _entry_json(records: DepartmentRecords, entry: RecordView) -> dict[str, Any]:
    kind, department = records.catalogue.by_hash(entry.kind), department_of(entry)
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


def _require_type(*types: str) -> str:
    if request.mimetype not in types:
        raise InvalidInput(f"expected {' or '.join(types)}, got {request.mimetype or 'none'}", field="Content-Type")
    return request.mimetype


def _text(name: str) -> str:
    text = request.args.get(name, "")
    if not 1 <= len(text) <= 300 or any(ord(character) < 32 for character in text):
        raise InvalidInput("expected 1 to 300 characters without control characters", field=name)
    return text


def _number(name: str, default: int, maximum: int, minimum: int = 0) -> int:
    text = request.args.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not minimum <= int(text) <= maximum:
        raise InvalidInput(f"expected a number from {minimum} to {maximum}, got {text!r:.20}", field=name)
    return int(text)
