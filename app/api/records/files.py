"""Files that records name: streamed in and out, encrypted at rest, never whole in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import Response, jsonify, request

from app.api.records.request_context import keys, only_parameters, open_desk, readers, writing_desk
from app.api.records.views import read
from app.context import current_operator, current_portal
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.records.errors import KeyMissingError


def store() -> Any:
    """Stores the body, for the readers of `schema`'s department: 201 and the digest by which a record names it."""
    only_parameters("schema", "reader")
    current_operator()
    if request.mimetype != "application/octet-stream":
        raise InvalidInput(
            f"application/octet-stream is needed, got {request.mimetype or 'none'}", field="Content-Type"
        )
    request.max_content_length = current_portal().config.max_file_bytes
    desk, kind = writing_desk(request.args.get("schema"), "schema")
    content = desk.store(request.stream, readers(kind.department))
    answer = jsonify({"file": f"0x{content.digest.hex()}", "size": content.size})
    answer.status_code = 201
    return answer


def give(record: str, name: str) -> Any:
    """The file that a record's field names, where the caller may read the department and the portal has its key.

    Its bytes are checked on the way; where they were changed, the answer breaks off before its end.
    """
    only_parameters()
    desk, _ = open_desk()
    _, document = read(desk, record)
    if document is None:
        raise KeyMissingError("the portal has no key that opens the document", field="record")
    found = document.kind.field(name)
    if found is None or name not in document.fields:
        raise NotFound("the record names no such file", field="name")
    size, pieces = desk.file(document, name, keys(current_portal(), document.kind.department))
    return Response(_begun(pieces), mimetype="application/octet-stream", headers={"Content-Length": str(size)})


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, the first of them read already: what cannot be opened at all is refused with its status."""
    return chain([next(pieces, b"")], pieces)
