"""JSON that has one reading and one writing: strict parsing with JSON pointers, canonical bytes by RFC 8785."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import orjson
import rfc8785

from chromatrace.domain.errors import InvalidInput

MAX_BYTES = 16 * 1024 * 1024
MAX_EXACT = 2**53 - 1
"""The largest whole number of an RFC 8785 document; larger ones are written as strings of digits."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DIGEST = re.compile(r"0x[0-9a-f]{64}")
_NANOSECONDS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def canonical(value: Mapping[str, Any]) -> bytes:
    """The canonical bytes (RFC 8785) of a JSON object; `InvalidInput` for what JSON cannot say exactly."""
    try:
        return rfc8785.dumps(dict(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidInput(f"not expressible as canonical JSON: {error}") from error


def parse_object(data: bytes, schema: str) -> dict[str, Any]:
    """The JSON object in `data`, its member `schema` checked and removed.

    Refuses what has two readings: bytes that are not UTF-8, duplicate members, NaN and Infinity.
    """
    value = parse_any_object(data)
    found = value.pop("schema", None)
    if found != schema:
        raise InvalidInput(f"{schema!r} is needed, got {found!r}", field="/schema", hint="is this another document?")
    return value


def parse_any_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`, whatever its schema; as strict as `parse_object`."""
    value = parse(data)
    if not isinstance(value, dict):
        raise InvalidInput(f"a JSON object is needed, got {_kind(value)}", field="")
    return value


def parse(data: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """The JSON value in `data`; as strict as `parse_object`."""
    if len(data) > max_bytes:
        raise InvalidInput(f"a document has at most {max_bytes:,} bytes, got {len(data):,}", field="")
    try:
        text = data.decode("utf-8")
        refuse_depth(data)
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8 at byte {error.start}", field="") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", field="") from error
    except (RecursionError, ValueError) as error:
        raise InvalidInput(f"not JSON that we read: {error}"[:200], field="") from error


def refuse_depth(data: bytes) -> None:
    """Refuses JSON that nests more than 1,024 deep.

    `json` recurses on the C stack as far as the interpreter's recursion limit lets it, which some packages raise: a
    hostile document could end the process.
    """
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise InvalidInput("nested more than 1,024 deep", field="") from error


def members(value: object, pointer: str, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """`value` as an object that has every required member, perhaps optional ones, and no other."""
    if not isinstance(value, dict):
        raise InvalidInput(f"an object is needed, got {_kind(value)}", field=pointer)
    for name in required:
        if name not in value:
            raise InvalidInput("this member is missing", field=f"{pointer}/{escape(name)}")
    for name in value:
        if name not in required and name not in optional:
            raise InvalidInput(
                "there is no such member in this schema",
                field=f"{pointer}/{escape(name)}",
                hint=f"allowed are: {', '.join((*required, *optional))}",
            )
    return value


def array(value: object, pointer: str) -> list[Any]:
    """`value` as an array."""
    if not isinstance(value, list):
        raise InvalidInput(f"an array is needed, got {_kind(value)}", field=pointer)
    return value


@contextmanager
def below(pointer: str, *, whole: bool = False) -> Iterator[None]:
    """Puts `pointer` in front of the field of an `InvalidInput` from inside; with `whole`, in its place."""
    try:
        yield
    except InvalidInput as error:
        inner = "" if whole or not error.field else "/" + error.field.removeprefix("/")
        raise InvalidInput(error.message, field=pointer + inner, hint=error.hint) from error


def escape(name: str) -> str:
    """`name` as a reference token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def text(value: object, field: str, least: int = 1, most: int = 2_000) -> str:
    """`value` as a string of `least` to `most` characters without control characters."""
    if not isinstance(value, str) or not least <= len(value) <= most:
        got = f"{len(value)} characters" if isinstance(value, str) else _kind(value)
        raise InvalidInput(f"text of {least} to {most} characters is needed, got {got}", field=field)
    for place, character in enumerate(value):
        if (ord(character) < 0x20 and character != "\n") or ord(character) == 0x7F or 0xD800 <= ord(character) < 0xE000:
            raise InvalidInput(f"character {ord(character):#06x} at position {place + 1} is not text", field=field)
    return value


def whole(value: object, field: str, least: int = 0, most: int = MAX_EXACT) -> int:
    """`value` as a whole number from `least` to `most`."""
    if type(value) is not int or not least <= value <= most:
        raise InvalidInput(f"a whole number from {least} to {most} is needed, got {value!r}", field=field)
    return value


def number(value: object, field: str) -> float:
    """`value` as a finite number that JSON writes exactly."""
    if type(value) is int and abs(value) <= MAX_EXACT:
        return value
    if type(value) is float and math.isfinite(value) and not (value.is_integer() and abs(value) > MAX_EXACT):
        return value
    raise InvalidInput(f"a finite number is needed, got {value!r}", field=field)


def time(value: object, field: str) -> str:
    """`value` as an RFC 3339 time with offset, as written."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            datetime.datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidInput(f"{value!r} is no time: {error}", field=field) from error
        return value
    raise InvalidInput(f"an RFC 3339 time is needed, such as 2026-03-31T14:05:00Z, got {value!r}", field=field)


def date(value: object, field: str) -> str:
    """`value` as a date YYYY-MM-DD."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            datetime.date.fromisoformat(value)
        except ValueError as error:
            raise InvalidInput(f"{value!r} is no date: {error}", field=field) from error
        return value
    raise InvalidInput(f"a date is needed, such as 2026-03-31, got {value!r}", field=field)


def digest(value: object, field: str) -> bytes:
    """`value` as the 32 bytes that it writes as 0x and 64 lower-case hexadecimal digits."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise InvalidInput(f"0x and 64 lower-case hexadecimal digits are needed, got {value!r}", field=field)
    return bytes.fromhex(value[2:])


def nanoseconds(value: object, field: str) -> int:
    """`value` as the Unix nanoseconds that it writes as a string of digits."""
    if not isinstance(value, str) or not _NANOSECONDS.fullmatch(value):
        raise InvalidInput(f"Unix nanoseconds as a string of digits are needed, got {value!r}", field=field)
    return int(value)


def require_canonical(canonical: bytes, data: bytes) -> None:
    """Refuses `data` unless it is `canonical`, the bytes that what was read from it writes back to."""
    if canonical != data:
        pairs = enumerate(zip(canonical, data, strict=False))
        place = next((place for place, (ours, theirs) in pairs if ours != theirs), min(len(canonical), len(data)))
        raise InvalidInput(
            f"not canonical JSON (RFC 8785) from byte {place} on",
            field="",
            hint="sorted keys, no whitespace, shortest numbers, UTF-8; write documents with to_bytes()",
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidInput("this member stands there twice", field=f"…/{escape(name)}")
        found[name] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a JSON number", field="")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
