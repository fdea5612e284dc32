"""The project's JSON reader and writer.

`decode(data, Type)` reads untrusted bytes into a typed object, `encode(value)` writes canonical bytes (RFC 8785).

    class Unit(JsonObject, frozen=True, tag_field="schema", tag="chromatrace.unit/1"):
        serial: str
        index: Whole
        root: Digest

        def check(self) -> None:
            text(self.serial, "/serial", maximum=20)

    unit = decode(data, Unit)               # InvalidInput: "/index: expected a whole number, got a string"
    require_canonical(encode(unit), data)   # one document has one encoding

The reader rejects text that is not UTF-8, duplicate members, NaN and Infinity, numbers that are not in canonical form,
nesting deeper than 1,024 levels and documents above `MAX_BYTES`. `JsonObject` (a frozen `msgspec.Struct`) rejects
unknown members. `Annotated` constraints, `Literal`, enums, unions, `list`, `tuple`, `dict` and nested objects
work as in msgspec. `Hex`, `Digest` and `Digits` are scalars that JSON has no type for. Rules within and between members
go into `JsonObject.check`, which may raise `InvalidInput` with a pointer relative to the object.

`convert(value, Type)` does the same for a parsed value, `parse` only parses. `text`, `whole`, `number`, `time`, `date`
and `digest` check one value, also of records that are built in code. All errors are `InvalidInput` whose field is the
JSON pointer (RFC 6901) of the offending member.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn, Self, TypeVar

import msgspec
import msgspec.inspect
import orjson
import rfc8785

from chromatrace.domain.errors import InvalidInput

T = TypeVar("T")

MAX_BYTES = 16 * 1024 * 1024
MAX_EXACT = 2**53 - 1
"""The largest integer of an RFC 8785 document; larger ones are written as strings of digits."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HEX = re.compile(r"0x([0-9a-f]{2})*", re.ASCII)
_DIGITS = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_NANOSECONDS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)

Whole = Annotated[int, msgspec.Meta(ge=0, le=MAX_EXACT)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=MAX_EXACT)]


class Hex(bytes):
    """Bytes written as 0x and lower-case hexadecimal digits."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Decode the JSON value. Raises `InvalidInput`."""
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise InvalidInput(f"expected 0x and lower-case hexadecimal digits, got {_shown(value)}")
        return cls(bytes.fromhex(value[2:]))

    def to_json(self) -> str:
        """Return the JSON value."""
        return "0x" + self.hex()


class Digest(Hex):
    """32 bytes written as 0x and 64 lower-case hexadecimal digits."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Decode the JSON value. Raises `InvalidInput`."""
        return cls(digest(value, ""))


class Digits(int):
    """An integer from 0 to 10^78 - 1 written as a string of digits, because it may exceed `MAX_EXACT`."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Decode the JSON value. Raises `InvalidInput`."""
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise InvalidInput(f"expected an integer as a string of digits, got {_shown(value)}")
        return cls(value)

    def to_json(self) -> str:
        """Return the JSON value."""
        return int.__repr__(self)


class JsonObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base class of objects in JSON documents; see the module."""

    def __post_init__(self) -> None:
        try:
            self.check()
        except InvalidInput as error:
            raise InvalidObjectError(error.message, field=error.field, hint=error.hint) from error

    def check(self) -> None:
        """Raise `InvalidInput` if the members do not fit together."""


class InvalidObjectError(InvalidInput, ValueError):
    """An object that `JsonObject.check` rejects. A `ValueError`: msgspec adds the position in the document to it."""


def encode(value: object) -> bytes:
    """Return the canonical bytes (RFC 8785) of a `JsonObject` or mapping. Raises `InvalidInput`."""
    return canonical(to_builtins(value))


def to_builtins(value: object) -> Any:
    """Return `value` as plain JSON types; bytes become `Hex`."""
    return msgspec.to_builtins(value, enc_hook=_encode_scalar)


def decode(data: bytes, type_: type[T], *, max_bytes: int = MAX_BYTES) -> T:
    """Parse strictly and check against `type_`. Raises `InvalidInput`."""
    return convert(parse(data, max_bytes), type_)


def convert(value: object, type_: type[T], pointer: str = "") -> T:
    """Check a parsed JSON value against `type_`. Raises `InvalidInput` below `pointer`."""
    # msgspec requires the tag in unions only.
    tag_field = type_.__struct_config__.tag_field if issubclass(type_, msgspec.Struct) else None
    if tag_field and isinstance(value, dict) and tag_field not in value:
        raise InvalidInput("missing member", field=f"{pointer}/{tag_field}")
    try:
        return msgspec.convert(value, type_, dec_hook=_decode_scalar)
    except msgspec.ValidationError as error:
        raise _Explained(error, value, type_).as_error(pointer) from error


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes (RFC 8785) of a JSON object. Raises `InvalidInput`."""
    try:
        return rfc8785.dumps(dict(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidInput(f"not expressible as canonical JSON: {error}") from error


def require_canonical(canonical: bytes, data: bytes) -> None:
    """Raise `InvalidInput` unless `data` is `canonical`, the encoding of what was decoded from it."""
    if canonical != data:
        pairs = enumerate(zip(canonical, data, strict=False))
        position = next((index for index, (a, b) in pairs if a != b), min(len(canonical), len(data)))
        raise InvalidInput(
            f"not canonical JSON (RFC 8785) from byte {position}",
            field="",
            hint="use sorted members, no whitespace, shortest numbers and UTF-8",
        )


def parse(data: bytes, max_bytes: int = MAX_BYTES, *, any_number: bool = False) -> Any:
    """Return the JSON value in `data`. Raises `InvalidInput`.

    any_number  also accept numbers that are not in canonical form, such as 1.50 or 1e2
    """
    if len(data) > max_bytes:
        raise InvalidInput(f"the document has {len(data):,} bytes; the maximum is {max_bytes:,}", field="")
    duplicates: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            names = [name for name, _ in pairs]
            duplicates.append((members, next(name for name in names if names.count(name) > 1)))
        return members

    try:
        text = data.decode("utf-8")
        require_shallow(data)
        value = json.loads(
            text,
            object_pairs_hook=unique,
            parse_constant=_reject_constant,
            parse_float=float if any_number else _canonical_float,
            parse_int=int if any_number else _canonical_int,
        )
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8 at byte {error.start}", field="") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", field="") from error
    except (RecursionError, ValueError) as error:
        raise InvalidInput(f"unsupported JSON: {error}"[:200], field="") from error
    if duplicates:
        owner, name = duplicates[0]
        raise InvalidInput(f'duplicate member "{name}"', field=f"{_pointer_of(value, owner)}/{escape(name)}")
    return value


def parse_object(data: bytes, schema: str) -> dict[str, Any]:
    """Return the JSON object in `data` without its member `schema`, which must have that value."""
    value = parse_any_object(data)
    actual = value.pop("schema", None)
    if actual != schema:
        raise InvalidInput(
            f"expected {schema}, got {_shown(actual)}", field="/schema", hint="check that it is the right document"
        )
    return value


def parse_any_object(data: bytes, *, any_number: bool = False) -> dict[str, Any]:
    """Return the JSON object in `data`."""
    value = parse(data, any_number=any_number)
    if not isinstance(value, dict):
        raise InvalidInput(f"expected an object, got {_kind(value)}", field="")
    return value


def require_shallow(data: bytes) -> None:
    """Raise `InvalidInput` for JSON that nests deeper than 1,024 levels.

    `json` recurses on the C stack up to the interpreter's recursion limit. Some packages raise that limit, and then a
    hostile document could end the process.
    """
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise InvalidInput("nested more than 1,024 deep", field="") from error


def members(value: object, pointer: str, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Return `value` as an object with every required member and no unknown one."""
    if not isinstance(value, dict):
        raise InvalidInput(f"expected an object, got {_kind(value)}", field=pointer)
    for name in required:
        if name not in value:
            raise InvalidInput("missing member", field=f"{pointer}/{escape(name)}")
    for name in value:
        if name not in required and name not in optional:
            raise _unknown_member(f"{pointer}/{escape(name)}", (*required, *optional))
    return value


def array(value: object, pointer: str) -> list[Any]:
    """Return `value` as an array."""
    if not isinstance(value, list):
        raise InvalidInput(f"expected an array, got {_kind(value)}", field=pointer)
    return value


@contextmanager
def below(pointer: str, *, whole: bool = False) -> Iterator[None]:
    """Put `pointer` in front of the field of an `InvalidInput` raised inside; with `whole`, instead of it."""
    try:
        yield
    except InvalidInput as error:
        inner = "" if whole or not error.field else "/" + error.field.removeprefix("/")
        raise InvalidInput(error.message, field=pointer + inner, hint=error.hint) from error


def escape(name: str) -> str:
    """Return `name` as a reference token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def text(value: object, field: str, minimum: int = 1, maximum: int = 2_000) -> str:
    """Return `value` as a string of that many characters, without control characters except line feeds."""
    if not isinstance(value, str):
        raise InvalidInput(f"expected a string, got {_kind(value)}", field=field)
    if not minimum <= len(value) <= maximum:
        raise InvalidInput(f"expected {minimum} to {maximum} characters, got {len(value)}", field=field)
    for index, character in enumerate(value):
        if (ord(character) < 0x20 and character != "\n") or ord(character) == 0x7F or 0xD800 <= ord(character) < 0xE000:
            raise InvalidInput(f"control character {ord(character):#06x} at position {index + 1}", field=field)
    return value


def whole(value: object, field: str, minimum: int = 0, maximum: int = MAX_EXACT) -> int:
    """Return `value` as an integer from `minimum` to `maximum`."""
    if type(value) is not int or not minimum <= value <= maximum:
        raise InvalidInput(f"expected a whole number from {minimum} to {maximum}, got {_shown(value)}", field=field)
    return value


def number(value: object, field: str) -> float:
    """Return `value` as a finite number that RFC 8785 writes exactly."""
    if type(value) is int and abs(value) <= MAX_EXACT:
        return value
    if type(value) is float and math.isfinite(value) and not (value.is_integer() and abs(value) > MAX_EXACT):
        return value
    raise InvalidInput(f"expected a finite number, got {_shown(value)}", field=field)


def time(value: object, field: str) -> str:
    """Return `value` as an RFC 3339 time with offset, as written."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            datetime.datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidInput(f"{value} is not a valid time: {error}", field=field) from error
        return value
    raise InvalidInput(f"expected an RFC 3339 time such as 2026-03-31T14:05:00Z, got {_shown(value)}", field=field)


def date(value: object, field: str) -> str:
    """Return `value` as a date YYYY-MM-DD."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            datetime.date.fromisoformat(value)
        except ValueError as error:
            raise InvalidInput(f"{value} is not a valid date: {error}", field=field) from error
        return value
    raise InvalidInput(f"expected a date such as 2026-03-31, got {_shown(value)}", field=field)


def digest(value: object, field: str) -> bytes:
    """Return the 32 bytes that `value` writes as 0x and 64 lower-case hexadecimal digits."""
    if not isinstance(value, str) or len(value) != 66 or not _HEX.fullmatch(value):
        raise InvalidInput(f"expected 0x and 64 lower-case hexadecimal digits, got {_shown(value)}", field=field)
    return bytes.fromhex(value[2:])


def nanoseconds(value: object, field: str) -> int:
    """Return the Unix time in nanoseconds that `value` writes as a string of digits."""
    if not isinstance(value, str) or not _NANOSECONDS.fullmatch(value):
        raise InvalidInput(f"expected Unix nanoseconds as a string of digits, got {_shown(value)}", field=field)
    return int(value)


def _canonical_float(written: str) -> float:
    value = float(written)
    shortest = rfc8785.dumps(value).decode() if math.isfinite(value) else "a finite number"
    if shortest != written:
        raise InvalidInput(f"number {written[:40]} is not in canonical form; write {shortest}", field="")
    return value


def _canonical_int(written: str) -> int:
    value = int(written)
    if written == "-0":
        raise InvalidInput("number -0 is not in canonical form; write 0", field="")
    return value


def _reject_constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a JSON number", field="")


def _pointer_of(value: object, part: object) -> str | None:
    """Return the pointer of the object `part` within `value`; "…" if a duplicate member has hidden it."""
    stack: list[tuple[str, object]] = [("", value)]
    while stack:
        pointer, item = stack.pop()
        if item is part:
            return pointer
        if isinstance(item, dict):
            stack += [(f"{pointer}/{escape(name)}", member) for name, member in item.items()]
        elif isinstance(item, list):
            stack += [(f"{pointer}/{index}", member) for index, member in enumerate(item)]
    return "…"


def _unknown_member(pointer: str, known: Sequence[str]) -> InvalidInput:
    return InvalidInput("unknown member", field=pointer, hint=f"allowed: {', '.join(known)}")


def _decode_scalar(type_: type[Any], value: object) -> object:
    try:
        return type_.from_json(value)
    except InvalidInput as error:
        raise InvalidObjectError(error.message, field=error.field, hint=error.hint) from error


def _encode_scalar(value: Any) -> object:
    return value.to_json()


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    """Return a short value for an error message, the kind of a long one."""
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    return shown if isinstance(value, (str, int, float)) and len(shown) <= 80 else _kind(value)


_POSITION = re.compile(r" - at `\$?(?P<path>[^`]*)`(?: in `\$[^`]*`)?$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_UNITS = {"str": "characters", "array": "items", "object": "members"}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


class _Explained:
    """The message of a `msgspec.ValidationError` in plain words, and where it belongs in `value`."""

    def __init__(self, error: msgspec.ValidationError, value: object, type_: Any) -> None:
        self._cause = error.__cause__
        message = str(error)
        position = _POSITION.search(message)
        self._message = message[: position.start()] if position else message
        self._pointer = ""
        self._value = value
        self._type = msgspec.inspect.type_info(type_)
        for name, index in _STEP.findall(position["path"]) if position else ():
            self._descend(name or index)

    def _descend(self, step: str) -> None:
        self._type = _member_type(self._type, step)
        if step == "..." and isinstance(self._value, dict):
            # msgspec does not name the key of a dictionary.
            step = next((name for name, item in self._value.items() if not _fits(item, self._type)), "…")
        self._pointer += "/" + escape(step)
        self._value = _member(self._value, step)

    def as_error(self, pointer: str) -> InvalidInput:
        pointer += self._pointer
        if isinstance(self._cause, InvalidInput):
            inner = "/" + self._cause.field.removeprefix("/") if self._cause.field else ""
            return InvalidInput(self._cause.message, field=pointer + inner, hint=self._cause.hint)
        if match := re.fullmatch(r"Object (missing required|contains unknown) field `(.*)`", self._message):
            pointer += "/" + escape(match[2])
            if match[1] == "missing required":
                return InvalidInput("missing member", field=pointer)
            return _unknown_member(pointer, [field.encode_name for field in _plain(self._type).fields])
        return InvalidInput(self._sentence(), field=pointer)

    def _sentence(self) -> str:
        if match := re.fullmatch(r"Expected `(.*)`, got `(.*)`", self._message):
            expected = " or ".join(_NAMES.get(name, name) for name in match[1].split(" | "))
            actual = "a number" if match[2] in ("int", "float") else _NAMES.get(match[2], match[2])
            return f"expected {expected}, got {self._value if isinstance(self._value, float) else actual}"
        if "matching regex" in self._message:
            return f"does not match {_plain(self._type).pattern}"
        if match := re.fullmatch(r"Expected `(\w+)` (of length )?(>=|<=|>|<)? ?(\S+?)(, got \d+)?", self._message):
            kind, length, bound, limit, _ = match.groups()
            amount = f"{_BOUNDS.get(bound, 'exactly')} {limit}"
            if length:
                size = f", got {len(self._value)}" if isinstance(self._value, (str, list, dict)) else ""
                unit = _UNITS.get(kind, "items")
                return f"expected {amount} {unit.removesuffix('s') if limit == '1' else unit}{size}"
            return f"expected {_NAMES.get(kind, kind)} of {amount}, got {_shown(self._value)}"
        if choices := _choices(self._type):
            return f"expected {' or '.join(choices)}, got {_shown(self._value)}"
        return self._message[:1].lower() + self._message[1:]


def _fits(value: object, type_: Any) -> bool:
    try:
        msgspec.convert(value, getattr(_plain(type_), "cls", Any), dec_hook=_decode_scalar)
    except msgspec.ValidationError:
        return False
    return True


def _member(value: Any, step: str) -> object:
    try:
        return value[int(step) if isinstance(value, list) else step]
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _plain(type_: Any) -> Any:
    """Return the type without its constraints; of an optional type, the other alternative."""
    while isinstance(type_, msgspec.inspect.Metadata):
        type_ = type_.type
    if isinstance(type_, msgspec.inspect.UnionType):
        alternatives = [_plain(alternative) for alternative in type_.types]
        return next(
            (alternative for alternative in alternatives if not isinstance(alternative, msgspec.inspect.NoneType)),
            type_,
        )
    return type_


def _member_type(type_: Any, step: str) -> Any:
    type_ = _plain(type_)
    if isinstance(type_, msgspec.inspect.StructType):
        if step == type_.tag_field:
            return msgspec.inspect.LiteralType((type_.tag,))
        return next((field.type for field in type_.fields if field.encode_name == step), None)
    if isinstance(type_, msgspec.inspect.TupleType):
        return type_.item_types[int(step)]
    return getattr(type_, "item_type", None) or getattr(type_, "value_type", None)


def _choices(type_: Any) -> list[str]:
    type_ = _plain(type_)
    if isinstance(type_, msgspec.inspect.EnumType):
        return [str(member.value) for member in type_.cls]
    if isinstance(type_, msgspec.inspect.LiteralType):
        return [str(value) for value in type_.values]
    return []
