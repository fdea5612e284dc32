"""Kinds of department records: typed fields, keys, and the records that must precede them.

A plant's configuration file defines the kinds; `chromatrace.records` checks documents against them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chromatrace.domain.errors import InvalidInput

SCHEMA_PREFIX = "chromatrace.record"
MAX_KEY = 60
"""Maximum length of a key, in characters."""
MAX_TEXT = 2_000
MAX_ITEMS = 500
"""Maximum number of items in a list."""
RESERVED = ("schema", "salt")
"""Members of every document besides its fields."""

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\.[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


class FieldType(StrEnum):
    """The type of a field."""

    KEY = "key"
    KEYS = "keys"
    TEXT = "text"
    TEXTS = "texts"
    CHOICE = "choice"
    WHOLE = "whole"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"
    DATE = "date"
    HEX = "hex"
    FILE = "file"
    """SHA-256 of a file, 0x and 64 digits; the document store has the file itself."""
    QUANTITIES = "quantities"
    """A list of `{"product_id": key, "quantity": whole number from 1}`."""


class Match(StrEnum):
    """How a field refers to the preceding record: by its key, or by its product."""

    KEY = "key"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `longest`: maximum characters of a text, or bytes of a HEX value."""

    name: str
    type: FieldType
    title: str = ""
    required: bool = True
    longest: int = MAX_TEXT
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _FIELD.fullmatch(self.name) or self.name in RESERVED:
            raise InvalidInput(
                f"{self.name!r} is not a valid field name",
                field="name",
                hint="use up to 40 lower-case letters, digits and underscores; schema and salt are reserved",
            )
        if (self.type is FieldType.CHOICE) != bool(self.choices):
            raise InvalidInput("a field of type choice needs `choices`; other types have none", field="choices")
        if not 1 <= self.longest <= MAX_TEXT:
            raise InvalidInput(f"longest is {self.longest}; it must be from 1 to {MAX_TEXT:,}", field="longest")


@dataclass(frozen=True, slots=True)
class Preceding:
    """A field that refers to an existing record of `kind`, by `match`."""

    field: str
    kind: str
    match: Match = Match.KEY


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A kind of record that a department writes.

    id          such as `sales.contract-order`
    station     station of the plant at which it is written
    key         the fields that together identify a record of this kind
    subject     the field with the product or products of the record
    preceding   references to earlier records; the first match by key is the preceding record on chain
    """

    id: str
    version: int
    title: str
    department: str
    station: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    subject: str
    preceding: tuple[Preceding, ...] = ()

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InvalidInput(f"{self.id!r} is not a valid kind, such as sales.contract-order", field="id")
        types = {field.name: field for field in self.fields}
        if len(types) != len(self.fields):
            raise InvalidInput("duplicate field name", field="fields")
        if not self.key:
            raise InvalidInput("expected at least one field", field="key")
        self._require("key", self.key, types, {FieldType.KEY, FieldType.TIME, FieldType.DATE, FieldType.WHOLE})
        self._require("subject", (self.subject,), types, {FieldType.KEY, FieldType.KEYS, FieldType.QUANTITIES})
        for preceding in self.preceding:
            self._require("preceding", (preceding.field,), types, {FieldType.KEY, FieldType.KEYS})

    def _require(self, use: str, names: tuple[str, ...], types: dict[str, Field], allowed: set[FieldType]) -> None:
        for name in names:
            if name not in types:
                raise InvalidInput(f"{self.id} has no field {name!r}", field=use)
            if types[name].type not in allowed or not types[name].required:
                raise InvalidInput(f"{name!r} must be required and of type {' or '.join(sorted(allowed))}", field=use)

    @property
    def schema(self) -> str:
        """Identifier of the documents, with the version."""
        return f"{SCHEMA_PREFIX}/{self.id}/{self.version}"

    def field(self, name: str) -> Field | None:
        """Return the field of that name."""
        return next((field for field in self.fields if field.name == name), None)

    def json_schema(self) -> dict[str, Any]:
        """Return the kind as JSON Schema 2020-12."""
        properties: dict[str, Any] = {
            "schema": {"const": self.schema},
            "salt": {"type": "string", "pattern": "^0x[0-9a-f]{32}$"},
        }
        properties |= {field.name: _json_type(field) for field in self.fields}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:{self.schema.replace('/', ':')}",
            "title": self.title,
            "type": "object",
            "properties": properties,
            "required": ["schema", *(field.name for field in self.fields if field.required)],
            "additionalProperties": False,
        }


def _json_type(field: Field) -> dict[str, Any]:
    key = {"type": "string", "minLength": 1, "maxLength": MAX_KEY}
    text = {"type": "string", "minLength": 1, "maxLength": field.longest}
    many = {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS}
    line = {
        "type": "object",
        "properties": {"product_id": key, "quantity": {"type": "integer", "minimum": 1}},
        "required": ["product_id", "quantity"],
        "additionalProperties": False,
    }
    shapes: dict[FieldType, dict[str, Any]] = {
        FieldType.KEY: key,
        FieldType.KEYS: many | {"items": key, "uniqueItems": True},
        FieldType.TEXT: text,
        FieldType.TEXTS: many | {"items": text},
        FieldType.CHOICE: {"enum": list(field.choices)},
        FieldType.WHOLE: {"type": "integer", "minimum": 0},
        FieldType.NUMBER: {"type": "number"},
        FieldType.FLAG: {"type": "boolean"},
        FieldType.TIME: {"type": "string", "format": "date-time"},
        FieldType.DATE: {"type": "string", "format": "date"},
        FieldType.HEX: {"type": "string", "pattern": f"^0x([0-9a-f]{{2}}){{1,{field.longest}}}$"},
        FieldType.FILE: {"type": "string", "pattern": "^0x[0-9a-f]{64}$"},
        FieldType.QUANTITIES: many | {"items": line},
    }
    titled = {"title": field.title} if field.title else {}
    return titled | shapes[field.type]
