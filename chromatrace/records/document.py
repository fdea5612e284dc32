"""Record documents: validated by their kind, with a canonical form and a digest.

    {"schema": "chromatrace.record/sales.contract-order/1", "salt": "0x…", "contract_id": "C-1", …}

`salt`, 16 random bytes, prevents guessing the document from its public digest. The ids on the chain (`record_id`,
`subject_id`) can be guessed: keys are names, not secrets.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import rfc8785

from chromatrace.documents.content import digest
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.ledger_entries import RecordId, SubjectId, record_id, subject_id
from chromatrace.domain.record_kinds import MAX_ITEMS, MAX_KEY, Field, FieldType, RecordKind
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.errors import InvalidRecordError
from chromatrace.storage import strict_json

MAX_DOCUMENT = 256 * 1024
"""Maximum size of a document in bytes; larger data is attached as a file."""

_SALT = re.compile(r"0x[0-9a-f]{32}")
_HEX = re.compile(r"0x([0-9a-f]{2})+")


@dataclass(frozen=True, slots=True)
class RecordDocument:
    """A valid document, created by `new` or `from_bytes`."""

    kind: RecordKind
    salt: str
    fields: Mapping[str, Any]

    @classmethod
    def new(cls, kind: RecordKind, value: object, salt: str | None = None) -> Self:
        """Check the members of `value` (`schema` is optional) and add a salt. Raises `InvalidRecordError`."""
        if not isinstance(value, Mapping):
            raise InvalidRecordError("expected an object", field="")
        members = dict(value)
        schema = members.pop("schema", kind.schema)
        if schema != kind.schema:
            raise InvalidRecordError(f"expected {kind.schema!r}, got {schema!r}", field="/schema")
        salt = members.pop("salt", "0x" + secrets.token_hex(16) if salt is None else salt)
        if not isinstance(salt, str) or not _SALT.fullmatch(salt):
            raise InvalidRecordError("expected 0x and 32 lower-case hexadecimal digits", field="/salt")
        document = cls(kind, salt, _checked(kind, members))
        size = len(document.to_bytes())
        if size > MAX_DOCUMENT:
            raise InvalidRecordError(
                f"the record has {size:,} bytes; the maximum is {MAX_DOCUMENT:,}",
                field="",
                hint="attach large data as a file",
            )
        return document

    @classmethod
    def from_bytes(cls, data: bytes, catalogue: Catalogue) -> Self:
        """Parse canonical JSON of any kind of the catalogue. Raises `InvalidRecordError`, `UnknownSchemaError`."""
        value = parse(data)
        document = cls.new(catalogue.by_schema(value.get("schema")), value)
        if "salt" not in value:
            raise InvalidRecordError("missing member", field="/salt")
        with _record_errors():
            strict_json.require_canonical(document.to_bytes(), data)
        return document

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        with _record_errors():
            return strict_json.canonical({"schema": self.kind.schema, "salt": self.salt, **self.fields})

    @property
    def digest(self) -> bytes:
        """SHA-256, as recorded on the chain."""
        return digest(self.to_bytes())

    @property
    def key(self) -> str:
        """Key as text: the value of the key field, or the values of several key fields as a JSON array."""
        return key_of([self.fields[name] for name in self.kind.key])

    @property
    def record(self) -> RecordId:
        """Record id on the chain."""
        return record_id(self.kind.id, self.key)

    @property
    def products(self) -> tuple[str, ...]:
        """Distinct products that the record is about."""
        return tuple(dict.fromkeys(_names(self.fields[self.kind.subject])))

    @property
    def subjects(self) -> tuple[SubjectId, ...]:
        """Ids of the products on the chain."""
        return tuple(map(subject_id, self.products))

    @property
    def files(self) -> tuple[bytes, ...]:
        """Digests of the attached files."""
        names = [field.name for field in self.kind.fields if field.type is FieldType.FILE]
        return tuple(bytes.fromhex(self.fields[name][2:]) for name in names if name in self.fields)


def parse(data: bytes) -> dict[str, Any]:
    """Parse the JSON object in `data` strictly, without checking its kind. Raises `InvalidRecordError`."""
    if len(data) > MAX_DOCUMENT:
        raise InvalidRecordError(
            f"the record has {len(data):,} bytes; the maximum is {MAX_DOCUMENT:,}",
            field="",
            hint="attach large data as a file",
        )
    with _record_errors():
        return strict_json.parse_any_object(data, any_number=True)


def key_of(values: list[Any]) -> str:
    """Return the key of these values."""
    return str(values[0]) if len(values) == 1 else rfc8785.dumps(values).decode()


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item if isinstance(item, str) else item["product_id"] for item in value]


@contextmanager
def _record_errors() -> Iterator[None]:
    """Convert `InvalidInput` to `InvalidRecordError`."""
    try:
        yield
    except InvalidRecordError:
        raise
    except InvalidInput as error:
        raise InvalidRecordError(error.message, field=error.field, hint=error.hint) from error


def _checked(kind: RecordKind, members: dict[str, Any]) -> dict[str, Any]:
    required = [field.name for field in kind.fields if field.required]
    optional = [field.name for field in kind.fields if not field.required]
    with _record_errors():
        strict_json.members(members, "", required, optional)
        return {
            field.name: _value(field, members[field.name], f"/{field.name}")
            for field in kind.fields
            if field.name in members
        }


def _value(field: Field, value: Any, pointer: str) -> Any:
    match field.type:
        case FieldType.KEY:
            return _key(value, pointer)
        case FieldType.KEYS:
            keys = [_key(item, f"{pointer}/{index}") for index, item in enumerate(_items(value, pointer))]
            for index, key in enumerate(keys):
                if key in keys[:index]:
                    raise InvalidInput(f"duplicate key {key!r}", field=f"{pointer}/{index}")
            return keys
        case FieldType.TEXT:
            return strict_json.text(value, pointer, maximum=field.longest)
        case FieldType.TEXTS:
            return [
                strict_json.text(item, f"{pointer}/{index}", maximum=field.longest)
                for index, item in enumerate(_items(value, pointer))
            ]
        case FieldType.CHOICE:
            if value not in field.choices:
                raise InvalidInput(f"expected one of {', '.join(field.choices)}, got {value!r:.80}", field=pointer)
            return value
        case FieldType.WHOLE:
            return strict_json.whole(value, pointer)
        case FieldType.NUMBER:
            return strict_json.number(value, pointer)
        case FieldType.FLAG:
            if not isinstance(value, bool):
                raise InvalidInput(f"expected true or false, got {value!r:.80}", field=pointer)
            return value
        case FieldType.TIME:
            return strict_json.time(value, pointer)
        case FieldType.DATE:
            return strict_json.date(value, pointer)
        case FieldType.HEX:
            if not isinstance(value, str) or not _HEX.fullmatch(value) or len(value) > 2 + 2 * field.longest:
                raise InvalidInput(
                    f"expected 0x and up to {field.longest} bytes in lower-case hexadecimal digits", field=pointer
                )
            return value
        case FieldType.FILE:
            strict_json.digest(value, pointer)
            return value
        case FieldType.QUANTITIES:
            return [_line(item, f"{pointer}/{index}") for index, item in enumerate(_items(value, pointer))]


def _key(value: object, pointer: str) -> str:
    key = strict_json.text(value, pointer, maximum=MAX_KEY)
    if key != key.strip() or "\n" in key:
        raise InvalidInput(
            f"a key must not start or end with a space or contain a line break, got {key!r}", field=pointer
        )
    return key


def _items(value: object, pointer: str) -> list[Any]:
    items = strict_json.array(value, pointer)
    if not 1 <= len(items) <= MAX_ITEMS:
        raise InvalidInput(f"expected 1 to {MAX_ITEMS} items, got {len(items)}", field=pointer)
    return items


def _line(value: object, pointer: str) -> dict[str, Any]:
    line = strict_json.members(value, pointer, ("product_id", "quantity"))
    return {
        "product_id": _key(line["product_id"], f"{pointer}/product_id"),
        "quantity": strict_json.whole(line["quantity"], f"{pointer}/quantity", minimum=1),
    }
