"""The JSON interfaces of the portal as one OpenAPI 3.1 document. A test holds it to the routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.api.epcis.question import MAX_LIST
from chromatrace import __version__
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.epcis.vocabulary import EVENT_TYPES

Json = dict[str, Any]

EXAMPLE_GTIN, EXAMPLE_LOT = "09521234543213", "L2410A"
EXAMPLE_RECORD = "0x835725856059e9fbe6123d449b3033886f5a4979"
"""Of a contract order `C-2026-001`."""

_OBJECT: Json = {"type": "object"}
_HASH: Json = {"type": "string", "pattern": "^0x[0-9a-f]{64}$"}
_RECORD_ID: Json = {"type": "string", "pattern": "^0x[0-9a-f]{40}$"}
_GTIN: Json = {"type": "string", "pattern": "^[0-9]{14}$"}
_NAME: Json = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[^\\x00-\\x1f\\x7f/]+$"}
_TEXT: Json = {"type": "string", "minLength": 1, "maxLength": 300, "pattern": "^[^\\x00-\\x1f]+$"}
_LIST: Json = {
    "type": "string",
    "maxLength": MAX_LIST,
    "pattern": "^([^\\x00-\\x1f\\x7f,]+(,[^\\x00-\\x1f\\x7f,]+)*)?$",
    "description": "a list by commas",
}
_TYPES = "|".join(sorted(EVENT_TYPES))
_READER: Json = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9 ]{0,40}=x25519:[0-9a-f]{64}$"}
_TIME: Json = {"type": "string", "format": "date-time"}
_PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "error", "message"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "error": {"type": "string", "description": "the refusal's name"},
        "message": {"type": "string"},
        "field": {"type": "string", "description": "what was wrong: a JSON pointer where the body is JSON"},
        "hint": {"type": "string"},
    },
}
_REFUSAL: Json = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {name: {"type": "string"} for name in ("error", "message", "field", "hint")},
}
_ENTRY: Json = {
    "type": "object",
    "required": ["record", "department", "digest", "transaction", "block", "time", "subject", "number"],
    "properties": {
        "record": _RECORD_ID,
        "schema": {"type": ["string", "null"]},
        "title": {"type": ["string", "null"]},
        "department": {"type": ["string", "null"]},
        "organisation": {"type": ["integer", "null"], "description": "the number of the one that the department is of"},
        "number": {"type": "integer"},
        "subject": _RECORD_ID,
        "preceding": {"anyOf": [_RECORD_ID, {"type": "null"}]},
        "digest": _HASH,
        "by": {"type": "string"},
        "transaction": _HASH,
        "block": {"type": "integer"},
        "time": {"type": "integer", "description": "Unix seconds of the block"},
        "repeat": {"type": "boolean", "description": "the department had this record before; this one counts nowhere"},
        "document": {"type": ["object", "null"]},
        "repeats": {"type": "array", "items": _HASH, "description": "transactions that only repeated this record"},
    },
}
_JOB: Json = {
    "type": "object",
    "required": ["captureID", "running", "success", "errors", "documentDigest", "transaction"],
    "properties": {
        "captureID": {"type": "string", "format": "uuid"},
        "createdAt": _TIME,
        "finishedAt": _TIME,
        "running": {"type": "boolean"},
        "success": {"type": "boolean"},
        "captureErrorBehaviour": {"enum": ["rollback", "proceed"]},
        "errors": {"type": "array", "items": _OBJECT},
        "eventsTaken": {"type": "integer"},
        "eventsKnown": {"type": "integer"},
        "documentDigest": _HASH,
        "transaction": {"anyOf": [_HASH, {"type": "null"}]},
    },
}
_REPORT: Json = {
    "type": "object",
    "required": ["taken", "refused", "known", "transactions", "refusals"],
    "properties": {
        "taken": {"type": "integer"},
        "refused": {"type": "integer"},
        "known": {"type": "integer", "description": "refused rows whose record was there or on its way already"},
        "transactions": {"type": "array", "items": _HASH},
        "refusals": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["line", "error", "message"],
                "properties": {
                    "line": {"type": "integer", "minimum": 1},
                    "error": {"type": "string"},
                    "message": {"type": "string"},
                    "field": {"type": "string", "description": "a JSON pointer into the row"},
                },
            },
        },
        "stopped": {"$ref": "#/components/schemas/Refusal"},
        "left": {"type": "integer", "description": "rows that were not appended, where it was stopped"},
    },
}
_EVENTS: Json = {
    "type": "object",
    "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
    "properties": {"type": {"const": "EPCISQueryDocument"}, "schemaVersion": {"const": "2.0"}},
}


def document(base_url: str, title: str, kinds: Sequence[RecordKind]) -> Json:
    """The whole document. `kinds` become the schemas of records."""
    schemas = {f"{kind.id}.{kind.version}": _plain(kind.json_schema()) for kind in kinds}
    record = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas]} if schemas else _OBJECT
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title}: records, facts and events",
            "version": __version__,
            "description": "Refusals are problems of RFC 9457. Programs send an account's name and password.",
        },
        "servers": [{"url": base_url}],
        "paths": _facts() | _records(record) | _epcis(),
        "components": {
            "schemas": {"Problem": _PROBLEM, "Refusal": _REFUSAL, **schemas},
            "securitySchemes": {"account": {"type": "http", "scheme": "basic"}},
        },
    }


def _plain(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name not in ("$schema", "$id")}


def _operation(summary: str, *parameters: Json, account: bool = True, **more: Any) -> Json:
    """`answers`: status to schema; `body`: media type to schema. Every operation may be refused with a problem."""
    answers: dict[str, Json] = more.get("answers", {"200": _OBJECT})
    kind: str = more.get("kind", "application/json")
    responses: Json = {
        status: {"description": "done", "content": {kind: {"schema": schema}}} for status, schema in answers.items()
    }
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refused = ["400", "404", "429", "503"]
    refused += ["401", "403"] if account else []
    refused += ["409", "413"] if "body" in more else more.get("refused", [])
    for answer in responses.values():
        if "links" in more:
            answer["links"] = more["links"]
    responses |= {status: {"description": "refused", "content": problem} for status in sorted(refused)}
    made: Json = {"summary": summary, "parameters": list(parameters), "responses": responses}
    if "body" in more:
        content = {media: {"schema": schema} for media, schema in more["body"].items()}
        made["requestBody"] = {"required": True, "content": content}
    if account:
        made["security"] = [{"account": []}]
    return made


def _links(parameter: str, member: str, *paths: str) -> Json:
    """What an answer's `member` names is found at `paths`."""
    given = {parameter: f"$response.body#/{member}"}
    return {
        path.rpartition("/")[2].strip("{}"): {
            "operationRef": f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/get",
            "parameters": given,
        }
        for path in paths
    }


def _query(name: str, schema: Json, *, required: bool = False, example: object = None) -> Json:
    made = {"name": name, "in": "query", "required": required, "schema": schema}
    return made if example is None else made | {"example": example}


def _path(name: str, schema: Json, example: object = None) -> Json:
    made = {"name": name, "in": "path", "required": True, "schema": schema}
    return made if example is None else made | {"example": example}


def _facts() -> Json:
    lot: Json = {"type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[A-Za-z0-9_.-]+$"}
    batch = _path("gtin", _GTIN, EXAMPLE_GTIN), _path("lot", lot, EXAMPLE_LOT)
    described = "What its page says: identity, state, inspections, custody, route"
    # A batch or unit that nobody registered has a page too, which says so.
    of_batch = _operation(f"A batch. {described}", *batch, account=False)
    of_unit = _operation(f"A unit. {described}", *batch, _path("serial", lot, "000007"), account=False)
    for one in (of_batch, of_unit):
        one["responses"]["404"]["content"] = one["responses"]["404"]["content"] | {"application/json": {}}
    return {
        "/api/v1/batches/{gtin}/{lot}": {"get": of_batch},
        "/api/v1/batches/{gtin}/{lot}/{serial}": {"get": of_unit},
        "/api/v1/organisations": {"get": _operation("Every organisation of the consortium", account=False)},
        "/api/v1/organisations/{number}": {
            "get": _operation(
                "One organisation, by its number on the chain",
                _path("number", {"type": "integer", "minimum": 1, "maximum": 2**32}, 1),
                account=False,
            )
        },
        "/api/v1/openapi.json": {"get": _operation("This document", account=False)},
        "/healthz": {
            "get": _operation("Index lag, and whether the chain answers", account=False, answers={"200": _OBJECT})
        },
        "/.well-known/gs1resolver": {"get": _operation("What this GS1 resolver can do", account=False)},
    }


def _records(record: Json) -> Json:
    schema, reader = _query("schema", _TEXT, required=True), _query("reader", {"type": "array", "items": _READER})
    page = _query("perPage", {"type": "integer", "minimum": 1, "maximum": 1000})
    after = _query("nextPageToken", {"type": "integer", "minimum": 0, "maximum": 10**9})
    one, name = _path("record", _RECORD_ID, EXAMPLE_RECORD), _path("name", _NAME)
    appended = _query("transaction", _HASH)
    added = {
        "type": "object",
        "required": ["transaction", "schema", "key", "record", "digest"],
        "properties": {"transaction": _HASH, "record": _RECORD_ID, "digest": _HASH},
    }
    stored = {
        "type": "object",
        "required": ["file", "size"],
        "properties": {"file": _HASH, "size": {"type": "integer"}},
    }
    listed = {"type": "object", "required": ["records"], "properties": {"records": {"type": "array", "items": _ENTRY}}}
    readers = {
        "type": "object",
        "required": ["readers"],
        "properties": {"readers": {"type": "array", "items": {"type": "string"}}},
    }
    granted = {
        "type": "object",
        "required": ["reader"],
        "properties": {"reader": _READER},
        "additionalProperties": False,
    }
    binary: Json = {"type": "string", "format": "binary"}
    return {
        "/api/v1/record-kinds": {"get": _operation("What the plant's departments write")},
        "/api/v1/records": {
            "get": _operation(
                "Records about a product, of a transaction, or the one of a schema and key",
                *(_query("product", _TEXT, example="P-1"), _query("schema", _TEXT), _query("key", _TEXT)),
                *(appended, page, after),
                answers={"200": listed},
            ),
            "post": _operation(
                "Add a record",
                reader,
                body={"application/json": record},
                answers={"202": added},
                links=_links("record", "record", "/api/v1/records/{record}"),
            ),
        },
        "/api/v1/records/import": {
            "post": _operation(
                "Add a record for each row",
                *(schema, reader),
                body={"text/csv": {"type": "string"}, "application/x-ndjson": {"type": "string"}},
                answers={"202": _REPORT},
            )
        },
        "/api/v1/records/files": {
            "post": _operation(
                "Store a file that a record is going to name",
                *(schema, reader),
                body={"application/octet-stream": binary},
                answers={"201": stored},
            )
        },
        "/api/v1/records/{record}": {
            "get": _operation(
                "One record: the organisation's own where it has one, or that of a transaction (409: only a repeat)",
                *(one, appended),
                answers={"200": _ENTRY},
                refused=["409"],
            )
        },
        "/api/v1/records/{record}/files/{name}": {
            "get": _operation("A file of a record", one, name, kind="application/octet-stream", answers={"200": binary})
        },
        "/api/v1/records/{record}/readers": {
            "post": _operation("Let another read it", one, body={"application/json": granted}, answers={"200": readers})
        },
        "/api/v1/records/{record}/readers/{name}": {
            "delete": _operation("Take it from one who has not read it yet", one, name, answers={"200": readers})
        },
    }


def _epcis() -> Json:
    version = {"name": "GS1-EPCIS-Version", "in": "header", "schema": {"enum": ["2.0", "2.0.0"]}}
    behaviour = {"name": "GS1-Capture-Error-Behaviour", "in": "header", "schema": {"enum": ["rollback", "proceed"]}}
    question = [
        version,
        *(_query(name, _LIST) for name in ("MATCH_anyEPC", "MATCH_anyEPCClass", "EQ_bizStep")),
        _query("eventType", {"type": "string", "pattern": f"^(({_TYPES})(,({_TYPES}))*)?$"}),
        *(_query(name, _TIME) for name in ("GE_eventTime", "LT_eventTime")),
        _query("perPage", {"type": "integer", "minimum": 1, "maximum": 1000}),
        _query("nextPageToken", {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
    ]
    captured = {
        "type": "object",
        "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
        "properties": {"type": {"const": "EPCISDocument"}, "schemaVersion": {"const": "2.0"}, "creationDate": _TIME},
    }
    epc = _path("epc", {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[A-Za-z0-9:._-]+$"})
    return {
        "/epcis/v2/capture": {
            "post": _operation(
                "Capture an EPCIS 2.0 document",
                *(version, behaviour, _query("visibility", {"enum": ["partners", "public"]})),
                body={"application/json": captured, "application/ld+json": captured},
                answers={"202": _JOB},
                links=_links("captureID", "captureID", "/epcis/v2/capture/{captureID}"),
            )
        },
        "/epcis/v2/capture/{captureID}": {
            "get": _operation("A capture job", _path("captureID", {"type": "string"}), answers={"200": _JOB})
        },
        "/epcis/v2/events": {
            "get": _operation(
                "Events of the chain and captured ones", *question, account=False, answers={"200": _EVENTS}
            )
        },
        "/epcis/v2/epcs/{epc}/events": {
            "get": _operation("Events about goods", epc, *question, account=False, answers={"200": _EVENTS})
        },
    }
