"""Encode a reading as a log entry in deterministic CBOR (RFC 8949, 4.2), so the leaf can be rebuilt from the reading.

An entry is the array

    [1, source, tag, unit, quality, replayed, source_time_ns, received_ns, sequence, value]

of definite length: version 1, three text strings, an unsigned integer, a boolean, three unsigned integers, a float.
Integers and lengths have their shortest form. The value is a float in the shortest of half, single and double
precision that represents it exactly. The fields that rarely change come first; their encoding is cached.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.merkle.errors import EntryError, EntryVersionError

VERSION = 1

_FIELDS = 10
_MAX_ENTRY = 2048
"""Bytes: an upper bound for three texts of 120 characters, at most four bytes each, and the numbers."""

_UNSIGNED, _TEXT, _ARRAY, _SIMPLE = 0, 3, 4, 7
_FALSE, _TRUE, _HALF, _SINGLE, _DOUBLE = 20, 21, 25, 26, 27

_pack_double = struct.Struct(">d").pack
_pack_usual = struct.Struct(">BQBQBIBd").pack
_pack_early = struct.Struct(">BQBQBHBd").pack
_FLOATS = {_HALF: struct.Struct(">e"), _SINGLE: struct.Struct(">f"), _DOUBLE: struct.Struct(">d")}


def _head(major: int, argument: int) -> bytes:
    """Return the shortest head of a data item (RFC 8949, 3)."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    for additional, size in ((24, 1), (25, 2), (26, 4)):
        if argument < 1 << 8 * size:
            return bytes((major << 5 | additional,)) + argument.to_bytes(size, "big")
    return bytes((major << 5 | 27,)) + argument.to_bytes(8, "big")


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _head(_TEXT, len(encoded)) + encoded


def _float(value: float) -> bytes:
    bits = _pack_double(value)
    # Single precision has 29 mantissa bits fewer; if any of them is set, as for most decimals, a double is needed.
    if bits[5:] != b"\0\0\0" or bits[4] & 0x1F:
        return b"\xfb" + bits
    for additional in (_HALF, _SINGLE):
        codec = _FLOATS[additional]
        try:
            shorter = codec.pack(value)
        except OverflowError:
            continue
        if codec.unpack(shorter)[0] == value:
            return bytes((_SIMPLE << 5 | additional,)) + shorter
    return b"\xfb" + bits


@lru_cache(maxsize=16_384)
def _prefix(source: str, tag: str, unit: str, quality: int, replayed: bool) -> bytes:
    return b"".join(
        (
            _head(_ARRAY, _FIELDS),
            _head(_UNSIGNED, VERSION),
            _text(source),
            _text(tag),
            _text(unit),
            _head(_UNSIGNED, quality),
            _head(_SIMPLE, _TRUE if replayed else _FALSE),
        )
    )


Fields = tuple[str, str, int, int, float, str, int, int, bool]
"""The fields of a valid `Reading`, in order; `replayed` may be 0 or 1."""


def encode_fields(readings: Iterable[Fields]) -> Iterator[bytes]:
    """Yield the entries of many readings: the same bytes as `encode_reading`, but faster."""
    for source, tag, source_time_ns, received_ns, value, unit, quality, sequence, replayed in readings:
        prefix = _prefix(source, tag, unit, quality, replayed)
        # Fast path for the usual case: two 8-byte times, a sequence of two or four bytes, a double.
        if source_time_ns >> 32 and received_ns >> 32 and 0xFF < sequence <= 0xFFFFFFFF:
            if sequence > 0xFFFF:
                numbers = _pack_usual(0x1B, source_time_ns, 0x1B, received_ns, 0x1A, sequence, 0xFB, value)
            else:
                numbers = _pack_early(0x1B, source_time_ns, 0x1B, received_ns, 0x19, sequence, 0xFB, value)
            if numbers[-3:] != b"\0\0\0":
                yield prefix + numbers
                continue
        yield b"".join(
            (
                prefix,
                _head(_UNSIGNED, source_time_ns),
                _head(_UNSIGNED, received_ns),
                _head(_UNSIGNED, sequence),
                _float(value),
            )
        )


def encode_reading(reading: Reading) -> bytes:
    """Return the canonical encoding of `reading`."""
    return b"".join(
        (
            _prefix(reading.source, reading.tag, reading.unit, reading.quality, reading.replayed),
            _head(_UNSIGNED, reading.source_time_ns),
            _head(_UNSIGNED, reading.received_ns),
            _head(_UNSIGNED, reading.sequence),
            _float(float(reading.value)),
        )
    )


class _ItemReader:
    """Read the data items of an entry in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def _take(self, size: int, field: str) -> bytes:
        if self._offset + size > len(self._data):
            raise EntryError(f"the entry ends inside this field, at byte {len(self._data)}", field=field)
        start = self._offset
        self._offset += size
        return self._data[start : self._offset]

    def _argument(self, major: int, field: str) -> int:
        initial = self._take(1, field)[0]
        if initial >> 5 != major:
            raise EntryError(f"expected CBOR major type {major}, got {initial >> 5}", field=field)
        additional = initial & 31
        if additional < 24:
            return additional
        if additional > 27:
            raise EntryError(f"additional information {additional} is not allowed", field=field)
        return int.from_bytes(self._take(1 << additional - 24, field), "big")

    def array(self, field: str) -> int:
        return self._argument(_ARRAY, field)

    def unsigned(self, field: str) -> int:
        return self._argument(_UNSIGNED, field)

    def text(self, field: str) -> str:
        encoded = self._take(self._argument(_TEXT, field), field)
        try:
            return encoded.decode()
        except UnicodeDecodeError as error:
            raise EntryError(f"not UTF-8: {error}", field=field) from error

    def boolean(self, field: str) -> bool:
        initial = self._take(1, field)[0]
        if initial not in (_SIMPLE << 5 | _FALSE, _SIMPLE << 5 | _TRUE):
            raise EntryError(f"expected a boolean, got initial byte 0x{initial:02x}", field=field)
        return initial & 31 == _TRUE

    def number(self, field: str) -> float:
        initial = self._take(1, field)[0]
        codec = _FLOATS.get(initial & 31) if initial >> 5 == _SIMPLE else None
        if codec is None:
            raise EntryError(f"expected a float, got initial byte 0x{initial:02x}", field=field)
        value: float = codec.unpack(self._take(codec.size, field))[0]
        return value


def decode_reading(data: bytes) -> Reading:
    """Decode a log entry.

    Raises `EntryVersionError` for an unknown version, and `EntryError` unless `data` is the canonical encoding of a
    valid reading (shortest integers and floats, definite lengths, no trailing bytes).
    """
    if len(data) > _MAX_ENTRY:
        raise EntryError(f"the entry has {len(data)} bytes; the maximum is {_MAX_ENTRY}", field="entry")
    items = _ItemReader(data)
    fields = items.array("entry")
    version = items.unsigned("version")
    if version != VERSION:
        raise EntryVersionError(
            f"expected version {VERSION}, got {version}", field="version", hint="use a newer version of ChromaTrace"
        )
    if fields != _FIELDS:
        raise EntryError(f"expected an array of {_FIELDS} items, got {fields}", field="entry")
    source, tag, unit = items.text("source"), items.text("tag"), items.text("unit")
    quality, replayed = items.unsigned("quality"), items.boolean("replayed")
    source_time_ns, received_ns = items.unsigned("source_time_ns"), items.unsigned("received_ns")
    sequence, value = items.unsigned("sequence"), items.number("value")
    try:
        reading = Reading(source, tag, source_time_ns, received_ns, value, unit, quality, sequence, replayed)
    except InvalidInput as error:
        raise EntryError(error.message, field=error.field) from error
    # Each reading has one encoding, so this rejects longer forms, indefinite lengths and trailing bytes.
    if encode_reading(reading) != data:
        raise EntryError(
            "the entry is not in deterministic encoding (RFC 8949, 4.2)",
            field="entry",
            hint="use the shortest lengths, integers and floats, and no bytes after the array",
        )
    return reading
