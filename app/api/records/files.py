"""Files of records. Streamed in both directions and encrypted at rest; never held in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.api.records.request_context import (
    open_for_writing,
    open_records,
    require_parameters,
)
from app.api.records.views import load_record
from app.context import current_operator
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.records.errors import KeyMissingError

_MEDIA_TYPE = "application/octet-stream"


def upload() -> ResponseReturnValue:
    """Store the body for a later record of the schema's department. Return 201 and the digest that the record names."""
    require_parameters("schema")
    current_operator()
    if request.mimetype != _MEDIA_TYPE:
        raise InvalidInput(f"expected {_MEDIA_TYPE}, got {request.mimetype or 'none'}", field="Content-Type")
    records, kind = open_for_writing(request.args.get("schema"), "schema")
    content = records.upload(request.stream, kind)
    response = jsonify({"file": f"0x{content.digest.hex()}", "size": content.size})
    response.status_code = 201
    return response


def download(record: str, name: str) -> ResponseReturnValue:
    """Return a record's file if the caller may read the department and the portal has its key.

    The bytes are verified while they are sent; the response ends early if they were changed. The header `Range` selects
    a part; the bytes before it are decrypted and skipped.
    """
    require_parameters("organisation")
    records, _ = open_records()
    entry, document = load_record(records, record)
    if document is None:
        raise KeyMissingError("the portal has no key for this document", field="record")
    if document.kind.field(name) is None or name not in document.fields:
        raise NotFound("the record has no such file", field="name")
    content = records.file(entry, name)
    response = Response(_started(records.content(content)), mimetype=_MEDIA_TYPE)
    response.content_length = content.size
    response.headers["Content-Disposition"] = "attachment"
    response.set_etag(content.digest.hex())
    return response.make_conditional(request, accept_ranges=True, complete_length=content.size)


def _started(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first chunk now, so a file that cannot be decrypted is an error response."""
    return _after(next(chunks, b""), chunks)


def _after(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from chunks
