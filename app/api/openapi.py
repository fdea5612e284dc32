"""The OpenAPI 3.1 document of the HTTP APIs. A test compares it with the routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chromatrace import __version__
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.epcis.query import MAX_LIST, SOURCES
from chromatrace.epcis.vocabulary import ACTIONS, EVENT_TYPES

Json = dict[str, Any]

EXAMPLE_GTIN, EXAMPLE_LOT = "09521234543213", "L2410A"
EXAMPLE_RECORD = "0x835725856059e9fbe6123d449b3033886f5a4979"
"""The record of the contract order `C-2026-001`."""

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
    "description": "Comma-separated list",
}
_READER: Json = {
    "type": "string",
    "pattern": "^.{1,64}=[1-9][0-9]*/0x[0-9a-f]{64}/ed25519:[0-9a-f]{64}/[0-9a-f]{128}$",
    "description": "Text that `chromatrace key reader` prints, with a proof of possession of the key",
}
_FINGERPRINT: Json = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_READERS: Json = {
    "type": "object",
    "required": ["readers"],
    "properties": {
        "readers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "organisation", "department", "fingerprint", "reader"],
                "properties": {
                    "name": {"type": "string"},
                    "organisation": {"type": "integer"},
                    "department": {"anyOf": [_HASH, {"type": "null"}]},
                    "fingerprint": _FINGERPRINT,
                    "reader": _READER,
                },
            },
        }
    },
}
_TIME: Json = {"type": "string", "format": "date-time"}
_PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "error", "message"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "error": {"type": "string", "description": "Class of the error"},
        "message": {"type": "string"},
        "field": {
            "type": "string",
            "description": "The invalid parameter, header or, as a JSON pointer, member of the body",
        },
        "hint": {"type": "string"},
    },
}
_ERROR: Json = {
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
        "organisation": {
            "type": ["integer", "null"],
            "description": "Number of the organisation that owns the department",
        },
        "number": {"type": "integer"},
        "subject": _RECORD_ID,
        "preceding": {"anyOf": [_RECORD_ID, {"type": "null"}]},
        "digest": _HASH,
        "by": {"type": "string"},
        "transaction": _HASH,
        "block": {"type": "integer"},
        "time": {"type": "integer", "description": "Time of the block in Unix seconds"},
        "repeat": {
            "type": "boolean",
            "description": "The department already had this record; this entry has no effect",
        },
        "document": {"type": ["object", "null"]},
        "repeats": {"type": "array", "items": _HASH, "description": "Transactions that only repeated this record"},
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
    "required": ["appended", "rejected", "existing", "transactions", "errors"],
    "properties": {
        "appended": {"type": "integer"},
        "rejected": {"type": "integer"},
        "existing": {"type": "integer", "description": "Rejected rows whose record exists or is pending"},
        "transactions": {"type": "array", "items": _HASH},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["line", "error", "message"],
                "properties": {
                    "line": {"type": "integer", "minimum": 1},
                    "error": {"type": "string"},
                    "message": {"type": "string"},
                    "field": {"type": "string", "description": "JSON pointer into the row"},
                },
            },
        },
        "stopped": {"$ref": "#/components/schemas/Error"},
        "remaining": {"type": "integer", "description": "Rows that were not appended after an error"},
    },
}
_ORDER: Json = {
    "type": "object",
    "required": ["order", "material", "quantity", "start", "finish"],
    "properties": {
        "order": {"type": "string", "minLength": 1, "maxLength": 60},
        "material": {"type": "string", "description": "Material number of the ERP, or a GTIN of the plant"},
        "quantity": {"type": "integer", "minimum": 1},
        "start": {"type": "string", "description": "ISO 8601 date or time"},
        "finish": {"type": "string", "description": "ISO 8601 date or time, not before the start"},
        "status": {"enum": ["planned", "released", "closed", "cancelled"]},
        "lot": {"type": ["string", "null"], "description": "Planned lot of the product"},
    },
}
_ORDERS: Json = {
    "anyOf": [
        {"type": "object", "required": ["orders"], "properties": {"orders": {"type": "array", "items": _ORDER}}},
        {"type": "object", "required": ["OperationsSchedule"], "description": "Names of B2MML"},
        {"type": "object", "required": ["ProductionSchedule"], "description": "Names of B2MML"},
    ]
}
_IMPORTED: Json = {
    "type": "object",
    "required": ["created", "updated", "unchanged", "ignored_columns", "dry_run"],
    "properties": {
        "created": {"type": "array", "items": {"type": "string"}},
        "updated": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["order", "version", "difference"],
                "properties": {"difference": {"type": "object", "description": "Member to [before, after]"}},
            },
        },
        "unchanged": {"type": "integer"},
    },
}
_EVENTS: Json = {
    "type": "object",
    "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
    "properties": {"type": {"const": "EPCISQueryDocument"}, "schemaVersion": {"const": "2.0"}},
}


def document(base_url: str, title: str, kinds: Sequence[RecordKind]) -> Json:
    """Return the document. `kinds` are the schemas of the records."""
    schemas = {f"{kind.id}.{kind.version}": _without_ids(kind.json_schema()) for kind in kinds}
    record = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas]} if schemas else _OBJECT
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title}: batches, records and events",
            "version": __version__,
            "description": "Errors are RFC 9457 problem documents. Authenticate with an account's name and password.",
        },
        "servers": [{"url": base_url}],
        "paths": _public() | _records(record) | _orders() | _epcis(),
        "components": {
            "schemas": {"Problem": _PROBLEM, "Error": _ERROR, **schemas},
            "securitySchemes": {
                "account": {"type": "http", "scheme": "basic"},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Token of `chromatrace order token create`, with the scope that the operation names",
                },
            },
        },
    }


def _without_ids(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name not in ("$schema", "$id")}


def _list_of(values: Iterable[str]) -> Json:
    """Return the schema of a comma-separated list of these values."""
    value = "|".join(sorted(values))
    return {"type": "string", "pattern": f"^(({value})(,({value}))*)?$"}


def _operation(summary: str, *parameters: Json, account: bool = True, **more: Any) -> Json:
    """Return an operation. `success` maps status to schema, `body` maps media type to schema."""
    success: dict[str, Json] = more.get("success", {"200": _OBJECT})
    media_type: str = more.get("media_type", "application/json")
    responses: Json = {
        status: {"description": "Success", "content": {media_type: {"schema": schema}}}
        for status, schema in success.items()
    }
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    errors = ["400", "404", "429", "503"]
    errors += ["401", "403"] if account else []
    errors += ["409", "413"] if "body" in more else more.get("errors", [])
    for response in responses.values():
        if "links" in more:
            response["links"] = more["links"]
    responses |= {status: {"description": "Error", "content": problem} for status in sorted(errors)}
    operation: Json = {"summary": summary, "parameters": list(parameters), "responses": responses}
    if "body" in more:
        content = {media: {"schema": schema} for media, schema in more["body"].items()}
        operation["requestBody"] = {"required": True, "content": content}
    if account:
        operation["security"] = [{"account": []}]
    return operation


def _links(parameter: str, member: str, *paths: str) -> Json:
    """Return links from `member` of a response to `paths`."""
    parameters = {parameter: f"$response.body#/{member}"}
    return {
        path.rpartition("/")[2].strip("{}"): {
            "operationRef": f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/get",
            "parameters": parameters,
        }
        for path in paths
    }


def _query(name: str, schema: Json, *, required: bool = False, example: object = None) -> Json:
    parameter = {"name": name, "in": "query", "required": required, "schema": schema}
    return parameter if example is None else parameter | {"example": example}


def _path(name: str, schema: Json, example: object = None) -> Json:
    parameter = {"name": name, "in": "path", "required": True, "schema": schema}
    return parameter if example is None else parameter | {"example": example}


def _public() -> Json:
    lot: Json = {"type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[A-Za-z0-9_.-]+$"}
    batch = _path("gtin", _GTIN, EXAMPLE_GTIN), _path("lot", lot, EXAMPLE_LOT)
    content = "identity, status, inspections, custody and route"
    of_batch = _operation(f"Get a batch: {content}", *batch, account=False)
    of_unit = _operation(f"Get a unit: {content}", *batch, _path("serial", lot, "000007"), account=False)
    for operation in (of_batch, of_unit):
        # The response for an unregistered code is not a problem document.
        operation["responses"]["404"]["content"] |= {"application/json": {}}
    return {
        "/api/v1/batches/{gtin}/{lot}": {"get": of_batch},
        "/api/v1/batches/{gtin}/{lot}/{serial}": {"get": of_unit},
        "/api/v1/organisations": {"get": _operation("List the organisations of the consortium", account=False)},
        "/api/v1/organisations/{number}": {
            "get": _operation(
                "Get an organisation by its number on the chain",
                _path("number", {"type": "integer", "minimum": 1, "maximum": 2**32}, 1),
                account=False,
            )
        },
        "/api/v1/openapi.json": {"get": _operation("Get this document", account=False)},
        "/healthz": {
            "get": _operation(
                "Get the state of databases, chain and follower, and the index lag",
                account=False,
                success={"200": _OBJECT},
            )
        },
        "/readyz": {"get": _operation("Get whether the portal can serve pages", account=False)},
        "/.well-known/gs1resolver": {"get": _operation("Get the GS1 resolver description", account=False)},
    }


def _records(record: Json) -> Json:
    schema, reader = _query("schema", _TEXT, required=True), _query("reader", {"type": "array", "items": _READER})
    page = _query("perPage", {"type": "integer", "minimum": 1, "maximum": 1000})
    after = _query("nextPageToken", {"type": "integer", "minimum": 0, "maximum": 10**9})
    record_id, name = _path("record", _RECORD_ID, EXAMPLE_RECORD), _path("name", _NAME)
    appended = _query("transaction", _HASH)
    organisation = _query("organisation", {"type": "integer", "minimum": 1, "maximum": 10**9 - 1})
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
    granted = {
        "type": "object",
        "required": ["reader"],
        "properties": {"reader": _READER, "rotate": {"type": "boolean"}},
        "additionalProperties": False,
    }
    binary: Json = {"type": "string", "format": "binary"}
    return {
        "/api/v1/record-kinds": {"get": _operation("List the record kinds of the plant's departments")},
        "/api/v1/records": {
            "get": _operation(
                "List the records of a product, of a transaction, or of a schema and key",
                *(_query("product", _TEXT, example="P-1"), _query("schema", _TEXT), _query("key", _TEXT)),
                *(organisation, appended, page, after),
                success={"200": listed},
            ),
            "post": _operation(
                "Add a record",
                reader,
                body={"application/json": record},
                success={"202": added},
                links=_links("record", "record", "/api/v1/records/{record}"),
            ),
        },
        "/api/v1/records/import": {
            "post": _operation(
                "Add a record for each row of a table",
                *(schema, reader),
                body={"text/csv": {"type": "string"}, "application/x-ndjson": {"type": "string"}},
                success={"202": _REPORT},
            )
        },
        "/api/v1/records/files": {
            "post": _operation(
                "Store a file for a record to refer to",
                schema,
                body={"application/octet-stream": binary},
                success={"201": stored},
            )
        },
        "/api/v1/records/{record}": {
            "get": _operation(
                "Get a record of an organisation (default: preferably the own), or of a transaction (409 if a repeat)",
                *(record_id, organisation, appended),
                success={"200": _ENTRY},
                errors=["409"],
            )
        },
        "/api/v1/records/{record}/files/{name}": {
            "get": _operation(
                "Get a file of a record",
                *(record_id, name, organisation),
                media_type="application/octet-stream",
                success={"200": binary, "206": binary},
                errors=["416"],
            )
        },
        "/api/v1/records/{record}/readers": {
            "post": _operation(
                "Grant a reader access",
                *(record_id, organisation),
                body={"application/json": granted},
                success={"200": _READERS},
            )
        },
        "/api/v1/records/{record}/readers/{fingerprint}": {
            "delete": _operation(
                "Revoke a reader's access",
                *(record_id, _path("fingerprint", _FINGERPRINT), organisation),
                success={"200": _READERS},
            )
        },
    }


def _orders() -> Json:
    order = _path(
        "order", {"type": "string", "minLength": 1, "maxLength": 60, "pattern": "^[A-Za-z0-9_.-]+$"}, "1000471"
    )
    page = _query("perPage", {"type": "integer", "minimum": 1, "maximum": 1000})
    listed = {"type": "object", "required": ["orders"], "properties": {"orders": {"type": "array", "items": _ORDER}}}
    operations = {
        "/api/v1/orders": {
            "get": _operation(
                "List orders by number (scope orders:read)", _query("after", _TEXT), page, success={"200": listed}
            ),
            "post": _operation(
                "Import orders: all of them or none (scope orders:write)",
                _query("dryRun", {"type": "boolean"}),
                body={"application/json": _ORDERS, "text/csv": {"type": "string"}},
                success={"200": _IMPORTED},
            ),
        },
        "/api/v1/orders/{order}/progress": {
            "get": _operation("Get quantities, yields and steps of an order (scope orders:read)", order)
        },
        "/api/v1/orders/{order}/quality": {
            "get": _operation("Get the inspections of an order's batches (scope orders:read)", order)
        },
        "/api/v1/orders/{order}/genealogy": {
            "get": _operation("Get what an order's batches are made of (scope orders:read)", order)
        },
    }
    for path in operations.values():
        for operation in path.values():
            operation["security"] = [{"token": []}]
    return operations


def _epcis() -> Json:
    version = {"name": "GS1-EPCIS-Version", "in": "header", "schema": {"enum": ["2.0", "2.0.0"]}}
    behaviour = {"name": "GS1-Capture-Error-Behaviour", "in": "header", "schema": {"enum": ["rollback", "proceed"]}}
    query = [
        version,
        *(_query(name, _LIST) for name in ("MATCH_anyEPC", "MATCH_anyEPCClass", "EQ_bizStep", "EQ_disposition")),
        _query("EQ_action", _list_of(ACTIONS)),
        _query("source", _list_of(SOURCES)),
        _query("EQ_chromatrace:capturer", {"type": "string", "pattern": "^[0-9]{13}$"}),
        _query("eventType", _list_of(EVENT_TYPES)),
        *(_query(name, _TIME) for name in ("GE_eventTime", "LT_eventTime", "GE_recordTime", "LT_recordTime")),
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
                success={"202": _JOB},
                links=_links("captureID", "captureID", "/epcis/v2/capture/{captureID}"),
            )
        },
        "/epcis/v2/capture/{captureID}": {
            "get": _operation("Get a capture job", _path("captureID", {"type": "string"}), success={"200": _JOB})
        },
        "/epcis/v2/events": {
            "get": _operation(
                "List chain events and captured events",
                *query,
                account=False,
                success={"200": _EVENTS},
                errors=["413"],
            )
        },
        "/epcis/v2/epcs/{epc}/events": {
            "get": _operation(
                "List the events of a product identifier",
                epc,
                *query,
                account=False,
                success={"200": _EVENTS},
                errors=["413"],
            )
        },
    }
