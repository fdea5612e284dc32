"""Record documents: checked by their kind, one canonical writing, one digest.

    {"schema": "chromatrace.record/sales.contract-order/1", "salt": "0x…", "contract_id": "C-1", …}

`salt`, 16 random bytes, keeps anybody from finding a document by guessing at its digest, which is public. What a
document's ids on the chain say (`record_id`, `subject_id`) can be guessed: keys are names, not secrets.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
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
"""Bytes of a record's document; what is larger is a file beside it."""

_SALT = re.compile(r"0x[0-9a-f]{32}")
_HEX = re.compile(r"0x([0-9a-f]{2})+")


@dataclass(frozen=True, slots=True)
class RecordDocument:
    """A checked document. Make one by `new` or `from_bytes`."""

    kind: RecordKind
    salt: str
    fields: Mapping[str, Any]

    @classmethod
    def new(cls, kind: RecordKind, value: object, salt: str | None = None) -> Self:
        """Checks the members of `value` (its `schema` may be left out) and salts it. Raises `InvalidRecordError`."""
        if not isinstance(value, Mapping):
            raise InvalidRecordError("an object is needed", field="")
        members = dict(value)
        named = members.pop("schema", kind.schema)
        if named != kind.schema:
            raise InvalidRecordError(f"{kind.schema!r} is needed, got {named!r}", field="/schema")
        salt = members.pop("salt", salt) or "0x" + secrets.token_hex(16)
        if not isinstance(salt, str) or not _SALT.fullmatch(salt):
            raise InvalidRecordError("0x and 32 lower-case hexadecimal digits are needed", field="/salt")
        checked = cls(kind, salt, _checked(kind, members))
        size = len(checked.to_bytes())
        if size > MAX_DOCUMENT:
            raise InvalidRecordError(
                f"a record has at most {MAX_DOCUMENT:,} bytes, got {size:,}", field="", hint="attach it as a file"
            )
        return checked

    @classmethod
    def from_bytes(cls, data: bytes, catalogue: Catalogue) -> Self:
        """Reads canonical JSON of any kind of the catalogue. Raises `InvalidRecordError`, `UnknownSchemaError`."""
        value = parse(data)
        document = cls.new(catalogue.by_schema(value.get("schema")), value)
        if "salt" not in value:
            raise InvalidRecordError("this member is missing", field="/salt")
        with _as_record():
            strict_json.require_canonical(document.to_bytes(), data)
        return document

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        with _as_record():
            return strict_json.canonical({"schema": self.kind.schema, "salt": self.salt, **self.fields})

    @property
    def digest(self) -> bytes:
        """Its SHA-256, which stands on the chain."""
        return digest(self.to_bytes())

    @property
    def key(self) -> str:
        """The key as text: of one field its value, of several their values as a JSON array."""
        return key_of([self.fields[name] for name in self.kind.key])

    @property
    def record(self) -> RecordId:
        """Its id on the chain."""
        return record_id(self.kind.id, self.key)

    @property
    def products(self) -> tuple[str, ...]:
        """The products that it is about, each once."""
        return tuple(dict.fromkeys(_names(self.fields[self.kind.subject])))

    @property
    def subjects(self) -> tuple[SubjectId, ...]:
        """Their ids on the chain."""
        return tuple(map(subject_id, self.products))

    @property
    def files(self) -> tuple[bytes, ...]:
        """The digests of the files that it names."""
        named = [field.name for field in self.kind.fields if field.type is FieldType.FILE]
        return tuple(bytes.fromhex(self.fields[name][2:]) for name in named if name in self.fields)


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`, read strictly, not yet checked by its kind. Raises `InvalidRecordError`."""
    if len(data) > MAX_DOCUMENT:
        raise InvalidRecordError(
            f"a record has at most {MAX_DOCUMENT:,} bytes, got {len(data):,}", field="", hint="attach it as a file"
        )
    with _as_record():
        return strict_json.parse_any_object(data, any_number=True)


def key_of(values: list[Any]) -> str:
    """The key that these values make."""
    return str(values[0]) if len(values) == 1 else rfc8785.dumps(values).decode()


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item if isinstance(item, str) else item["product_id"] for item in value]


class _as_record:  # noqa: N801 - read as a verb
    """Turns what `strict_json` refuses into `InvalidRecordError`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, InvalidInput) and not isinstance(error, InvalidRecordError):
            raise InvalidRecordError(error.message, field=error.field, hint=error.hint) from error


def _checked(kind: RecordKind, members: dict[str, Any]) -> dict[str, Any]:
    required = [field.name for field in kind.fields if field.required]
    optional = [field.name for field in kind.fields if not field.required]
    with _as_record():
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
            found = [_key(item, f"{pointer}/{place}") for place, item in enumerate(_items(value, pointer))]
            for place, item in enumerate(found):
                if item in found[:place]:
                    raise InvalidInput(f"{item!r} stands there twice", field=f"{pointer}/{place}")
            return found
        case FieldType.TEXT:
            return strict_json.text(value, pointer, maximum=field.longest)
        case FieldType.TEXTS:
            return [
                strict_json.text(item, f"{pointer}/{place}", maximum=field.longest)
                for place, item in enumerate(_items(value, pointer))
            ]
        case FieldType.CHOICE:
            if value not in field.choices:
                raise InvalidInput(f"one of {', '.join(field.choices)} is needed, got {value!r:.80}", field=pointer)
            return value
        case FieldType.WHOLE:
            return strict_json.whole(value, pointer)
        case FieldType.NUMBER:
            return strict_json.number(value, pointer)
        case FieldType.FLAG:
            if not isinstance(value, bool):
                raise InvalidInput(f"true or false is needed, got {value!r:.80}", field=pointer)
            return value
        case FieldType.TIME:
            return strict_json.time(value, pointer)
        case FieldType.DATE:
            return strict_json.date(value, pointer)
        case FieldType.HEX:
            if not isinstance(value, str) or not _HEX.fullmatch(value) or len(value) > 2 + 2 * field.longest:
                raise InvalidInput(
                    f"0x and up to {field.longest} bytes in lower-case hexadecimal digits are needed", field=pointer
                )
            return value
        case FieldType.FILE:
            strict_json.digest(value, pointer)
            return value
        case FieldType.QUANTITIES:
            return [_line(item, f"{pointer}/{place}") for place, item in enumerate(_items(value, pointer))]


def _key(value: object, pointer: str) -> str:
    found = strict_json.text(value, pointer, maximum=MAX_KEY)
    if found != found.strip() or "\n" in found:
        raise InvalidInput(f"a key has no space around it and no line break, got {found!r}", field=pointer)
    return found


def _items(value: object, pointer: str) -> list[Any]:
    found = strict_json.array(value, pointer)
    if not 1 <= len(found) <= MAX_ITEMS:
        raise InvalidInput(f"1 to {MAX_ITEMS} items are needed, got {len(found)}", field=pointer)
    return found


def _line(value: object, pointer: str) -> dict[str, Any]:
    line = strict_json.members(value, pointer, ("product_id", "quantity"))
    return {
        "product_id": _key(line["product_id"], f"{pointer}/product_id"),
        "quantity": strict_json.whole(line["quantity"], f"{pointer}/quantity", minimum=1),
    }
